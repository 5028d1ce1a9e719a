"""/v1/applications: deploying, listing, deleting, and whole trees in one answer."""

from __future__ import annotations

import re
import weakref
from collections.abc import Iterator
from typing import Any

from starlette.responses import Response

from amp.kit.errors import Invalid
from amp.kit.ids import EntityId, TaskId
from amp.model.entity import Entity
from amp.model.model import Model
from amp.plane.requests import Requests
from amp.plane.views import Views
from amp.server import lookup
from amp.server.again import Lasting
from amp.server.answers import as_json, encoded, nothing
from amp.server.bodies import text
from amp.server.entitlements import Right
from amp.server.routing import BLUEPRINT, Call, Route
from amp.server.shapes import links
from amp.server.shapes.entities import application_summary, detail, entity_summary, globbed
from amp.server.shapes.tasks import removal_summary, task_summary

YAML = ("application/x-yaml", "text/yaml", "text/x-yaml", "application/yaml")
_OWN_ID = re.compile(r"[a-z0-9]{10,63}")
_APP = "/applications/{app}"


class Applications:
    """The resource `/applications`."""

    def __init__(self, views: Views, requests: Requests) -> None:
        self._views = views
        self._requests = requests
        self._written: dict[EntityId, tuple[Entity, bytes]] = {}

    def routes(self) -> tuple[Route, ...]:
        """What this resource answers."""
        see, deploy = Right.SEE_ENTITY, Right.DEPLOY
        return (
            Route("GET", "/applications", self.all, "Applications", hot=True),
            Route("GET", "/applications/fetch", self.fetch, "All applications as whole trees", hot=True),
            Route("GET", "/applications/details", self.details, "Applications to a depth, with values", hot=True),
            Route("GET", _APP, self.show, "An application, by id or name", see, hot=True),
            Route(
                "POST",
                "/applications",
                self.deploy,
                "Deploy a blueprint",
                deploy,
                hot=True,
                change=True,
                body_limit=BLUEPRINT,
            ),
            Route(
                "PUT",
                _APP,
                self.deploy_as,
                "Deploy a blueprint under an id of the client's choice",
                deploy,
                hot=True,
                change=True,
                consumes=YAML,
                body_limit=BLUEPRINT,
            ),
            Route("DELETE", _APP, self.delete, "Stop and forget an application", Right.DELETE, hot=True, change=True),
            Route("GET", _APP + "/descendants", self.descendants, "Its entities, itself included", see, hot=True),
            Route(
                "GET",
                _APP + "/descendants/sensor/{sensor}",
                self.descendants_sensor,
                "One sensor of all its entities",
                see,
                hot=True,
            ),
        )

    async def all(self, call: Call) -> Response:
        """List the applications."""
        fits = lookup.type_filter(call.query.get("typeRegex"))
        model, seq = weakref.ref(self._views.model), self._views.seq
        body = self._summaries([each for each in self._visible(call) if fits(each.type)])
        return Lasting(body, lambda views: views.seq == seq and views.model is model())

    async def show(self, call: Call) -> Response:
        """Show an application."""
        return as_json(application_summary(lookup.application(self._views.model, call.params["app"])))

    async def deploy(self, call: Call) -> Response:
        """Deploy a blueprint of any content type; one that is not named is refused, as Brooklyn does."""
        if call.content_type in ("", "multipart/form-data"):
            return nothing(415)
        return await self._deploy(call, None)

    async def deploy_as(self, call: Call) -> Response:
        """Deploy a blueprint under an id that the client chose."""
        wanted = call.params["app"]
        if _OWN_ID.fullmatch(wanted) is None:
            raise Invalid(f"'{wanted}' cannot be an application's id: 10 to 63 lower-case letters and digits")
        return await self._deploy(call, wanted)

    async def _deploy(self, call: Call, app_id: str | None) -> Response:
        def deployed(model: Model, done: tuple[EntityId, TaskId]) -> Response:
            application, task = done
            response = _task(model, task, 201)
            response.headers["Location"] = call.base + links.application(application)
            return response

        receipt = call.receipt_for(deployed)
        done = await self._requests.deploy(text(call), user=call.by, app_id=app_id, receipt=receipt)
        return deployed(self._views.model, done)

    async def delete(self, call: Call) -> Response:
        """Stop and forget an application, in the background."""
        application = lookup.application(self._views.model, call.params["app"])

        def deleted(model: Model, task_id: TaskId) -> Response:
            task = model.tasks.get(task_id)
            return nothing(202) if task is None else as_json(removal_summary(task, []), 202)

        receipt = call.receipt_for(deleted)
        done = await self._requests.delete_application(application.id, user=call.by, receipt=receipt)
        return deleted(self._views.model, done)

    async def descendants(self, call: Call) -> Response:
        """List an application's entities."""
        model = self._views.model
        application = lookup.application(model, call.params["app"])
        return as_json(descendants(model, application, call))

    async def descendants_sensor(self, call: Call) -> Response:
        """Map an application's entities to their value of a sensor."""
        model = self._views.model
        application = lookup.application(model, call.params["app"])
        return as_json(sensor_below(model, application, call))

    async def fetch(self, call: Call) -> Response:
        """Show all applications as trees, then the entities that are asked for and what is above them."""
        model = self._views.model
        sensors = _names(call, "sensors")
        trees = list(self._visible(call))
        if trees:
            trees += [each for each in _with_ancestors(model, _names(call, "items")) if not each.is_application]
        return as_json([detail(model, each, -1, sensors) for each in trees])

    async def details(self, call: Call) -> Response:
        """Show applications and entities to a depth, with the sensors and config that match."""
        model = self._views.model
        depth = call.number("depth", 1)
        seen = {each.id: each for each in self._visible(call)}
        chosen = dict(seen) if call.flag("includeAllApps", True) else {}
        if call.may(Right.SEE_ENTITY):
            chosen.update((each.id, each) for each in _with_ancestors(model, _names(call, "items")))
        sensors, config = _names(call, "sensors"), _names(call, "config")
        found = [detail(model, each, depth) for each in chosen.values()]
        if sensors or config or depth != 0:
            for tree in found:
                _add_values(model, tree, sensors, config)
        return as_json(found)

    def _summaries(self, applications: list[Entity]) -> bytes:
        """Write applications as a list; those that are as they were when last written are not written anew."""
        known, pieces = self._written, []
        for each in applications:
            before = known.get(each.id)
            if before is None or before[0] is not each:
                before = known[each.id] = (each, encoded(application_summary(each)))
            pieces.append(before[1])
        if len(known) > 2 * len(self._views.model.roots) + 100:
            self._written = {id: known[id] for id in self._views.model.roots if id in known}
        return b"[" + b",".join(pieces) + b"]"

    def _visible(self, call: Call) -> Iterator[Entity]:
        if call.may(Right.SEE_ENTITY):
            yield from self._views.model.applications()


