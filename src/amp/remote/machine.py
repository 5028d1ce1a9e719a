"""The one protocol of a machine: what can be done on it. All paths are absolute paths on that machine.

Nothing here decides whether it may be done: whoever calls asks its leadership right before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from amp.remote.attach import Command, Progress


@dataclass(frozen=True, slots=True)
class Result:
    """How a command ended. `exit` None: it was ended because its time was up. Streams hold the last 64 KiB."""

    exit: int | None
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True)
class Process:
    """One life of one process: a process id is used again by others, `started` (clock ticks since boot) tells whose.

    `started` 0: this machine cannot tell.
    """

    pid: int
    started: int = 0


class Machine(Protocol):
    """Raises, everywhere: Unavailable when the machine cannot be reached, Invalid when it refuses (permissions)."""

    @property
    def address(self) -> str:
        """The address that others reach it at."""
        ...

    @property
    def hostname(self) -> str:
        """Its name, as others call it."""
        ...

    @property
    def user(self) -> str:
        """Who commands run as."""
        ...

    @property
    def host(self) -> str:
        """Tells this machine from others: a durable command is looked for only where it was begun."""
        ...

    async def start_command(self, command: Command) -> None:
        """Begin a command that outlives this process; it stands by its wrapper's verdict from then on."""
        ...

    async def void_command(self, id: str, term: int) -> None:
        """Decide that a command never runs, unless it was decided before; `watch_command` then tells which."""
        ...

    async def watch_command(self, id: str, offsets: tuple[int, int], wait: float) -> Progress:
        """Answer how a command is and what it wrote after these offsets; waits up to `wait` seconds for news."""
        ...

    async def kill_command(self, id: str) -> None:
        """End a command that runs, with its process group; nothing when it has ended."""
        ...

    async def forget_command(self, id: str) -> None:
        """Remove what is kept of a command."""
        ...

    async def raise_term(self, plane: str, term: int) -> None:
        """Let no command of a smaller term of this plane begin any more."""
        ...

    async def run(self, script: str, *, env: Mapping[str, str], cwd: str | None, timeout: float) -> Result:
        """Run a script with bash -e and wait for that shell, not for what it leaves behind.

        `cwd` None: the user's home; another is made where missing. After `timeout` seconds, or when cancelled, the
        shell and what it started are ended; what it has left behind after it ended is never touched.
        """
        ...

    async def read_file(self, path: str) -> bytes | None:
        """Read a file; None when there is none."""
        ...

    async def write_file(self, path: str, data: bytes) -> None:
        """Write a file as a whole; its directory is made where missing."""
        ...

    async def delete_file(self, path: str) -> None:
        """Delete a file; no error when there is none."""
        ...

    async def make_private(self, directory: str) -> None:
        """Make a directory that only this user can write; refuse one that belongs to another."""
        ...

    async def find_process(self, pid_file: str) -> Process | None:
        """Answer the live process that a pid file names; None when there is no file, no number, or no such process."""
        ...

    async def signal(self, process: Process, name: str) -> bool:
        """Send TERM or KILL to that very life of the process; False when it is gone."""
        ...
