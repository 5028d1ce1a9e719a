"""The one door from clients to the model: checks a request against the model, then commits it or begins a task.

Implements `plane.requests.Requests`. Every method returns once its Changes are durable; where a receipt is wanted, the
answer is in the commit that does the work, and not in one of its own. It decides nothing about leadership: the recorder
refuses where this node does not lead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from amp.blueprint.coercion import coerce
from amp.blueprint.parse import parse_application, parse_services
from amp.blueprint.plan import plan_application, plan_child
from amp.entities import lifecycle, state
from amp.kit.clock import Clock
from amp.kit.errors import Conflict, Fenced, Invalid, Missing
from amp.kit.ids import EntityId, Entropy, TaskId, random_id
from amp.model import changes as c
from amp.model.entity import Entity
from amp.model.registry import EntityType, Registry
from amp.plane.leader import Leader
from amp.plane.receipts import Receipt, with_answer
from amp.plane.recorder import Recorder
from amp.plane.views import Views
from amp.tasks.question import ANSWERS, open_question
from amp.tasks.runner import Run, Whole
from amp.tasks.task import Order


class Door:
    """Requests of clients to one node. `leader` answers the Leader while the node is in office, else None."""

    def __init__(
        self,
        views: Views,
        recorder: Recorder,
        registry: Registry,
        clock: Clock,
        entropy: Entropy,
        leader: Callable[[], Leader | None],
    ) -> None:
        self._views = views
        self._recorder = recorder
        self._registry = registry
        self._clock = clock
        self._entropy = entropy
        self._leader_now = leader
        self._answering: set[TaskId] = set()  # whose answers are on their way into the journal

    async def deploy(
        self, blueprint: str, *, user: str, app_id: str | None = None, receipt: Receipt | None = None
    ) -> tuple[EntityId, TaskId]:
        """Add an application and start it in the background."""
        leader = self._leader()
        spec = parse_application(blueprint, self._registry)
        if app_id is not None and app_id in self._views.model.entities:
            raise Conflict(f"An entity with id '{app_id}' exists already")
        root, changes = plan_application(
            spec,
            self._new_id,
            now_ms=self._now_ms(),
            blueprint=blueprint,
            application=EntityId(app_id) if app_id else None,
        )
        order = lifecycle.called(root, _name(changes, root), "start", {"locations": []}, user)

        async def start(run: Run) -> None:
            await lifecycle.body(leader.around, order)(run)

        def whole(started: c.TaskStarted) -> list[c.AnyChange]:
            return with_answer(receipt, self._views.model, None, [*changes, started], (root, started.id))

        return root, await leader.begin(order, start, whole)

    async def add_children(
        self,
        parent: EntityId,
        blueprint: str,
        *,
        user: str,
        start: bool | None = None,
        receipt: Receipt | None = None,
    ) -> tuple[list[EntityId], TaskId | None]:
        """Add the blueprint's services below `parent`; start them unless `start` is False."""
        leader = self._leader()
        above = self._entity(parent)
        specs = parse_services(blueprint, self._registry)
        if not specs:
            raise Invalid("The blueprint has no services: nothing to add")
        changes: list[c.AnyChange] = []
        new: list[EntityId] = []
        for spec in specs:
            child, added = plan_child(
                spec,
                self._new_id,
                now_ms=self._now_ms(),
                parent=parent,
                application=above.application,
                depth=self._depth(above) + 1,
            )
            new.append(child)
            changes += added
        if start is False:
            await self._commit(receipt, parent, changes, (new, None))
            return new, None
        startable = [child for child, spec in zip(new, specs, strict=True) if spec.type.lifecycle]

        order = Order(
            parent,
            "add children",
            f"Adding {len(new)} children to {above.name} ({parent})",
            user=user,
            work=lifecycle.bring_up(startable),
        )

        def whole(started: c.TaskStarted) -> list[c.AnyChange]:
            return with_answer(receipt, self._views.model, parent, [*changes, started], (new, started.id))

        return new, await leader.begin(order, whole=whole)

    async def delete_application(self, application: EntityId, *, user: str, receipt: Receipt | None = None) -> TaskId:
        """Stop an application and forget it, in the background."""
        entity = self._entity(application)
        if not entity.is_application:
            raise Invalid(f"'{application}' is not an application, but part of {entity.application}")
        return await self._forget(
            entity,
            f"destroying {self._shown(entity)}",
            f"REST call to destroy application {entity.name} ({entity.id})",
            release=True,
            user=user,
            receipt=receipt,
        )

    async def expunge(self, entity: EntityId, *, release: bool, user: str, receipt: Receipt | None = None) -> TaskId:
        """Forget an entity, after a stop where `release` is set, in the background."""
        known = self._entity(entity)
        name = f"expunging {self._shown(known)}"
        description = f"Expunging {known.name} ({entity})"
        return await self._forget(known, name, description, release=release, user=user, receipt=receipt)

    async def invoke(
        self,
        entity: EntityId,
        effector: str,
        parameters: dict[str, Any],
        *,
        user: str,
        receipt: Receipt | None = None,
    ) -> TaskId:
        """Begin an effector."""
        known = self._entity(entity)
        declared = self._kind(known).effector(effector)
        if declared is None:
            raise Missing(f"Entity '{entity}' has no effector with name '{effector}'")
        lifecycle.arguments(declared, parameters)  # refused before anything is written
        given = {name: value for name, value in parameters.items() if name}
        order = lifecycle.called(entity, known.name, effector, given, user)
        return await self._leader().begin(order, whole=self._beginning(receipt, entity))

    async def wait_task(self, task: TaskId, timeout: float | None) -> bool:
        """Wait until a task has ended; False after `timeout` seconds (None: no limit)."""
        known = self._views.model.tasks.get(task)
        if known is None or known.status != "running":
            return True
        if not await self._leader().wait(task, timeout):
            return False
        known = self._views.model.tasks.get(task)
        if known is not None and known.status == "running":
            raise Fenced("this node stopped leading while the task ran: its end is told by the next master")
        return True

    async def cancel_task(self, task: TaskId, *, receipt: Receipt | None = None) -> bool:
        """Cancel a task; False when it had ended."""
        known = self._views.model.tasks.get(task)
        if known is None or known.status != "running":
            await self._commit(receipt, None, [], False)
            return False
        leader = self._leader()
        await self._commit(receipt, None, [c.TaskRecalled(task)], True)
        await leader.cancel(task)
        return True

    async def answer_task(self, task: TaskId, answer: str, *, receipt: Receipt | None = None) -> None:
        """Answer what a task asks; whoever runs it hears of it once it is durable."""
        if answer not in ANSWERS:
            raise Invalid(f"unknown answer {answer!r}: send one of {', '.join(ANSWERS)}")
        being_cancelled = await self._leader().recalled(task)
        known = self._views.model.tasks.get(task)
        if known is None:
            raise Missing(f"Cannot find task '{task}'")
        question = open_question(known)
        if question is None or known.status != "running":
            raise Conflict(f"task '{task}' ({known.name}) asks nothing now: it may have been answered, or cancelled")
        if being_cancelled or known.recalled:
            raise Conflict(f"task '{task}' ({known.name}) is being cancelled: it takes no answer")
        if task in self._answering:  # the first one holds, so nobody may be told that the second one does
            raise Conflict(f"task '{task}' ({known.name}) is just being answered by somebody else")
        entity, now = self._views.model.entities.get(known.entity), self._now_ms()
        changes = [
            c.StepEnded(task, question.id, "completed", now, answer),
            *(state.questioned(entity, None, now) if entity is not None else ()),
        ]
        sent = self._recorder.submit(with_answer(receipt, self._views.model, None, changes, None))
        self._answering.add(task)

        def landed(done: asyncio.Future[int]) -> None:
            self._answering.discard(task)
            if not done.cancelled():
                done.exception()  # who asked may have gone away

        sent.add_done_callback(landed)
        await asyncio.shield(sent)

    def live_streams(self, task: TaskId) -> Mapping[str, str]:
        """Answer what the command of a task has written until now; nothing unless it runs on this node."""
        leader = self._leader_now()
        return leader.streams(task) if leader is not None else {}

    async def set_sensors(self, entity: EntityId, values: dict[str, Any], *, receipt: Receipt | None = None) -> None:
        """Set sensors from outside."""
        await self._commit(receipt, entity, self._sensors(entity, values))

    def begin_sensors(self, entity: EntityId, values: dict[str, Any]) -> asyncio.Future[int]:
        """Check them, and begin to write them."""
        return self._begin(self._sensors(entity, values))

    def _sensors(self, entity: EntityId, values: dict[str, Any]) -> list[c.AnyChange]:
        known = self._entity(entity)
        updates: dict[str, Any] = {}
        for name, value in values.items():
            sensor = self._kind(known).sensor(name)
            updates[name] = coerce(value, sensor.type) if sensor else value
        changed = {**updates, **(state.updated(known.sensors, updates) if self._kind(known).lifecycle else {})}
        return state.as_changes(known, changed, self._now_ms())

    async def clear_sensor(self, entity: EntityId, name: str, *, receipt: Receipt | None = None) -> None:
        """Remove a sensor's value."""
        self._entity(entity)
        await self._commit(receipt, entity, [c.SensorCleared(entity, name)])

    async def set_config(
        self, entities: Sequence[EntityId], values: dict[str, Any], *, receipt: Receipt | None = None
    ) -> None:
        """Set config values of some entities, all of them or none."""
        changes = [change for entity in entities for change in self._config(entity, values)]
        await self._commit(receipt, None, changes)

    def begin_config(self, entity: EntityId, values: dict[str, Any]) -> asyncio.Future[int]:
        """Check them, and begin to write them."""
        return self._begin(self._config(entity, values))

    def _config(self, entity: EntityId, values: dict[str, Any]) -> list[c.AnyChange]:
        kind = self._kind(self._entity(entity))
        changes: list[c.AnyChange] = []
        for name, value in values.items():
            if name in kind.later:
                raise Invalid(f"The config key '{name}' is not supported by this version")
            key = kind.key(name)
            try:
                changes.append(
                    c.ConfigSet(entity, key.name if key else name, coerce(value, key.type) if key else value)
                )
            except Invalid as error:
                raise Invalid(f"Invalid value for '{name}': {error.message}") from None
        return changes

    def _begin(self, changes: Sequence[c.AnyChange]) -> asyncio.Future[int]:
        if changes:
            return self._recorder.submit(changes)
        nothing: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        nothing.set_result(self._views.seq)
        return nothing

    async def rename(self, entity: EntityId, name: str, *, receipt: Receipt | None = None) -> None:
        """Change an entity's display name."""
        self._entity(entity)
        if not name.strip():
            raise Invalid("A name cannot be empty")
        await self._commit(receipt, entity, [c.EntityRenamed(entity, name)])

    async def set_tags(self, entity: EntityId, tags: list[Any], *, receipt: Receipt | None = None) -> None:
        """Replace an entity's tags."""
        self._entity(entity)
        await self._commit(receipt, entity, [c.TagsSet(entity, list(tags))])

    async def probe(self, *, receipt: Receipt | None = None) -> int:
        """Write a segment without Changes; answers its seq."""
        return await self._recorder.commit(with_answer(receipt, self._views.model, None, [], None))

    async def set_access(self, location_provisioning_allowed: bool, *, receipt: Receipt | None = None) -> None:
        """Allow or forbid provisioning."""
        await self._commit(receipt, None, [c.AccessSet(location_provisioning_allowed)])

    async def _commit(
        self, receipt: Receipt | None, about: EntityId | None, changes: Sequence[c.AnyChange], done: Any = None
    ) -> None:
        """Make Changes durable, and the answer with them; nothing where there is neither."""
        whole = with_answer(receipt, self._views.model, about, changes, done)
        if whole:
            await self._recorder.commit(whole)

    def _beginning(self, receipt: Receipt | None, about: EntityId) -> Whole:
        def whole(started: c.TaskStarted) -> list[c.AnyChange]:
            return with_answer(receipt, self._views.model, about, [started], started.id)

        return whole

    async def _forget(
        self, entity: Entity, name: str, description: str, *, release: bool, user: str, receipt: Receipt | None
    ) -> TaskId:
        leader = self._leader()
        await leader.recall([each.id for each in self._views.model.descendants(entity.id)])
        stops = release and self._kind(entity).effector("stop") is not None

        order = Order(entity.id, name, description, user=user, work=lifecycle.forget(stops))
        return await leader.begin(order, whole=self._beginning(receipt, entity.id))

    def _leader(self) -> Leader:
        leader = self._leader_now()
        if leader is None:
            raise Fenced("this node is not the master")
        return leader

    def _entity(self, entity: EntityId) -> Entity:
        found = self._views.model.entities.get(entity)
        if found is None:
            raise Missing(f"Cannot find entity '{entity}'")
        return found

    def _kind(self, entity: Entity) -> EntityType:
        kind = self._registry.find(entity.type)
        if kind is None:
            raise Invalid(f"this version does not know the type '{entity.type}' of {entity.name} ({entity.id})")
        return kind

    def _shown(self, entity: Entity) -> str:
        kind = self._registry.find(entity.type)
        return f"{kind.short if kind else entity.type}{{{entity.id}}}"

    def _depth(self, entity: Entity) -> int:
        depth, each = 0, entity
        while each.parent is not None:
            depth, each = depth + 1, self._views.model.entities[each.parent]
        return depth

    def _new_id(self) -> str:
        return random_id(self._entropy)

    def _now_ms(self) -> int:
        return self._clock.read().wall_ms


def _name(changes: Sequence[c.AnyChange], entity: EntityId) -> str:
    return next(change.name for change in changes if isinstance(change, c.EntityAdded) and change.id == entity)
