"""Answers that are given again as long as what they tell of is as it was, before a request enters the pipeline.

Pollers ask for the same over and over. An answer that a resource has marked as `lasting` is kept, as bytes, under who
asked for what; it is given again only while its resource says that it still holds, the node's state lets its route be
read, and nobody is being slowed down for wrong passwords. Whatever else a request may ask for, by a header that is not
known here to be harmless, goes the whole way. Term, position and date are always those of the moment.

It decides nothing anew: who may see what was decided by the pipeline, and is forgotten when settings change.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from starlette.responses import Response

from amp.kit.ids import Entropy
from amp.plane.views import Views
from amp.server import ha_gate
from amp.server.answers import JSON, encoded
from amp.server.routing import Call

#: What is kept at most: answers, and bytes of all their bodies.
_ANSWERS, _BYTES = 10_000, 64 * 1024 * 1024
#: Headers that change nothing of an answer to a GET, or are part of what it is kept under.
_HARMLESS = frozenset(
    (b"host", b"user-agent", b"accept", b"accept-encoding", b"accept-language", b"authorization", b"content-type",
     b"cache-control", b"pragma", b"dnt", b"x-forwarded-for", b"x-forwarded-proto", b"x-real-ip",
     b"via", b"traceparent")
)  # fmt: skip
_WITHOUT_EFFECT = frozenset(((b"connection", b"keep-alive"), (b"content-length", b"0")))

Headers = Iterable[tuple[bytes, bytes]]
#: Tells whether an answer is still the right one.
Holds = Callable[[Views], bool]


class Lasting(Response):
    """A JSON answer to a GET that is the same for as long as `holds` says so.

    `hot` is set by the pipeline where the answer may be given again: whether its route needs the model.
    """

    def __init__(self, body: bytes, holds: Holds) -> None:
        super().__init__(body, media_type=JSON)
        self.holds = holds
        self.hot: bool | None = None


def lasting(value: object, holds: Holds) -> Response:
    """Answer a value as JSON that lasts."""
    return Lasting(encoded(value), holds)


def may_be_kept(response: Response, call: Call, *, hot: bool) -> None:
    """Note that an answer may be given again, where it is to a GET outside of a session."""
    if isinstance(response, Lasting) and call.method == "GET" and call.session is None:
        response.hot = hot


@dataclass(frozen=True, slots=True)
class _Kept:
    head: bytes
    body: bytes
    holds: Holds
    hot: bool


class Again:
    """The answers that are kept. `slowed` tells whether anybody is being slowed down for wrong passwords."""

    def __init__(self, views: Views, slowed: Callable[[], bool], entropy: Entropy) -> None:
        self._views, self._slowed = views, slowed
        self._key = entropy(32)
        self._kept: dict[bytes, _Kept] = {}
        self._bytes = 0

    def forget(self) -> None:
        """Keep nothing of what was: who may see what has changed."""
        self._kept.clear()
        self._bytes = 0

    def keep(self, target: bytes, headers: Headers, response: Lasting) -> None:
        """Keep the whole answer to a GET for `target`, a path with its query, where that may be given again."""
        name = self._name(target, headers)
        if name is None or response.hot is None:
            return
        body = bytes(response.body)
        if len(body) > _BYTES // 4:
            return
        if len(self._kept) >= _ANSWERS or self._bytes + len(body) > _BYTES:
            self.forget()
        lines = b"".join(b"%b: %b\r\n" % line for line in response.raw_headers)
        before = self._kept.get(name)
        self._bytes += len(body) - (len(before.body) if before else 0)
        self._kept[name] = _Kept(b"HTTP/1.1 200 OK\r\n" + lines, body, response.holds, response.hot)

    def answer(self, target: bytes, headers: Headers, default: Headers) -> bytes | None:
        """Answer a GET at once, as it goes over the wire with the lines of `default`; None: ask the pipeline."""
        name = self._name(target, headers)
        kept = self._kept.get(name) if name is not None else None
        if kept is None or self._slowed():
            return None
        views = self._views
        if kept.hot:
            now = views.ha_state()
            if now.state not in ha_gate.HOT or not now.loaded:
                return None
        if not kept.holds(views):
            return None
        lines = b"".join(b"%b: %b\r\n" % line for line in default)
        return b"%b%bamp-term: %d\r\namp-seq: %d\r\n\r\n%b" % (kept.head, lines, views.term, views.seq, kept.body)

    def _name(self, target: bytes, headers: Headers) -> bytes | None:
        """Answer what an answer is kept under; None where it depends on more than that."""
        who = accept = b""
        for name, value in headers:
            if name == b"authorization":
                who = value
            elif name == b"accept":
                accept = value
            elif name not in _HARMLESS and (name, value.lower()) not in _WITHOUT_EFFECT:
                return None
        # Under a keyed hash: no password stays in memory.
        return hashlib.blake2b(b"%b\0%b\0%b" % (target, accept, who), key=self._key, digest_size=16).digest()
