"""Measure what the tutorial promises, on this machine, with real processes: `make bench`.

Start to serving, memory and processor time of an idle node, a clean takeover, and a takeover after kill -9 beyond the
time-out. Machines differ and are noisy: read medians, with their spread, and compare within one run only.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import http.client
import os
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from amp.testing.servers import running

ROOT = Path(__file__).resolve().parent.parent
AMP = ROOT / ".venv" / "bin" / "amp"
TICKS = os.sysconf("SC_CLK_TCK")


class Home:
    """One AMP server on loopback."""

    def __init__(self, path: Path, store: list[str], timeout: str, poll: str) -> None:
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            self.port = sock.getsockname()[1]
        self.path = path
        command = [AMP, "init", path, "--port", str(self.port), "--host", "127.0.0.1"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        cfg = path / "etc" / "brooklyn.cfg"
        lines = [line for line in cfg.read_text().splitlines() if ".user.admin." not in line]
        lines += ["brooklyn.webconsole.security.user.admin.password=bench"]
        lines += [f"brooklyn.ha.heartbeatTimeout={timeout}", f"brooklyn.ha.pollPeriod={poll}"]
        cfg.write_text("\n".join(lines + [line for line in store if line.startswith("brooklyn.")]) + "\n")
        launcher = path / "etc" / "org.apache.brooklyn.osgilauncher.cfg"
        rest = [line for line in store if not line.startswith("brooklyn.")]
        launcher.write_text(launcher.read_text() + "\n" + "\n".join(rest) + "\n")

    def start(self) -> float:
        """Start; answers seconds until bin/start returned, when HTTP answers and the mode is decided."""
        began = time.monotonic()
        subprocess.run([self.path / "bin" / "start"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return time.monotonic() - began

    def stop(self) -> None:
        subprocess.run([self.path / "bin" / "stop"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    @property
    def pid(self) -> int:
        return int((self.path / "pid.txt").read_text().split()[0])

    def state(self) -> str:
        """Ask as the tutorial does; empty when nobody answers."""
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
            token = base64.b64encode(b"admin:bench").decode()
            connection.request("GET", "/v1/server/ha/state", headers={"Authorization": f"Basic {token}"})
            return connection.getresponse().read().decode().strip('"')
        except OSError:
            return ""

    def await_master(self, limit: float) -> float:
        """Answer the seconds until this node says MASTER."""
        began = time.monotonic()
        while self.state() != "MASTER":
            if time.monotonic() - began > limit:
                raise SystemExit(f"{self.path} is {self.state()}, not MASTER, after {limit} s")
            time.sleep(0.01)
        return time.monotonic() - began

    def memory(self) -> float:
        """Answer the resident memory in MB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1000

    def processor(self) -> float:
        """Answer the seconds of processor time used so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS


@contextlib.contextmanager
def store_lines(kind: str, work: Path) -> Iterator[list[str]]:
    """Answer the lines of configuration for a store that lasts as long as the context."""
    if kind == "directory":
        yield [f"persistenceDir={work / 'store'}"]
        return
    with running("ministack", work / "s3", bucket="bench", region="eu-west-1") as server:
        name = "brooklyn.location.named.bench"
        yield [
            f"{name}=aws-s3:eu-west-1",
            f"{name}.identity=amptest",
            f"{name}.credential=amptestsecret",
            f"{name}.endpoint={server.endpoint}",
            "persistenceLocation=bench",
            f"persistenceDir=bench/{work.name}",
        ]


def spread(values: list[float], unit: str) -> str:
    return f"{statistics.median(values):.2f} {unit}  (min {min(values):.2f}, max {max(values):.2f}, n={len(values)})"


def measure(kind: str, rounds: int, timeout: float, poll: float) -> None:
    """Run the rounds on one store and print the table."""
    work = Path(tempfile.mkdtemp(prefix="amp-bench-"))
    starts: list[float] = []
    processor: list[float] = []
    clean: list[float] = []
    killed: list[float] = []
    homes: list[Home] = []
    try:
        with store_lines(kind, work) as lines:
            homes = [Home(work / f"n{n}", lines, f"{timeout}s", f"{poll}s") for n in (1, 2)]
            starts.append(homes[0].start())
            processor.append(homes[0].processor())
            starts.append(homes[1].start())
            time.sleep(10)
            used = [home.processor() for home in homes]
            time.sleep(20)
            idle = [(home.processor() - before) / 20 * 100 for home, before in zip(homes, used, strict=True)]
            memory = [home.memory() for home in homes]
            master, standby = homes
            for _ in range(rounds):
                pid = master.pid
                began = time.monotonic()
                os.kill(pid, signal.SIGTERM)
                standby.await_master(timeout + 20)
                clean.append(time.monotonic() - began)
                master.stop()
                starts.append(master.start())
                processor.append(master.processor())
                master, standby = standby, master
                time.sleep(2 * poll)
                began = time.monotonic()
                os.kill(master.pid, signal.SIGKILL)
                standby.await_master(timeout + 20)
                killed.append(time.monotonic() - began - timeout)
                starts.append(master.start())
                master, standby = standby, master
                time.sleep(2 * poll)
    finally:
        for home in homes:
            home.stop()
        shutil.rmtree(work, ignore_errors=True)
    print(f"store: {kind}, time-out {timeout:g} s, poll {poll:g} s")
    print(f"  start to serving, by bin/start        {spread(starts, 's')}")
    print(f"  processor time of a start             {spread(processor, 's')}")
    print(f"  idle memory, master and hot standby   {memory[0]:.0f} MB, {memory[1]:.0f} MB")
    print(f"  idle processor, master, hot standby   {idle[0]:.1f} %, {idle[1]:.1f} %")
    print(f"  clean takeover, from SIGTERM          {spread(clean, 's')}")
    print(f"  takeover beyond the time-out (kill -9) {spread(killed, 's')}")


def main() -> None:
    """Measure on the stores that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", choices=["directory", "s3", "both"], default="both")
    parser.add_argument("--rounds", type=int, default=5, help="clean stops, and as many kills (5)")
    parser.add_argument("--timeout", type=float, default=3.0, help="brooklyn.ha.heartbeatTimeout in seconds (3)")
    parser.add_argument("--poll", type=float, default=1.0, help="brooklyn.ha.pollPeriod in seconds (1)")
    options = parser.parse_args()
    for kind in ["directory", "s3"] if options.store == "both" else [options.store]:
        measure(kind, options.rounds, options.timeout, options.poll)


if __name__ == "__main__":
    main()
