"""A node with its elector on a store: snapshots and tails, damage, what its writers and readers are told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from amp.ha.modes import HaMode
from amp.kit.clock import SystemClock
from amp.kit.errors import Fenced
from amp.kit.ids import NodeId, Term
from amp.model import changes as c
from amp.model.model import Model
from amp.model.registry import Registry
from amp.plane import snapshots
from amp.plane.control import Control
from amp.plane.leader import Leader
from amp.store.file import DirectoryObjects
from amp.store.memory import MemoryObjects
from amp.store.objects import Objects
from amp.store.segment import segment_key, snapshot_key
from amp.testing.fakes import seeded_entropy
from amp.testing.planes import ROOT, fill, leader_of, leading, living, node, until


def lines(model: Model) -> Sequence[object]:
    """What a model is, as values that can be compared."""
    return sorted(map(repr, model.as_changes()))


@pytest.fixture(params=["memory", "directory"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Objects:
    return MemoryObjects() if request.param == "memory" else DirectoryObjects(tmp_path / "store")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> int:
    """Snapshots come after a few segments."""
    monkeypatch.setattr(snapshots, "SEGMENTS", 10)
    return 10


async def saved(objects: Objects) -> list[str]:
    return [info.key for info in await objects.list("snapshots/")]


async def await_snapshots(objects: Objects, count: int) -> list[str]:
    async with asyncio.timeout(10):
        while len(keys := await saved(objects)) < count:  # noqa: ASYNC110  # the store has no event
            await asyncio.sleep(0.01)
    return keys


async def test_a_leader_saves_and_the_next_node_loads_snapshot_and_tail(objects: Objects, small: int) -> None:
    async with leading(objects) as leader:
        await fill(leader, small * 2)
        await await_snapshots(objects, 1)
        await fill(leader, 3)
        written, seq = lines(leader.model), leader.seq
        async with living(node(objects, "second")) as second:
            await until(lambda: second.seq >= seq)
            assert lines(second.model) == written
            assert second.machine.log.posts == leader.machine.log.posts
            assert second.store_metrics().reads < seq  # it did not read from the beginning
    await objects.close()


async def test_what_a_snapshot_covers_is_not_read_again(objects: Objects, small: int) -> None:
    async with leading(objects) as leader:
        await fill(leader, small * 2)
        keys = await await_snapshots(objects, 1)
        covered = int(keys[-1].rpartition("/")[2])
        written = lines(leader.model)
    for seq in range(1, covered + 1):
        await objects.delete(segment_key(seq))
    async with leading(objects, "second") as second:
        assert lines(second.model) == written
        assert second.machine.log.term == 2
        await fill(second, 1)
        assert len(second.model.entities[ROOT].sensors) == small * 2 + 1
    await objects.close()


async def test_a_new_office_goes_on_counting_towards_the_next_snapshot(small: int) -> None:
    objects = MemoryObjects()
    for name in ("first", "second", "third"):
        async with leading(objects, name) as leader:
            await fill(leader, small)
            await leader.journaling.commit([c.SensorSet(ROOT, "by", name)])
            await until(lambda: not leader.upkeep.saves)  # awaited before the next turn
    assert await saved(objects)
    async with living(node(objects, "reader", mode=HaMode.HOT_BACKUP)) as reader:
        await until(lambda: reader.decided.is_set() and reader.model.entities[ROOT].sensors["by"] == "third")
        assert len(reader.model.entities[ROOT].sensors) == small * 3 + 3 - 2


async def test_a_damaged_snapshot_is_named_and_never_skipped(objects: Objects, small: int) -> None:
    async with leading(objects) as leader:
        await fill(leader, small * 2)
        await await_snapshots(objects, 1)
    keys = await saved(objects)
    data = bytearray(await objects.get(keys[-1]) or b"")
    data[-9] ^= 1
    await objects.put(keys[-1], bytes(data))
    count = len(await objects.list("journal/"))

    second = node(objects, "second")
    async with living(second):
        await until(second.decided.is_set)
    assert second.elector.reason is not None
    assert f"{keys[-1]} is damaged" in second.elector.reason
    assert not second.ha().in_office
    assert len(await objects.list("journal/")) == count
    await objects.close()


async def test_a_snapshot_under_a_wrong_name_is_refused(small: int) -> None:
    objects = MemoryObjects()
    async with leading(objects) as leader:
        await fill(leader, small * 2)
        keys = await await_snapshots(objects, 1)
    await objects.put(snapshot_key(999), await objects.get(keys[-1]) or b"")
    second = node(objects, "second")
    async with living(second):
        await until(second.decided.is_set)
    assert second.elector.reason is not None
    assert "snapshots/0000000000000999 is damaged" in second.elector.reason


async def test_a_follower_sees_each_commit_and_may_not_write() -> None:
    objects = MemoryObjects()
    async with leading(objects) as leader, living(node(objects, "second")) as second:
        await fill(leader, 1)
        seq = await leader.journaling.commit([c.SensorSet(ROOT, "s", "x")])
        assert await second.wait_for(seq, 5.0)
        assert second.model.entities[ROOT].sensors["s"] == "x"
        await until(lambda: second.ha().state == "HOT_STANDBY")
        with pytest.raises(Fenced):
            await second.journaling.commit([c.SensorSet(ROOT, "s", "y")])
        assert not await second.wait_for(seq + 1000, 0.02)


async def test_observations_are_joined_and_written_without_a_wait() -> None:
    objects = MemoryObjects()
    async with leading(objects) as leader:
        await fill(leader, 0)
        before = leader.seq
        for number in range(100):
            leader.journaling.observe([c.SensorSet(ROOT, "seen", number)])
        await until(lambda: leader.model.entities[ROOT].sensors.get("seen") == 99)
        assert leader.seq - before <= 2


async def test_records_of_nodes_that_are_gone_can_be_forgotten() -> None:
    objects = MemoryObjects()
    async with living(node(objects, "gone", mode=HaMode.HOT_BACKUP)) as gone:
        await until(gone.decided.is_set)
    async with leading(objects) as leader:
        control = Control(leader, objects, SystemClock())
        await until(lambda: "gone" in {view.id for view in leader.ha().nodes})
        await control.prune(3600.0)
        assert [info.key for info in await objects.list("nodes/")] == ["nodes/first", "nodes/gone"]
        await control.clear_nodes("gone")
        assert [info.key for info in await objects.list("nodes/")] == ["nodes/first"]
        await control.clear_nodes()
        assert [info.key for info in await objects.list("nodes/")] == ["nodes/first"]


async def test_a_leader_that_breaks_hands_over_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    objects = MemoryObjects()
    first = node(objects, "first")

    class Broken(Leader):
        async def run(self) -> None:
            async with asyncio.TaskGroup():
                raise RuntimeError("a bug")

    first.make_leader = lambda term: Broken(
        first.journaling, first, Registry([]), SystemClock(), seeded_entropy(), NodeId("first"), Term(term)
    )
    async with living(node(objects, "second", mode=HaMode.HOT_BACKUP)) as second, living(first):
        await until(lambda: first.ha().state == "FAILED")
        assert str(first.ha().problem).startswith("it failed as the leader")
        await until(lambda: second.machine.log.head and second.machine.log.head.header.kind == "resign")
        await asyncio.sleep(first.machine.identity.poll * 5)
        assert first.machine.log.term == 1  # no candidate any more
        first.make_leader = leader_of(first)
        await Control(first, objects, SystemClock()).set_mode("AUTO")  # until an operator says so
        await until(lambda: first.ha().state == "MASTER")
    assert "gives its office up" in caplog.text


async def test_an_office_that_could_not_begin_under_an_expired_lease_begins_when_it_is_renewed() -> None:
    first = node(MemoryObjects(), "first")
    begun: list[int] = []

    class Late(Leader):
        async def run(self) -> None:
            begun.append(1)
            async with asyncio.TaskGroup():
                if len(begun) == 1:
                    raise Fenced("the lease is over")
            await super().run()

    first.make_leader = lambda term: Late(
        first.journaling, first, Registry(()), SystemClock(), seeded_entropy(), NodeId("first"), Term(term)
    )
    async with living(first):
        await until(lambda: len(begun) == 2)
        await fill(first, 1)


async def test_a_write_over_several_segments_is_there_as_a_whole_or_not_at_all(objects: Objects) -> None:
    value = "x" * 3_000_000
    async with leading(objects) as leader, living(node(objects, "standby")) as standby:
        await fill(leader, 1)
        begun = leader.seq
        seq = await leader.journaling.commit([c.ConfigSet(ROOT, f"k{n}", value) for n in range(4)])
        assert seq == leader.seq >= begun + 4
        await until(lambda: standby.seq >= seq)
        assert lines(standby.model) == lines(leader.model)
        assert len(standby.model.entities[ROOT].config) == 4
    async with leading(objects, "later") as later:
        assert len(later.model.entities[ROOT].config) == 4
    await objects.close()


async def test_parts_whose_last_one_never_came_are_void(objects: Objects) -> None:
    async with leading(objects) as leader:
        await fill(leader, 1)
        changes = [c.ConfigSet(ROOT, f"k{n}", "x" * 3_000_000) for n in range(4)]
        begun = leader.seq
        writer = asyncio.create_task(leader.journaling.commit(changes))
        await until(lambda: leader.seq > begun)  # the first part is durable
        leader.stop()
        with pytest.raises(Fenced, match="nothing was changed"):
            await writer
    async with leading(objects, "later") as later:
        assert later.model.entities[ROOT].config == {}
        assert await later.journaling.commit([c.ConfigSet(ROOT, "k", 1)])
        assert later.model.entities[ROOT].config == {"k": 1}
    await objects.close()
