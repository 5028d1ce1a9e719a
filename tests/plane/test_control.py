"""Modes that are asked for at run time: every transition, on two live nodes that share a store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import pytest

from amp.ha.machine import Identity, Machine
from amp.ha.modes import HaMode, PersistMode
from amp.kit.clock import SystemClock
from amp.kit.errors import Conflict, Invalid
from amp.plane.control import Control
from amp.plane.node import PlaneNode
from amp.store.memory import MemoryObjects


@dataclass
class Pair:
    """A leader and a hot standby, with their controls."""

    first: PlaneNode
    second: PlaneNode
    control: dict[str, Control]

    def states(self) -> tuple[str, str]:
        return self.first.ha().state, self.second.ha().state


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10.0):
        while not condition():  # noqa: ASYNC110  # what is waited for has no event
            await asyncio.sleep(0.005)


def node(objects: MemoryObjects, name: str, dead: frozenset[str] = frozenset()) -> PlaneNode:
    count = iter(range(10**6))
    identity = Identity(
        node=name, instance=name, plane="p", name=name, address="", version="1.0.0", mode=HaMode.AUTO,
        timeout=2.0, poll=0.05, local=True, dead=dead,
    )  # fmt: skip
    machine = Machine(identity, lambda: f"{name}{next(count)}")
    return PlaneNode(machine, objects, SystemClock(), persist_mode=PersistMode.AUTO, persist_period=0.01)


@asynccontextmanager
async def living(each: PlaneNode) -> AsyncIterator[PlaneNode]:
    running = asyncio.create_task(each.run())
    try:
        await until(each.decided.is_set)
        yield each
    finally:
        each.stop()
        await asyncio.wait_for(running, 10.0)


@asynccontextmanager
async def pair() -> AsyncIterator[Pair]:
    objects = MemoryObjects()
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(living(node(objects, "first")))
        await until(lambda: first.ha().state == "MASTER")
        second = await stack.enter_async_context(living(node(objects, "second")))
        await until(lambda: any(member.id == "second" for member in first.machine.log.members))
        controls = {each.machine.identity.node: Control(each, objects, SystemClock()) for each in (first, second)}
        yield Pair(first, second, controls)


@pytest.mark.parametrize(
    ("who", "mode", "before", "after"),
    [
        ("first", "MASTER", "MASTER", ("MASTER", "HOT_STANDBY")),
        ("first", "AUTO", "MASTER", ("MASTER", "HOT_STANDBY")),
        ("first", "STANDBY", "MASTER", ("STANDBY", "MASTER")),
        ("first", "HOT_STANDBY", "MASTER", ("HOT_STANDBY", "MASTER")),
        ("first", "HOT_BACKUP", "MASTER", ("HOT_BACKUP", "MASTER")),
        ("first", "DISABLED", "MASTER", ("FAILED", "MASTER")),
        ("second", "MASTER", "HOT_STANDBY", ("HOT_STANDBY", "MASTER")),
        ("second", "AUTO", "HOT_STANDBY", ("MASTER", "HOT_STANDBY")),
        ("second", "STANDBY", "HOT_STANDBY", ("MASTER", "STANDBY")),
        ("second", "HOT_BACKUP", "HOT_STANDBY", ("MASTER", "HOT_BACKUP")),
        ("second", "DISABLED", "HOT_STANDBY", ("MASTER", "FAILED")),
    ],
)
async def test_from_the_usual_states(who: str, mode: str, before: str, after: tuple[str, str]) -> None:
    async with pair() as both:
        assert await both.control[who].set_mode(mode.lower()) == before
        await until(lambda: both.states() == after)


@pytest.mark.parametrize("start", ["STANDBY", "HOT_BACKUP", "DISABLED"])
@pytest.mark.parametrize(
    ("mode", "after"),
    [
        ("MASTER", ("HOT_STANDBY", "MASTER")),
        ("STANDBY", ("MASTER", "STANDBY")),
        ("HOT_STANDBY", ("MASTER", "HOT_STANDBY")),
        ("HOT_BACKUP", ("MASTER", "HOT_BACKUP")),
        ("DISABLED", ("MASTER", "FAILED")),
    ],
)
async def test_from_the_other_states(start: str, mode: str, after: tuple[str, str]) -> None:
    async with pair() as both:
        control = both.control["second"]
        await control.set_mode(start)
        await control.set_mode(mode)
        await until(lambda: both.states() == after)


async def test_a_leader_without_a_better_candidate_is_promoted_again() -> None:
    async with pair() as both:
        await both.control["second"].set_mode("HOT_BACKUP")
        await until(
            lambda: not any(m.id == "second" and m.state == "HOT_STANDBY" for m in both.first.machine.log.members)
        )
        term = both.first.machine.log.term
        await both.control["first"].set_mode("HOT_STANDBY")
        await until(lambda: both.states() == ("MASTER", "HOT_BACKUP"))
        assert both.first.machine.log.term == term + 1


async def test_what_makes_no_sense_is_refused() -> None:
    async with pair() as both:
        with pytest.raises(Invalid, match="unknown mode 'boss': one of DISABLED, AUTO"):
            await both.control["first"].set_mode("boss")
        both.first.persist_mode = PersistMode.DISABLED
        with pytest.raises(Conflict, match="persistMode=DISABLED"):
            await both.control["first"].set_mode("HOT_BACKUP")
        assert both.states() == ("MASTER", "HOT_STANDBY")


async def test_priority_decides_who_follows() -> None:
    async with pair() as both:
        assert await both.control["second"].set_priority(7) == 0
        assert await both.control["second"].set_priority(9) == 7
        await until(lambda: both.first.machine.log.members[0].id == "second")


async def test_a_run_with_proof_that_the_one_before_is_dead_leads_at_once() -> None:
    """E8: the timer of two seconds is not waited for."""
    objects = MemoryObjects()
    first = node(objects, "first")
    running = asyncio.create_task(first.run())
    await until(lambda: first.ha().state == "MASTER")
    running.cancel()
    await asyncio.wait([running])
    began = SystemClock().read().raw
    async with living(node(objects, "again", dead=frozenset({"first"}))) as again:
        await until(lambda: again.ha().state == "MASTER")
        assert SystemClock().read().raw - began < 1.5
    async with living(node(objects, "other", dead=frozenset({"first"}))):
        pass
