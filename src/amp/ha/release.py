"""Resigns in the name of a node that died, so that a standby need not wait for its timer. Acts on the store.

The rule: it appends only while the home's `instance.lock` is held and proves that death (E5 d), and only behind a
segment which that node wrote in office. Then nobody else may act, and the resignation may say `clean`: whoever is
elected next acts at once. A late append of the dead node has the same slot to win; whatever it leaves is read, and
judged again. It stands for no election itself.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from amp.ha import founding
from amp.ha.instance import InstanceLock
from amp.ha.log import Log
from amp.ha.members import successor_of
from amp.ha.readahead import ReadAhead
from amp.kit.clock import Clock
from amp.kit.errors import Unavailable
from amp.kit.ids import Entropy, nonce
from amp.store.objects import Objects, Outcome
from amp.store.segment import (
    Damaged,
    Header,
    Position,
    Snapshot,
    build,
    parse,
    segment_key,
    seq_of,
    snapshot_key,
    unseal,
)

#: So often the end of the journal is looked for, and the same bytes are sent, before it is left to the timers.
LOOKS, ATTEMPTS = 5, 5
_PAUSE = 0.1


@dataclass(frozen=True, slots=True)
class Released:
    """What came of it. `done`: the resignation is durable; `why`: one sentence; `successor`: who is named in it."""

    done: bool
    why: str
    successor: str | None = None


async def release(objects: Objects, lock: InstanceLock, clock: Clock, entropy: Entropy) -> Released:
    """Append the resignation of the node that `lock` proves dead, where it led. The caller holds the lock throughout.

    Raises: Unavailable, when the store does not answer or the journal's end does not stand still; Damaged, TooNew.
    """
    dead = lock.dead
    if not lock.held or dead is None:
        return Released(False, "nothing proves that the last run of this home is dead")
    plane = await founding.read(objects)
    if plane is None:
        return Released(False, f"{objects.name} holds no plane")
    reader: _Reader | None = None
    for _ in range(LOOKS):
        reader = reader or await _Reader.behind_snapshot(objects, plane.id, clock)
        if not await reader.reach_end():
            reader = None
            continue
        head = reader.log.head
        reason = _why_not(head, dead)
        if head is None or reason is not None:
            return Released(False, reason or "the journal is empty")
        successor = successor_of(dead, reader.log.members)
        data, segment = build(_resignation(head, dead, successor, clock, entropy), b"")
        if await _append(objects, segment.header.seq, data):
            return Released(True, f"node {dead} led term {head.header.term} and has resigned now", successor)
    raise Unavailable(f"{objects.name}: the end of the journal does not stand still, so others are at work there")


def _why_not(head: Position | None, dead: str) -> str | None:
    """Tell why there is nothing to resign from; None where there is."""
    if head is None:
        return "the journal is empty"
    last = head.header
    if last.node != dead:
        return f"node {dead}, which died, was not the last to lead: node {last.node} was"
    if last.kind == "resign":
        return f"node {dead} has resigned already"
    if not last.in_office:
        return f"node {dead} was elected and not in office yet, so its death proves nothing of the one before"
    return None


def _resignation(head: Position, dead: str, successor: str | None, clock: Clock, entropy: Entropy) -> Header:
    last = head.header
    return Header(
        plane=last.plane,
        seq=last.seq + 1,
        term=last.term,
        kind="resign",
        node=dead,
        nonce=nonce(entropy),
        prev=head.hash,
        timeout_ms=last.timeout_ms,
        in_office=True,
        clean=True,
        successor=successor,
        at=clock.read().wall_ms,
        released=True,
    )


async def _append(objects: Objects, seq: int, data: bytes) -> bool:
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


class _Reader:
    """Reads a journal from its newest snapshot to its end."""

    def __init__(self, objects: Objects, log: Log, clock: Clock) -> None:
        self.log = log
        self._objects, self._clock = objects, clock
        self._base = log.seq

    @classmethod
    async def behind_snapshot(cls, objects: Objects, plane: str, clock: Clock) -> _Reader:
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
