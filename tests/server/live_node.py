"""A whole node in this process: elector, journal, leader and server, on a store that a test can cut in any moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from http_node import basic, settings_with

from amp.entities.types import standard_registry
from amp.ha.machine import Identity, Machine
from amp.ha.modes import HaMode, PersistMode
from amp.kit.clock import SystemClock
from amp.kit.errors import Unavailable
from amp.kit.ids import NodeId, Term
from amp.plane.control import Control
from amp.plane.door import Door
from amp.plane.leader import Leader
from amp.plane.node import PlaneNode
from amp.server.app import build
from amp.settings import Settings
from amp.store.memory import MemoryObjects
from amp.store.objects import ObjectInfo, Outcome
from amp.testing.fakes import FakeMachine, only, seeded_entropy

PLANE = "testplan"


async def until(condition: Callable[[], object], within: float = 15.0) -> None:
    """Let the loop go on until the condition holds."""
    try:
        async with asyncio.timeout(within):
            while not condition():  # noqa: ASYNC110  # what is waited for has no event
                await asyncio.sleep(0.002)
    except TimeoutError:
        raise AssertionError("it did not come to pass") from None


@dataclass
class World:
    """What outlives a node: the store, and the machine that it manages."""

    store: MemoryObjects = field(default_factory=MemoryObjects)
    machine: FakeMachine = field(default_factory=FakeMachine)


class Line:
    """A node's line to the store. `left`: how many segments it may still write; after the last one, which lands, the
    node hears nothing more. None: it is whole."""

    def __init__(self, store: MemoryObjects) -> None:
        self._store = store
        self.left: int | None = None
        self.is_cut = asyncio.Event()

    name = "memory"
    local = True

    def allow(self, segments: int) -> None:
        self.left = segments
        if not segments:
            self.is_cut.set()

    async def create(self, key: str, data: bytes) -> Outcome:
        if self.is_cut.is_set():
            return Outcome.UNKNOWN
        outcome = await self._store.create(key, data)
        if self.left is not None and key.startswith("journal/"):
            self.left -= 1
            if self.left <= 0:
                self.is_cut.set()
                return Outcome.UNKNOWN
        return outcome

    def _check(self) -> None:
        if self.is_cut.is_set():
            raise Unavailable("the line is cut")

    async def put(self, key: str, data: bytes) -> None:
        self._check()
        await self._store.put(key, data)

    async def get(self, key: str) -> bytes | None:
        self._check()
        return await self._store.get(key)

    async def list(self, prefix: str, after: str = "") -> list[ObjectInfo]:
        self._check()
        return await self._store.list(prefix, after)

    async def delete(self, key: str) -> None:
        self._check()
        await self._store.delete(key)

    async def close(self) -> None:
        pass


class LiveNode:
    """One node with its server, on a world. Its time-out is long, so that no beat comes between what a test counts."""

    def __init__(
        self, world: World, name: str, *, dead: tuple[str, ...] = (), settings: Settings | None = None
    ) -> None:
        self.world, self.line = world, Line(world.store)
        clock, entropy = SystemClock(), seeded_entropy(sum(name.encode()))
        identity = Identity(
            node=name, instance=f"i-{name}", plane=PLANE, name=name, address=f"http://{name}", version="1.0",
            mode=HaMode.AUTO, timeout=60.0, poll=0.01, local=True, dead=frozenset(dead),
        )  # fmt: skip
        self.node = PlaneNode(
            Machine(identity, lambda: entropy(8).hex()), self.line, clock,
            persist_mode=PersistMode.AUTO, persist_period=0.01,
        )  # fmt: skip
        registry = standard_registry()
        self.node.make_leader = lambda term: Leader(
            self.node.journaling,
            self.node,
            registry,
            clock,
            entropy,
            NodeId(name),
            Term(term),
            plane=PLANE,
            machines=only(world.machine),
        )
        door = Door(self.node, self.node.journaling, registry, clock, entropy, lambda: self.node.leader)
        settings = settings or settings_with()
        self.app = build(
            self.node, Control(self.node, self.line, clock), door, settings, registry, clock, entropy,
            reload=lambda: settings, stopping=asyncio.Event(), console=Path("/nowhere"),
        )  # fmt: skip

    async def ask(self, method: str, path: str, user: str = "admin", **options: Any) -> httpx.Response:
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)  # type: ignore[arg-type]
        headers = {**basic(user), **options.pop("headers", {})}
        host = f"http://{self.node.machine.identity.node}:8081"
        async with httpx.AsyncClient(transport=transport, base_url=host, timeout=30) as client:
            return await client.request(method, "/v1" + path, headers=headers, **options)

    async def settled(self) -> None:
        """Wait until no task runs, and nothing was written for a while: what follows from a change comes after it."""
        rested, seq = 0, -1
        async with asyncio.timeout(15):
            while rested < 10:
                await asyncio.sleep(0.004)
                busy = self.node.model.running_tasks() or self.node.machine.append is not None or self.node.seq != seq
                rested, seq = 0 if busy else rested + 1, self.node.seq


@asynccontextmanager
async def in_office(world: World, name: str, **options: Any) -> AsyncIterator[LiveNode]:
    """Run a node that leads at once, and kill it at the end: nothing more of it reaches the store."""
    made = LiveNode(world, name, **options)
    running = asyncio.create_task(made.node.run())
    try:
        await until(lambda: made.node.ha().in_office)
        yield made
    finally:
        made.line.allow(0)
        made.node.machine.lease = None  # what still runs in this process writes nothing while it is torn down
        for number in list(made.node.journaling._batches):
            made.node.drop(number, unknown=True)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
