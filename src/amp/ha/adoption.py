"""Goes on with a plane whose journal has a hole or lost its end, without what is missing (R4). Acts on the store.

The rule: nobody else may be at work. What lies above the hole can never be read again and is deleted, from the end
down, so that a try that was broken off leaves the same hole; then an election opens a term above all that were ever
used, and a resignation ends it, which is not `clean`: the next leader waits out its timer. What was deleted is lost,
also what clients were told is done; so an operator decides, and names the term.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from amp.ha import founding
from amp.ha.doubts import look, term_of
from amp.ha.members import record_key
from amp.ha.modes import NodeState
from amp.ha.reader import Reader, append
from amp.ha.records import read_records
from amp.kit.clock import Clock
from amp.kit.errors import Conflict, Invalid, Missing, Unavailable
from amp.kit.ids import Entropy, nonce, random_id
from amp.store.objects import Objects
from amp.store.segment import FIRST_FORMAT, NO_HASH, Header, Position, build, segment_key

#: What the elections of a plane without any segment are counted by, in ms.
_TIMEOUT_MS = 30_000


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done. `end`: where the journal ends that can be read, None for the very beginning.

    `why`: what contradicts that end; `lost`: keys to delete, the lowest first; `records`: nodes to forget;
    `term`: the highest that anything in the store names.
    """

    plane: str
    end: Position | None
    why: str
    lost: tuple[str, ...]
    records: tuple[str, ...]
    term: int

    @property
    def seq(self) -> int:
        """The last segment that is kept; 0 for none."""
        return self.end.seq if self.end is not None else 0

    @property
    def timeout_ms(self) -> int:
        """The time-out that whoever led last held its lease by."""
        return self.end.header.timeout_ms if self.end is not None else _TIMEOUT_MS


async def plan(objects: Objects, clock: Clock) -> Plan:
    """Find the hole. Raises: Missing (no plane), Invalid (no hole: nothing to adopt), Unavailable, Damaged, TooNew."""
    founded = await founding.read(objects)
    if founded is None:
        raise Missing(f"{objects.name} holds no plane")
    reader = await Reader.behind_snapshot(objects, founded.id, clock)
    if not await reader.reach_end():
        raise Unavailable(f"{objects.name}: segments are being deleted, so a node leads: stop all nodes first")
    end = reader.log.head
    _, doubt = await look(objects, founded.id, end, read_records(objects, {}))
    if doubt is None:
        raise Invalid(f"there is nothing to adopt: {objects.name} ends whole at segment {reader.log.seq}")

    above = [info.key for info in await objects.list("journal/", segment_key(reader.log.seq))]
    records = await read_records(objects, {})
    terms = [reader.log.term, doubt.term, *(record.term for record in records)]
    terms += [await term_of(objects, key) for key in above]
    return Plan(founded.id, end, doubt.what, tuple(above), tuple(sorted(record.id for record in records)), max(terms))


async def refuse_if_alive(objects: Objects, made: Plan, pause: Callable[[], Awaitable[None]]) -> None:
    """Look twice at what living nodes write; `pause` lies between, for at least a third of the time-out.

    Raises: Conflict, naming the node; Unavailable.
    """
    before = await _traces(objects)
    await pause()
    after = await _traces(objects)
    moved = sorted(node for node, trace in after.items() if before.get(node) != trace)
    if moved:
        raise Conflict(f"{', '.join(moved)} wrote to {objects.name} just now: stop all nodes of the plane first")
    if await objects.get(segment_key(made.seq + 1)) is not None:
        raise Conflict(f"{segment_key(made.seq + 1)} is there now: a node leads, or the store has healed; look again")


async def _traces(objects: Objects) -> dict[str, object]:
    records = {f"node {each.id}": each.counter for each in await read_records(objects, {}) if _lives(each.state)}
    return {**records, "a node": len(await objects.list("journal/"))}


def _lives(state: str) -> bool:
    return state != NodeState.TERMINATED


async def adopt(objects: Objects, made: Plan, above: int, clock: Clock, entropy: Entropy) -> int:
    """Delete what is lost, and go on in a term above `above`; answers that term.

    Raises: Invalid, when `above` is lower than a term that is known; Conflict, when somebody else wrote; Unavailable.
    """
    if above < made.term:
        raise Invalid(f"--above {above}: term {made.term} was in use; write --above {made.term}, or more")
    for key in reversed(made.lost):
        await objects.delete(key)
    for node in made.records:
        await objects.delete(record_key(node))
    node, term = random_id(entropy, 8), above + 1
    head = made.end
    for kind in ("elect", "resign"):
        data, segment = build(_header(made, head, kind, node, term, clock, entropy), b"")
        if not await append(objects, segment.header.seq, data):
            raise Conflict(f"{segment_key(segment.header.seq)} was written by somebody else: stop all nodes first")
        head = Position(segment.header, segment.hash)
    return term


def _header(
    made: Plan, head: Position | None, kind: str, node: str, term: int, clock: Clock, entropy: Entropy
) -> Header:
    return Header(
        plane=made.plane,
        seq=(head.seq if head is not None else 0) + 1,
        term=term,
        kind=kind,
        node=node,
        nonce=nonce(entropy),
        prev=head.hash if head is not None else NO_HASH,
        timeout_ms=made.timeout_ms,
        members=[] if kind == "elect" else None,
        format=head.header.format if head is not None else FIRST_FORMAT,
        at=clock.read().wall_ms,
    )
