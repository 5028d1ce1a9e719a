"""Policies, enrichers and feeds of an entity. This version has entities without any, so lists are empty."""

from __future__ import annotations

from starlette.responses import Response

from amp.kit.errors import Missing
from amp.plane.views import Views
from amp.server import lookup
from amp.server.answers import as_json
from amp.server.entitlements import Right
from amp.server.routing import Call, Route

_ENTITY = "/applications/{app}/entities/{entity}"


class Adjuncts:
    """The resources `policies` and `adjuncts` of an entity."""

    def __init__(self, views: Views) -> None:
        self._views = views

    def routes(self) -> tuple[Route, ...]:
        """What this resource answers."""
        see = Right.SEE_ENTITY
        return (
            Route("GET", _ENTITY + "/policies", self.none, "Policies of an entity", see, hot=True),
            Route("GET", _ENTITY + "/policies/current-state", self.no_states, "Which policies run", see, hot=True),
            Route("GET", _ENTITY + "/policies/{adjunct}", self.missing_policy, "State of a policy", see, hot=True),
            Route("GET", _ENTITY + "/adjuncts", self.none, "Policies, enrichers and feeds", see, hot=True),
            Route("GET", _ENTITY + "/adjuncts/{adjunct}", self.missing_adjunct, "One of them", see, hot=True),
        )

    async def none(self, call: Call) -> Response:
        """List them."""
        lookup.entity(self._views.model, call.params["app"], call.params["entity"])
        return as_json([])

    async def no_states(self, call: Call) -> Response:
        """Tell which run."""
        lookup.entity(self._views.model, call.params["app"], call.params["entity"])
        return as_json({})

    async def missing_policy(self, call: Call) -> Response:
        """Show one policy."""
        return self._missing(call, "policy")

    async def missing_adjunct(self, call: Call) -> Response:
        """Show one adjunct."""
        return self._missing(call, "adjunct")

    def _missing(self, call: Call, kind: str) -> Response:
        entity = lookup.entity(self._views.model, call.params["app"], call.params["entity"])
        raise Missing(f"Cannot find {kind} '{call.params['adjunct']}' in entity '{entity.name}'")
