"""/v1/apidoc: the API described by itself, as Swagger 2.0, made from the table of routes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from starlette.responses import Response

from amp import __version__
from amp.server.answers import encoded
from amp.server.routing import BLUEPRINT, Call, Route


class ApiDoc:
    """The resource `/apidoc`. `describe` is told all routes, its own too, before the first request."""

    def __init__(self) -> None:
        self._body = b"{}"

    def routes(self) -> tuple[Route, ...]:
        """What this resource answers."""
        return (Route("GET", "/apidoc/swagger.json", self.show, "This description"),)

    def describe(self, routes: Sequence[Route]) -> None:
        """Write the description, once."""
        self._body = encoded(swagger(routes))

    async def show(self, call: Call) -> Response:
        """Show the description."""
        return Response(self._body, media_type="application/json")


def swagger(routes: Sequence[Route]) -> dict[str, Any]:
    """Describe routes as Swagger 2.0."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "swagger": "2.0",
        "info": {"title": "AMP", "version": __version__, "description": "Compatible with Apache Brooklyn 1.1.0"},
        "basePath": "/v1",
        "securityDefinitions": {"basic": {"type": "basic"}},
        "security": [{"basic": []}],
        "paths": dict(sorted(paths.items())),
    }


def _operation(route: Route) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "type": "string"} for name in route.names
    ]
    if route.method in ("POST", "PUT") and (route.consumes is not None or route.body_limit == BLUEPRINT):
        parameters.append({"name": "body", "in": "body", "required": False, "schema": {}})
    words = re.sub(r"[^A-Za-z0-9]+", " ", route.path).title().replace(" ", "")
    operation: dict[str, Any] = {
        "operationId": route.method.lower() + words,
        "summary": route.summary,
        "tags": [route.path.split("/")[1]],
        "produces": list(route.produces),
        "parameters": parameters,
        "responses": {"default": {"description": "see the reference of the REST API"}},
    }
    if route.consumes is not None:
        operation["consumes"] = list(route.consumes)
    return operation
