"""R4: a hole in the journal, and a store that went back in time, are noticed before a node stands, and named."""

from __future__ import annotations

import asyncio

import pytest

from amp.ha import founding
from amp.ha.adoption import adopt, plan, refuse_if_alive
from amp.ha.members import Record, record_key
from amp.ha.modes import NodeState
from amp.ha.reader import Reader
from amp.kit.clock import SystemClock
from amp.kit.errors import Conflict, Invalid, Missing
from amp.store.memory import MemoryObjects
from amp.store.segment import seal, segment_key
from amp.testing.fakes import seeded_entropy
from amp.testing.planes import PLANE, ROOT, fill, leading, living, node, until

HOLE = segment_key(6)


async def lived(count: int = 8) -> MemoryObjects:
    """A store that a node led, and left."""
    objects = MemoryObjects()
    await objects.create(founding.KEY, seal(founding.Founding(id=PLANE, secret="s"), b"")[0])
    async with leading(objects) as leader:
        await fill(leader, count)
    return objects


async def last_of(objects: MemoryObjects) -> str:
    return (await objects.list("journal/"))[-1].key


async def cut(objects: MemoryObjects, first: int) -> None:
    """Take the end of the journal away: the store went back in time."""
    for info in await objects.list("journal/", segment_key(first - 1)):
        await objects.delete(info.key)


def record(name: str, seq: int, term: int, **fields: object) -> bytes:
    values = {"state": "HOT_STANDBY", "mode": "AUTO", "priority": 0, "version": "1.0", "counter": 1, **fields}
    made = Record(id=name, instance="i", plane=PLANE, name=name, address="", seq=seq, term=term, **values)  # type: ignore[arg-type]
    return seal(made, b"")[0]


async def failed(objects: MemoryObjects) -> str:
    """Start a node, and answer why it does not lead; nothing may be written meanwhile."""
    before = [info.key for info in await objects.list("journal/")]
    async with living(node(objects, "late")) as late:
        await until(lambda: late.machine.problem is not None)
        assert late.ha().state in (NodeState.FAILED, NodeState.TERMINATED)
    assert [info.key for info in await objects.list("journal/")] == before
    assert late.machine.problem is not None
    return late.machine.problem


async def test_a_hole_in_the_journal_is_named_and_nobody_leads_over_it() -> None:
    objects = await lived()
    last = await last_of(objects)
    await objects.delete(HOLE)
    problem = await failed(objects)
    assert problem.startswith(f"{HOLE} is not there, but {last} is: the store has a hole or went back in time")
    assert "amp store adopt --above 1" in problem


async def test_a_record_that_is_ahead_of_the_journal_is_believed() -> None:
    objects = await lived()
    await cut(objects, 6)
    await objects.put(record_key("other"), record("other", 99, 4))
    assert f"{HOLE} is not there, but node other has read segment 99" in await failed(objects)


async def test_an_empty_journal_with_something_above_is_not_an_empty_plane() -> None:
    objects = await lived()
    await objects.delete(segment_key(1))
    assert f"{segment_key(1)} is not there" in await failed(objects)


async def test_a_standby_that_has_read_what_is_gone_does_not_stand() -> None:
    objects = MemoryObjects()
    async with leading(objects) as leader, living(node(objects, "standby")) as standby:
        await fill(leader, 5)
        await until(lambda: standby.seq == leader.seq)
        leader.machine.phase = type(leader.machine.phase).FAILED  # it stops beating, as if it had frozen
        await asyncio.sleep(0)
        await until(lambda: standby.machine.log.seq == standby.seq)
        await cut(objects, standby.seq)
        await until(lambda: standby.machine.problem is not None)
        assert "was read before, is gone" in str(standby.machine.problem)


async def test_what_is_only_late_is_waited_for() -> None:
    """A slot that is filled within the two beats is read, and the node goes on."""
    objects = await lived()
    data = await objects.get(HOLE)
    assert data is not None
    await objects.delete(HOLE)
    async with living(node(objects, "late")) as late:
        await until(lambda: late.machine.hole is not None)
        await objects.create(HOLE, data)
        await until(lambda: late.ha().in_office)
        assert late.model.entities[ROOT].sensors["s7"] == 7


# ---- amp store adopt


async def test_adopt_goes_on_behind_a_hole_in_a_higher_term() -> None:
    objects = await lived()
    await objects.delete(HOLE)
    clock, entropy = SystemClock(), seeded_entropy()
    made = await plan(objects, clock)
    assert (made.seq, made.lost[0], made.term) == (5, segment_key(7), 1)
    await refuse_if_alive(objects, made, lambda: asyncio.sleep(0.1))
    assert await adopt(objects, made, 41, clock, entropy) == 42
    reader = await Reader.behind_snapshot(objects, PLANE, clock)
    assert await reader.reach_end()
    assert [term for _, term in reader.log.posts] == [1, 42, 42]
    async with living(node(objects, "next")) as late:
        await until(lambda: late.ha().in_office)
        assert late.machine.log.term == 43
        assert "s2" in late.model.entities[ROOT].sensors
        assert "s7" not in late.model.entities[ROOT].sensors


async def test_adopt_wants_a_term_above_all_that_were_used() -> None:
    objects = await lived()
    await objects.delete(HOLE)
    await objects.put(record_key("other"), record("other", 9, 7))
    made = await plan(objects, SystemClock())
    with pytest.raises(Invalid, match="write --above 7, or more"):
        await adopt(objects, made, 6, SystemClock(), seeded_entropy())
    assert segment_key(7) in [info.key for info in await objects.list("journal/")]


async def test_adopt_refuses_a_whole_journal_and_an_empty_store() -> None:
    with pytest.raises(Missing, match="holds no plane"):
        await plan(MemoryObjects(), SystemClock())
    objects = await lived()
    with pytest.raises(Invalid, match="nothing to adopt"):
        await plan(objects, SystemClock())


async def test_adopt_refuses_while_a_node_lives() -> None:
    objects = await lived()
    await objects.delete(HOLE)
    made = await plan(objects, SystemClock())
    await objects.put(record_key("alive"), record("alive", 5, 1))

    async def writes() -> None:
        await objects.put(record_key("alive"), record("alive", 5, 1, counter=2))

    with pytest.raises(Conflict, match="node alive wrote to memory just now: stop all nodes"):
        await refuse_if_alive(objects, made, writes)
