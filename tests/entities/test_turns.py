"""One at a time, in the order of asking, and first who was at work before."""

from __future__ import annotations

import asyncio

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
