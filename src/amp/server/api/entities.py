"""Entities of an application: showing, adding below, naming, tagging, expunging."""

from __future__ import annotations

from urllib.parse import quote

from starlette.responses import Response

from amp.kit.durations import parse_duration
from amp.kit.errors import Fenced, Invalid, Missing
from amp.kit.ids import EntityId, TaskId
from amp.model.entity import Entity, Task
from amp.model.model import Model
from amp.plane.requests import Requests
from amp.plane.views import Views
from amp.server import lookup
from amp.server.again import lasting
from amp.server.answers import JSON, as_json, nothing, raw
from amp.server.api.activities import limited
from amp.server.api.applications import YAML, descendants, sensor_below
from amp.server.bodies import text
from amp.server.entitlements import Right
from amp.server.routing import BLUEPRINT, Call, Route
from amp.server.shapes import links
from amp.server.shapes.entities import entity_summary
from amp.server.shapes.locations import location_summary
from amp.server.shapes.tasks import removal_summary, task_summary

_ALL = "/applications/{app}/entities"
_ENTITY = _ALL + "/{entity}"
_URL = ":/?#[]@!$&'()*+,;=%-._~"
_IMAGES = ("image/png", "image/svg+xml", "image/jpeg", "image/gif", JSON)
_SPEC_TYPES = ("text/x-yaml", "application/x-yaml", "text/yaml", "text/plain", "application/yaml")


