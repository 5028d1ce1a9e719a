"""Tasks as answers: fields without a value are left out, times are milliseconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amp.kit.durations import format_duration
from amp.kit.ids import TaskId
from amp.model.entity import Step, Task
from amp.model.model import Model
from amp.server.sensitive import masked, shown
from amp.server.shapes import links
from amp.server.shapes.streams import links_to, streams
from amp.tasks.question import asked, open_question, question_about

_STATUS = {"running": "In progress", "completed": "Completed", "failed": "Failed", "cancelled": "Cancelled"}
_WAITS = "Waiting for an answer"
_ENTITY = "org.apache.brooklyn.api.entity.Entity"


def task_summary(
    model: Model, task: Task, *, full: bool = True, suppress: bool = False, live: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """A TaskSummary. `full`: with result and detailed status. `live`: what its command has written until now."""
    entity = model.entities.get(task.entity)
    path = links.task(task.id)
    at = {"self": path, "children": f"{path}/children"}
    if entity is not None:
        at["entity"] = links.entity(entity)
    answer: dict[str, Any] = {
        "id": task.id,
        "displayName": task.name,
        "entityId": task.entity,
        "entityDisplayName": entity.name if entity is not None else task.entity_name,
        "description": task.description,
        "tags": _tags(task, suppress),
        "submitTimeUtc": task.submitted_ms,
        "startTimeUtc": task.submitted_ms,
        "currentStatus": _status(task),
        "isError": task.status in ("failed", "interrupted"),
        "isCancelled": task.status == "cancelled",
        "children": [_reference(model, each) for each in task.children if each in model.tasks],
        "streams": links_to(task, streams(task, live or {})),
        "links": at,
    }
    if (asking := _asking(model, task, deep=full)) is not None:
        answer["currentStatus"] = _WAITS
        answer["blockingDetails"] = asked(asking)
        if asking is not task:
            answer["blockingTask"] = _reference(model, asking.id)
    if task.ended_ms is not None:
        answer["endTimeUtc"] = task.ended_ms
    if task.parent is not None and task.parent in model.tasks:
        answer["submittedByTask"] = _reference(model, task.parent)
    if full:
        result = task.error if task.error is not None else shown("", task.result, suppress)
        if result is not None:
            answer["result"] = result
        answer["detailedStatus"] = _detailed(task)
    return answer


def removal_summary(task: Task, tags: list[Any]) -> dict[str, Any]:
    """A TaskSummary of the plane removing something, which is nobody's entity any more."""
    path = links.task(task.id)
    return {
        "id": task.id,
        "displayName": task.name,
        "description": task.description,
        "tags": tags,
        "submitTimeUtc": task.submitted_ms,
        "startTimeUtc": task.submitted_ms,
        "currentStatus": _status(task),
        "isError": task.status in ("failed", "interrupted"),
        "isCancelled": task.status == "cancelled",
        "children": [],
        "streams": {},
        "links": {"self": path, "children": f"{path}/children"},
    }


def _status(task: Task) -> str:
    return "Failed: interrupted" if task.status == "interrupted" else _STATUS.get(task.status, "Unknown")


def _asking(model: Model, task: Task, *, deep: bool) -> Task | None:
    """Answer who asks something, a task or, `deep`, the first below it; None where nobody does."""
    if task.status != "running":
        return None
    if open_question(task) is not None:
        return task
    below = (model.tasks.get(each) for each in task.children) if deep else ()
    found = (_asking(model, each, deep=True) for each in below if each is not None)
    return next((each for each in found if each is not None), None)


def _detailed(task: Task) -> str:
    lines = [_status(task)]
    if told := asked(task):
        lines.append(told)
    if task.ended_ms is not None:
        lines[0] += f" after {format_duration(max(0, task.ended_ms - task.submitted_ms) / 1000)}"
    if task.error:
        lines.append(task.error)
    if task.node:
        lines.append(f"on node {task.node} in term {task.term}")
    lines += [
        f"failover: went on on node {again.node} in term {again.term}, "
        f"{format_duration(max(0, again.at_ms - task.submitted_ms) / 1000)} after it began"
        for again in task.resumed
    ]
    lines += [_try(step) for step in task.steps if step.kind != "pure"]
    lines += [
        f"what to do about step {tried.id}: {question.outcome} was answered"
        for tried in task.steps
        if (question := question_about(task, tried.id)) is not None and question.status == "completed"
    ]
    return "\n".join(lines)


def _try(step: Step) -> str:
    told = f"{step.kind} step {step.id}: begun on node {step.node} in term {step.term}, {step.status}"
    if step.ended_ms is not None:
        told += f" after {format_duration(max(0, step.ended_ms - step.begun_ms) / 1000)}"
    return told


def _reference(model: Model, task_id: TaskId) -> dict[str, Any]:
    task = model.tasks[task_id]
    metadata = {
        "id": task.id,
        "taskName": task.name,
        "entityId": task.entity,
        "entityDisplayName": task.entity_name,
    }
    return {"link": links.task(task.id), "metadata": metadata}


def _tags(task: Task, suppress: bool) -> list[Any]:
    about = {"id": task.entity, "type": _ENTITY}
    tags: list[Any] = []
    roles = ["contextEntity"]
    if task.effector is not None:
        parameters = masked(task.parameters, suppress)
        tags.append("EFFECTOR")
        tags.append({"entityId": task.entity, "effectorName": task.effector, "effectorParams": parameters})
        roles.append("targetEntity")
        if task.effector == "start" and task.parent is None:
            roles.append("callerEntity")
    tags.extend({"wrappingType": role, "entity": about} for role in roles)
    tags.extend({"failover": {"node": each.node, "term": each.term, "timeUtc": each.at_ms}} for each in task.resumed)
    tags.append({"type": "org.apache.brooklyn.api.mgmt.ManagementContext"})
    return tags
