"""This host as a machine: commands run here, each in a session of its own, so that nothing of it hangs on this process.

What a command leaves in the background outlives it, and outlives AMP: no pipe, no terminal, no descriptor of ours is
inherited; its streams go to files that are read once the shell has ended. The environment is given, not inherited:
what AMP was started with (cloud keys, passwords) does not reach what it manages.
"""

from __future__ import annotations

import asyncio
import getpass
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from amp.kit.errors import Invalid
from amp.remote.attach import Command, Progress
from amp.remote.command import check
from amp.remote.detached import Detached
from amp.remote.machine import Process, Result

_KEPT = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "TZ", "TMPDIR")
_TAIL = 64 * 1024
_SIGNALS = {"TERM": signal.SIGTERM, "KILL": signal.SIGKILL}


class LocalMachine:
    """The machine that AMP runs on. `root`: where scripts and streams lie (`.amp`, private to us)."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._work = f"{root}/run"
        self._detached = Detached(Path(root), ended=_ended, lives=_lives, environ=_environment({}))

    @property
    def address(self) -> str:
        """The address that others reach it at."""
        return "127.0.0.1"

    @property
    def hostname(self) -> str:
        """Its name, as others call it."""
        return "127.0.0.1"

    @property
    def user(self) -> str:
        """Who commands run as."""
        return local_user()

    @property
    def host(self) -> str:
        """Tells this machine from others."""
        return socket.gethostname()

    async def start_command(self, command: Command) -> None:
        """Begin a command that outlives this process."""
        await self.make_private(self._root)
        await self.make_private(self._work)
        if command.cwd is not None:
            _made(Path(command.cwd))
        await self._detached.start(command)

    async def void_command(self, id: str, term: int) -> None:
        """Decide that a command never runs, unless it was decided before."""
        await self.make_private(self._root)
        await self.make_private(self._work)
        await self._detached.void(id, term)

    async def watch_command(self, id: str, offsets: tuple[int, int], wait: float) -> Progress:
        """Answer how a command is and what it wrote after these offsets; waits up to `wait` seconds for news."""
        return await self._detached.watch(id, offsets, wait)

    async def kill_command(self, id: str) -> None:
        """End a command that runs, with its process group; nothing when it has ended."""
        await self._detached.kill(id)

    async def forget_command(self, id: str) -> None:
        """Remove what is kept of a command."""
        await self._detached.forget(id)

    async def raise_term(self, plane: str, term: int) -> None:
        """Let no command of a smaller term of this plane begin any more."""
        await self.make_private(self._root)
        await self._detached.raise_term(plane, term)

    async def run(self, script: str, *, env: Mapping[str, str], cwd: str | None, timeout: float) -> Result:
        """Run a script with bash -e and wait for that shell, not for what it leaves behind."""
        check(script, env)
        await self.make_private(self._work)
        directory = cwd or str(Path.home())
        if cwd is not None:
            _made(Path(cwd))
        place = Path(tempfile.mkdtemp(prefix="run-", dir=self._work))
        try:
            file = place / "script"
            file.write_text(script + "\n")
            with (place / "stdout").open("wb") as out, (place / "stderr").open("wb") as err:
                # Not asyncio's own: under uvloop that lets descriptors of ours through to the child.
                shell = subprocess.Popen(  # noqa: ASYNC220, S603 - a fork of milliseconds; to run commands is its work
                    ["/bin/bash", "-e", str(file)],
                    stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                    cwd=directory, env=_environment(env), start_new_session=True, close_fds=True,
                )  # fmt: skip
            try:
                async with asyncio.timeout(timeout):
                    code: int | None = await _ended(shell)
            except TimeoutError:
                await _end(shell)
                code = None
            except asyncio.CancelledError:
                await _end(shell)
                raise
            return Result(code, _tail(place / "stdout"), _tail(place / "stderr"))
        except OSError as error:
            raise Invalid(f"cannot run a command in {directory}: {error.strerror or error}") from None
        finally:
            shutil.rmtree(place, ignore_errors=True)  # a background process may go on writing into its open files

    async def read_file(self, path: str) -> bytes | None:
        """Read a file; None when there is none."""
        try:
            return Path(path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise Invalid(f"cannot read {path}: {error.strerror}") from None

    async def write_file(self, path: str, data: bytes) -> None:
        """Write a file as a whole; its directory is made where missing."""
        target = Path(path)
        _made(target.parent)
        partial = target.with_name(f".{target.name}.part")
        try:
            partial.write_bytes(data)
            partial.replace(target)
        except OSError as error:
            raise Invalid(f"cannot write {path}: {error.strerror}") from None

    async def delete_file(self, path: str) -> None:
        """Delete a file; no error when there is none."""
        try:
            Path(path).unlink(missing_ok=True)
        except OSError as error:
            raise Invalid(f"cannot delete {path}: {error.strerror}") from None

    async def make_private(self, directory: str) -> None:
        """Make a directory that only this user can write; refuse one that belongs to another."""
        path = Path(directory)
        _made(path)
        facts = path.stat(follow_symlinks=False)
        if facts.st_uid != os.getuid() or path.is_symlink():
            raise Invalid(
                f"{directory} belongs to another user or is a link, so what runs from it could be exchanged: "
                "remove it, or set onbox.base.dir to a directory of your own"
            )
        if facts.st_mode & 0o022:
            path.chmod(0o700)

    async def find_process(self, pid_file: str) -> Process | None:
        """Answer the live process that a pid file names."""
        text = await self.read_file(pid_file)
        try:
            pid = int((text or b"").split()[0])
        except (IndexError, ValueError):
            return None
        return _living(pid) if pid > 1 else None

    async def signal(self, process: Process, name: str) -> bool:
        """Send TERM or KILL to that very life of the process; False when it is gone."""
        living = _living(process.pid)
        if living is None or (process.started and living.started != process.started):
            return False
        try:
            os.kill(process.pid, _SIGNALS[name])
        except ProcessLookupError:
            return False
        except PermissionError:
            raise Invalid(f"process {process.pid} belongs to another user and cannot be ended") from None
        return True


def local_user() -> str:
    """Answer the name of the user that this process runs as, its number where it has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _lives(pid: int, started: int) -> bool:
    living = _living(pid)
    return living is not None and (not started or living.started in (0, started))