class Entities:
    """The resource `/applications/{app}/entities`, without its tags."""

    def __init__(self, views: Views, requests: Requests) -> None:
        self._views = views
        self._requests = requests

    def routes(self) -> tuple[Route, ...]:
        """What this resource answers."""
        reads = (
            (_ALL, self.of_application, "Entities right below an application"),
            (_ENTITY, self.show, "An entity, by id or name"),
            (_ENTITY + "/children", self.children, "Entities right below it"),
            (_ENTITY + "/relations", self.relations, "Its relations"),
            (_ENTITY + "/activities", self.activities, "Its tasks, running ones first"),
            (_ENTITY + "/descendants", self.descendants, "All below it, itself included"),
            (_ENTITY + "/descendants/sensor/{sensor}", self.descendants_sensor, "One sensor of all of these"),
            (_ENTITY + "/locations", self.locations, "Where it runs"),
            (_ENTITY + "/speclist", self.specs, "The texts that it was made from"),
        )
        see, modify = Right.SEE_ENTITY, Right.MODIFY_ENTITY
        return (
            *(Route("GET", path, handle, summary, see, hot=True) for path, handle, summary in reads),
            Route("GET", _ENTITY + "/icon", self.icon, "Where its icon is", see, hot=True, produces=_IMAGES),
            Route("GET", _ENTITY + "/spec", self.spec, "The blueprint", see, hot=True, produces=_SPEC_TYPES),
            Route(
                "GET",
                _ENTITY + "/activities/{task}",
                self.activity,
                "One of its tasks",
                see,
                hot=True,
                produces=("text/json",),
            ),
            Route(
                "POST",
                _ENTITY + "/children",
                self.add_children,
                "Add entities below it",
                modify,
                hot=True,
                change=True,
                consumes=(*YAML, JSON),
                body_limit=BLUEPRINT,
            ),
            Route("POST", _ENTITY + "/name", self.rename, "Rename it", modify, hot=True, change=True),
            Route("POST", _ENTITY + "/expunge", self.expunge, "Forget it", Right.DELETE, hot=True, change=True),
        )

    async def of_application(self, call: Call) -> Response:
        """List the entities right below an application."""
        return self._children(lookup.application(self._views.model, call.params["app"]))

    async def show(self, call: Call) -> Response:
        """Show an entity."""
        entity = self._entity(call)
        return lasting(entity_summary(entity), lookup.unchanged(entity, call))

    async def children(self, call: Call) -> Response:
        """List the entities right below an entity."""
        return self._children(self._entity(call))

    async def relations(self, call: Call) -> Response:
        """List an entity's relations: this version has none but parent and child."""
        self._entity(call)
        return as_json([])

    async def activities(self, call: Call) -> Response:
        """List an entity's tasks: running ones first, then the newest."""
        model = self._views.model
        entity = self._entity(call)
        owners = list(model.descendants(entity.id)) if call.flag("recurse") else [entity]
        tasks = [model.tasks[each] for owner in owners for each in model.tasks_of.get(owner.id, ())]
        tasks.sort(key=_latest_first)
        suppress = call.flag("suppressSecrets")
        return as_json([task_summary(model, each, full=False, suppress=suppress) for each in limited(tasks, call)])

    async def activity(self, call: Call) -> Response:
        """Show one of an entity's tasks."""
        model = self._views.model
        entity, task = self._entity(call), lookup.task(model, call.params["task"])
        if task.entity != entity.id:
            raise Missing(f"Cannot find task '{task.id}' of entity '{entity.name}'")
        response = as_json(task_summary(model, task, suppress=call.flag("suppressSecrets")))
        response.headers["Content-Type"] = "text/json"
        return response

    async def descendants(self, call: Call) -> Response:
        """List an entity and all below it."""
        entity = self._entity(call)
        return as_json(descendants(self._views.model, entity, call))

    async def descendants_sensor(self, call: Call) -> Response:
        """Map an entity and all below it to their value of a sensor."""
        entity = self._entity(call)
        return as_json(sensor_below(self._views.model, entity, call))

    async def locations(self, call: Call) -> Response:
        """List the locations of an entity."""
        model = self._views.model
        places = [model.locations[each] for each in self._entity(call).locations if each in model.locations]
        return as_json([location_summary(each, config=False) for each in places])

    async def icon(self, call: Call) -> Response:
        """Point to an entity's icon on the web; 204 where it has none."""
        url = self._entity(call).config.get("iconUrl")
        if not isinstance(url, str) or not url.startswith(("http://", "https://")):
            return nothing()
        return Response(status_code=307, headers={"Location": quote(url, safe=_URL)})

    async def spec(self, call: Call) -> Response:
        """Show the blueprint that an entity was made from, word for word."""
        blueprint = self._entity(call).blueprint
        return nothing() if blueprint is None else raw(blueprint, call.accepted)

    async def specs(self, call: Call) -> Response:
        """List the texts that an entity was made from."""
        blueprint = self._entity(call).blueprint
        if blueprint is None:
            return nothing()
        return as_json([{"summary": "Blueprint as deployed", "format": "brooklyn-camp", "contents": blueprint}])

    async def add_children(self, call: Call) -> Response:
        """Add entities below an entity; they are started unless `start=false`."""
        entity = self._entity(call)
        start = call.flag("start") if "start" in call.query else None

        def added(model: Model, done: tuple[list[EntityId], TaskId | None]) -> Response:
            new, task = done
            found = model.tasks.get(task) if task is not None else None
            response = nothing(201) if found is None else as_json(task_summary(model, found), 201)
            if len(new) == 1 and new[0] in model.entities:
                response.headers["Location"] = call.base + links.entity(model.entities[new[0]])
            return response

        receipt = call.receipt_for(added)
        patience = parse_duration((call.query.get("timeout") or "").strip() or "20ms")
        done = await self._requests.add_children(entity.id, text(call), user=call.by, start=start, receipt=receipt)
        if done[1] is not None and receipt is None:  # an answer that is kept was written before
            try:
                await self._requests.wait_task(done[1], min(patience, 3600.0))
            except Fenced:
                pass  # the entities are there, durably; how their start ends the next leader tells
        return added(self._views.model, done)

    async def rename(self, call: Call) -> Response:
        """Rename an entity."""
        name = call.query.get("name", "").strip()
        if not name:
            raise Invalid("the parameter 'name' is missing: write ?name=NAME")
        await self._requests.rename(self._entity(call).id, name, receipt=call.receipt_for(lambda *_: nothing(200)))
        return nothing(200)

    async def expunge(self, call: Call) -> Response:
        """Forget an entity, after a stop where `release` is set."""
        entity = self._entity(call)
        release = call.flag("release")

        def expunged(model: Model, task_id: TaskId) -> Response:
            task = model.tasks.get(task_id)
            return nothing(202) if task is None else as_json(removal_summary(task, ["DESTRUCTION"]), 202)

        receipt = call.receipt_for(expunged)
        done = await self._requests.expunge(entity.id, release=release, user=call.by, receipt=receipt)
        return expunged(self._views.model, done)

    def _entity(self, call: Call) -> Entity:
        return lookup.entity(self._views.model, call.params["app"], call.params["entity"])

    def _children(self, entity: Entity) -> Response:
        model = self._views.model
        return as_json([entity_summary(model.entities[each]) for each in entity.children])


def _latest_first(task: Task) -> tuple[bool, int]:
    return task.ended_ms is not None, -(task.ended_ms or task.submitted_ms)
