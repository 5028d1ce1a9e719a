"""Strict reads: a leader answers only after it has proven, since it was asked, that nobody was elected after it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from test_node import living, node, until

from amp.kit.errors import Fenced, Unavailable
from amp.model import changes as c
from amp.plane.node import PlaneNode
from amp.store.memory import MemoryObjects
from amp.store.objects import Outcome
from amp.store.segment import segment_key


class Watched(MemoryObjects):
    """A store whose answers about the journal a test holds back, or fails. `read`: the slots that were looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[str] = []
        self.down = False
        self.hold = asyncio.Event()
        self.hold.set()
        self.created = 0

    async def get(self, key: str) -> bytes | None:
        if key.startswith("journal/"):
            self.read.append(key)
            if self.down:
                raise Unavailable("the store is away")
        return await super().get(key)

    async def create(self, key: str, data: bytes) -> Outcome:
        outcome = await super().create(key, data)
        if key.startswith("journal/"):
            self.created += 1
            await self.hold.wait()
        return outcome


@asynccontextmanager
async def master(timeout: float = 20.0) -> AsyncIterator[tuple[PlaneNode, Watched]]:
    """A leader that beats seldom, so that no beat comes between the lines of a test."""
    objects = Watched()
    async with living(node(objects, "first", timeout=timeout)) as leader:
        await until(lambda: leader.ha().in_office and leader.machine.append is None)
        objects.read.clear()
        try:
            yield leader, objects
        finally:
            objects.down = False
            objects.hold.set()


async def test_an_idle_leader_reads_the_slot_after_its_last() -> None:
    async with master() as (leader, objects):
        await leader.confirm(5)
        assert objects.read == [segment_key(leader.seq + 1)]


async def test_a_slot_that_is_taken_is_no_proof() -> None:
    async with master() as (leader, objects):
        await objects.create(segment_key(leader.seq + 1), b"somebody else's election")
        with pytest.raises(Unavailable, match="another node may have been elected"):
            await leader.confirm(5)
        await objects.delete(segment_key(leader.seq + 1))


async def test_a_store_that_is_away_is_no_proof() -> None:
    async with master() as (leader, objects):
        objects.down = True
        with pytest.raises(Unavailable, match="could not prove that it leads still: the store is away"):
            await leader.confirm(5)


async def test_a_standby_has_no_proof() -> None:
    async with master() as (leader, objects), living(node(objects, "second", timeout=20.0)) as second:
        await until(lambda: second.seq >= leader.seq and second.ha().state == "HOT_STANDBY")
        with pytest.raises(Fenced):
            await second.confirm(5)


async def test_an_append_sent_before_the_question_proves_nothing() -> None:
    """Its success may be older than an election: the slot after it is read as well."""
    async with master() as (leader, objects):
        objects.hold.clear()
        under_way = asyncio.create_task(leader.journaling.commit([c.AccessSet(False)]))
        await until(lambda: leader.machine.append is not None)
        seq = leader.machine.log.seq + 1
        asked = asyncio.create_task(leader.confirm(5))
        await asyncio.sleep(0)
        assert not asked.done()
        objects.hold.set()
        await asyncio.gather(under_way, asked)
        assert segment_key(seq + 1) in objects.read


async def test_an_append_begun_after_the_question_is_as_good_as_the_read() -> None:
    async with master() as (leader, objects):
        objects.hold.clear()
        first = asyncio.create_task(leader.journaling.commit([c.AccessSet(False)]))
        await until(lambda: leader.machine.append is not None)
        asked = asyncio.create_task(leader.confirm(5))
        await asyncio.sleep(0)
        second = asyncio.create_task(leader.journaling.commit([c.AccessSet(True)]))  # waits in the queue
        await asyncio.sleep(0)
        objects.hold.set()
        await asyncio.gather(first, second, asked)
        assert objects.read == []


async def test_an_append_whose_fate_is_unknown_is_waited_for_no_longer_than_told() -> None:
    async with master() as (leader, objects):
        objects.hold.clear()
        under_way = asyncio.create_task(leader.journaling.commit([c.AccessSet(False)]))
        await until(lambda: leader.machine.append is not None)
        with pytest.raises(Unavailable, match="could not prove"):
            await leader.confirm(0.05)
        objects.hold.set()
        await under_way
