"""One at a time, in the order of asking, and first who was at work before."""

from __future__ import annotations

import asyncio
import gc

from amp.entities.turns import Turns
from amp.kit.ids import TaskId
from amp.testing.clock import settle

A, B, C = TaskId("a"), TaskId("b"), TaskId("c")


async def order(turns: Turns, *tasks: TaskId) -> list[str]:
    """Let tasks ask one after the other for one key; answers who had it in which order."""
    had: list[str] = []

    async def one(task: TaskId) -> None:
        async with turns.take("key", task):
            had.append(task)
            await asyncio.sleep(0)
            assert had[-1] == task  # nobody beside it

    jobs = [asyncio.create_task(one(task)) for task in tasks]
    await settle()
    for job in jobs:
        if not job.done():
            job.cancel()
    await asyncio.gather(*jobs, return_exceptions=True)
    return had


async def test_turns_go_by_the_order_of_asking() -> None:
    assert await order(Turns(), B, A, C) == ["b", "a", "c"]


async def test_who_was_at_work_before_goes_first() -> None:
    turns = Turns()
    turns.reserve("key", C)
    turns.reserve("key", A)
    turns.reserve("another", B)
    assert await order(turns, B, A, C) == ["c", "a", "b"]


async def test_a_turn_that_nobody_comes_for_is_given_up_with_its_task() -> None:
    turns = Turns()
    turns.reserve("key", C)
    assert await order(turns, A) == []
    turns.forget(C)
    assert await order(turns, A) == ["a"]


async def test_what_fails_in_its_turn_gives_it_on() -> None:
    turns = Turns()
    turns.reserve("key", A)
    try:
        async with turns.take("key", A):
            raise ValueError
    except ValueError:
        pass
    assert await order(turns, B) == ["b"]


async def test_there_are_never_two_at_work_even_where_one_comes_as_another_goes() -> None:
    turns, at_work, most = Turns(), 0, 0

    async def one(task: TaskId, after: int) -> None:
        nonlocal at_work, most
        for _ in range(after):
            await asyncio.sleep(0)
        async with turns.take("key", task):
            at_work += 1
            most = max(most, at_work)
            await asyncio.sleep(0)
            at_work -= 1

    await asyncio.gather(*(one(TaskId(f"t{after}-{each}"), after) for after in range(8) for each in range(2)))
    assert most == 1


def locks() -> int:
    """Count the locks that there are."""
    gc.collect()
    return sum(isinstance(each, asyncio.Lock) for each in gc.get_objects())


async def test_nothing_is_kept_of_what_had_its_turn() -> None:
    turns, before = Turns(), locks()
    for number in range(100):
        waiting = asyncio.create_task(order(turns, A))
        async with turns.take(f"entity-{number}", B):
            await settle()
        await waiting
    assert locks() == before
