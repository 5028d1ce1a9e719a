"""What a node answers other nodes that call it: what it is, and whether it hands over. Each call must be proven.

`/amp/node/standing` tells the state of this very moment. `/amp/node/ask` asks the leader of a term to resign in favour
of the caller; whether it does is for the machine to decide. Users have no business here, nor has this with users.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from amp.ha.calls import ANSWER, CALL, Call, Register, answer_mac
from amp.ha.founding import Founding
from amp.plane.peers import ASK, STANDING, Asked, Standing
from amp.plane.views import HaControl, Views
from amp.server.answers import encoded
from amp.server.errors import api_error

PREFIX = "/amp/node/"
_LARGEST = 4096


class _Wish(msgspec.Struct, frozen=True):
    term: int


class NodeCalls:
    """Answers below `/amp/node/`. `plane`: what is known of the plane, None while it is not found."""

    def __init__(self, views: Views, control: HaControl, plane: Callable[[], Founding | None]) -> None:
        self._views, self._control, self._plane = views, control, plane
        self._register = Register(views.ha().node)

    async def answer(self, request: Request) -> Response:
        """Answer one call."""
        plane = self._plane()
        try:
            body = await _body(request)
        except ClientDisconnect:
            return Response(status_code=400)
        if plane is None:
            return api_error(503, "this node has not found its plane yet")
        if body is None:
            return api_error(413, f"a call between nodes has at most {_LARGEST} bytes")
        path = request.scope["path"]
        header = request.headers.get(CALL.lower())
        call = self._register.take(plane.secret, plane.id, header, request.method, path, body)
        if isinstance(call, str):
            return api_error(403, call)
        status, said = self._done(call)
        response = Response(said, status, media_type="application/json")
        response.headers[ANSWER] = answer_mac(plane.secret, call, status, said)
        return response

    def _done(self, call: Call) -> tuple[int, bytes]:
        if (call.method, call.target) == ("GET", STANDING):
            state = self._views.ha_state().state
            return 200, encoded(Standing(call.callee, call.plane, self._views.term, self._views.seq, state))
        if (call.method, call.target) == ("POST", ASK):
            try:
                wish = msgspec.json.decode(call.body, type=_Wish)
            except msgspec.DecodeError:
                return 400, b"{}"
            return 200, encoded(Asked(self._control.asked_to_yield(call.caller, wish.term)))
        return 404, b"{}"


async def _body(request: Request) -> bytes | None:
    """Read the body; None when it is larger than a call's."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST:
            return None
    return body
