"""Follows a durable command to its end and keeps the last of what it wrote.

Waits for the verdict first: a start that has not decided anything within its patience is voided, so that it is known
not to run. Ending a command that takes too long, or is cancelled, is for whoever follows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from amp.remote.attach import Progress, Standing
from amp.remote.machine import Machine

#: How much of a stream is kept, in bytes.
KEPT = 64 * 1024
#: How much of a stream is kept that is too long for the journal, in bytes.
LARGEST = 8 * 1024 * 1024
#: An offset behind the end of any stream.
_NOWHERE = 1 << 60
_LOOK = 1.0
_LOOKS_WITHOUT_VERDICT = 10


@dataclass(slots=True)
class Tail:
    """The end of a stream. `size`: bytes seen in all, which is also the offset to read on from."""

    size: int = 0
    kept: bytes = b""

    def add(self, data: bytes) -> None:
        """Take what was written next."""
        self.size += len(data)
        self.kept = (self.kept + data)[-KEPT:]

    def text(self) -> str:
        """Answer what is kept, and say where something is missing before it."""
        lost = self.size - len(self.kept)
        said = self.kept.decode(errors="replace")
        return f"[{lost} bytes before this are not kept]\n{said}" if lost else said


@dataclass(slots=True)
class Streams:
    """Both streams of a command."""

    stdout: Tail = field(default_factory=Tail)
    stderr: Tail = field(default_factory=Tail)


async def look(machine: Machine, id: str, streams: Streams, wait: float = 0.0) -> Progress:
    """Look at a command once, all that it has written until then included."""
    while True:
        progress = await machine.watch_command(id, (streams.stdout.size, streams.stderr.size), wait)
        streams.stdout.add(progress.stdout)
        streams.stderr.add(progress.stderr)
        if not progress.stdout and not progress.stderr:
            return progress
        wait = 0.0


async def to_its_end(
    machine: Machine, id: str, term: int, streams: Streams, may_act: Callable[[], None] = lambda: None
) -> Progress:
    """Wait until a command is void, has ended, or is gone without a word; `may_act` is asked before it is voided."""
    undecided = 0
    while True:
        progress = await look(machine, id, streams, _LOOK)
        if progress.standing is Standing.UNDECIDED:
            undecided += 1
            if undecided >= _LOOKS_WITHOUT_VERDICT:
                may_act()
                await machine.void_command(id, term)
        elif progress.standing is not Standing.RUNNING:
            return progress


async def whole(machine: Machine, id: str, name: str, size: int) -> bytes:
    """Read a stream of a command that has ended again, from its beginning; of a very long one the last of it.

    `name`: stdout or stderr; `size`: how long it is. Raises: AmpError, where its machine cannot be asked.
    """
    start = max(0, size - LARGEST)
    data = bytearray(f"[{start} bytes before this are not kept]\n".encode() if start else b"")
    at = start
    while at < size:
        offsets = (at, _NOWHERE) if name == "stdout" else (_NOWHERE, at)
        progress = await machine.watch_command(id, offsets, 0.0)
        more = progress.stdout if name == "stdout" else progress.stderr
        if not more:
            break
        data += more
        at += len(more)
    return bytes(data)
