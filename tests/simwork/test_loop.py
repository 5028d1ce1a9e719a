"""A loop in simulated time does what asyncio promises, and stands still when it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from amp.testing.simwork.loop import Loop
from amp.testing.simwork.world import HostClock, World


class Stage:
    """A world with one loop, whose clock runs at `rate`."""

    def __init__(self, rate: float = 1.0) -> None:
        self.world = World(1)
        self.clock = HostClock(self.world, rate, 500.0)
        self.loop = Loop(self.world, self.clock)  # type: ignore[abstract]

    def play(self, until: float, *coros: Coroutine[Any, Any, Any]) -> list[asyncio.Task[Any]]:
        tasks = [self.loop.create_task(each) for each in coros]
        while self.world.step(until):
            pass
        return tasks


def test_time_jumps_to_what_comes_next_by_the_clock_of_the_host() -> None:
    stage = Stage(rate=1.25)
    seen: list[tuple[str, float]] = []

    async def sleeper(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        seen.append((name, round(stage.world.time, 6)))

    stage.play(1e6, sleeper("late", 1000.0), sleeper("soon", 1.0), sleeper("at once", 0.0))
    assert seen == [("at once", 0.0), ("soon", 0.8), ("late", 800.0)]


def test_what_asyncio_offers_works() -> None:
    stage = Stage()

    async def all_of_it() -> list[Any]:
        said: list[Any] = []
        try:
            async with asyncio.timeout(2.0):
                await asyncio.Event().wait()
        except TimeoutError:
            said.append("timeout")
        async with asyncio.TaskGroup() as group:
            both = [group.create_task(asyncio.sleep(each, each)) for each in (2, 1)]
        said += [each.result() for each in both]
        said.append(await asyncio.to_thread(lambda: "thread"))
        with pytest.raises(ValueError, match="no"):
            await asyncio.to_thread(_refuse)
        queue: asyncio.Queue[str] = asyncio.Queue()
        asyncio.get_running_loop().call_later(1.0, queue.put_nowait, "queued")
        said.append(await queue.get())
        said += await asyncio.gather(asyncio.sleep(3, "a"), asyncio.sleep(1, "b"))
        job = asyncio.ensure_future(asyncio.sleep(1000))
        await asyncio.sleep(0)
        job.cancel()
        said.append((await asyncio.wait([job]))[0] == {job})
        return said

    (task,) = stage.play(60.0, all_of_it())
    assert task.result() == ["timeout", 2, 1, "thread", "queued", "a", "b", True]
    assert stage.loop.odd == []


def _refuse() -> None:
    raise ValueError("no")


def strikes() -> list[Callable[[Loop], None]]:
    return [Loop.freeze, lambda loop: setattr(loop, "dead", True)]


@pytest.mark.parametrize("strike", strikes(), ids=["frozen", "dead"])
def test_nothing_of_a_frozen_or_dead_loop_runs(strike: Callable[[Loop], None]) -> None:
    stage = Stage()
    seen: list[float] = []

    async def ticks() -> None:
        while True:
            await asyncio.sleep(1.0)
            seen.append(stage.world.time)

    stage.world.after(2.5, lambda: strike(stage.loop))
    stage.play(10.0, ticks())
    assert seen == [1.0, 2.0]


def test_a_loop_that_thaws_finds_what_came_meanwhile_and_its_clock_has_gone_on() -> None:
    stage = Stage()
    seen: list[tuple[str, float, float]] = []
    answer = stage.loop.create_future()

    async def waits() -> None:
        seen.append((await answer, stage.world.time, stage.loop.time() - 500.0))

    async def sleeps() -> None:
        await asyncio.sleep(3.0)
        seen.append(("slept", stage.world.time, stage.loop.time() - 500.0))

    stage.world.after(1.0, stage.loop.freeze)
    stage.world.after(2.0, lambda: answer.set_result("answered"))
    stage.world.after(7.0, stage.loop.thaw)
    stage.play(20.0, waits(), sleeps())
    assert sorted(seen) == [("answered", 7.0, 7.0), ("slept", 7.0, 7.0)]


def test_one_that_strikes_itself_does_not_finish_its_round() -> None:
    stage = Stage()
    seen: list[str] = []

    async def first() -> None:
        seen.append("first")
        stage.loop.freeze()

    async def second() -> None:
        seen.append("second")

    stage.world.after(5.0, stage.loop.thaw)
    stage.play(4.0, first(), second())
    assert seen == ["first"]
    stage.play(9.0)
    assert seen == ["first", "second"]


def test_what_nobody_has_handled_is_kept() -> None:
    stage = Stage()

    async def fails() -> None:
        raise ValueError("not heard")

    stage.play(1.0, fails())
    stage.loop.bury()
    assert [str(each["exception"]) for each in stage.loop.odd] == ["not heard"]


def test_sets_of_tasks_have_the_same_order_each_time() -> None:
    def order() -> list[str]:
        stage = Stage()
        tasks = stage.play(2.0, *(asyncio.sleep(1.0, f"task {each}") for each in range(50)))
        return [task.result() for task in set(tasks)]

    assert order() == order()
