"""Commands of this host that outlive this process, by the wrapper of `attach`: start, decide, follow, kill, forget.

Every one lives in a directory of its own below `.amp/run`, which only this user can read. What runs is in a session of
its own and has nothing of ours open. Nothing here decides what a state of a run directory means.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from amp.kit.errors import Invalid
from amp.remote import attach
from amp.remote.attach import Command, Facts, Progress, Standing
from amp.remote.command import check

_ID = re.compile(r"[a-z0-9][a-z0-9-]*")
_CHUNK = 256 * 1024
_GLANCE = 0.01
_NO_PATIENCE = 60.0


class Detached:
    """The run directories below `root` (`.amp` on this host). `ended` waits for a child; `lives` tells if a process is
    alive in a life that began at those ticks; `environ` is what every command gets."""

    def __init__(
        self,
        root: Path,
        *,
        ended: Callable[[subprocess.Popen[bytes]], Awaitable[int]],
        lives: Callable[[int, int], bool],
        environ: Mapping[str, str],
    ) -> None:
        self._root = root
        self._ended = ended
        self._lives = lives
        self._environ = environ

    async def start(self, command: Command) -> None:
        """Put a command into its directory and leave it to its wrapper. Raises: Invalid."""
        check(command.script, command.env)
        place = self._place(command.id)
        try:
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            _written(place / "script", command.script + "\n")
            _written(place / "env", attach.exports(command.env))
            _written(place / "wrapper", attach.WRAPPER)
        except OSError as error:
            raise Invalid(f"cannot prepare a command in {place}: {error.strerror or error}") from None
        cwd = command.cwd or str(Path.home())
        words = (str(place / "wrapper"), str(place), str(command.term), str(self._fence(command.plane)), cwd)
        await self._shell(attach.START, *words)

    async def void(self, id: str, term: int) -> None:
        """Decide that a command never runs, unless it was decided before. Raises: Invalid."""
        place = self._place(id)
        if await self._shell(attach.VOID, str(place), str(term)) != 0:
            raise Invalid(f"cannot decide in {place} that a command does not run: is the disk full?")

    async def watch(self, id: str, offsets: tuple[int, int], wait: float) -> Progress:
        """Answer how a command is and what it wrote after these offsets; waits up to `wait` seconds for news."""
        place = self._place(id)
        deadline = asyncio.get_running_loop().time() + wait
        while True:
            facts = self._facts(place)
            verdict = attach.judge(facts)
            left = deadline - asyncio.get_running_loop().time()
            if verdict.standing not in (Standing.UNDECIDED, Standing.RUNNING) or left <= 0:
                break
            process = attach.process_of(facts.pid)
            if verdict.standing is Standing.RUNNING and process is not None and await _gone(process[0], left):
                continue
            await asyncio.sleep(min(_GLANCE, left))
        return attach.judge(facts, _after(place / "stdout", offsets[0]), _after(place / "stderr", offsets[1]))

    async def kill(self, id: str) -> None:
        """End a command that runs, with its process group; nothing when it has ended."""
        await self._shell(attach.KILL, str(self._place(id)))

    async def forget(self, id: str) -> None:
        """Remove the directory of a command; a process that it left behind may go on writing into its open files."""
        await asyncio.to_thread(shutil.rmtree, self._place(id), ignore_errors=True)

    async def raise_term(self, plane: str, term: int) -> None:
        """Let no wrapper of a smaller term begin any more. Raises: Invalid."""
        fence = self._fence(plane)
        try:
            (fence / str(term)).mkdir(mode=0o700, parents=True, exist_ok=True)
            for each in fence.iterdir():
                if each.name.isdigit() and int(each.name) < term:
                    each.rmdir()
        except FileNotFoundError:
            pass  # another has raised it further meanwhile
        except OSError as error:
            raise Invalid(f"cannot keep the term in {fence}: {error.strerror or error}") from None

    def _fence(self, plane: str) -> Path:
        return self._root / _checked(plane) / "term"

    def _place(self, id: str) -> Path:
        return self._root / "run" / _checked(id)

    async def _shell(self, script: str, *words: str) -> int:
        try:
            # Not asyncio's own: under uvloop that lets descriptors of ours through to the child.
            shell = subprocess.Popen(  # noqa: ASYNC220, S603 - a fork of milliseconds; to run commands is its work
                ["/bin/sh", "-c", script, *words], cwd="/", env=dict(self._environ),
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                start_new_session=True, close_fds=True,
            )  # fmt: skip
        except OSError as error:
            raise Invalid(f"cannot run /bin/sh: {error.strerror or error}") from None
        try:
            async with asyncio.timeout(_NO_PATIENCE):
                return await self._ended(shell)
        except TimeoutError:
            raise Invalid("/bin/sh did not come to its end: is the disk of the run directories there?") from None
        finally:
            if shell.poll() is None:
                shell.wait(_NO_PATIENCE)  # cancelled: it has milliseconds left, and must be collected

    def _facts(self, place: Path) -> Facts:
        try:
            verdict: str | None = os.readlink(place / "verdict")
        except OSError:
            return Facts()
        pid = _text(place / "pid")
        process = attach.process_of(pid)
        living = process is not None and self._lives(*process)
        boot = _text(Path("/proc/sys/kernel/random/boot_id"))
        return Facts(verdict, pid, _text(place / "boot"), _text(place / "exit"), living, (boot or "").strip())


def _checked(name: str) -> str:
    if not _ID.fullmatch(name):
        raise Invalid(f"{name!r} cannot be the name of a run directory")
    return name


def _written(path: Path, text: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
        stream.write(text)


def _text(path: Path) -> str | None:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return None


def _after(path: Path, offset: int) -> bytes:
    try:
        with path.open("rb") as stream:
            stream.seek(offset)
            return stream.read(_CHUNK)
    except OSError:
        return b""


async def _gone(pid: int, limit: float) -> bool:
    """Wait for the end of a process; False when the time was up, or when this system cannot wait for it."""
    if not hasattr(os, "pidfd_open"):
        return False
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return True
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(handle, ended.set)
    try:
        async with asyncio.timeout(limit):
            await ended.wait()
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(handle)
        os.close(handle)
    return True
