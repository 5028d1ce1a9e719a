"""One node under test: the application of the server over the fakes, and a client to ask it."""

from __future__ import annotations

import asyncio
import base64
import itertools
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from amp.entities.types import standard_registry
from amp.ha.modes import HaMode, PersistMode
from amp.kit.clock import Reading
from amp.kit.secret import Secret
from amp.server.app import build
from amp.settings import Settings, User
from amp.testing.requests import FakeRequests
from amp.testing.views import FakeControl, FakeViews

BASIC = "org.apache.brooklyn.entity.stock.BasicEntity"


class ManualClock:
    """A clock that goes when told."""

    def __init__(self) -> None:
        self.at = 1000.0

    def read(self) -> Reading:
        return Reading(self.at, self.at, 1_700_000_000 + self.at)


def counting_entropy() -> Any:
    """Bytes that never repeat and are the same in each run."""
    numbers = itertools.count(1)
    return lambda size: (next(numbers).to_bytes(8, "big") * size)[-size:]


def settings_with(properties: Mapping[str, str] | None = None, **fields: Any) -> Settings:
    settings = Settings(
        home=Path("/nowhere"),
        ha_mode=HaMode.AUTO,
        persist_mode=PersistMode.AUTO,
        store=None,
        heartbeat_timeout=30.0,
        poll_period=1.0,
        persist_period=1.0,
        host="127.0.0.1",
        port=8081,
        uri="http://127.0.0.1:8081/",
        plane_name=None,
        plane_moved=False,
        users=(User("admin", Secret("p"), None, None), User("reader", Secret("p"), None, None)),
        anyone=False,
        ignore_persistence_errors=False,
        standby_is_hot=True,
        properties=dict(properties or {}),
    )
    return replace(settings, **fields)


def basic(user: str, password: str = "p") -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


class Node:
    """The server, what it stands on, and how to ask it. `reloaded` is what the files say when they are read again."""

    def __init__(self, settings: Settings | None = None, console: Path = Path("/nowhere")) -> None:
        self.settings = settings or settings_with()
        self.reloaded = self.settings
        self.reload_error: Exception | None = None
        self.views = FakeViews()
        self.control = FakeControl(self.views)
        self.clock = ManualClock()
        self.registry = standard_registry()
        self.requests = FakeRequests(self.views, self.registry, counting_entropy())
        self.stopping = asyncio.Event()
        self.app = build(
            self.views,
            self.control,
            self.requests,
            self.settings,
            self.registry,
            self.clock,
            counting_entropy(),
            reload=self._reload,
            stopping=self.stopping,
            console=console,
        )

    def _reload(self) -> Settings:
        if self.reload_error is not None:
            raise self.reload_error
        return self.reloaded

    def client(self, **options: Any) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)  # type: ignore[arg-type]
        return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8081", **options)

    async def ask(self, method: str, path: str, user: str | None = "admin", **options: Any) -> httpx.Response:
        headers = {**(basic(user) if user is not None else {}), **options.pop("headers", {})}
        async with self.client() as client:
            return await client.request(method, "/v1" + path, headers=headers, **options)

    async def get(self, path: str, **options: Any) -> httpx.Response:
        return await self.ask("GET", path, **options)

    async def post(self, path: str, **options: Any) -> httpx.Response:
        return await self.ask("POST", path, **options)

    async def deploy(self, blueprint: str = f"name: shop\nservices:\n- type: {BASIC}\n  name: till\n") -> str:
        answer = await self.post("/applications", content=blueprint, headers={"Content-Type": "text/yaml"})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["entityId"])

    def child(self, name: str = "till") -> str:
        return next(each.id for each in self.views.model.entities.values() if each.name == name)

    def become(self, state: str, **fields: Any) -> None:
        self.views.status = replace(self.views.status, state=state, **fields)