def _living(pid: int) -> Process | None:
    try:
        # Fields follow the command's name, which may itself hold spaces and parentheses.
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        if Path("/proc/self/stat").exists():
            return None
    except OSError:
        pass
    else:
        # A zombie has ended; it is only not yet collected by its parent, which may never happen in a container.
        return None if fields[0] in ("Z", "X") else Process(pid, int(fields[19]))
    try:
        os.kill(pid, 0)  # a system without /proc
    except ProcessLookupError:
        return None
    except (PermissionError, OverflowError):
        pass
    return Process(pid)


def _made(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Invalid(f"cannot make the directory {path}: {error.strerror}") from None


def _environment(env: Mapping[str, str]) -> dict[str, str]:
    return {**{name: os.environ[name] for name in _KEPT if name in os.environ}, **env}


async def _ended(shell: subprocess.Popen[bytes]) -> int:
    if not hasattr(os, "pidfd_open"):
        return await asyncio.to_thread(shell.wait)  # a system that is not Linux
    handle = os.pidfd_open(shell.pid)
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(handle, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(handle)
        os.close(handle)
    return shell.wait()


async def _end(shell: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(shell.pid, signal.SIGKILL)  # it leads its session: its group is its own
    except ProcessLookupError:
        pass
    await _ended(shell)


def _tail(path: Path) -> str:
    with path.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, size - _TAIL))
        return stream.read().decode(errors="replace")
