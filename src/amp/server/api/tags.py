"""Tags of an entity: any JSON values; those that are maps of one key can be set and read by that key."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.responses import Response

from amp.model.entity import Entity
from amp.plane.requests import Requests
from amp.plane.views import Views
from amp.server import lookup
from amp.server.answers import as_json, nothing, value_or_nothing
from amp.server.bodies import json_value
from amp.server.entitlements import Right
from amp.server.routing import Call, Route

_ENTITY = "/applications/{app}/entities/{entity}"


class Tags:
    """The tags of an entity."""

    def __init__(self, views: Views, requests: Requests) -> None:
        self._views = views
        self._requests = requests
        self._writing = asyncio.Lock()  # a tag is added to what was read: one at a time

    def routes(self) -> tuple[Route, ...]:
        """What this resource answers."""
        see, tag = Right.SEE_ENTITY, _ENTITY + "/tag"
        writes = (
            (tag + "/add", self.add, "Add a tag"),
            (tag + "/delete", self.delete, "Remove a tag"),
            (tag + "/upsert/{key}", self.upsert, "Set a tag that is a map of one key"),
        )
        return (
            Route("GET", _ENTITY + "/tags", self.all, "Tags of an entity", see, hot=True),
            Route("GET", tag + "/get/{key}", self.one, "The value of a tag that is a map of one key", see, hot=True),
            *(
                Route("POST", path, handle, summary, Right.MODIFY_ENTITY, hot=True, change=True)
                for path, handle, summary in writes
            ),
        )

    async def all(self, call: Call) -> Response:
        """List an entity's tags."""
        return as_json(self._entity(call).tags)

    async def one(self, call: Call) -> Response:
        """Show the value of a tag that is a map."""
        key = call.params["key"]
        found = next((each for each in self._entity(call).tags if _has_key(each, key)), None)
        return value_or_nothing(found[key] if found is not None else None)

    async def add(self, call: Call) -> Response:
        """Add a tag; one that is there stays once."""
        tag = json_value(call)
        async with self._writing:
            entity = self._entity(call)
            receipt = call.receipt_for(lambda *_: nothing())
            if tag not in entity.tags or receipt is not None:
                tags = entity.tags if tag in entity.tags else (*entity.tags, tag)
                await self._requests.set_tags(entity.id, list(tags), receipt=receipt)
        return nothing()

    async def delete(self, call: Call) -> Response:
        """Remove a tag; answers whether it was there."""
        tag = json_value(call)
        async with self._writing:
            entity = self._entity(call)
            there = tag in entity.tags
            receipt = call.receipt_for(lambda *_: as_json(there))
            if there or receipt is not None:
                others = [each for each in entity.tags if each != tag]
                await self._requests.set_tags(entity.id, others, receipt=receipt)
        return as_json(there)

    async def upsert(self, call: Call) -> Response:
        """Set a tag that is a map of one key."""
        key, value = call.params["key"], json_value(call)
        async with self._writing:
            entity = self._entity(call)
            others = [each for each in entity.tags if not _has_key(each, key)]
            receipt = call.receipt_for(lambda *_: nothing())
            await self._requests.set_tags(entity.id, [*others, {key: value}], receipt=receipt)
        return nothing()

    def _entity(self, call: Call) -> Entity:
        return lookup.entity(self._views.model, call.params["app"], call.params["entity"])


def _has_key(tag: Any, key: str) -> bool:
    return isinstance(tag, dict) and set(tag) == {key}
