"""/v1/script: Brooklyn runs Groovy here. AMP runs no code that a request brings, and says so."""

from __future__ import annotations

from starlette.responses import Response

from amp.server.entitlements import Right
from amp.server.errors import Forbidden
from amp.server.routing import Call, Route


async def _refuse(call: Call) -> Response:
    raise Forbidden("AMP does not run scripts that are sent to it: use effectors and the REST API")


def routes() -> tuple[Route, ...]:
    """What this resource answers."""
    return (Route("POST", "/script/groovy", _refuse, "Refused: AMP runs no scripts", Right.EXECUTE_SCRIPT),)
