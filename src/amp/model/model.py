"""The model: all that is managed, and the one meaning of every Change.

`apply` serves live running, recovery, the standby that follows, tests and import. It is total: a Change about
something that is gone does nothing, so that all readers of one journal come to one state. `as_changes` is its inverse:
Changes that make an empty model equal to this one, which is what a snapshot holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from amp.kit.ids import EntityId, LocationId, TaskId
from amp.model import changes as c
from amp.model.entity import Entity, Location, Resumption, Step, Task

#: Tasks kept for each entity, and for all that are gone together, the oldest that ended forgotten first (Brooklyn:
#: brooklyn.gc.maxTasksPerTag). Parts of a task are not counted: they go with the whole.
TASKS_KEPT = 50


class Model:
    """Entities, locations and tasks by id, in order of arrival. Values are frozen; only `apply` changes the maps."""

    def __init__(self) -> None:
        self.entities: dict[EntityId, Entity] = {}
        self.locations: dict[LocationId, Location] = {}
        self.tasks: dict[TaskId, Task] = {}
        self.tasks_of: dict[EntityId, list[TaskId]] = {}
        self.location_provisioning_allowed = True

    def copy(self) -> Model:
        """Answer a model that stays as this one is now; the values are shared, for they are frozen."""
        copy = Model()
        copy.entities, copy.locations, copy.tasks = dict(self.entities), dict(self.locations), dict(self.tasks)
        copy.tasks_of = {entity: list(tasks) for entity, tasks in self.tasks_of.items()}
        copy.location_provisioning_allowed = self.location_provisioning_allowed
        return copy

    def applications(self) -> Iterator[Entity]:
        """Answer the roots, in order of arrival."""
        return (entity for entity in self.entities.values() if entity.parent is None)

    def descendants(self, entity: EntityId) -> Iterator[Entity]:
        """Answer an entity and all below it, parents before children; nothing when it is gone."""
        root = self.entities.get(entity)
        if root is not None:
            yield root
            for child in root.children:
                yield from self.descendants(child)

    def running_tasks(self) -> list[Task]:
        """Answer the tasks that have not ended."""
        return [task for task in self.tasks.values() if task.status == "running"]

    def apply(self, change: c.AnyChange) -> None:
        """Let a Change take effect."""
        _APPLY[type(change)](self, change)

    def as_changes(self) -> Iterator[c.AnyChange]:
        """Answer Changes that build this model from an empty one."""
        if not self.location_provisioning_allowed:
            yield c.AccessSet(location_provisioning_allowed=False)
        for location in self.locations.values():
            yield c.LocationAdded(
                location.id, location.type, location.name, location.spec, location.parent, dict(location.config)
            )
        for root in list(self.applications()):
            for entity in self.descendants(root.id):
                yield from _entity_changes(entity)
        for task in self.tasks.values():
            yield from _task_changes(task)

    def _replace(self, entity: EntityId, **fields: Any) -> None:
        known = self.entities.get(entity)
        if known is not None:
            self.entities[entity] = replace(known, **fields)

    def _entity_added(self, change: c.EntityAdded) -> None:
        if change.id in self.entities or (change.parent is not None and change.parent not in self.entities):
            return
        self.entities[change.id] = Entity(
            id=change.id,
            type=change.type,
            name=change.name,
            application=change.application,
            parent=change.parent,
            config=change.config,
            tags=tuple(change.tags),
            blueprint=change.blueprint,
            created_ms=change.created_ms,
        )
        if change.parent is not None:
            self._replace(change.parent, children=(*self.entities[change.parent].children, change.id))

    def _entity_removed(self, change: c.EntityRemoved) -> None:
        gone = list(self.descendants(change.id))
        if not gone:
            return
        if gone[0].parent is not None:
            siblings = self.entities[gone[0].parent].children
            self._replace(gone[0].parent, children=tuple(each for each in siblings if each != change.id))
        for entity in gone:
            del self.entities[entity.id]
            for task in list(self.tasks_of.get(entity.id, ())):
                # What still runs (the deletion itself, for one) stays, so that its end can be seen.
                if task in self.tasks and self.tasks[task].status != "running":
                    self._forget_task(task)

    def _entity_renamed(self, change: c.EntityRenamed) -> None:
        self._replace(change.id, name=change.name)

    def _entity_located(self, change: c.EntityLocated) -> None:
        self._replace(change.id, locations=tuple(change.locations))

    def _config_set(self, change: c.ConfigSet) -> None:
        if change.entity in self.entities:
            config = {**self.entities[change.entity].config, change.key: change.value}
            self._replace(change.entity, config=config)

    def _sensor_set(self, change: c.SensorSet) -> None:
        if change.entity in self.entities:
            sensors = {**self.entities[change.entity].sensors, change.name: change.value}
            self._replace(change.entity, sensors=sensors)

    def _sensor_cleared(self, change: c.SensorCleared) -> None:
        if change.entity in self.entities:
            sensors = dict(self.entities[change.entity].sensors)
            sensors.pop(change.name, None)
            self._replace(change.entity, sensors=sensors)

    def _tags_set(self, change: c.TagsSet) -> None:
        self._replace(change.entity, tags=tuple(change.tags))

    def _location_added(self, change: c.LocationAdded) -> None:
        if change.id not in self.locations:
            self.locations[change.id] = Location(
                change.id, change.type, change.name, change.spec, change.parent, change.config
            )

    def _location_removed(self, change: c.LocationRemoved) -> None:
        self.locations.pop(change.id, None)

    def _task_started(self, change: c.TaskStarted) -> None:
        if change.id in self.tasks:
            return
        entity = self.entities.get(change.entity)
        self.tasks[change.id] = Task(
            id=change.id,
            entity=change.entity,
            entity_name=entity.name if entity else "",
            name=change.name,
            description=change.description,
            effector=change.effector,
            parameters=change.parameters,
            parent=change.parent,
            submitted_ms=change.submitted_ms,
            node=change.node,
            term=change.term,
            user=change.user,
            work=change.work,
        )
        self.tasks_of.setdefault(change.entity, []).append(change.id)
        if change.parent in self.tasks:
            parent = self.tasks[change.parent]
            self.tasks[change.parent] = replace(parent, children=(*parent.children, change.id))

    def _task_resumed(self, change: c.TaskResumed) -> None:
        task = self.tasks.get(change.id)
        if task is not None and task.status == "running":
            again = Resumption(change.node, change.term, change.at_ms)
            self.tasks[change.id] = replace(task, resumed=(*task.resumed, again))

    def _step_started(self, change: c.StepStarted) -> None:
        task = self.tasks.get(change.task)
        if task is None or any(step.id == change.id for step in task.steps):
            return
        step = Step(
            id=change.id,
            kind=change.kind,
            node=change.node,
            term=change.term,
            begun_ms=change.at_ms,
            host=change.host,
            turn=change.turn,
            env=change.env,
            on_interrupt=change.on_interrupt,
        )
        self.tasks[change.task] = replace(task, steps=(*task.steps, step))

    def _step_ended(self, change: c.StepEnded) -> None:
        task = self.tasks.get(change.task)
        if task is None:
            return
        steps = tuple(
            replace(
                step,
                status=change.status,
                ended_ms=change.at_ms,
                outcome=change.outcome,
                stdout=change.stdout,
                stderr=change.stderr,
            )
            if step.id == change.id and step.status == "running"
            else step
            for step in task.steps
        )
        self.tasks[change.task] = replace(task, steps=steps)

    def _task_ended(self, change: c.TaskEnded) -> None:
        task = self.tasks.get(change.id)
        if task is None or task.status != "running":
            return
        self.tasks[change.id] = replace(
            task, status=change.status, ended_ms=change.ended_ms, result=change.result, error=change.error
        )
        if task.parent is None:
            self._forget_old_tasks(task.entity)

    def _forget_old_tasks(self, entity: EntityId) -> None:
        if entity in self.entities:
            among = self.tasks_of[entity]
        else:
            among = [task.id for task in self.tasks.values() if task.entity not in self.entities]
        wholes = [task for task in among if self.tasks[task].parent is None]
        ended = (task for task in wholes if self.tasks[task].status != "running")
        if len(wholes) > TASKS_KEPT and (oldest := next(ended, None)) is not None:
            self._forget_task(oldest)

    def _forget_task(self, task: TaskId) -> None:
        known = self.tasks.get(task)
        if known is None:
            return
        for part in known.children:
            self._forget_task(part)
        del self.tasks[task]
        self.tasks_of[known.entity].remove(task)
        if not self.tasks_of[known.entity]:
            del self.tasks_of[known.entity]
        above = self.tasks.get(known.parent) if known.parent is not None else None
        if above is not None:
            self.tasks[above.id] = replace(above, children=tuple(each for each in above.children if each != task))

    def _access_set(self, change: c.AccessSet) -> None:
        self.location_provisioning_allowed = change.location_provisioning_allowed

    def _plane_reset(self, change: c.PlaneReset) -> None:
        self.__init__()  # type: ignore[misc]  # an empty model is what __init__ makes


def built(changes: Iterable[c.AnyChange]) -> Model:
    """Make a model from Changes."""
    model = Model()
    for change in changes:
        model.apply(change)
    return model


def _entity_changes(entity: Entity) -> Iterator[c.AnyChange]:
    yield c.EntityAdded(
        id=entity.id,
        type=entity.type,
        name=entity.name,
        application=entity.application,
        parent=entity.parent,
        config=dict(entity.config),
        tags=list(entity.tags),
        blueprint=entity.blueprint,
        created_ms=entity.created_ms,
    )
    if entity.locations:
        yield c.EntityLocated(entity.id, list(entity.locations))
    for name, value in entity.sensors.items():
        yield c.SensorSet(entity.id, name, value)


def _task_changes(task: Task) -> Iterator[c.AnyChange]:
    yield c.TaskStarted(
        id=task.id,
        entity=task.entity,
        name=task.name,
        description=task.description,
        effector=task.effector,
        parameters=dict(task.parameters),
        parent=task.parent,
        submitted_ms=task.submitted_ms,
        node=task.node,
        term=task.term,
        user=task.user,
        work=dict(task.work),
    )
    for again in task.resumed:
        yield c.TaskResumed(task.id, again.node, again.term, again.at_ms)
    for step in task.steps:
        yield c.StepStarted(
            task=task.id,
            id=step.id,
            kind=step.kind,
            node=step.node,
            term=step.term,
            at_ms=step.begun_ms,
            host=step.host,
            turn=step.turn,
            env=dict(step.env),
            on_interrupt=step.on_interrupt,
        )
        if step.status != "running":
            yield c.StepEnded(task.id, step.id, step.status, step.ended_ms or 0, step.outcome, step.stdout, step.stderr)
    if task.status != "running":
        yield c.TaskEnded(task.id, task.status, task.ended_ms or 0, task.result, task.error)


_APPLY: dict[type[c.Change], Callable[[Model, Any], None]] = {
    c.EntityAdded: Model._entity_added,
    c.EntityRemoved: Model._entity_removed,
    c.EntityRenamed: Model._entity_renamed,
    c.EntityLocated: Model._entity_located,
    c.ConfigSet: Model._config_set,
    c.SensorSet: Model._sensor_set,
    c.SensorCleared: Model._sensor_cleared,
    c.TagsSet: Model._tags_set,
    c.LocationAdded: Model._location_added,
    c.LocationRemoved: Model._location_removed,
    c.TaskStarted: Model._task_started,
    c.TaskResumed: Model._task_resumed,
    c.StepStarted: Model._step_started,
    c.StepEnded: Model._step_ended,
    c.TaskEnded: Model._task_ended,
    c.AccessSet: Model._access_set,
    c.PlaneReset: Model._plane_reset,
}
