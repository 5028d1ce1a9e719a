"""Sensors of an entity: what it declares and has, one by one or together, and setting them from outside."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.responses import Response

from amp.model.entity import Entity
from amp.model.registry import BOOLEAN, INTEGER, MAP, OBJECT, STRING, Registry, Sensor
from amp.plane.requests import Requests
from amp.plane.views import Views
from amp.server import lookup
from amp.server.again import Repeatable, lasting
from amp.server.answers import JSON, TEXT, as_json, by_type, nothing, raw
from amp.server.bodies import json_map, read_json
from amp.server.entitlements import Right
from amp.server.routing import Call, Route
from amp.server.shapes.entities import sensor_summary

_SENSORS = "/applications/{app}/entities/{entity}/sensors"
_LIFECYCLE = "service.state"


class Sensors:
    """The resource `sensors` of an entity."""

    def __init__(self, views: Views, requests: Requests, registry: Registry) -> None:
        self._views = views
        self._requests = requests
        self._registry = registry

    def routes(self) -> tuple[Route, ...]:
        """What this resource answers."""
        see, modify, both = Right.SEE_ENTITY, Right.MODIFY_ENTITY, (JSON, TEXT)
        one = _SENSORS + "/{sensor}"
        return (
            Route("GET", _SENSORS, self.all, "Sensors of an entity", see, hot=True),
            Route("GET", _SENSORS + "/current-state", self.values, "All sensors' values", see, hot=True),
            Route("GET", one, self.value, "A sensor's value", see, hot=True, produces=both),
            Route("POST", _SENSORS, self.set_all, "Set sensors", modify, hot=True, change=True, consumes=(JSON,)),
            Route("POST", one, self.set_one, "Set a sensor", modify, hot=True, change=True, consumes=(JSON,)),
            Route("DELETE", one, self.clear, "Remove a sensor's value", modify, hot=True, change=True),
        )

    async def all(self, call: Call) -> Response:
        """List the sensors that an entity declares or has, by name."""
        entity = self._entity(call)
        declared = {each.name: each for each in self._declared(entity)}
        for name, value in entity.sensors.items():
            declared.setdefault(name, Sensor(name, _java_type(value)))
        return as_json([sensor_summary(entity, each) for _, each in sorted(declared.items())])

    async def values(self, call: Call) -> Response:
        """Map all sensors to their values, null where they have none."""
        entity = self._entity(call)
        suppress = call.flag("suppressSecrets")
        values: dict[str, Any] = {each.name: None for each in self._declared(entity)}
        values.update(entity.sensors)
        shown = {name: lookup.shown_sensor(name, value, suppress) for name, value in values.items()}
        return lasting(shown, lookup.unchanged(entity, call))

    async def value(self, call: Call) -> Response:
        """Show a sensor's value; 204 where it has none."""
        name = call.params["sensor"]
        value = self._entity(call).sensors.get(name)
        if name == _LIFECYCLE and isinstance(value, str) and call.accepted == TEXT:
            return raw(value.lower().replace("_", "-"), TEXT)  # as the Java enum prints itself
        return by_type(lookup.shown_sensor(name, value, call.flag("suppressSecrets")), call.accepted)

    async def set_all(self, call: Call) -> Response:
        """Set several sensors at once."""
        return await self._set(call, json_map(call))

    async def set_one(self, call: Call) -> Response:
        """Set a sensor."""
        entity, name = self._entity(call), call.params["sensor"]
        if call.receipt is not None:
            return await self._set(call, {name: read_json(call.body)})

        def write(body: bytes) -> asyncio.Future[int]:
            return self._requests.begin_sensors(entity.id, {name: read_json(body)})

        await write(call.body)
        return Repeatable(write, lookup.there(entity, call))

    async def clear(self, call: Call) -> Response:
        """Remove a sensor's value."""
        receipt = call.receipt_for(lambda *_: nothing())
        await self._requests.clear_sensor(self._entity(call).id, call.params["sensor"], receipt=receipt)
        return nothing()

    async def _set(self, call: Call, values: dict[str, Any]) -> Response:
        receipt = call.receipt_for(lambda *_: nothing())
        await self._requests.set_sensors(self._entity(call).id, values, receipt=receipt)
        return nothing()

    def _declared(self, entity: Entity) -> tuple[Sensor, ...]:
        known = self._registry.find(entity.type)
        return known.sensors if known is not None else ()

    def _entity(self, call: Call) -> Entity:
        return lookup.entity(self._views.model, call.params["app"], call.params["entity"])


def _java_type(value: Any) -> str:
    match value:
        case bool():
            return BOOLEAN
        case int():
            return INTEGER
        case float():
            return "java.lang.Double"
        case str():
            return STRING
        case dict():
            return MAP
        case list():
            return "java.util.List"
        case _:
            return OBJECT
