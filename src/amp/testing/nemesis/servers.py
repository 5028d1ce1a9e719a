"""AMP servers as an operator has them: homes on free ports of loopback, started by `bin/start`, and ended as told.

Each start is a *run* with a name of its own (`n1.2`: the second start of n1). Commands that AMP runs see that name as
the last part of TMPDIR, one of the few variables that AMP passes on. Only pids of our own runs are ever signalled.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from amp.cli.claim import running
from amp.cli.home import make_home
from amp.cli.options import BROOKLYN, LAUNCHER
from amp.kit.clock import Clock
from amp.kit.errors import Internal
from amp.kit.ids import system_entropy
from amp.testing.nemesis.clocks import VARIABLE, WallClock
from amp.testing.nemesis.wire import Link
from amp.testing.servers import free_ports

_START_LIMIT = 120.0  # a busy machine is slow, and that is not what is judged


class Server:
    """One home and its runs. `launcher`, `brooklyn`: options of its two files; `python`: another interpreter.

    `wall`: its wall clock, where its interpreter is `planted.rigged_python`.
    """

    def __init__(
        self,
        path: Path,
        clock: Clock,
        launcher: Mapping[str, object],
        brooklyn: Mapping[str, object],
        python: Path | None = None,
    ) -> None:
        self.path, self._clock = path, clock
        self._environ = {"HOME": str(path.parent), "PATH": os.environ["PATH"]}
        self.wall = WallClock(path.parent / f"{path.name}.clock")
        self._environ[VARIABLE] = str(path.parent / f"{path.name}.clock")
        if python is not None:
            self._environ["AMP_PYTHON"] = str(python)
        (self.port,) = free_ports(1)
        made = make_home(path, port=self.port, host="127.0.0.1", entropy=system_entropy)
        self._user, self._password = made.user, made.password
        self.runs = 0
        self.frozen = False
        for file, options in ((BROOKLYN, brooklyn), (LAUNCHER, launcher)):
            with (path / file).open("a") as stream:
                stream.write("".join(f"{key}={value}\n" for key, value in options.items()))

    @property
    def run(self) -> str:
        """Name the newest run."""
        return f"{self.path.name}.{self.runs}"

    def link(self) -> Link:
        """Make a connection for one client."""
        return Link(self.port, self._user, self._password, self._clock)

    def pid(self) -> int | None:
        """Answer the process that serves now; None when none does."""
        found = running(self.path)
        return found.pid if found is not None else None

    async def start(self) -> str:
        """Start a run; answers an empty text, or why it did not start."""
        self.runs += 1
        temporary = self.path.parent / "tmp" / self.run
        temporary.mkdir(parents=True)
        words = ("start", "--timeout", f"{_START_LIMIT - 10:g}s")
        done = await asyncio.to_thread(self._script, words, {**self._environ, "TMPDIR": str(temporary)})
        return "" if done.returncode == 0 else f"exit code {done.returncode}: {done.stderr.strip()}"

    async def stop(self) -> str:
        """Stop cleanly; answers an empty text, or what went wrong."""
        done = await asyncio.to_thread(
            self._script, ("stop",), {"HOME": str(self.path.parent), "PATH": os.environ["PATH"]}
        )
        return "" if done.returncode == 0 else f"exit code {done.returncode}: {done.stdout} {done.stderr}"

    def _script(self, words: Sequence[str], environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        script = self.path / "bin" / words[0]
        return subprocess.run(  # noqa: S603 -- the script that we made
            [script, *words[1:]], env=environ, capture_output=True, text=True, timeout=_START_LIMIT, check=False
        )

    def send(self, number: signal.Signals) -> bool:
        """Send a signal to the process that serves; False when there is none."""
        pid = self.pid()
        if pid is None:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
            self.frozen = number == signal.SIGSTOP or (self.frozen and number != signal.SIGCONT)
            return True
        return False

    async def kill(self) -> None:
        """End the run as a power failure would, and wait until it has gone."""
        self.send(signal.SIGKILL)
        self.frozen = False
        for _ in range(1000):  # the kernel takes its time on a busy machine
            if self.pid() is None:
                return
            await asyncio.sleep(0.01)
        raise Internal(f"{self.run} is still there after SIGKILL")

    def log(self) -> str:
        """What it has logged in all its runs."""
        parts = [self.path / "data/log" / name for name in ("amp.log", "amp.out")]
        return "\n".join(part.read_text(errors="replace") for part in parts if part.exists())


def end_strays(folder: Path) -> int:
    """End the processes that AMP managed below `folder`: those whose working directory lies there. Answers how many."""
    ended = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            where = (process / "cwd").readlink()
            if where.is_relative_to(folder) and int(process.name) != os.getpid():
                os.kill(int(process.name), signal.SIGKILL)
                ended += 1
        except (OSError, ValueError):
            continue  # it ended, or is another user's
    return ended
