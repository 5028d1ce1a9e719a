"""Whole nodes in one process, on any store: elector, machine, journaling and a leader that has no types to act on.

For tests of what nodes do to each other through a store. Times are real, and short.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from amp.ha.machine import Identity, Machine
from amp.ha.modes import HaMode, PersistMode
from amp.kit.clock import SystemClock
from amp.kit.ids import EntityId, NodeId, Term
from amp.model import changes as c
from amp.model.registry import Registry
from amp.plane.leader import Leader
from amp.plane.node import MakeLeader, PlaneNode
from amp.store.objects import Objects
from amp.testing.fakes import seeded_entropy

PLANE = "testplan"
ROOT = EntityId("root")


async def until(condition: Callable[[], object], within: float = 10.0) -> None:
    """Let the loop go on until the condition holds."""
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110  # what is waited for has no event
            await asyncio.sleep(0.005)


def node(objects: Objects, name: str, *, mode: HaMode = HaMode.AUTO, timeout: float = 2.0) -> PlaneNode:
    """Make a node that is not running yet."""
    clock, entropy = SystemClock(), seeded_entropy(sum(name.encode()))
    identity = Identity(
        node=name, instance=f"i-{name}", plane=PLANE, name=name, address=f"http://{name}", version="1.0", mode=mode,
        timeout=timeout, poll=0.05, local=True,
    )  # fmt: skip
    made = PlaneNode(
        Machine(identity, lambda: entropy(8).hex()), objects, clock,
        persist_mode=PersistMode.AUTO, persist_period=0.01,
    )  # fmt: skip
    made.make_leader = leader_of(made)
    return made


def leader_of(made: PlaneNode) -> MakeLeader:
    """Make what a node's leaders are made by."""
    clock, name = SystemClock(), made.machine.identity.node
    return lambda term: Leader(
        made.journaling, made, Registry(()), clock, seeded_entropy(term), NodeId(name), Term(term)
    )


@asynccontextmanager
async def living(each: PlaneNode) -> AsyncIterator[PlaneNode]:
    """Run a node, and stop it cleanly unless it has ended by itself."""
    running = asyncio.create_task(each.run())
    try:
        yield each
    finally:
        each.stop()
        async with asyncio.timeout(10):
            await running


@asynccontextmanager
async def leading(objects: Objects, name: str = "first") -> AsyncIterator[PlaneNode]:
    """Run a node until it leads, and stop it cleanly at the end."""
    async with living(node(objects, name)) as leader:
        await until(lambda: leader.ha().in_office)
        yield leader


async def fill(leader: PlaneNode, count: int) -> None:
    """Make an entity, and commit so many sensors, each by itself."""
    if ROOT not in leader.model.entities:
        await leader.journaling.commit([c.EntityAdded(id=ROOT, type="App", name="root", parent=None, application=ROOT)])
    start = len(leader.model.entities[ROOT].sensors)
    for number in range(start, start + count):
        await leader.journaling.commit([c.SensorSet(ROOT, f"s{number}", number)])
