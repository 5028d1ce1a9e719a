"""A wall clock for each node that can be stepped while it runs: one number in a file that both sides map.

The rule: what AMP reads of the time of day is this machine's, plus the number; its other clocks are this machine's.
A step of the machine's own clock would strike everything at once, the campaign too. What AMP does not ask its clock
for (signatures of requests to S3, commands, file times) keeps the true time.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Callable
from pathlib import Path

from amp.kit.clock import Reading, SystemClock

#: Names the file to the node.
VARIABLE = "AMP_NEMESIS_CLOCK"
_SECONDS = struct.Struct("d")


class WallClock:
    """The number of one node's file, which is made when it is not there."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(_SECONDS.pack(0.0))
        with path.open("r+b") as stream:
            self._bytes = mmap.mmap(stream.fileno(), _SECONDS.size)

    @property
    def ahead(self) -> float:
        """How many seconds it is ahead of the machine's."""
        return float(_SECONDS.unpack_from(self._bytes)[0])

    def step(self, ahead: float) -> None:
        """Set it, in one go."""
        _SECONDS.pack_into(self._bytes, 0, ahead)


def stepped(read: Callable[[SystemClock], Reading], wall: WallClock) -> Callable[[SystemClock], Reading]:
    """Answer a way to read the clocks of which one is `wall`."""

    def read_stepped(self: SystemClock) -> Reading:
        true = read(self)
        return Reading(true.boot, true.raw, true.wall + wall.ahead)

    return read_stepped


def follow() -> None:
    """From now on this process has the wall clock that its environment names, if it names one."""
    if path := os.environ.get(VARIABLE):
        read = stepped(SystemClock.read, WallClock(Path(path)))
        SystemClock.read = read  # type: ignore[method-assign, assignment]
