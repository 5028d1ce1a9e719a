"""One run of a node in the simulated world: the real PlaneNode, Leader and Door, on a loop and a link of its own.

A kill abandons it: nothing of it runs any more, its requests may still land. A frozen one keeps its clocks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.datastructures import QueryParams
from starlette.responses import Response

from amp.entities.types import standard_registry
from amp.ha.machine import Identity, Machine
from amp.ha.modes import HaMode, PersistMode
from amp.kit.errors import AmpError
from amp.kit.ids import NodeId, Term, nonce
from amp.model.entity import Location
from amp.plane.door import Door
from amp.plane.leader import Leader
from amp.plane.node import PlaneNode
from amp.plane.receipts import Receipt
from amp.plane.views import HaStatus
from amp.remote.machine import Machine as RemoteMachine
from amp.server.entitlements import LEVELS
from amp.server.repeats import Repeats
from amp.server.routing import Call
from amp.testing.simwork.hands import Hands
from amp.testing.simwork.loop import Loop
from amp.testing.simwork.objects import Link, Store
from amp.testing.simwork.target import Target
from amp.testing.simwork.world import HostClock, World

PLANE = "simplane"


@dataclass(frozen=True, slots=True)
class Host:
    """What stays when a node on it dies: its clocks, and how it is set."""

    name: str
    clock: HostClock
    timeout: float
    poll: float


class Witness(Protocol):
    """Is told what a node is about to do outside, and sends it: at once, later, or never."""

    def __call__(self, node: Node, target: Target | None, name: str, what: str, send: Callable[[], None]) -> None:
        """`target` None: an append to the journal."""
        ...


class Node:
    """A run of a node. `name` is its node id."""

    def __init__(
        self,
        world: World,
        host: Host,
        name: str,
        store: Store,
        targets: Mapping[str, Target],
        about_to: Witness,
        *,
        hot: bool,
    ) -> None:
        self.world, self.host, self.name = world, host, name
        self.loop = Loop(world, host.clock)  # type: ignore[abstract]  # what no node asks of it is left out
        self.link = Link(
            store, self.loop, max(1.0, host.timeout / 6), lambda name, send: about_to(self, None, name, "", send)
        )
        self.held: list[Callable[[], None]] = []  # what is sent when it thaws
        self.cut_off: set[str] = set()  # targets that it does not reach
        self._targets, self._about_to = targets, about_to
        identity = Identity(
            node=name, instance=host.name, plane=PLANE, name=host.name, address=host.name, version="1.0.0",
            mode=HaMode.AUTO, timeout=host.timeout, poll=host.poll, hot=hot,
        )  # fmt: skip
        self.plane = PlaneNode(
            Machine(identity, lambda: nonce(world.entropy)), self.link, host.clock,
            persist_mode=PersistMode.AUTO, persist_period=0.5,
        )  # fmt: skip
        self.plane.make_leader = self._leader
        registry = standard_registry()
        self._registry = registry
        self.door = Door(
            self.plane, self.plane.journaling, registry, host.clock, world.entropy, lambda: self.plane.leader
        )
        self._repeats = Repeats(self.plane)
        self._life: asyncio.Task[None] | None = None
        self._lost: dict[int, Callable[[], None]] = {}

    @property
    def alive(self) -> bool:
        """True until it has ended or was killed."""
        return not self.loop.dead and (self._life is None or not self._life.done())

    @property
    def leads(self) -> bool:
        """True when it would take a request now."""
        return self.alive and not self.loop.frozen and self.plane.leader is not None and self.may_act()

    def may_act(self) -> bool:
        """True when it would begin an outside act now, also if it is frozen and thaws now."""
        machine = self.plane.machine
        return self.alive and machine.in_office and machine.may_act(self.host.clock.read())

    def start(self) -> None:
        """Begin."""
        self._life = self.loop.create_task(self.plane.run())
        self._life.add_done_callback(lambda done: self.kill())  # its process ends, and connections with it

    def kill(self) -> None:
        """End as by kill -9."""
        self.loop.dead = True
        lost, self._lost = self._lost, {}
        for each in lost.values():
            each()

    def thaw(self) -> None:
        """Go on after a freeze."""
        self.loop.thaw()
        held, self.held = self.held, []
        for send in held:
            send()

    def ask(self, request: Coroutine[Any, Any, Any], answered: Callable[[Any], None]) -> None:
        """Let a client ask; `answered` gets the answer, the error, or None when the node died before it answered."""
        number = self.world.number()
        self._lost[number] = lambda: answered(None)

        async def client() -> None:
            try:
                result = await request
            except AmpError as problem:
                result = problem
            if self._lost.pop(number, None) is not None:
                answered(result)

        self.loop.create_task(client())

    async def once(self, key: str, request: Callable[[Receipt | None], Awaitable[Any]]) -> str:
        """Do a request with a key, as the server does; answers its words, also when they were said before."""

        async def handle(call: Call) -> Response:
            await request(call.receipt_for(lambda model, done: Response(_words(done))))
            return Response()

        response = await self._repeats.answer(_call(key, self.plane.ha), key, ("requests",), handle)
        return bytes(response.body).decode()

    def problems(self) -> list[str]:
        """Answer what went wrong in it as it should in no node."""
        found = [f"{each.get('message')}: {each.get('exception')!r}" for each in self.loop.odd]
        if self._life is not None and self._life.done() and not self._life.cancelled() and self._life.exception():
            found.append(f"it ended with {self._life.exception()!r}")
        return found

    def _leader(self, term: int) -> Leader:
        return Leader(
            self.plane.journaling, self.plane, self._registry, self.host.clock, self.world.entropy,
            NodeId(self.name), Term(term), plane=PLANE, machines=self._machines,
        )  # fmt: skip

    def _machines(self, location: Location) -> tuple[RemoteMachine, str]:
        base = str(location.config["onbox.base.dir"])
        target = self._targets[base]

        def about_to(name: str, what: str, send: Callable[[], None]) -> None:
            self._about_to(self, target, name, what, send)

        return Hands(target, self.loop, about_to, lambda: target.name in self.cut_off), base


def _call(key: str, status: Callable[[], HaStatus]) -> Call:
    return Call("POST", {}, QueryParams(""), {}, b"", "", "", key, LEVELS["root"], None, status, "http", "amp", False)


def _words(done: Any) -> str:
    return " ".join(done) if isinstance(done, tuple) else str(done)
