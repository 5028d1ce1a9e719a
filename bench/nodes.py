"""Real AMP nodes on loopback, and the stores that they share. Readings of their memory and processor time."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from amp.testing.servers import S3Server, free_ports, running

ROOT = Path(__file__).resolve().parent.parent
AMP = ROOT / ".venv" / "bin" / "amp"
TICKS = os.sysconf("SC_CLK_TCK")
AUTHORIZATION = "Basic " + base64.b64encode(b"admin:bench").decode()


def processor(pid: int) -> float:
    """Answer the seconds of processor time that a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory(pid: int, what: str = "VmRSS") -> float:
    """Answer the resident memory in MB; `what` VmHWM: the most that it was."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith(what)).split()[1]) / 1000


class Home:
    """One AMP server on loopback. `store`: lines of configuration, see `store_lines`."""

    def __init__(self, path: Path, store: list[str], timeout: float = 30.0, poll: float = 1.0) -> None:
        self.port, self.path = free_ports(1)[0], path
        command = [str(AMP), "init", str(path), "--port", str(self.port), "--host", "127.0.0.1"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        cfg = path / "etc" / "brooklyn.cfg"
        lines = [line for line in cfg.read_text().splitlines() if ".user.admin." not in line]
        lines += ["brooklyn.webconsole.security.user.admin.password=bench"]
        lines += [f"brooklyn.ha.heartbeatTimeout={timeout}s", f"brooklyn.ha.pollPeriod={poll}s"]
        cfg.write_text("\n".join(lines + [line for line in store if line.startswith("brooklyn.")]) + "\n")
        launcher = path / "etc" / "org.apache.brooklyn.osgilauncher.cfg"
        rest = [line for line in store if not line.startswith("brooklyn.")]
        launcher.write_text(launcher.read_text() + "\n" + "\n".join(rest) + "\n")

    def start(self) -> float:
        """Start; answers seconds until bin/start returned, when HTTP answers and the mode is decided."""
        began = time.monotonic()
        done = subprocess.run([self.path / "bin" / "start"], capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{self.path} did not start: {done.stdout}{done.stderr}")
        return time.monotonic() - began

    def stop(self) -> None:
        """Stop cleanly; nothing where it does not run."""
        subprocess.run([self.path / "bin" / "stop"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    @property
    def pid(self) -> int:
        """The process."""
        return int((self.path / "pid.txt").read_text().split()[0])

    def ask(self, method: str, path: str, body: bytes | None = None, kind: str = "application/json") -> tuple[int, Any]:
        """Make one request; answers the status (0: nobody answers) and what was said."""
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            headers = {"Authorization": AUTHORIZATION, "Accept": "*/*", "Content-Type": kind}
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            data = answer.read()
        except OSError:
            return 0, None
        try:
            return answer.status, json.loads(data) if data else None
        except ValueError:
            return answer.status, data.decode()

    def state(self) -> str:
        """Answer the state that the node says it has; empty when nobody answers."""
        return str(self.ask("GET", "/v1/server/ha/state")[1] or "")

    def await_state(self, wanted: str, limit: float) -> float:
        """Answer the seconds until this node says that state."""
        began = time.monotonic()
        while (seen := self.state()) != wanted:
            if time.monotonic() - began > limit:
                raise SystemExit(f"{self.path} is {seen}, not {wanted}, after {limit} s")
            time.sleep(0.01)
        return time.monotonic() - began

    def kill(self) -> None:
        """End it by SIGKILL."""
        os.kill(self.pid, signal.SIGKILL)


@contextlib.contextmanager
def workplace() -> Iterator[Path]:
    """Answer a directory that is gone afterwards."""
    work = Path(tempfile.mkdtemp(prefix="amp-bench-"))
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


@contextlib.contextmanager
def homes(work: Path, store: list[str], count: int, **timers: float) -> Iterator[list[Home]]:
    """Answer so many nodes on one store, not yet started; they are stopped afterwards."""
    made = [Home(work / f"n{number}", store, **timers) for number in range(1, count + 1)]
    try:
        yield made
    finally:
        for home in made:
            home.stop()


@contextlib.contextmanager
def s3(work: Path) -> Iterator[S3Server]:
    """Answer an S3 server that lasts as long as the context."""
    with running("versitygw", work / "s3", bucket="bench", region="eu-west-1") as server:
        yield server


def directory_lines(work: Path) -> list[str]:
    """Answer the configuration of a store in a directory."""
    return [f"persistenceDir={work / 'store'}"]


def s3_lines(server: S3Server) -> list[str]:
    """Answer the configuration of a store on an S3 server."""
    name = "brooklyn.location.named.bench"
    return [
        f"{name}=aws-s3:{server.region}",
        f"{name}.identity={server.identity}",
        f"{name}.credential={server.credential.reveal()}",
        f"{name}.endpoint={server.endpoint}",
        "persistenceLocation=bench",
        f"persistenceDir={server.bucket}/amp",
    ]
