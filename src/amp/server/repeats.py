"""Requests that carry an `Idempotency-Key`: done once, answered alike every time.

A key belongs to a user, a method and a path. Who sends it again gets the answer that the commit of the work holds, on
whichever node leads by then; while the first is still under way, the repetition waits with it. Other words under the
same key are refused. A request that was refused did nothing, and is judged anew.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from msgspec.structs import replace
from starlette.responses import Response

from amp.kit.errors import AmpError, Conflict, Invalid, Unavailable
from amp.model.model import AnswerKey, Model
from amp.plane.receipts import Receipt, Said
from amp.plane.views import Views
from amp.server.answers import JSON
from amp.server.routing import Call

HEADER = "Idempotency-Key"
REPEATED = "Idempotent-Replayed"
_LONGEST = 255


@dataclass(slots=True)
class _UnderWay:
    """A request that is being done. Once `done` is set, one of the other two says how; neither: it did nothing."""

    digest: str
    done: asyncio.Event = field(default_factory=asyncio.Event)
    said: Said | None = None
    refused: AmpError | None = None


class Repeats:
    """Knows the requests with a key that are under way on this node; those that are done are in the model."""

    def __init__(self, views: Views) -> None:
        self._views = views
        self._under_way: dict[AnswerKey, _UnderWay] = {}

    async def answer(
        self, call: Call, key: str, segments: tuple[str, ...], handle: Callable[[Call], Awaitable[Response]]
    ) -> Response:
        """Do a request, or answer as it was answered. Raises: Conflict, for other words; what `handle` raises."""
        path = "/v1/" + "/".join(quote(each, safe="") for each in segments)
        identity, digest = (call.by, call.method, path, key), _digest(call)
        while (first := self._under_way.get(identity)) is not None:
            _check(first.digest, digest, key)
            await first.done.wait()
            if first.refused is not None:
                raise first.refused
            if first.said is not None:
                return _response(first.said, call, repeated=True)
        known = self._views.model.answers.get(identity)
        if known is not None:
            _check(known.digest, digest, key)
            return _response(Said(known.status, known.answer, known.location), call, repeated=True)
        first = self._under_way[identity] = _UnderWay(digest)
        try:
            return await self._done(call, identity, first, handle)
        except AmpError as error:
            first.refused = error
            raise
        except BaseException:
            first.refused = Unavailable("the first request with this key was broken off", unknown=True)
            raise
        finally:
            del self._under_way[identity]
            first.done.set()

    async def _done(
        self, call: Call, identity: AnswerKey, first: _UnderWay, handle: Callable[[Call], Awaitable[Response]]
    ) -> Response:
        said: Said | None = None

        def receipt(answer: Callable[[Model, Any], Response]) -> Receipt:
            def write(model: Model, done: Any) -> Said:
                nonlocal said
                said = _said(answer(model, done), call)
                return said

            return Receipt(*identity, first.digest, write)

        response = await handle(replace(call, receipt=receipt))
        if said is None:
            return response  # nothing was done: the request was not understood
        first.said = said
        return _response(said, call, repeated=False)


def key_in(headers: list[tuple[bytes, bytes]]) -> str | None:
    """Read the key from a request's headers; None where there is none. Raises: Invalid."""
    given = {value for name, value in headers if name == b"idempotency-key"}
    if not given:
        return None
    key = given.pop()
    if given:
        raise Invalid(f"{HEADER}: there are two of them: send one")
    if not 0 < len(key) <= _LONGEST or any(not 0x21 <= byte <= 0x7E for byte in key):
        raise Invalid(f"{HEADER}: write 1 to {_LONGEST} visible ASCII characters, without blanks; a UUID will do")
    return key.decode("ascii")


def _digest(call: Call) -> str:
    query = str(call.query).encode()
    return hashlib.sha256(b"%d\n%b\n%b" % (len(query), query, call.body)).hexdigest()


def _check(known: str, given: str, key: str) -> None:
    if known != given:
        raise Conflict(f"{HEADER}: {key} was used for another request to this path: take a new key for other words")


def _said(response: Response, call: Call) -> Said:
    location = response.headers.get("location", "").removeprefix(call.base)
    return Said(response.status_code, bytes(response.body).decode(), location)


def _response(said: Said, call: Call, *, repeated: bool) -> Response:
    response = Response(said.body, said.status, media_type=JSON) if said.body else Response(status_code=said.status)
    if said.location:
        response.headers["Location"] = call.base + said.location
    if repeated:
        response.headers[REPEATED] = "true"
    return response
