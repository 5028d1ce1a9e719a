"""AMP servers as their operators have them: homes on free ports of loopback, started and stopped by their scripts.

The rule: whatever a test leaves running is ended by its own pid, and a node that wrote a traceback fails its test.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import httpx

from amp.cli.claim import running
from amp.cli.home import make_home
from amp.cli.options import BROOKLYN, LAUNCHER
from amp.kit.ids import system_entropy
from amp.kit.secret import Secret
from amp.store.segment import Segment, parse
from amp.testing.fakes3 import FakeS3, fake_s3
from amp.testing.servers import S3Server, free_ports

T = TypeVar("T")

TIMEOUT, POLL = 2.0, 0.25
QUICK = {"brooklyn.ha.heartbeatTimeout": "2s", "brooklyn.ha.pollPeriod": "250ms"}

SLEEPER = """\
name: {name}
location:
  localhost:
    onbox.base.dir: {folder}/onbox
services:
- type: VanillaSoftwareProcess
  name: Sleeper
  brooklyn.config:
    launch.command: |
      nohup sleep 300 > /dev/null 2>&1 < /dev/null &
      echo $! > $PID_FILE
    softwareProcess.serviceProcessIsRunningPollPeriod: 500ms
"""


def until(condition: Callable[[], T], within: float = 15.0, what: str = "") -> T:
    """Look again and again until the answer is true; answers it."""
    end = time.monotonic() + within
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"{what or condition} did not come true within {within:g} s (last: {found!r})")
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Tell whether a process runs; one that has ended but was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Home:
    """One AMP server. `launcher`, `brooklyn`: options of its two files."""

    def __init__(
        self,
        path: Path,
        launcher: Mapping[str, object] | None = None,
        brooklyn: Mapping[str, object] | None = None,
    ) -> None:
        self.path, (self.port,) = path, free_ports(1)
        made = make_home(path, port=self.port, host="127.0.0.1", entropy=system_entropy)
        self.url = made.url
        self._login = (made.user, made.password)
        self._client = self.client(timeout=5.0)
        # Its commands run with the user's home, so that no file of whoever runs the tests has a say.
        self.environ = {"HOME": str(path.parent), "PATH": os.environ["PATH"]}
        self.add(BROOKLYN, QUICK | dict(brooklyn or {}))
        self.add(LAUNCHER, dict(launcher or {}))

    def add(self, file: str, options: Mapping[str, object]) -> None:
        """Set options in a configuration file."""
        with (self.path / file).open("a") as stream:
            stream.write("".join(f"{key}={value}\n" for key, value in options.items()))

    def admit(self, user: str, password: str) -> Home:
        """Let this user in, too, and ask as that user from now on. Before it is started."""
        self.add(BROOKLYN, {f"brooklyn.webconsole.security.user.{user}.password": password})
        self.add(BROOKLYN, {"brooklyn.webconsole.security.users": "*"})
        self._client.close()
        self._login = (user, password)
        self._client = self.client(timeout=5.0)
        return self

    # ---- its scripts and its process

    def script(self, name: str, *words: str, timeout: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Run bin/start, bin/stop or bin/status."""
        return subprocess.run(
            [self.path / "bin" / name, *words],
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def start(self, state: str | None = None) -> Home:
        """Start it, and expect it to serve (as `state`)."""
        done = self.script("start", "amp")
        assert done.returncode == 0, done.stderr + self.log()
        if state is not None:
            assert f"AMP is running as {state} at {self.url}" in done.stdout, done.stdout + self.log()[-2000:]
        return self

    def stop(self) -> None:
        """Stop it cleanly."""
        done = self.script("stop")
        assert (done.returncode, done.stderr) == (0, ""), self.log()

    @property
    def pid(self) -> int:
        """The process that serves."""
        return int((self.path / "pid.txt").read_text())

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process that serves."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """End it as a power failure would, and wait until it has gone."""
        pid = self.pid
        os.kill(pid, signal.SIGKILL)
        until(lambda: not alive(pid))

    def log(self) -> str:
        """What it has logged."""
        path = self.path / "data/log/amp.log"
        return path.read_text() if path.exists() else ""

    def listens(self) -> bool:
        """Tell whether somebody listens on its port."""
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", self.port)) == 0

    def unread_requests(self) -> int:
        """Count the connections to it on which something waits that it has not read yet."""
        here = f"0100007F:{self.port:04X}"
        lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return sum(line[1] == here and line[3] == "01" and line[4].partition(":")[2] != "00000000" for line in lines)

    def is_gone(self) -> bool:
        """Tell whether nothing of a process is left: neither it, nor its pid file, nor its hold on the port."""
        with socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                one.bind(("127.0.0.1", self.port))
            except OSError:
                return False
        return running(self.path) is None and not (self.path / "pid.txt").exists()

    def clear(self) -> None:
        """End what still runs."""
        self._client.close()
        left = running(self.path)
        if left is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(left.pid, signal.SIGCONT)
                os.kill(left.pid, signal.SIGKILL)
            until(lambda: not alive(left.pid))

    # ---- its REST

    def client(self, timeout: float) -> httpx.Client:
        """Make one more client, for a thread of its own."""
        return httpx.Client(base_url=self.url, auth=self._login, timeout=timeout, trust_env=False)

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Send a request."""
        return self._client.request(method, f"/v1/{path}", **more)

    def get(self, path: str) -> Any:
        """Read a resource that must be there."""
        answer = self.ask("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def state(self) -> str | None:
        """What it says it is; None where it does not answer."""
        try:
            answer = self.ask("GET", "server/ha/state")
        except httpx.TransportError:
            return None
        return str(answer.json()) if answer.status_code == 200 else None

    def becomes(self, state: str, within: float = 15.0) -> float:
        """Wait until it says `state`; answers the seconds that took."""
        began = time.monotonic()
        until(lambda: self.state() == state, within, f"state {state} of {self.path.name} (log: {self.log()[-800:]})")
        return time.monotonic() - began

    def node_id(self) -> str:
        """The id of the node that serves."""
        return str(self.get("server/ha/states")["ownId"])

    def sensor(self, app: str, entity: str, name: str) -> Any:
        """Read a sensor's value; None where it has none."""
        answer = self.ask("GET", f"applications/{app}/entities/{entity}/sensors/{name}")
        assert answer.status_code in (200, 204), answer.text
        return answer.json() if answer.status_code == 200 else None

    def deploy(self, text: str) -> tuple[str, str, int]:
        """Deploy a blueprint with one process; answers application, entity, and pid of the process once it is up."""
        answer = self.ask("POST", "applications", content=text.encode(), headers={"Content-Type": "application/x-yaml"})
        assert answer.status_code == 201, answer.text
        app = answer.json()["entityId"]
        until(lambda: self.sensor(app, app, "service.state") == "RUNNING", what="RUNNING")
        (child,) = self.get(f"applications/{app}/entities/{app}/children")
        return app, child["id"], int(self.sensor(app, child["id"], "pid"))


def refused(home: Home, code: int, *words: str) -> str:
    """Start a home that must not start, and see that it says why and leaves nothing; answers what it said."""
    done = home.script("start", "amp")
    assert (done.returncode, done.stdout) == (code, ""), done.stderr + home.log()
    for word in words:
        assert word in done.stderr, done.stderr
    assert "Traceback" not in done.stderr
    assert home.is_gone()
    return done.stderr


class Town:
    """All homes of a test and the directory store that they may share."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.store = folder, folder / "shared"
        self.homes: list[Home] = []
        self._processes: list[int] = []

    def home(self, launcher: Mapping[str, object] | None = None, brooklyn: Mapping[str, object] | None = None) -> Home:
        """Make one more home on the shared store."""
        made = Home(
            self.folder / f"amp{len(self.homes) + 1}",
            {"persistenceDir": self.store, **(launcher or {})},
            brooklyn,
        )
        self.homes.append(made)
        return made

    def manage(self, home: Home, name: str = "sleeper") -> tuple[str, str, int]:
        """Deploy a process, and see to its end."""
        app, entity, pid = home.deploy(SLEEPER.format(name=name, folder=self.folder))
        self._processes.append(pid)
        return app, entity, pid

    def use(self, store: Path) -> None:
        """Begin with a copy of a store."""
        shutil.copytree(store, self.store)

    def journal(self) -> list[Segment]:
        """Read all segments of the store."""
        return segments(self.store)

    def clear(self) -> None:
        """End all that still runs; complain of what a node should not have written."""
        for home in self.homes:
            home.clear()
        for pid in self._processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for home in self.homes:
            out = home.path / "data/log/amp.out"
            for text in (home.log(), out.read_text() if out.exists() else ""):
                assert "Traceback" not in text, text[-4000:]


def segments(store: Path) -> list[Segment]:
    """Read all segments of a directory store, each as it must be."""
    return [parse(path.read_bytes(), int(path.name)) for path in sorted((store / "journal").glob("*"))]


@contextlib.contextmanager
def town(folder: Path) -> Iterator[Town]:
    """Homes below a folder that are cleared away at the end."""
    made = Town(folder)
    try:
        yield made
    finally:
        made.clear()


def s3_options(
    server: S3Server,
    prefix: str,
    *,
    bucket: str | None = None,
    endpoint: str | None = None,
    identity: str | None = None,
    credential: str | None = None,
) -> tuple[dict[str, object], dict[str, object]]:
    """Name a store as the tutorial does, for both files; what is given replaces what would be right."""
    name = "brooklyn.location.named.store"
    return (
        {"persistenceLocation": "store", "persistenceDir": f"{bucket or server.bucket}/{prefix}"},
        {
            name: f"aws-s3:{server.region}",
            f"{name}.identity": identity or server.identity,
            f"{name}.credential": credential or server.credential.reveal(),
            f"{name}.endpoint": endpoint or server.endpoint,
        },
    )


@contextlib.contextmanager
def serving_fake(*, ignore_conditions: bool) -> Iterator[tuple[FakeS3, S3Server]]:
    """Run a server that errs as told, in a thread of its own; gives its inside, and how to reach it."""
    loop, ready, ended = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
    found: list[FakeS3] = []

    async def serve() -> None:
        async with fake_s3(ignore_conditions=ignore_conditions) as fake:
            found.append(fake)
            ready.set()
            await ended.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(10)
        secret = Secret("amptestsecret")
        yield found[0], S3Server(found[0].endpoint, "amp", "eu-west-1", "amptest", secret, os.getpid())
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.close()
