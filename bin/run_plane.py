"""Start a two-node plane on loopback with the example application, and end it with Ctrl-C: `make run`.

Homes and state are in .run/ and stay for the next `make run`; Ctrl-C stops the applications and both nodes. It is the
shortest way to see AMP; `amp init` and HOME/bin/start are how servers are made and run.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
AMP = ROOT / ".venv" / "bin" / "amp"
RUN = ROOT / ".run"
NODES = ("node1", "node2")


def free_port(wanted: int) -> int:
    """Answer the wanted port, or the next that is free."""
    for port in range(wanted, wanted + 100):
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    sys.exit(f"no free port between {wanted} and {wanted + 99}")


def make_homes() -> str:
    """Make both homes, with one store and one password; answers the password."""
    password = secrets.token_urlsafe(9)
    for name in NODES:
        home = RUN / name
        subprocess.run(
            [AMP, "init", home, "--port", "8081", "--host", "127.0.0.1"], check=True, stdout=subprocess.DEVNULL
        )
        cfg = home / "etc" / "brooklyn.cfg"
        kept = [line for line in cfg.read_text().splitlines() if ".user.admin." not in line]
        kept += hashed(password)
        cfg.write_text("\n".join(kept) + "\n")
        launcher = home / "etc" / "org.apache.brooklyn.osgilauncher.cfg"
        launcher.write_text(
            launcher.read_text() + f"\nhighAvailabilityMode=AUTO\npersistMode=AUTO\npersistenceDir={RUN / 'store'}\n"
        )
    path = RUN / "password"
    path.touch(mode=0o600)
    path.write_text(password + "\n")
    return password


def hashed(password: str) -> list[str]:
    """Let AMP make the lines that hold a password's hash."""
    command = [AMP, "generate-password", "--user", "admin", "--stdin"]
    made = subprocess.run(command, input=f"{password}\n", text=True, check=True, capture_output=True).stdout
    return [line for line in made.splitlines() if ".user.admin." in line]


def set_port(home: Path, port: int) -> None:
    """Let a home listen on a port that is free now."""
    web = home / "etc" / "org.ops4j.pax.web.cfg"
    web.write_text(re.sub(r"(?m)^(org\.osgi\.service\.http\.port)\s*=.*", rf"\1={port}", web.read_text()))


def main() -> int:
    """Run until Ctrl-C."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    fresh = not (RUN / "password").exists()
    if fresh:
        shutil.rmtree(RUN, ignore_errors=True)
        RUN.mkdir(mode=0o700)
    password = make_homes() if fresh else (RUN / "password").read_text().strip()
    ports: list[int] = []
    try:
        for name in NODES:
            ports.append(free_port(ports[-1] + 1 if ports else 8081))
            set_port(RUN / name, ports[-1])
            if subprocess.run([RUN / name / "bin" / "start"]).returncode != 0 or stop.is_set():
                return 1
        if not applications(ports[0], password):
            subprocess.run([AMP, "deploy", ROOT / "examples" / "app.yaml"], env=environ(ports[0], password))
        tell(ports, password)
        stop.wait()
    finally:
        print("\nstopping the applications, then the nodes", flush=True)
        for port in ports:
            for application in applications(port, password):
                subprocess.run([AMP, "app", "delete", application], env=environ(port, password), capture_output=True)
        for name in reversed(NODES):
            if (RUN / name / "pid.txt").exists():
                subprocess.run([RUN / name / "bin" / "stop"])
    return 0


def environ(port: int, password: str) -> dict[str, str]:
    """Answer the environment in which `amp` asks the node at `port`."""
    return {**os.environ, "AMP_USER": "admin", "AMP_PASSWORD": password, "AMP_URL": f"http://127.0.0.1:{port}"}


def applications(port: int, password: str) -> list[str]:
    """Answer the ids of what is deployed, as the node at `port` knows it; nothing when it does not answer."""
    command = [AMP, "app", "ls", "-o", "json"]
    asked = subprocess.run(command, env=environ(port, password), text=True, capture_output=True)
    return [each["id"] for each in json.loads(asked.stdout)] if asked.returncode == 0 else []


def tell(ports: list[int], password: str) -> None:
    """Say what there is, and what to try."""
    first, second = (f"http://127.0.0.1:{port}" for port in ports)
    print(
        f"""
AMP runs: two nodes, one store ({RUN / "store"})

  console    {first}    (master)
             {second}    (hot standby)
  user       admin
  password   {password}

Try
  export AMP_URL={first} AMP_USER=admin AMP_PASSWORD={password}
  .venv/bin/amp ha status --watch            the plane, live
  .venv/bin/amp app ls                       what it manages
  curl -u admin:$AMP_PASSWORD {first}/v1/server/ha/state
  .run/node1/bin/stop                        hand over: the second node is the master at once
  kill -9 $(cat .run/node1/pid.txt)          or the hard way: it takes over after 30 s

Ctrl-C stops it all.""",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
