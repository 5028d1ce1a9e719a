"""The ASGI application: the API below /v1, the console everywhere else. Here the resources get what they use."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from amp.ha.founding import Founding
from amp.kit.clock import Clock
from amp.kit.errors import AmpError, Invalid
from amp.kit.ids import Entropy
from amp.model.registry import Registry
from amp.plane.peers import Peers
from amp.plane.requests import Requests
from amp.plane.views import HaControl, Views
from amp.server import errors
from amp.server.api import script
from amp.server.api.access import Access
from amp.server.api.activities import Activities
from amp.server.api.adjuncts import Adjuncts
from amp.server.api.apidoc import ApiDoc
from amp.server.api.applications import Applications
from amp.server.api.config import Config
from amp.server.api.effectors import Effectors
from amp.server.api.entities import Entities
from amp.server.api.ha import HighAvailability
from amp.server.api.locations import Locations
from amp.server.api.login import Login
from amp.server.api.node import Node
from amp.server.api.plane import Plane
from amp.server.api.sensors import Sensors
from amp.server.api.tags import Tags
from amp.server.events import Streams
from amp.server.forwarding import Forwarding
from amp.server.nodes import PREFIX, NodeCalls
from amp.server.pipeline import Pipeline, Reload
from amp.server.routing import Route, Table
from amp.server.sessions import Sessions
from amp.server.static import Console
from amp.settings import Settings

CONSOLE = Path(__file__).parent / "console"
_IDLE = "org.apache.brooklyn.server.maxInactiveInterval"
_AGE = "org.apache.brooklyn.server.maxSessionAge"


class Application:
    """The ASGI application. `again`: answers that can be given without it."""

    def __init__(self, pipeline: Pipeline, pages: Console, calls: NodeCalls, entropy: Entropy) -> None:
        self._pipeline, self._pages, self._calls, self._entropy = pipeline, pages, calls, entropy
        self.again = pipeline.again

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        path = scope["path"]
        if path == "/v1" or path.startswith("/v1/"):
            response = await self._pipeline.answer(request)
        elif path.startswith(PREFIX):
            response = await self._calls.answer(request)
        else:
            try:
                response = self._pages.answer(request)
            except AmpError as error:
                response = errors.answer(error, self._entropy)
        if scope["method"] == "HEAD":
            response.body = b""  # the headers, its length among them, are those of a GET
        await response(scope, receive, send)


def build(
    views: Views,
    control: HaControl,
    requests: Requests,
    settings: Settings,
    registry: Registry,
    clock: Clock,
    entropy: Entropy,
    *,
    reload: Reload,
    stopping: asyncio.Event,
    console: Path = CONSOLE,
    peers: Peers | None = None,
    plane: Callable[[], Founding | None] = lambda: None,
) -> Application:
    """Make the application of one node.

    `reload` reads the settings files again, in a thread; `stopping` ends the live streams and is set before the server
    is told to exit; `console` is where the built console is. `peers`: how others are called, where writes may be
    passed on; `plane`: what is known of the plane, for calls of others.
    Raises: Invalid, for settings that make no sense.
    """
    properties = settings.properties
    idle = _seconds(properties, _IDLE) or 3600.0
    sessions = Sessions(clock, entropy, settings.port, idle, _seconds(properties, _AGE))
    doc = ApiDoc()
    routes: list[Route] = []
    pages = Console(console)

    def now() -> Settings:
        return pipeline.settings

    def adopt(changed: Settings) -> None:
        pipeline.adopt(changed)

    for resource in (
        Node(views, control, requests, now, reload, adopt),
        HighAvailability(views, control, clock),
        Plane(requests, Streams(views, clock, stopping), sessions),
        Access(views, requests),
        Login(sessions),
        Applications(views, requests),
        Entities(views, requests),
        Tags(views, requests),
        Sensors(views, requests, registry),
        Config(views, requests, registry),
        Effectors(views, requests, registry),
        Adjuncts(views),
        Activities(views, requests),
        Locations(views, now),
        doc,
    ):
        routes.extend(resource.routes())
    routes.extend(script.routes())
    table = Table(routes)
    doc.describe(table.routes)
    forwarding = Forwarding(views, peers) if peers is not None and settings.forward_writes else None
    pipeline = Pipeline(table, views, settings, sessions, clock, entropy, forwarding)

    return Application(pipeline, pages, NodeCalls(views, control, plane), entropy)


def _seconds(properties: Mapping[str, str], key: str) -> float | None:
    text = properties.get(key, "").strip()
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        raise Invalid(f"{key}={text!r}: write a number of seconds") from None
