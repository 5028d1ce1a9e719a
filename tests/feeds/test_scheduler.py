"""Polls come at their periods, never twice at once, and survive their own failures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from amp.feeds.process import ProcessFeeds
from amp.feeds.scheduler import Scheduler
from amp.kit.errors import Unavailable
from amp.kit.ids import EntityId
from amp.testing.clock import FakeClock, settle


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def scheduler(clock: FakeClock) -> AsyncIterator[Scheduler]:
    scheduler = Scheduler(clock, clock.sleep, at_once=2)
    running = asyncio.create_task(scheduler.run())
    yield scheduler
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_polls_come_at_their_periods(scheduler: Scheduler, clock: FakeClock) -> None:
    seen: list[tuple[str, float]] = []

    async def poll(name: str) -> None:
        seen.append((name, clock.read().boot))

    scheduler.set("a", 2.0, lambda: poll("a"))
    await clock.advance(1)
    scheduler.set("b", 3.0, lambda: poll("b"))
    await clock.advance(5)
    assert sorted(seen) == [("a", 0), ("a", 2), ("a", 4), ("a", 6), ("b", 1), ("b", 4)]
    scheduler.remove("a")
    await clock.advance(3)
    assert [name for name, at in seen if at > 6] == ["b"]


async def test_a_slow_poll_is_not_called_again_before_it_has_ended(scheduler: Scheduler, clock: FakeClock) -> None:
    begun = 0
    go = asyncio.Event()

    async def slow() -> None:
        nonlocal begun
        begun += 1
        await go.wait()

    scheduler.set("slow", 1.0, slow)
    await clock.advance(10)
    assert begun == 1
    go.set()
    await clock.advance(2)
    assert begun == 3


async def test_failures_do_not_end_polls(
    scheduler: Scheduler, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    count = 0

    async def fails() -> None:
        nonlocal count
        count += 1
        raise Unavailable("no route") if count == 1 else ZeroDivisionError

    scheduler.set("x", 1.0, fails)
    await clock.advance(2.5)
    assert count == 3
    assert "no route" in caplog.text
    assert "ZeroDivisionError" in caplog.text


async def test_only_so_many_run_at_once(scheduler: Scheduler) -> None:
    now = most = 0
    go = asyncio.Event()

    async def slow() -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await go.wait()
        now -= 1

    for name in "abcd":
        scheduler.set(name, 60.0, slow)
    await settle()
    assert (now, most) == (2, 2)
    go.set()
    await settle()
    assert (now, most) == (0, 2)


async def test_a_new_period_counts_from_now(scheduler: Scheduler, clock: FakeClock) -> None:
    seen: list[float] = []

    async def poll() -> None:
        seen.append(clock.read().boot)

    scheduler.set("a", 100.0, poll)
    await clock.advance(1)
    scheduler.set("a", 2.0, poll)
    await clock.advance(4)
    assert seen == [0, 1, 3, 5]
    await clock.advance(99)
    assert seen[-3:] == [99, 101, 103]  # what was due at 100 by the old period is void


async def test_what_comes_back_is_polled_once_a_period(scheduler: Scheduler, clock: FakeClock) -> None:
    seen: list[float] = []

    async def poll() -> None:
        seen.append(clock.read().boot)

    for _ in range(3):
        scheduler.set("a", 2.0, poll)
        await settle()
        scheduler.remove("a")
    scheduler.set("a", 2.0, poll)
    seen.clear()
    await clock.advance(4.5)
    assert seen == [0, 2, 4]


async def test_the_looks_are_kept_to_what_is_wanted(clock: FakeClock) -> None:
    scheduler = Scheduler(clock, clock.sleep)

    async def look(entity: EntityId) -> None: ...

    async def other() -> None: ...

    scheduler.set("other", 9.0, other)
    feeds = ProcessFeeds(scheduler, look)
    a, b = EntityId("a"), EntityId("b")
    feeds.watch(a, 5.0)
    feeds.watch(b, 1.0)
    before = dict(scheduler.periods)
    assert before == {"other": 9.0, "process a": 5.0, "process b": 1.0}
    feeds.watch(a, 5.0)
    feeds.watch(EntityId("c"), None)
    assert scheduler.periods == before
    feeds.watch(a, None)
    feeds.watch(b, 2.0)
    assert scheduler.periods == {"other": 9.0, "process b": 2.0}
