"""Effectors of an entity: what it can be told, and telling it."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from amp.kit.durations import parse_duration
from amp.kit.errors import Fenced, Invalid
from amp.kit.ids import TaskId
from amp.model.entity import Entity
from amp.model.model import Model
from amp.model.registry import Registry
from amp.plane.requests import Requests
from amp.plane.views import Views
from amp.server import lookup
from amp.server.answers import JSON, as_json, nothing, raw
from amp.server.api.activities import AT_ONCE, FOREVER
from amp.server.bodies import form, json_map
from amp.server.entitlements import Right
from amp.server.errors import api_error
from amp.server.routing import FORM, Call, Route
from amp.server.shapes.entities import effector_summary
from amp.server.shapes.tasks import task_summary

_EFFECTORS = "/applications/{app}/entities/{entity}/effectors"


class Effectors:
    """The resource `effectors` of an entity."""

    def __init__(self, views: Views, requests: Requests, registry: Registry) -> None:
        self._views = views
        self._requests = requests
        self._registry = registry

    def routes(self) -> tuple[Route, ...]:
        """What this resource answers."""
        return (
            Route("GET", _EFFECTORS, self.all, "Effectors of an entity", Right.SEE_ENTITY, hot=True),
            Route(
                "POST",
                _EFFECTORS + "/{effector}",
                self.invoke,
                "Invoke an effector; `timeout` bounds the wait for its result",
                Right.INVOKE_EFFECTOR,
                hot=True,
                change=True,
                consumes=(JSON, FORM),
            ),
        )

    async def all(self, call: Call) -> Response:
        """List the effectors by name."""
        entity = self._entity(call)
        known = self._registry.find(entity.type)
        declared = sorted(known.effectors if known is not None else (), key=lambda each: each.name)
        return as_json([effector_summary(entity, each) for each in declared])

    async def invoke(self, call: Call) -> Response:
        """Begin an effector. Always 202: with its result when it ended in time, else with the task."""
        entity = self._entity(call)
        timeout = _timeout(call)
        name, parameters = call.params["effector"], _parameters(call)
        receipt = call.receipt_for(_running)
        task = await self._requests.invoke(entity.id, name, parameters, user=call.by, receipt=receipt)
        try:
            # An answer that is kept was written before the effector began: its result is the task's to tell.
            ended = timeout != 0 and receipt is None and await self._requests.wait_task(task, timeout)
        except Fenced:  # it has begun, durably; how it ends the next leader tells
            ended = False
        return self._result(task) if ended else _running(self._views.model, task)

    def _result(self, task_id: TaskId) -> Response:
        task = self._views.model.tasks.get(task_id)
        if task is None:  # it went with its entity: `stop` of an application removes it
            return nothing(202)
        if task.status != "completed":
            reason = task.error or f"the task was {task.status}"
            return api_error(500, f"{task.name} of {task.entity_name} failed: {reason}", f"Task: {task.id}")
        if task.result is None:
            return nothing(202)
        return raw(task.result, status=202) if isinstance(task.result, str) else as_json(task.result, 202)

    def _entity(self, call: Call) -> Entity:
        return lookup.entity(self._views.model, call.params["app"], call.params["entity"])


def _running(model: Model, task_id: TaskId) -> Response:
    task = model.tasks.get(task_id)
    return nothing(202) if task is None else as_json(task_summary(model, task), 202)


def _parameters(call: Call) -> dict[str, Any]:
    if not call.body.strip():
        return {}
    return form(call) if call.content_type == FORM else json_map(call)


def _timeout(call: Call) -> float | None:
    text = (call.query.get("timeout") or "").strip().lower()
    if text == "" or text in FOREVER:
        return None
    if text in AT_ONCE:
        return 0.0
    seconds = parse_duration(text)
    if not 0 <= seconds < float("inf"):
        raise Invalid(f"timeout={text!r}: write a duration such as 5s, or `never`")
    return seconds
