"""Writes that a node passes on to the master, where `amp.ha.forwardWrites=true`.

One hop: what was passed on once is not passed on again. Credentials go only to a node that has proven itself, and it
checks them anew. Whether a write was taken whose answer did not come is not known, and is said to be so; only one with
an `Idempotency-Key` is sent again, for that is done once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from amp.kit.errors import Unavailable
from amp.plane.peers import Peers, Reply
from amp.plane.views import HaStatus, Views

FORWARDED = "AMP-Forwarded"
#: How long the master may take, in seconds; how often a write with a key is sent in all.
_PATIENCE, _TRIES = 300.0, 3
_SENT = ("authorization", "content-type", "accept", "idempotency-key", "amp-min-seq", "amp-read", "sec-fetch-site")
_PASSED = frozenset(
    ("content-type", "retry-after", "allow", "amp-term", "amp-seq", "idempotent-replayed", "x-request-id")
)


class Passed(Response):
    """The master's answer, with its term and position."""


class Forwarding:
    """Passes writes on from this node."""

    def __init__(self, views: Views, peers: Peers, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._views, self._peers, self._sleep = views, peers, sleep
        self._proven: tuple[str, str] | None = None

    async def forward(self, request: Request, headers: Mapping[str, str], body: bytes, base: str) -> Response | None:
        """Have the master do a write; None where none is known. `base`: scheme and host as the client wrote them.

        Raises: Unavailable, `unknown` when it may have been taken.
        """
        tries = _TRIES if "idempotency-key" in headers else 1
        for attempt in range(1, tries + 1):
            now = self._views.ha()
            if now.master is None or not now.master_uri or now.master == now.node:
                return None
            try:
                return _passed(await self._sent(request, headers, body, now), base)
            except Unavailable as problem:
                if attempt == tries:
                    raise Unavailable(
                        f"the write was passed on to the master: {problem.message}",
                        unknown=problem.unknown,
                        retry_after=now.poll_period_s,
                    ) from None
            await self._sleep(now.poll_period_s)
        raise AssertionError("the last try returns or raises")

    async def _sent(self, request: Request, headers: Mapping[str, str], body: bytes, now: HaStatus) -> Reply:
        address, node = now.master_uri or "", now.master or ""
        if self._proven != (address, node):
            await self._peers.standing(address, node, 2 * now.poll_period_s + 1)
            self._proven = (address, node)
        target = request.scope["raw_path"].decode("latin-1")
        if request.scope["query_string"]:
            target += "?" + request.scope["query_string"].decode("latin-1")
        told = {name: headers[name] for name in _SENT if name in headers} | {FORWARDED: now.node}
        sending = asyncio.ensure_future(self._peers.send(address, request.method, target, told, body, _PATIENCE))
        try:
            while not sending.done():
                await asyncio.wait({sending}, timeout=now.poll_period_s)
                if not sending.done() and self._views.term > now.term:
                    raise Unavailable("another node was elected before an answer came", unknown=True)
            return sending.result()
        finally:
            sending.cancel()


def _passed(reply: Reply, base: str) -> Response:
    response = Passed(reply.body, reply.status)
    for name, value in reply.headers.items():
        if name in _PASSED:
            response.headers[name] = value
    if "location" in reply.headers:
        response.headers["Location"] = base + urlsplit(reply.headers["location"]).path
    return response
