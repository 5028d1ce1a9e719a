"""Looks for what contradicts that the journal ends where a slot was read absent (R4). Acts on the store; only reads.

A hole or a store that went back in time looks like the end of the journal to a reader that comes to it. But keys above
it, nodes that have read more, or the last segment itself being another one give it away. What is found is a doubt, no
verdict: a leader may have written while this looked. `following` decides, two beats later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable

from amp.ha.events import Doubt
from amp.ha.members import Record
from amp.kit.errors import Invalid
from amp.store.objects import Objects
from amp.store.segment import Position, parse, segment_key, seq_of


async def look(
    objects: Objects, plane: str, end: Position | None, records: Awaitable[Iterable[Record]]
) -> tuple[int, Doubt | None]:
    """Answer the boundary of deletion, and what speaks against `end` (None: empty) being the end of the journal.

    `records`: the reading of the membership records. Raises: Unavailable; Damaged, when a key under gc/ is no number.
    """
    seq = end.seq if end is not None else 0
    marks, above, known, own = await asyncio.gather(
        objects.list("gc/"),
        objects.list("journal/", segment_key(seq + 1)),
        records,
        objects.get(segment_key(seq)) if end is not None else _nothing(),
    )
    boundary = max((seq_of(info.key) for info in marks), default=0)
    if end is not None and seq > boundary and (doubt := _of_own(own, end)):
        return boundary, doubt
    if above:
        return boundary, Doubt(f"{above[-1].key} is", await term_of(objects, above[-1].key))
    return boundary, _of_records(known, plane, seq)


async def _nothing() -> None:
    return None


def _of_own(data: bytes | None, end: Position) -> Doubt | None:
    key = segment_key(end.seq)
    if data is None:
        return Doubt(f"{key}, which was read before, is gone", end.header.term)
    try:
        found = parse(data, end.seq)
    except Invalid as problem:
        return Doubt(problem.message, end.header.term)
    if found.hash != end.hash:
        return Doubt(f"{key} has become another one than was read before", found.header.term)
    return None


async def term_of(objects: Objects, key: str) -> int:
    """Answer the term of a segment; 0 where it does not say: others around it do. Raises: Unavailable."""
    data = await objects.get(key)
    try:
        return parse(data, seq_of(key)).header.term if data is not None else 0
    except Invalid:
        return 0


def _of_records(records: Iterable[Record], plane: str, seq: int) -> Doubt | None:
    ahead = [record for record in records if record.plane == plane and record.seq > seq]
    if not ahead:
        return None
    furthest = max(ahead, key=lambda record: record.seq)
    return Doubt(f"node {furthest.id} has read segment {furthest.seq}", max(record.term for record in ahead))
