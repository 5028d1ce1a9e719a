"""A plane of one node without a store, for tests of the server: the same protocols, all of it in memory.

Blueprints are read and planned by the real code; effectors end at once, except those that a test holds back with
`FakeRequests.held`. Set `FakeViews.status` to play any state of a node.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from amp.blueprint.parse import parse_application, parse_services
from amp.blueprint.plan import plan_application, plan_child
from amp.kit.errors import AmpError, Conflict, Fenced, Invalid, Missing
from amp.kit.ids import EntityId, Entropy, NodeId, PlaneId, TaskId, random_id
from amp.model import changes as c
from amp.model.model import Model
from amp.model.registry import Registry
from amp.plane.receipts import Receipt, with_answer
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


@dataclass(frozen=True)
class _Answer:
    """What a request's answer is made with, where one is kept."""

    receipt: Receipt | None
    done: Callable[[TaskId], Any] = lambda task: task


class FakeRequests:
    """Writes straight into the model of `views`. `held`: effectors that run until `release` is called.

    What is begun waits at `gate` (`gated` counts), and fails by `failure`.
    """

    def __init__(self, views: FakeViews, registry: Registry, entropy: Entropy, now_ms: int = 1_700_000_000_000) -> None:
        self._views = views
        self._registry = registry
        self._entropy = entropy
        self._now_ms = now_ms
        self.held: set[str] = set()
        self.results: dict[str, Any] = {}
        self.failures: dict[str, str] = {}
        self.live: dict[TaskId, Mapping[str, str]] = {}
        self.gate: asyncio.Event | None = None
        self.gated = 0
        self.failure: AmpError | None = None
        self._ended: dict[TaskId, asyncio.Event] = {}

    async def deploy(
        self, blueprint: str, *, user: str, app_id: str | None = None, receipt: Receipt | None = None
    ) -> tuple[EntityId, TaskId]:
        """Add an application, and have it started."""
        self._check_leads()
        if app_id is not None and EntityId(app_id) in self._views.model.entities:
            raise Conflict(f"an application has the id {app_id} already")
        spec = parse_application(blueprint, self._registry)
        root, changes = plan_application(
            spec,
            lambda: random_id(self._entropy),
            now_ms=self._now_ms,
            blueprint=blueprint,
            application=EntityId(app_id) if app_id is not None else None,
        )
        up = {"service.isUp": True, "service.state": "RUNNING", "service.problems": {}, "service.notUp.indicators": {}}
        changes += [c.SensorSet(root, name, value, self._now_ms) for name, value in up.items()]
        answer = _Answer(receipt, lambda task: (root, task))
        return root, await self._task(root, "start", {"locations": []}, user, along=changes, answer=answer)

    async def add_children(
        self,
        parent: EntityId,
        blueprint: str,
        *,
        user: str,
        start: bool | None = None,
        receipt: Receipt | None = None,
    ) -> tuple[list[EntityId], TaskId | None]:
        """Add entities below one."""
        self._check_leads()
        added: list[EntityId] = []
        along: list[c.AnyChange] = []
        for spec in parse_services(blueprint, self._registry):
            child, changes = plan_child(
                spec,
                lambda: random_id(self._entropy),
                now_ms=self._now_ms,
                parent=parent,
                application=self._views.model.entities[parent].application,
                depth=1,
            )
            along += changes
            added.append(child)
        if start is False:
            await self._commit(receipt, along, (added, None))
            return added, None
        answer = _Answer(receipt, lambda task: (added, task))
        return added, await self._task(parent, "add children", {}, user, effector=False, along=along, answer=answer)

    async def delete_application(self, application: EntityId, *, user: str, receipt: Receipt | None = None) -> TaskId:
        """Forget an application."""
        return await self._removed(application, "destroying", user, receipt)

    async def expunge(self, entity: EntityId, *, release: bool, user: str, receipt: Receipt | None = None) -> TaskId:
        """Forget an entity."""
        return await self._removed(entity, "expunging", user, receipt)

    async def invoke(
        self,
        entity: EntityId,
        effector: str,
        parameters: dict[str, Any],
        *,
        user: str,
        receipt: Receipt | None = None,
    ) -> TaskId:
        """Run an effector: it ends with `results`, or fails with `failures`, at once or when released."""
        self._check_leads()
        known = self._registry.find(self._views.model.entities[entity].type)
        if known is None or known.effector(effector) is None:
            raise Missing(f"Entity '{entity}' has no effector with name '{effector}'")
        return await self._task(entity, effector, parameters, user, answer=_Answer(receipt))

    async def release(self, task: TaskId) -> None:
        """End a task that was held back."""
        await self._end(task, self._views.model.tasks[task].name)

    async def wait_task(self, task: TaskId, timeout: float | None) -> bool:
        """Wait for a task's end."""
        try:
            async with asyncio.timeout(timeout):
                await self._ended[task].wait()
        except TimeoutError:
            return False
        return True

    async def cancel_task(self, task: TaskId, *, receipt: Receipt | None = None) -> bool:
        """Cancel a task that was held back."""
        if self._ended[task].is_set():
            await self._commit(receipt, [], False)
            return False
        await self._commit(receipt, [c.TaskEnded(task, "cancelled", self._now_ms)], True)
        self._ended[task].set()
        return True

    def live_streams(self, task: TaskId) -> Mapping[str, str]:
        """What a test says that it has written."""
        return self.live.get(task, {})

    async def set_sensors(self, entity: EntityId, values: dict[str, Any], *, receipt: Receipt | None = None) -> None:
        """Set sensors."""
        self._check_leads()
        await self._commit(receipt, [c.SensorSet(entity, name, value, self._now_ms) for name, value in values.items()])

    def begin_sensors(self, entity: EntityId, values: dict[str, Any]) -> asyncio.Future[int]:
        """Set sensors, soon."""
        self._check_leads()
        return asyncio.ensure_future(self._counted(self.set_sensors(entity, values)))

    def begin_config(self, entity: EntityId, values: dict[str, Any]) -> asyncio.Future[int]:
        """Set config, soon."""
        self._check_leads()
        return asyncio.ensure_future(self._counted(self.set_config([entity], values)))

    async def _counted(self, write: Awaitable[None]) -> int:
        if self.gate is not None:
            self.gated += 1
            await self.gate.wait()
        await write
        if self.failure is not None:
            raise self.failure
        return self._views.seq

    async def clear_sensor(self, entity: EntityId, name: str, *, receipt: Receipt | None = None) -> None:
        """Remove a sensor."""
        self._check_leads()
        await self._commit(receipt, [c.SensorCleared(entity, name)])

    async def set_config(
        self, entities: Sequence[EntityId], values: dict[str, Any], *, receipt: Receipt | None = None
    ) -> None:
        """Set config."""
        self._check_leads()
        await self._commit(
            receipt, [c.ConfigSet(each, key, value) for each in entities for key, value in values.items()]
        )

    async def rename(self, entity: EntityId, name: str, *, receipt: Receipt | None = None) -> None:
        """Rename an entity."""
        self._check_leads()
        await self._commit(receipt, [c.EntityRenamed(entity, name)])

    async def set_tags(self, entity: EntityId, tags: list[Any], *, receipt: Receipt | None = None) -> None:
        """Replace tags."""
        self._check_leads()
        await self._commit(receipt, [c.TagsSet(entity, tags)])

    async def probe(self, *, receipt: Receipt | None = None) -> int:
        """Write nothing."""
        self._check_leads()
        await self._commit(receipt, [])
        return self._views.seq

    async def set_access(self, location_provisioning_allowed: bool, *, receipt: Receipt | None = None) -> None:
        """Allow or forbid provisioning."""
        self._check_leads()
        await self._commit(receipt, [c.AccessSet(location_provisioning_allowed)])

    async def _commit(self, receipt: Receipt | None, changes: Sequence[c.AnyChange], done: Any = None) -> None:
        await self._views.apply(with_answer(receipt, self._views.model, None, changes, done))

    def _check_leads(self) -> None:
        if self._views.status.state != "MASTER":
            raise Fenced("this node does not lead")

    async def _removed(self, entity: EntityId, what: str, user: str, receipt: Receipt | None) -> TaskId:
        self._check_leads()
        known = self._views.model.entities[entity]
        kind = known.type.rpartition(".")[2]
        self.held.add(f"{what} {kind}{{{entity}}}")
        name = f"{what} {kind}{{{entity}}}"
        task = await self._task(entity, name, {}, user, effector=False, answer=_Answer(receipt))
        await self._views.apply([c.EntityRemoved(entity)])
        return task

    async def _task(
        self,
        entity: EntityId,
        name: str,
        parameters: dict[str, Any],
        user: str,
        *,
        effector: bool = True,
        along: Sequence[c.AnyChange] = (),
        answer: _Answer,
    ) -> TaskId:
        if parameters.get("refuse"):
            raise Invalid(f"{name} cannot do with {parameters['refuse']!r}")
        task = TaskId(random_id(self._entropy))
        started = c.TaskStarted(
            id=task,
            entity=entity,
            name=name,
            description=f"Does {name}",
            effector=name if effector else None,
            parameters=parameters,
            submitted_ms=self._now_ms,
            node="aaaaaaaaaa",
            term=3,
            user=user,
        )
        whole = with_answer(answer.receipt, self._views.model, entity, [*along, started], answer.done(task))
        await self._views.apply(whole)
        self._ended[task] = asyncio.Event()
        if name not in self.held:
            await self._end(task, name)
        return task

    async def _end(self, task: TaskId, name: str) -> None:
        failure = self.failures.get(name)
        status = "failed" if failure is not None else "completed"
        await self._views.apply([c.TaskEnded(task, status, self._now_ms + 5, self.results.get(name), failure)])
        self._ended[task].set()
