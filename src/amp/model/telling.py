"""Tells an entity or a task anew, in the fewest Changes that make it: what a snapshot of the state is written from.

What a kind of Change adds to the model must be told here too, or it is lost with the next snapshot.
"""

from __future__ import annotations

from collections.abc import Iterator

from amp.model import changes as c
from amp.model.entity import Entity, Task


def entity_changes(entity: Entity) -> Iterator[c.AnyChange]:
    """Answer Changes that make an entity as it is, where its parent is there already."""
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
    if entity.sensors:
        yield c.SensorsSet(entity.id, dict(entity.sensors))


def task_changes(task: Task) -> Iterator[c.AnyChange]:
    """Answer Changes that make one task as it is; its parts come after it."""
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
    if task.recalled:
        yield c.TaskRecalled(task.id)
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
            told = (step.outcome, step.stdout, step.stderr, dict(step.blobs))
            yield c.StepEnded(task.id, step.id, step.status, step.ended_ms or 0, *told)
    if task.status != "running":
        yield c.TaskEnded(task.id, task.status, task.ended_ms or 0, task.result, task.error)
