"""Reads a journal to its end, and appends to it, for commands that are no nodes. Acts on the store.

A node has `elector` for this. What is here leads nobody: `release` and `adoption` know when a segment may be written.
"""

from __future__ import annotations

import asyncio

from amp.ha.log import Log
from amp.ha.readahead import ReadAhead
from amp.kit.clock import Clock
from amp.kit.errors import Unavailable
from amp.store.objects import Objects, Outcome
from amp.store.segment import Damaged, Snapshot, parse, segment_key, seq_of, snapshot_key, unseal

#: So often the same bytes are sent before their fate is left open.
ATTEMPTS = 5
_PAUSE = 0.1


class Reader:
    """Reads a journal from its newest snapshot to its end."""

    def __init__(self, objects: Objects, log: Log, clock: Clock) -> None:
        self.log = log
        self._objects, self._clock = objects, clock
        self._base = log.seq

    @classmethod
    async def behind_snapshot(cls, objects: Objects, plane: str, clock: Clock) -> Reader:
        """Begin behind the newest snapshot, or at the very beginning. Raises: Unavailable, Damaged, TooNew."""
        log = Log(plane)
        log.restart(await _newest_snapshot(objects, plane))
        return cls(objects, log, clock)

    async def reach_end(self) -> bool:
        """Read on until a slot is empty; False where that says nothing. Raises: Unavailable, Damaged, TooNew.

        A boundary of deletion above the snapshot was set since: what was read, or found absent, is then no news (R2,
        R3), and a newer snapshot is there to begin behind.
        """
        ahead = ReadAhead(lambda seq: self._objects.get(segment_key(seq)))
        try:
            while (data := await ahead.get(self.log.seq + 1)) is not None:
                self.log.extend(parse(data, self.log.seq + 1), self._clock.read())
        finally:
            ahead.forget()
        marks = await self._objects.list("gc/")
        return max((seq_of(info.key) for info in marks), default=0) <= self._base


async def _newest_snapshot(objects: Objects, plane: str) -> Snapshot | None:
    listed = await objects.list("snapshots/")
    if not listed:
        return None
    key = listed[-1].key
    data = await objects.get(key)
    if data is None:
        raise Unavailable(f"{key} was listed, but is not there when read: the store is behind itself")
    header, _, _ = unseal(data, key, Snapshot)
    if header.plane != plane:
        raise Damaged(key, f"it belongs to the plane {header.plane}, not to {plane}")
    if snapshot_key(header.seq) != key or header.position.seq != header.seq:
        raise Damaged(key, f"it says that it is the state after segment {header.seq}")
    return header


async def append(objects: Objects, seq: int, data: bytes) -> bool:
    """Create a segment and learn its fate; False: other bytes have the slot. Raises: Unavailable.

    An attempt that is still under way when this gives up may land later: it says what is true then, too.
    """
    key = segment_key(seq)
    for attempt in range(ATTEMPTS):
        if attempt:
            await asyncio.sleep(_PAUSE * attempt)
        if await objects.create(key, data) is Outcome.DONE:
            return True
        found = await objects.get(key)
        if found is not None:
            return found == data
    raise Unavailable(f"{objects.name} does not say whether it took {key}", unknown=True)
