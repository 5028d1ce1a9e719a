"""The model: all that is managed, and the one meaning of every Change.

Beside the values it keeps what would otherwise be looked for among all of them: who is a root, which tasks run, who is
meant to be how. So neither a request nor the entry into office costs more on a large plane than on a small one.

`apply` serves live running, recovery, the standby that follows, tests and import. It is total: a Change about
something that is gone does nothing, so that all readers of one journal come to one state. `as_changes` is its inverse:
Changes that make an empty model equal to this one, which is what a snapshot holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from msgspec.structs import replace

from amp.kit.ids import EntityId, LocationId, TaskId
from amp.model import changes as c
from amp.model.entity import Entity, Location, Resumption, Step, Task
from amp.model.telling import entity_changes, task_changes

#: Tasks kept for each entity, and for all that are gone together, the oldest that ended forgotten first (Brooklyn:
#: brooklyn.gc.maxTasksPerTag). Parts of a task are not counted: they go with the whole.
TASKS_KEPT = 50
#: The sensor that says how an entity is meant to be, as `running @ 1700000000000 / ...`.
EXPECTED = "service.state.expected"
#: Of so many removed entities it is known whose children they were.
_REMOVALS = 1000

#: A request with a key, by which a repetition is known: user, method, path, key.
AnswerKey = tuple[str, str, str, str]


def answer_size(answer: c.RequestAnswered) -> int:
    """Answer about how many bytes a kept answer takes in memory."""
    texts = (answer.user, answer.path, answer.key, answer.location, answer.answer)
    return 500 + sum(map(len, texts))


class Model:
    """Entities, locations and tasks by id, in order of arrival. Values are frozen; only `apply` changes the maps."""

    def __init__(self) -> None:
        self.entities: dict[EntityId, Entity] = {}
        self.locations: dict[LocationId, Location] = {}
        self.tasks: dict[TaskId, Task] = {}
        self.tasks_of: dict[EntityId, list[TaskId]] = {}
        self.location_provisioning_allowed = True
        self.answers: dict[AnswerKey, c.RequestAnswered] = {}
        self.answers_taken = 0  # how many came to this model, those included that are forgotten
        self.answers_size = 0
        # What follows from these, kept so that nobody has to look through all of them.
        self.roots: dict[EntityId, None] = {}
        self.running: dict[TaskId, None] = {}
        self.meant: dict[str, dict[EntityId, None]] = {}  # by the first word of EXPECTED, as `on-fire`
        self.guests: dict[LocationId, int] = {}  # how many entities are there
        self.left: dict[EntityId, EntityId] = {}  # of entities removed lately: whose child each was
        self._gone: dict[TaskId, int] = {}  # tasks whose entity is gone, by their order of arrival
        self._arrived: dict[TaskId, int] = {}
        self._arrivals = 0

    def copy(self) -> Model:
        """Answer what a snapshot needs of this model as it is now; the values are shared, for they are frozen.

        This is all of a snapshot that the event loop waits for: three copies of tables of pointers.
        """
        copy = Model()
        copy.entities, copy.locations, copy.tasks = self.entities.copy(), self.locations.copy(), self.tasks.copy()
        copy.roots = self.roots.copy()
        copy.location_provisioning_allowed = self.location_provisioning_allowed
        copy.answers, copy.answers_taken, copy.answers_size = dict(self.answers), self.answers_taken, self.answers_size
        return copy

    def applications(self) -> Iterator[Entity]:
        """Answer the roots, in order of arrival."""
        return (self.entities[root] for root in self.roots)

    def descendants(self, entity: EntityId) -> Iterator[Entity]:
        """Answer an entity and all below it, parents before children; nothing when it is gone."""
        root = self.entities.get(entity)
        if root is not None:
            yield root
            for child in root.children:
                yield from self.descendants(child)

    def running_tasks(self) -> list[Task]:
        """Answer the tasks that have not ended."""
        return [self.tasks[task] for task in self.running]

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
                yield from entity_changes(entity)
        for task in self.tasks.values():
            yield from task_changes(task)
        yield from self.answers.values()

    def _replace(self, entity: EntityId, **fields: Any) -> None:
        known = self.entities.get(entity)
        if known is not None:
            self.entities[entity] = replace(known, **fields)

    def apply_all(self, changes: Iterable[c.AnyChange]) -> None:
        """Let Changes take effect, in order: as `apply` of each, but many new children of one parent, and sensors of
        one entity that follow one another, cost no more than one."""
        new: dict[EntityId, list[EntityId]] = {}
        sensors = c.SensorsSet(EntityId(""))
        for change in changes:
            if isinstance(change, c.SensorSet):
                if change.entity != sensors.entity:
                    self._sensors_set(sensors)
                    sensors = c.SensorsSet(change.entity, {})
                sensors.values[change.name] = change.value
                continue
            if sensors.values:
                self._sensors_set(sensors)
                sensors = c.SensorsSet(EntityId(""))
            if isinstance(change, c.EntityAdded):
                if self._add(change) and change.parent is not None:
                    new.setdefault(change.parent, []).append(change.id)
                continue
            if new and not isinstance(change, _SETTERS):
                self._adopt(new)
            _APPLY[type(change)](self, change)
        self._sensors_set(sensors)
        self._adopt(new)

    def _adopt(self, new: dict[EntityId, list[EntityId]]) -> None:
        for parent, children in new.items():
            self._replace(parent, children=(*self.entities[parent].children, *children))
        new.clear()

    def _entity_added(self, change: c.EntityAdded) -> None:
        if self._add(change) and change.parent is not None:
            self._adopt({change.parent: [change.id]})

    def _add(self, change: c.EntityAdded) -> bool:
        """Add an entity, of which its parent does not know yet; False where nothing is to be added."""
        if change.id in self.entities or (change.parent is not None and change.parent not in self.entities):
            return False
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
        if change.parent is None:
            self.roots[change.id] = None
        for task in self.tasks_of.get(change.id, ()):
            self._gone.pop(task, None)
        return True

    def _entity_removed(self, change: c.EntityRemoved) -> None:
        gone = list(self.descendants(change.id))
        if not gone:
            return
        parent = gone[0].parent
        if parent is not None:
            siblings = self.entities[parent].children
            self._replace(parent, children=tuple(each for each in siblings if each != change.id))
            self.left[change.id] = parent
            if len(self.left) > _REMOVALS:
                del self.left[next(iter(self.left))]
        self.roots.pop(change.id, None)
        for entity in gone:
            self._mean(entity, entity.sensors.get(EXPECTED), None)
            self._move(entity.locations, ())
            del self.entities[entity.id]
            for task in list(self.tasks_of.get(entity.id, ())):
                # What still runs (the deletion itself, for one) stays, so that its end can be seen.
                if task in self.tasks and self.tasks[task].status != "running":
                    self._forget_task(task)
            for task in self.tasks_of.get(entity.id, ()):
                self._gone[task] = self._arrived[task]

    def _mean(self, entity: Entity, before: Any, after: Any) -> None:
        old, new = _meaning(before), _meaning(after)
        if old == new:
            return
        if old is not None:
            among = self.meant[old]
            del among[entity.id]
            if not among:
                del self.meant[old]
        if new is not None:
            self.meant.setdefault(new, {})[entity.id] = None

    def _move(self, before: Sequence[LocationId], after: Sequence[LocationId]) -> None:
        for place in after:
            self.guests[place] = self.guests.get(place, 0) + 1
        for place in before:
            self.guests[place] -= 1
            if not self.guests[place]:
                del self.guests[place]

    def _entity_renamed(self, change: c.EntityRenamed) -> None:
        self._replace(change.id, name=change.name)

    def _entity_located(self, change: c.EntityLocated) -> None:
        known = self.entities.get(change.id)
        if known is not None:
            self._move(known.locations, change.locations)
            self.entities[change.id] = replace(known, locations=tuple(change.locations))

    def _config_set(self, change: c.ConfigSet) -> None:
        if change.entity in self.entities:
            config = {**self.entities[change.entity].config, change.key: change.value}
            self._replace(change.entity, config=config)

    def _sensor_set(self, change: c.SensorSet) -> None:
        known = self.entities.get(change.entity)
        if known is not None:
            if change.name == EXPECTED:
                self._mean(known, known.sensors.get(EXPECTED), change.value)
            self.entities[change.entity] = replace(known, sensors={**known.sensors, change.name: change.value})

    def _sensors_set(self, change: c.SensorsSet) -> None:
        known = self.entities.get(change.entity)
        if known is not None:
            if EXPECTED in change.values:
                self._mean(known, known.sensors.get(EXPECTED), change.values[EXPECTED])
            sensors = {**known.sensors, **change.values} if known.sensors else change.values
            self.entities[change.entity] = replace(known, sensors=sensors)

    def _sensor_cleared(self, change: c.SensorCleared) -> None:
        known = self.entities.get(change.entity)
        if known is not None and change.name in known.sensors:
            if change.name == EXPECTED:
                self._mean(known, known.sensors[EXPECTED], None)
            sensors = {name: value for name, value in known.sensors.items() if name != change.name}
            self.entities[change.entity] = replace(known, sensors=sensors)

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
        self.running[change.id] = None
        self._arrivals += 1
        self._arrived[change.id] = self._arrivals
        if entity is None:
            self._gone[change.id] = self._arrivals
        if change.parent in self.tasks:
            parent = self.tasks[change.parent]
            self.tasks[change.parent] = replace(parent, children=(*parent.children, change.id))

    def _task_resumed(self, change: c.TaskResumed) -> None:
        task = self.tasks.get(change.id)
        if task is not None and task.status == "running":
            again = Resumption(change.node, change.term, change.at_ms)
            self.tasks[change.id] = replace(task, resumed=(*task.resumed, again))

    def _task_recalled(self, change: c.TaskRecalled) -> None:
        task = self.tasks.get(change.id)
        if task is not None and task.status == "running":
            self.tasks[change.id] = replace(task, recalled=True)

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
                blobs=change.blobs,
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
        del self.running[change.id]
        if task.parent is None:
            self._forget_old_tasks(task.entity)

    def _forget_old_tasks(self, entity: EntityId) -> None:
        among = self.tasks_of[entity] if entity in self.entities else sorted(self._gone, key=self._gone.__getitem__)
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
        del self.tasks[task], self._arrived[task]
        self._gone.pop(task, None)
        self.running.pop(task, None)
        self.tasks_of[known.entity].remove(task)
        if not self.tasks_of[known.entity]:
            del self.tasks_of[known.entity]
        above = self.tasks.get(known.parent) if known.parent is not None else None
        if above is not None:
            self.tasks[above.id] = replace(above, children=tuple(each for each in above.children if each != task))

    def _access_set(self, change: c.AccessSet) -> None:
        self.location_provisioning_allowed = change.location_provisioning_allowed

    def _request_answered(self, change: c.RequestAnswered) -> None:
        identity = (change.user, change.method, change.path, change.key)
        if identity not in self.answers:  # what was answered first stays the answer
            self.answers[identity] = change
            self.answers_taken += 1
            self.answers_size += answer_size(change)

    def _answers_forgotten(self, change: c.AnswersForgotten) -> None:
        for identity in list(islice(self.answers, change.count)):
            self.answers_size -= answer_size(self.answers.pop(identity))

    def _plane_reset(self, change: c.PlaneReset) -> None:
        self.__init__()  # type: ignore[misc]  # an empty model is what __init__ makes


def built(changes: Iterable[c.AnyChange]) -> Model:
    """Make a model from Changes."""
    model = Model()
    model.apply_all(changes)
    return model


def _meaning(expected: Any) -> str | None:
    return expected.partition(" ")[0].lower().replace("_", "-") if isinstance(expected, str) else None


_APPLY: dict[type[c.Change], Callable[[Model, Any], None]] = {
    c.EntityAdded: Model._entity_added,
    c.EntityRemoved: Model._entity_removed,
    c.EntityRenamed: Model._entity_renamed,
    c.EntityLocated: Model._entity_located,
    c.ConfigSet: Model._config_set,
    c.SensorSet: Model._sensor_set,
    c.SensorsSet: Model._sensors_set,
    c.SensorCleared: Model._sensor_cleared,
    c.TagsSet: Model._tags_set,
    c.LocationAdded: Model._location_added,
    c.LocationRemoved: Model._location_removed,
    c.TaskStarted: Model._task_started,
    c.TaskResumed: Model._task_resumed,
    c.TaskRecalled: Model._task_recalled,
    c.StepStarted: Model._step_started,
    c.StepEnded: Model._step_ended,
    c.TaskEnded: Model._task_ended,
    c.AccessSet: Model._access_set,
    c.RequestAnswered: Model._request_answered,
    c.AnswersForgotten: Model._answers_forgotten,
    c.PlaneReset: Model._plane_reset,
}
#: Changes that say nothing of who is whose child.
_SETTERS = (c.SensorSet, c.SensorsSet, c.ConfigSet, c.EntityLocated, c.LocationAdded)
