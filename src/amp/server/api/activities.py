"""/v1/activities: tasks by id, those below them, cancelling one, and answering what one asks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

from starlette.responses import Response

from amp.kit.durations import parse_duration
from amp.kit.errors import AmpError, Invalid, Missing
from amp.kit.ids import TaskId
from amp.model.entity import Task
from amp.model.model import Model
from amp.plane.requests import Requests
from amp.plane.views import Views
from amp.server import lookup
from amp.server.answers import as_json, nothing, raw
from amp.server.bodies import json_map
from amp.server.entitlements import Right
from amp.server.routing import Call, Route
from amp.server.shapes.streams import streams
from amp.server.shapes.tasks import task_summary
from amp.tasks.question import ANSWERS

_LOG = logging.getLogger(__name__)

FOREVER = frozenset({"never", "-1"})
AT_ONCE = frozenset({"always", "0"})
_DEFAULT_LIMIT = 200
_LOOK_AGAIN = 5.0


class Activities:
    """The resource `/activities`."""

    def __init__(self, views: Views, requests: Requests) -> None:
        self._views = views
        self._requests = requests

    def routes(self) -> tuple[Route, ...]:
        """What this resource answers."""
        see, act = Right.SEE_ENTITY, Right.INVOKE_EFFECTOR
        return (
            Route("GET", "/activities/{task}", self.show, "A task; `timeout` waits for its end", see),
            Route("GET", "/activities/{task}/children", self.children, "Tasks that it began", see),
            Route("GET", "/activities/{task}/children/recurse", self.below, "All tasks below it, by id", see),
            Route("GET", "/activities/{task}/stream/{stream}", self.stream, "What its command wrote, as text", see),
            Route("POST", "/activities/{task}/answer", self.answer, "Answer what it asks", act, change=True),
            Route("POST", "/activities/{task}/cancel", self.cancel, "Cancel it", act, change=True),
        )

    async def show(self, call: Call) -> Response:
        """Show a task: 200 once it has ended, 202 while it runs."""
        task = lookup.task(self._views.model, call.params["task"])
        timeout = (call.query.get("timeout") or "0").strip().lower()
        if timeout not in AT_ONCE and task.ended_ms is None:
            await self._ended(task.id, None if timeout in FOREVER else parse_duration(timeout))
        model = self._views.model
        task = lookup.task(model, call.params["task"])
        ended = task.ended_ms is not None
        live = self._requests.live_streams(task.id)
        summary = task_summary(model, task, suppress=call.flag("suppressSecrets"), live=live)
        return as_json(summary, 200 if ended else 202)

    async def stream(self, call: Call) -> Response:
        """Show what a task's command wrote, until now or in all; secrets are masked."""
        task = lookup.task(self._views.model, call.params["task"])
        name = call.params["stream"]
        found = streams(task, self._requests.live_streams(task.id), await self._whole(task, name))
        if name not in found:
            known = ", ".join(found) or "none"
            raise Missing(f"Task '{task.id}' has no stream '{name}' (it has: {known})")
        return raw(found[name], "text/plain")

    async def _whole(self, task: Task, name: str) -> dict[tuple[str, str], str]:
        """Read what is too long for the journal; where that cannot be had, its end stands for it."""
        found = {}
        for step in task.steps:
            if name in step.blobs:
                try:
                    data = await self._views.blob(step.blobs[name])
                except AmpError as problem:
                    _LOG.warning("stream %s of task %s cannot be read whole: %s", name, task.id, problem.message)
                    continue
                if data is not None:
                    found[step.id, name] = data.decode(errors="replace")
        return found

    async def _ended(self, task_id: TaskId, timeout: float | None) -> None:
        """Wait for a task's end as the journal tells it, which a hot standby hears too."""
        try:
            async with asyncio.timeout(timeout):
                while (task := self._views.model.tasks.get(task_id)) is not None and task.ended_ms is None:
                    await self._views.wait_for(self._views.seq + 1, _LOOK_AGAIN)
        except TimeoutError:
            pass  # it is shown as it is

    async def children(self, call: Call) -> Response:
        """List the tasks that a task began."""
        model = self._views.model
        task = lookup.task(model, call.params["task"])
        found = [model.tasks[each] for each in task.children if each in model.tasks]
        return as_json(_summaries(model, found, call, full=True))

    async def below(self, call: Call) -> Response:
        """Map all tasks below a task by id."""
        model = self._views.model
        deepest = call.number("maxDepth", -1)
        found = list(_below(model, lookup.task(model, call.params["task"]), deepest))
        return as_json({each["id"]: each for each in _summaries(model, found, call, full=False)})

    async def answer(self, call: Call) -> Response:
        """Answer what a task asks about a step whose end cannot be known."""
        task = lookup.task(self._views.model, call.params["task"])
        answer = json_map(call).get("answer")
        if not isinstance(answer, str):
            raise Invalid(f"the field 'answer' is missing, or no text: send one of {', '.join(ANSWERS)}")
        await self._requests.answer_task(task.id, answer, receipt=call.receipt_for(lambda *_: nothing()))
        return nothing()

    async def cancel(self, call: Call) -> Response:
        """Cancel a task; answers whether this call did it."""
        task = lookup.task(self._views.model, call.params["task"])
        receipt = call.receipt_for(lambda _, done: as_json(done))
        return as_json(await self._requests.cancel_task(task.id, receipt=receipt))


def limited(tasks: list[Task], call: Call) -> list[Task]:
    """Answer as many tasks as the parameter `limit` allows; a negative one allows all."""
    limit = call.number("limit", _DEFAULT_LIMIT)
    return tasks if limit < 0 else tasks[:limit]


def _summaries(model: Model, tasks: list[Task], call: Call, *, full: bool) -> list[dict[str, Any]]:
    suppress = call.flag("suppressSecrets")
    return [task_summary(model, each, full=full, suppress=suppress) for each in limited(tasks, call)]


def _below(model: Model, task: Task, deepest: int) -> Iterator[Task]:
    if deepest == 0:
        return
    for each in task.children:
        child = model.tasks.get(each)
        if child is not None:
            yield child
            yield from _below(model, child, deepest - 1)
