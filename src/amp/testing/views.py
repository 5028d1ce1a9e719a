"""The views of a plane of one node without a store, for tests of the server: the same protocols, all of it in memory.

Set `FakeViews.status` to play any state of a node. What a client may ask of such a plane is in `amp.testing.requests`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from typing import Any

from amp.kit.errors import AmpError, Fenced
from amp.kit.ids import NodeId, PlaneId
from amp.model import changes as c
from amp.model.model import Model
from amp.plane.views import Event, HaState, HaStatus, NodeView, StoreMetrics

MASTER = HaStatus(
    node=NodeId("aaaaaaaaaa"),
    instance="i1",
    plane=PlaneId("plane00001"),
    plane_name=None,
    state="MASTER",
    mode="AUTO",
    persist_mode="AUTO",
    term=3,
    seq=0,
    in_office=True,
    fenced=False,
    loaded=True,
    lease_s=20.0,
    candidate_at_s=None,
    master=NodeId("aaaaaaaaaa"),
    master_uri="http://127.0.0.1:8081/",
    priority=0,
    heartbeat_timeout_s=30.0,
    poll_period_s=1.0,
    store="directory /tmp/plane",
    nodes=(
        NodeView(
            id=NodeId("aaaaaaaaaa"),
            instance="i1",
            uri="http://127.0.0.1:8081/",
            state="MASTER",
            mode="AUTO",
            priority=0,
            version="0.1.0",
            term=3,
            seq=0,
            lag=0,
            seen_ms=1_700_000_000_000,
            age_s=0.5,
            started_ms=1_699_999_000_000,
            is_self=True,
            is_master=True,
        ),
    ),
    history=(("MASTER", 1_699_999_001_000), ("INITIALIZING", 1_699_999_000_000)),
    problem=None,
    verdict="1 master, no standby: no node may be lost",
    now_ms=1_700_000_000_000,
    started_ms=1_699_999_000_000,
    shutting_down=False,
    version="0.1.0",
)
METRICS = StoreMetrics(5, 0, 1_700_000_000_000, 0.002, None, 7, 0, 1_700_000_000_000, 0.001, None, 1, 0.01, 0, 0, 0)


class FakeViews:
    """What readers see; `apply` is the commit. `status` is what `ha()` answers, `proof` how a strict read fails."""

    def __init__(self, status: HaStatus = MASTER) -> None:
        self.status = status
        self.proof: AmpError | None = None
        self.blobs: dict[str, bytes] = {}
        self._model = Model()
        self._seq = 0
        self._readers: list[asyncio.Queue[Event | None]] = []
        self._moved = asyncio.Condition()

    @property
    def model(self) -> Model:
        """The model."""
        return self._model

    @property
    def seq(self) -> int:
        """How many commits there were."""
        return self._seq

    @property
    def readers(self) -> int:
        """How many follow the events."""
        return len(self._readers)

    @property
    def term(self) -> int:
        """The term of the status that was set."""
        return self.status.term

    async def blob(self, sha: str) -> bytes | None:
        """Answer from `blobs`."""
        return self.blobs.get(sha)

    async def confirm(self, timeout: float) -> None:
        """Do as `proof` says, after a turn of the loop. Raises: Fenced where the status is not MASTER."""
        await asyncio.sleep(0)
        if self.proof is not None:
            raise self.proof
        if self.status.state != "MASTER":
            raise Fenced("this node does not lead")

    def ha(self) -> HaStatus:
        """The status that was set."""
        return replace(self.status, seq=self._seq)

    def ha_state(self) -> HaState:
        """What the status says of it."""
        status = self.status
        return HaState(status.state, status.loaded, status.fenced, status.poll_period_s)

    def store_metrics(self) -> StoreMetrics:
        """Some figures."""
        return METRICS

    async def apply(self, changes: Iterable[c.AnyChange]) -> None:
        """Let Changes take effect, and tell those who follow."""
        some = list(changes)
        for change in some:
            self._model.apply(change)
        self._seq += 1
        self.tell(Event("model", self._seq, some))
        async with self._moved:
            self._moved.notify_all()

    def tell(self, event: Event | None) -> None:
        """Send an event to those who follow; None ends their streams."""
        for reader in self._readers:
            reader.put_nowait(event)

    async def events(self) -> AsyncIterator[Event]:
        """Follow what is told."""
        mine: asyncio.Queue[Event | None] = asyncio.Queue()
        self._readers.append(mine)
        try:
            while (event := await mine.get()) is not None:
                yield event
        finally:
            self._readers.remove(mine)

    async def wait_for(self, seq: int, timeout: float) -> bool:
        """Wait for a commit."""
        try:
            async with asyncio.timeout(timeout), self._moved:
                await self._moved.wait_for(lambda: self._seq >= seq)
        except TimeoutError:
            return False
        return True


class FakeControl:
    """What an operator asks of the node; keeps what was asked."""

    def __init__(self, views: FakeViews) -> None:
        self._views = views
        self.asked: list[tuple[str, Any]] = []

    async def set_mode(self, mode: str, *, force: bool = False) -> str:
        """Take a mode: the state becomes that, except that AUTO stays what it is."""
        before = self._views.status.state
        self.asked.append(("mode", mode))
        state = {"AUTO": before, "DISABLED": "FAILED"}.get(mode, mode)
        self._views.status = replace(self._views.status, state=state, mode=mode)
        return before

    def asked_to_yield(self, node: str, term: int) -> bool:
        """Keep what was asked; hand over when it is of this term."""
        self.asked.append(("yield", (node, term)))
        return term == self._views.status.term and self._views.status.state == "MASTER"

    async def set_priority(self, priority: int) -> int:
        """Take a priority."""
        before = self._views.status.priority
        self._views.status = replace(self._views.status, priority=priority)
        return before

    async def clear_nodes(self, node: str | None = None) -> None:
        """Keep what was asked."""
        self.asked.append(("clear", node))

    def shut_down(self, delay_s: float) -> None:
        """Keep what was asked."""
        self.asked.append(("shut_down", delay_s))
