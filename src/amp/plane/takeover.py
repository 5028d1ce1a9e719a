"""What a new leader does with the tasks that an earlier one left under way: it goes on with them.

One commit tells of all of them. Who was at work keeps its turn before those who waited. A task whose entity or type is
gone cannot go on: it is marked interrupted. Where nothing can go on, the entity says what to do.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence

from amp.entities import lifecycle, state
from amp.entities.surroundings import Surroundings, machine_of
from amp.kit.errors import AmpError
from amp.kit.ids import EntityId, NodeId, Term
from amp.model import changes as c
from amp.model.entity import Entity, Task
from amp.model.model import Model
from amp.plane.recorder import Recorder
from amp.tasks.runner import Body, Runner
from amp.tasks.task import INTERRUPTED, order_of

_LOG = logging.getLogger(__name__)

#: What ended longer ago was tidied up by the leader under which it ended.
_RECENT_MS = 3_600_000
#: So many tasks are looked at before others have their turn on the event loop.
_SLICE = 1000
#: A void try is not among them: that it is void must hold for ever.
_DONE = ("completed", "failed", "cancelled", "interrupted")


class Takeover:
    """One entry into office, on `node` in `term`."""

    def __init__(self, around: Surroundings, recorder: Recorder, runner: Runner, node: NodeId, term: Term) -> None:
        self._around = around
        self._recorder = recorder
        self._runner = runner
        self._node = node
        self._term = term

    async def done(self) -> None:
        """Go on with what is under way, and tell the end of what cannot go on. Raises: Fenced, Unavailable."""
        model, now = self._around.model(), self._around.now_ms()
        under_way = model.running_tasks()
        wholes = [task for task in under_way if task.parent is None or task.parent not in model.tasks]
        bodies = {task.id: body for task in wholes if (body := self._body(task)) is not None}
        going_on = {task.id for whole in wholes if whole.id in bodies for task in _below(model, whole)}
        changes: list[c.AnyChange] = []
        for task in under_way:
            if task.id in going_on:
                changes.append(c.TaskResumed(task.id, self._node, self._term, now))
            else:
                steps = [step.id for step in task.steps if step.status == "running"]
                changes += [c.StepEnded(task.id, step, INTERRUPTED, now) for step in steps]
                changes.append(c.TaskEnded(task.id, INTERRUPTED, now, None, self._why(task)))
        changes += self._left_half_way({task.entity for task in under_way if task.id in going_on})
        if not changes:
            return
        await self._recorder.commit(changes)
        reserve(self._around, wholes)
        for whole in wholes:
            if whole.id in bodies:
                self._runner.resume(self._around.model().tasks[whole.id], bodies[whole.id])
        _LOG.warning("went on with %d tasks that an earlier master was running", len(bodies))

    def _body(self, task: Task) -> Body | None:
        try:
            return lifecycle.body(self._around, order_of(task))
        except (AmpError, KeyError) as problem:
            _LOG.warning("task %s (%s) cannot go on: %s", task.id, task.name, problem)
            return None

    def _why(self, task: Task) -> str:
        return (
            f"interrupted: node {task.node or 'unknown'} (term {task.term}) ran this and is not the master any more; "
            f"node {self._node} took over in term {self._term} and cannot go on with it, because what it was about is "
            "gone or not known to this version"
        )

    def _left_half_way(self, busy: set[EntityId]) -> list[c.AnyChange]:
        changes: list[c.AnyChange] = []
        model = self._around.model()
        for id in [*model.meant.get("starting", ()), *model.meant.get("stopping", ())]:
            if id not in busy:
                changes += self._burnt(model.entities[id])
        return changes

    def _burnt(self, entity: Entity) -> list[c.AnyChange]:
        kind, now = self._around.registry.find(entity.type), self._around.now_ms()
        if kind is None or not kind.lifecycle:
            return []
        doing, advice = ("stop", "stop") if state.expected(entity.sensors) == "STOPPING" else ("start", "restart")
        said = f"{doing} was interrupted by a change of the master to node {self._node}: invoke the {advice} effector"
        updates = {
            state.PROBLEMS: state.noted(entity.sensors, state.PROBLEMS, "interrupted", said),
            state.EXPECTED: state.transition("ON_FIRE", now),
        }
        return state.as_changes(entity, state.updated(entity.sensors, updates), now)


def reserve(around: Surroundings, wholes: Sequence[Task]) -> None:
    """Let those of these tasks, and of what is below them, go first that were at work already: others only waited."""
    model = around.model()
    for whole in wholes:
        for task in _below(model, whole):
            if task.status != "running":
                continue
            if task.effector is not None and (task.children or task.steps):
                around.turns.reserve(task.entity, task.id)
            parts = [model.tasks[child] for child in task.children if child in model.tasks]
            for key in {step.turn for part in parts for step in part.steps if step.turn}:
                around.turns.reserve(key, task.id)


async def tidy(around: Surroundings) -> None:
    """Remove what is kept of commands whose end became durable just before the last leader ended. Raises: nothing."""
    model, since = around.model(), around.now_ms() - _RECENT_MS
    for number, task in enumerate(list(model.tasks.values())):
        if number % _SLICE == 0:
            await asyncio.sleep(0)
        ended = [step for step in task.steps if step.host and step.status in _DONE and (step.ended_ms or 0) > since]
        entity = model.entities.get(task.entity)
        place = machine_of(model, entity) if entity is not None and ended else None
        if place is None:
            continue
        try:
            machine, _ = around.machines(place)
            for step in ended:
                if step.host == machine.host:
                    await machine.forget_command(step.id)
        except AmpError as problem:
            _LOG.warning("could not tidy up after task %s: %s", task.id, problem.message)


def _below(model: Model, task: Task) -> Iterator[Task]:
    yield task
    for child in task.children:
        known = model.tasks.get(child)
        if known is not None:
            yield from _below(model, known)
