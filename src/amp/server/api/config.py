"""Config of an entity: what its type declares, the values in force (its own and inherited), and setting them."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.responses import Response

from amp.kit.ids import EntityId
from amp.model.entity import Entity
from amp.model.registry import Registry
from amp.plane.requests import Requests
from amp.plane.views import Views
from amp.server import lookup
from amp.server.again import Repeatable
from amp.server.answers import JSON, TEXT, as_json, by_type, nothing
from amp.server.bodies import json_map, read_json
from amp.server.entitlements import Right
from amp.server.routing import Call, Route
from amp.server.sensitive import masked, shown
from amp.server.shapes.entities import config_summary

_CONFIG = "/applications/{app}/entities/{entity}/config"


class Config:
    """The resource `config` of an entity."""

    def __init__(self, views: Views, requests: Requests, registry: Registry) -> None:
        self._views = views
        self._requests = requests
        self._registry = registry

    def routes(self) -> tuple[Route, ...]:
        """What this resource answers."""
        see, modify, one = Right.SEE_ENTITY, Right.MODIFY_ENTITY, _CONFIG + "/{key}"
        return (
            Route("GET", _CONFIG, self.all, "Config keys of an entity", see, hot=True),
            Route("GET", _CONFIG + "/current-state", self.values, "All values that are set", see, hot=True),
            Route("GET", one, self.value, "A value", see, hot=True, produces=(JSON, TEXT)),
            Route("POST", _CONFIG, self.set_all, "Set values", modify, hot=True, change=True, consumes=(JSON,)),
            Route("POST", one, self.set_one, "Set a value", modify, hot=True, change=True, consumes=(JSON,)),
        )

    async def all(self, call: Call) -> Response:
        """List the config keys that an entity declares, by name."""
        entity = self._entity(call)
        known = self._registry.find(entity.type)
        declared = sorted(known.config if known is not None else (), key=lambda each: each.name)
        return as_json([config_summary(entity, each) for each in declared])

    async def values(self, call: Call) -> Response:
        """Map the keys that are set, here or above, to their values; no defaults."""
        values = lookup.visible_config(self._views.model, self._entity(call), self._registry)
        return as_json(masked(values, call.flag("suppressSecrets")))

    async def value(self, call: Call) -> Response:
        """Show a value, set here or above; 204 where there is none, even if there is a default."""
        key = call.params["key"]
        value = lookup.visible_config(self._views.model, self._entity(call), self._registry).get(key)
        return by_type(shown(key, value, call.flag("suppressSecrets")), call.accepted)

    async def set_all(self, call: Call) -> Response:
        """Set several values; with `recurse`, of everything below too."""
        return await self._set(call, json_map(call))

    async def set_one(self, call: Call) -> Response:
        """Set a value; with `recurse`, of everything below too."""
        if call.flag("recurse") or call.receipt is not None:
            return await self._set(call, {call.params["key"]: read_json(call.body)})
        entity, key = self._entity(call), call.params["key"]

        def write(body: bytes) -> asyncio.Future[int]:
            return self._requests.begin_config(entity.id, {key: read_json(body)})

        await write(call.body)
        return Repeatable(write, lookup.there(entity, call))

    async def _set(self, call: Call, values: dict[str, Any]) -> Response:
        entity = self._entity(call)
        targets: list[EntityId] = [entity.id]
        if call.flag("recurse"):
            targets = [each.id for each in self._views.model.descendants(entity.id)]
        await self._requests.set_config(targets, values, receipt=call.receipt_for(lambda *_: nothing()))
        return nothing()

    def _entity(self, call: Call) -> Entity:
        return lookup.entity(self._views.model, call.params["app"], call.params["entity"])
