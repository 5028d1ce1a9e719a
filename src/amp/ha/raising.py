"""Asks the leader of a plane to go over to the next format now (U1). Acts on the store; the leader decides and does it.

The wish is a membership record of a node that never ran: TERMINATED, so that nobody counts on it. It is deleted when
it was heard, or when nobody heard it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from amp.ha import founding
from amp.ha.formats import unable
from amp.ha.members import Record, record_key
from amp.ha.modes import HaMode, NodeState
from amp.ha.reader import Reader
from amp.ha.records import read_records
from amp.kit.clock import Clock
from amp.kit.errors import Conflict, Missing, Unavailable
from amp.kit.ids import Entropy, random_id
from amp.store.objects import Objects
from amp.store.segment import FORMAT, Header, seal

#: So often the journal is looked at while the wish stands.
LOOKS = 20


@dataclass(frozen=True, slots=True)
class Formats:
    """The format that the plane writes, and the newest that this version knows; `end`: the newest segment."""

    plane: str
    active: int
    newest: int
    end: Header


async def formats(objects: Objects, clock: Clock) -> Formats:
    """Read what a plane writes. Raises: Missing (no plane, or nothing written), Unavailable, Damaged, TooNew."""
    founded = await founding.read(objects)
    if founded is None:
        raise Missing(f"{objects.name} holds no plane")
    reader = await Reader.behind_snapshot(objects, founded.id, clock)
    await reader.reach_end()
    if reader.log.head is None:
        raise Missing(f"{objects.name} holds a plane in which nothing was written yet")
    end = reader.log.head.header
    return Formats(founded.id, end.format, FORMAT, end)


async def ask(
    objects: Objects, found: Formats, clock: Clock, entropy: Entropy, pause: Callable[[], Awaitable[None]]
) -> int:
    """Let the leader raise the format by one; answers the format that is written now. `pause`: between two looks.

    Raises: Conflict, when a node cannot read the next one, or nobody leads; Unavailable, when nobody heard.
    """
    wanted = found.active + 1
    old = unable(await read_records(objects, {}), wanted)
    if old:
        raise Conflict(
            f"{', '.join(old)} cannot read format {wanted}: upgrade these nodes, or remove those that are gone "
            "for good (amp ha remove)"
        )
    if found.end.kind == "resign":
        raise Conflict("nobody leads this plane: start its nodes, and ask again")
    key = record_key(random_id(entropy, 8))
    await objects.put(key, seal(_wish(key, found.plane, wanted, clock), b"")[0])
    try:
        for _ in range(LOOKS):
            await pause()
            now = await formats(objects, clock)
            if now.active >= wanted:
                return now.active
    finally:
        await objects.delete(key)
    raise Unavailable(f"the leader, node {found.end.node}, has not raised the format: is it alive? See amp ha status")


def _wish(key: str, plane: str, wanted: int, clock: Clock) -> Record:
    return Record(
        id=key.rpartition("/")[2],
        instance="",
        plane=plane,
        name="amp store raise",
        address="",
        mode=HaMode.DISABLED.value,
        state=NodeState.TERMINATED.value,
        priority=0,
        version="",
        counter=1,
        raise_to=wanted,
        at=clock.read().wall_ms,
    )
