"""AMP's own view of the plane: all that this node knows of it, and the live stream of what changes."""

from __future__ import annotations

from starlette.responses import Response

from amp.kit.errors import Invalid
from amp.plane.requests import Requests
from amp.server.answers import as_json, nothing
from amp.server.entitlements import Right
from amp.server.errors import Forbidden
from amp.server.events import TOPICS, Streams
from amp.server.routing import Call, Route
from amp.server.sessions import Sessions


class Plane:
    """The resources `/ha/plane`, `/ha/probe` and `/events/stream`."""

    def __init__(self, requests: Requests, streams: Streams, sessions: Sessions) -> None:
        self._requests = requests
        self._streams = streams
        self._sessions = sessions

    def routes(self) -> tuple[Route, ...]:
        """What this resource answers."""
        status = Right.SERVER_STATUS
        return (
            Route("GET", "/ha/plane", self.plane, "The plane as this node sees it", status),
            Route("POST", "/ha/probe", self.probe, "A write that changes nothing", Right.HA_ADMIN, change=True),
            Route(
                "GET",
                "/events/stream",
                self.stream,
                "Server-sent events of the topics `ha` and `model`",
                status,
                produces=("text/event-stream",),
            ),
        )

    async def plane(self, call: Call) -> Response:
        """Tell everything about the plane."""
        return as_json(call.ha)

    async def probe(self, call: Call) -> Response:
        """Write nothing, the way that every write goes; answers where it stands in the journal."""
        seq = await self._requests.probe(receipt=call.receipt_for(lambda *_: nothing()))
        return as_json({"seq": seq}) if call.receipt is None else nothing()

    async def stream(self, call: Call) -> Response:
        """Follow what changes."""
        wanted = [each.strip() for each in call.query.get("topics", ",".join(TOPICS)).split(",") if each.strip()]
        unknown = [each for each in wanted if each not in TOPICS]
        if unknown or not wanted:
            raise Invalid(f"topics: {', '.join(unknown) or 'none given'}; there are {' and '.join(TOPICS)}")
        if "model" in wanted and not call.may(Right.SEE_ENTITY):
            raise Forbidden(f"User '{call.by}' is not authorized to {Right.SEE_ENTITY.value}")
        session = call.session
        return self._streams.stream(wanted, lambda: session is None or self._sessions.keep(session))