def _task(model: Model, task_id: TaskId, status: int) -> Response:
    task = model.tasks.get(task_id)
    return nothing(status) if task is None else as_json(task_summary(model, task), status)


def descendants(model: Model, entity: Entity, call: Call) -> list[dict[str, Any]]:
    """List an entity and all below it whose type fits the parameter `typeRegex`."""
    fits = lookup.type_filter(call.query.get("typeRegex"))
    return [entity_summary(each) for each in model.descendants(entity.id) if fits(each.type)]


def sensor_below(model: Model, entity: Entity, call: Call) -> dict[str, Any]:
    """Map an entity and all below it, where the sensor has a value, to that value."""
    fits = lookup.type_filter(call.query.get("typeRegex"))
    name, suppress = call.params["sensor"], call.flag("suppressSecrets")
    values: dict[str, Any] = {}
    for each in model.descendants(entity.id):
        value = each.sensors.get(name)
        if value is not None and fits(each.type):
            values[each.id] = lookup.shown_sensor(name, value, suppress)
    return values


def _names(call: Call, parameter: str) -> list[str]:
    listed = (call.query.get(parameter) or "").strip()
    return [each.strip() for each in listed.removeprefix("[").removesuffix("]").split(",") if each.strip()]


def _with_ancestors(model: Model, ids: list[str]) -> list[Entity]:
    found: dict[str, Entity] = {}
    for each in ids:
        line: list[Entity] = []
        at = model.entities.get(EntityId(each))
        while at is not None:
            line.append(at)
            at = model.entities.get(at.parent) if at.parent is not None else None
        found.update((entity.id, entity) for entity in reversed(line))
    return list(found.values())


def _add_values(model: Model, tree: dict[str, Any], sensors: list[str], config: list[str]) -> None:
    entity = model.entities.get(EntityId(tree["id"]))
    if entity is None or "parentId" not in tree:
        return
    tree["tags"] = list(entity.tags)
    if sensors:
        tree["sensors"] = globbed(entity.sensors, sensors)
    if config:
        tree["config"] = globbed(lookup.visible_config(model, entity), config)
    for child in tree.get("children", ()):
        _add_values(model, child, sensors, config)
