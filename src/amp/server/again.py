"""What is answered, or written, again without the pipeline: the same request as before, from whom it let through.

Pollers ask for the same over and over, and writers send one value after another to the same place. An answer that its
resource has marked as `Lasting` is kept, as bytes, under who asked for what, and given again while its resource says
that it still holds; of a write that is `Repeatable` the act is kept, which checks and commits each body anew. Both only
while the node's state lets the route be used, and while nobody is slowed down for wrong passwords. Whatever else a
request may ask for, by a header that is not known here to be harmless, goes the whole way, and so does a write that is
refused. Term, position and date are always those of the moment.

It decides nothing anew: who may do what was decided by the pipeline, and is forgotten when settings change.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from starlette.responses import Response
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from amp.kit.ids import Entropy
from amp.plane.views import Views
from amp.server import ha_gate
from amp.server.answers import JSON, encoded
from amp.server.routing import Call

#: What is kept at most: answers, and bytes of all their bodies.
_ANSWERS, _BYTES = 10_000, 64 * 1024 * 1024
#: Fewer than these are not looked through for what holds no more.
_FEW = 256
#: The largest body that is written again, in bytes.
LARGEST = 16 * 1024
#: Headers that change nothing of what is answered, or are part of what it is kept under.
_HARMLESS = frozenset(
    (b"host", b"user-agent", b"accept", b"accept-encoding", b"accept-language", b"authorization", b"content-type",
     b"cache-control", b"pragma", b"dnt", b"x-forwarded-for", b"x-forwarded-proto", b"x-real-ip",
     b"via", b"traceparent")
)  # fmt: skip

Headers = Iterable[tuple[bytes, bytes]]
#: Tells whether an answer is still the right one.
Holds = Callable[[Views], bool]
#: Checks a body and begins to write it. Raises, at once or by the future: AmpError.
Write = Callable[[bytes], "asyncio.Future[int]"]


class Keepable(Response):
    """An answer that may be given again, where the pipeline sets `hot`: whether its route needs the model."""

    holds: Holds
    write: Write | None = None
    hot: bool | None = None


class Lasting(Keepable):
    """A JSON answer to a GET that is the same for as long as `holds` says so."""

    def __init__(self, body: bytes, holds: Holds) -> None:
        super().__init__(body, media_type=JSON)
        self.holds = holds


class Repeatable(Keepable):
    """The answer to a POST, without a body; another body is written by `write` for as long as `holds` says so."""

    def __init__(self, write: Write, holds: Holds) -> None:
        super().__init__(status_code=204)
        self.write, self.holds = write, holds


def lasting(value: object, holds: Holds) -> Response:
    """Answer a value as JSON that lasts."""
    return Lasting(encoded(value), holds)


def may_be_kept(response: Response, call: Call, *, hot: bool) -> None:
    """Note that an answer may be given again, where it is one outside of a session."""
    if not isinstance(response, Keepable) or call.session is not None:
        return
    if call.method == ("GET" if response.write is None else "POST"):
        response.hot = hot


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of an answer."""

    head: bytes
    body: bytes
    holds: Holds
    hot: bool
    write: Write | None


class Again:
    """What is kept. `slowed` tells whether anybody is being slowed down for wrong passwords; `refuse` makes the whole
    answer to a write that failed after it had begun."""

    def __init__(
        self,
        views: Views,
        slowed: Callable[[], bool],
        refuse: Callable[[BaseException], Response],
        entropy: Entropy,
    ) -> None:
        self._views, self._slowed, self._refuse = views, slowed, refuse
        self._key = entropy(32)
        self._kept: dict[bytes, Kept] = {}
        self._bytes = 0
        self._sweep_at = _FEW

    def forget(self) -> None:
        """Keep nothing of what was: who may see what has changed."""
        self._kept.clear()
        self._bytes, self._sweep_at = 0, _FEW

    def keep(self, method: str, target: bytes, headers: Headers, response: Response) -> None:
        """Keep the whole answer to a request for `target`, a path with its query, where that may be given again."""
        if not isinstance(response, Keepable) or response.hot is None:
            return
        name, body = self._name(method.encode(), target, headers), bytes(response.body)
        if name is None or len(body) > _BYTES // 4:
            return
        if len(self._kept) >= self._sweep_at:
            self._sweep()
        if len(self._kept) >= _ANSWERS or self._bytes + len(body) > _BYTES:
            self.forget()
        before = self._kept.get(name)
        self._bytes += len(body) - (len(before.body) if before else 0)
        self._kept[name] = Kept(_head(response), body, response.holds, response.hot, response.write)

    def _sweep(self) -> None:
        """Forget what holds no more: of what is gone nobody asks again. At most as much is dead as holds, and few."""
        self._kept = {name: kept for name, kept in self._kept.items() if kept.holds(self._views)}
        self._bytes = sum(len(kept.body) for kept in self._kept.values())
        self._sweep_at = max(_FEW, 2 * len(self._kept))

    def find(self, method: bytes, target: bytes, headers: Headers) -> Kept | None:
        """Find what may be given, or written, again now; None: ask the pipeline."""
        name = self._name(method, target, headers)
        kept = self._kept.get(name) if name is not None else None
        if kept is None or self._slowed():
            return None
        if kept.hot:
            now = self._views.ha_state()
            if not now.loaded or (now.state not in ha_gate.HOT if kept.write is None else now.state != "MASTER"):
                return None
        return kept if kept.holds(self._views) else None

    def answer(self, kept: Kept, default: Headers) -> bytes:
        """Write what is kept as it goes over the wire, with the lines of `default`."""
        return b"%b%b%b" % (kept.head, self._lines(default), kept.body)

    def refusal(self, problem: BaseException, default: Headers) -> bytes:
        """Write the answer to a write that has failed as it goes over the wire."""
        response = self._refuse(problem)
        return b"%b%b%b" % (_head(response), self._lines(default), bytes(response.body))

    def _lines(self, default: Headers) -> bytes:
        lines = b"".join(b"%b: %b\r\n" % line for line in default)
        return b"%bamp-term: %d\r\namp-seq: %d\r\n\r\n" % (lines, self._views.term, self._views.seq)

    def _name(self, method: bytes, target: bytes, headers: Headers) -> bytes | None:
        """Answer what an answer is kept under; None where it depends on more than that."""
        who = accept = kind = b""
        for name, value in headers:
            if name == b"authorization":
                who = value
            elif name == b"accept":
                accept = value
            elif name == b"content-type":
                kind = value
            elif name == b"content-length":
                if not value.isdigit() or int(value) > (LARGEST if method == b"POST" else 0):
                    return None
            elif name not in _HARMLESS and (name != b"connection" or value.lower() != b"keep-alive"):
                return None
        # Under a keyed hash: no password stays in memory.
        asked = b"%b\0%b\0%b\0%b\0%b" % (method, target, accept, kind, who)
        return hashlib.blake2b(asked, key=self._key, digest_size=16).digest()


def _head(response: Response) -> bytes:
    status = STATUS_LINE[response.status_code]
    return status + b"".join(b"%b: %b\r\n" % line for line in response.raw_headers)
