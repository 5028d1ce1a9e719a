"""What a client may ask of a plane without a store, for tests of the server.

Blueprints are read and planned by the real code; effectors end at once, except those that a test holds back with
`FakeRequests.held`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from amp.blueprint.parse import parse_application, parse_services
from amp.blueprint.plan import plan_application, plan_child
from amp.kit.errors import AmpError, Conflict, Fenced, Invalid, Missing
from amp.kit.ids import EntityId, Entropy, TaskId, random_id
from amp.model import changes as c
from amp.model.registry import Registry
from amp.plane.receipts import Receipt, with_answer
from amp.tasks.question import ANSWERS, open_question
from amp.testing.views import FakeViews


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

    async def answer_task(self, task: TaskId, answer: str, *, receipt: Receipt | None = None) -> None:
        """Note the answer in the journal, where the task asks."""
        self._check_leads()
        if answer not in ANSWERS:
            raise Invalid(f"unknown answer {answer!r}: send one of {', '.join(ANSWERS)}")
        question = open_question(self._views.model.tasks[task])
        if question is None:
            raise Conflict(f"task '{task}' asks nothing now")
        await self._commit(receipt, [c.StepEnded(task, question.id, "completed", self._now_ms, answer)], None)

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
