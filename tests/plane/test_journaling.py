"""The leader's queue: group commit, conflation, order, and what writers are told when office ends."""

import asyncio
import gc

import pytest

from amp.kit.errors import Fenced, Invalid, Unavailable
from amp.model import changes as c
from amp.plane import codec
from amp.plane.journaling import LARGEST, Journaling


class Office:
    """A node that may act, until told otherwise."""

    def __init__(self) -> None:
        self.may = True
        self.nudges = 0
        self.journaling = Journaling(lambda: self.may, self.nudge, persist_period=60.0)

    def nudge(self) -> None:
        self.nudges += 1

    def written(self) -> list[c.AnyChange]:
        batch = self.journaling.next_batch()
        return list(codec.decode(batch[0], "k")) if batch else []


async def commit(office: Office, *changes: c.AnyChange) -> "asyncio.Task[int]":
    task = asyncio.create_task(office.journaling.commit(changes))
    await asyncio.sleep(0)
    return task


async def test_what_comes_while_one_is_written_goes_together() -> None:
    office = Office()
    first = await commit(office, c.EntityRenamed("a", "1"))
    assert office.written() == [c.EntityRenamed("a", "1")]
    second = await commit(office, c.EntityRenamed("a", "2"))
    third = await commit(office, c.EntityRenamed("a", "3"))
    assert office.written() == [c.EntityRenamed("a", "2"), c.EntityRenamed("a", "3")]
    office.journaling.answer(office.journaling.take(1), 10)
    office.journaling.answer(office.journaling.take(2), 11)
    assert [await first, await second, await third] == [10, 11, 11]
    assert office.written() == []


async def test_observations_are_conflated_and_go_along_with_a_request() -> None:
    office = Office()
    office.journaling.observe([c.SensorSet("e", "s", 1)])
    office.journaling.observe([c.SensorSet("e", "s", 2), c.SensorSet("e", "t", 3)])
    assert office.journaling.next_batch() is None  # alone they wait for company
    writer = await commit(office, c.EntityRenamed("e", "x"))
    assert office.written() == [c.EntityRenamed("e", "x"), c.SensorSet("e", "s", 2), c.SensorSet("e", "t", 3)]
    office.journaling.drop(1, unknown=False)
    with pytest.raises(Fenced):
        await writer


async def test_an_older_observation_never_overwrites_what_is_committed() -> None:
    office = Office()
    office.journaling.observe([c.SensorSet("e", "service.state", "RUNNING"), c.SensorSet("e", "other", 1)])
    writer = await commit(office, c.SensorSet("e", "service.state", "STOPPED"))
    assert office.written() == [c.SensorSet("e", "service.state", "STOPPED"), c.SensorSet("e", "other", 1)]
    writer.cancel()


async def test_a_batch_is_no_larger_than_a_segment() -> None:
    office = Office()
    big = "x" * (LARGEST // 2 - 200)
    writers = [await commit(office, c.ConfigSet("e", f"k{n}", big)) for n in range(3)]
    assert [len(office.written()) for _ in range(3)] == [2, 1, 0]
    for writer in writers:
        writer.cancel()


async def test_a_write_that_is_larger_is_spread_and_answered_with_its_last_part() -> None:
    office = Office()
    big = "x" * (LARGEST // 2 - 200)
    before = await commit(office, c.EntityRenamed("e", "before"))
    writer = await commit(office, *(c.ConfigSet("e", f"k{n}", big) for n in range(5)))
    after = await commit(office, c.EntityRenamed("e", "after"))
    sizes = []
    while (batch := office.journaling.next_batch()) is not None:
        sizes.append((len(codec.decode(batch[0], "k")), batch[2]))
        assert not writer.done()
        office.journaling.answer(office.journaling.take(batch[1]), 10 + len(sizes))
        await asyncio.sleep(0)
    assert sizes == [(1, False), (2, True), (2, True), (2, False)]  # what comes after shares the last part's segment
    assert [await before, await writer, await after] == [11, 14, 14]


async def test_a_write_whose_last_part_was_not_sent_has_not_happened() -> None:
    office = Office()
    writer = await commit(office, *(c.ConfigSet("e", f"k{n}", "x" * (LARGEST - 200)) for n in range(2)))
    batch = office.journaling.next_batch()
    assert batch is not None
    assert batch[2]
    office.journaling.drop(batch[1], unknown=True)
    office.journaling.close()
    with pytest.raises(Fenced, match="nothing was changed"):
        await writer


async def test_what_no_row_of_segments_can_hold_is_refused() -> None:
    office = Office()
    with pytest.raises(Invalid, match="split the request"):
        await office.journaling.commit([c.ConfigSet("e", f"k{n}", "x" * (LARGEST - 200)) for n in range(17)])
    with pytest.raises(Invalid, match="one value may have"):
        await office.journaling.commit([c.ConfigSet("e", "k", "x" * LARGEST)])
    assert office.journaling.next_batch() is None


async def test_nothing_is_taken_without_office() -> None:
    office = Office()
    office.may = False
    with pytest.raises(Fenced):
        await office.journaling.commit([c.EntityRenamed("a", "b")])
    office.journaling.observe([c.SensorSet("e", "s", 1)])
    office.journaling._flush_seen()
    assert office.written() == []


async def test_writers_learn_what_became_of_their_write() -> None:
    office = Office()
    sent = await commit(office, c.EntityRenamed("a", "1"))
    office.written()
    waiting = await commit(office, c.EntityRenamed("a", "2"))
    office.journaling.drop(1, unknown=True)
    office.journaling.close()
    with pytest.raises(Unavailable) as fate:
        await sent
    assert fate.value.unknown
    with pytest.raises(Fenced, match="nothing was changed"):
        await waiting


async def test_a_client_that_goes_away_does_not_undo_its_write() -> None:
    office = Office()
    writer = await commit(office, c.EntityRenamed("a", "1"))
    writer.cancel()
    await asyncio.sleep(0)
    assert office.written() == [c.EntityRenamed("a", "1")]
    office.journaling.answer(office.journaling.take(1), 5)


async def test_a_refusal_that_nobody_waits_for_any_more_is_no_error() -> None:
    office, heard = Office(), []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: heard.append(context))
    writer = await commit(office, c.EntityRenamed("a", "1"))
    office.written()
    writer.cancel()
    await asyncio.gather(writer, return_exceptions=True)
    office.journaling.drop(1, unknown=True)
    await asyncio.sleep(0)
    del writer, office
    gc.collect()
    assert heard == []
