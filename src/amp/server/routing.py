"""The table of paths: segments to handlers, so that looking one up does not grow with the number of routes.

A literal segment wins over a parameter; where a literal leads nowhere the parameter is tried. Decides nothing about who
may call what: a route only declares it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec
from starlette.datastructures import QueryParams
from starlette.responses import Response

from amp.kit.errors import Invalid
from amp.model.model import Model
from amp.plane.receipts import Receipt
from amp.plane.views import HaStatus
from amp.server.answers import JSON
from amp.server.entitlements import Level, Right
from amp.server.sessions import Session

#: Bytes of a request body, unless a route says otherwise.
SMALL = 64 * 1024
#: Bytes of a blueprint.
BLUEPRINT = 1024 * 1024

FORM = "application/x-www-form-urlencoded"


#: Makes the answer to a write from the model and what the write has returned. Pure.
Answer = Callable[[Model, Any], Response]


class Call(msgspec.Struct, frozen=True, gc=False):
    """One request that has passed every gate. `accepted`: the media type that was negotiated. `base`: scheme and host.

    `console`: the console asks. `receipt`: of a request with a key, makes the receipt for its commit from what answers.
    """

    method: str
    params: Mapping[str, str]
    query: QueryParams
    cookies: Mapping[str, str]
    body: bytes
    content_type: str
    accepted: str
    user: str | None
    level: Level
    session: Session | None
    status: Callable[[], HaStatus]
    scheme: str
    host: str
    console: bool
    receipt: Callable[[Answer], Receipt] | None = None

    def receipt_for(self, answer: Answer) -> Receipt | None:
        """Make the receipt that the commit of this request's work needs; None where the request has no key.

        `answer`: makes the answer from the model as it will be, and what the request's method is going to return.
        """
        return self.receipt(answer) if self.receipt is not None else None

    @property
    def ha(self) -> HaStatus:
        """The plane, at the moment of this question."""
        return self.status()

    @property
    def base(self) -> str:
        """Scheme and host as the client wrote them, for absolute links."""
        return f"{self.scheme}://{self.host}"

    @property
    def https(self) -> bool:
        """True where cookies must be kept off plain connections."""
        return self.scheme == "https"

    @property
    def by(self) -> str:
        """Who asks, for records; empty where nobody had to log in."""
        return self.user or ""

    def may(self, right: Right) -> bool:
        """Answer whether whoever asks has a right."""
        return right in self.level.rights

    def flag(self, name: str, default: bool = False) -> bool:
        """Read a yes-or-no parameter; without a value (`?allVersions`) it is yes."""
        text = self.query.get(name)
        if text is None:
            return default
        if text.lower() not in ("", "true", "false"):
            raise Invalid(f"parameter {name}={text!r}: write true or false")
        return text.lower() != "false"

    def number(self, name: str, default: int) -> int:
        """Read a whole-number parameter. Raises: Invalid."""
        text = self.query.get(name)
        if text is None or text == "":
            return default
        try:
            return int(text)
        except ValueError:
            raise Invalid(f"parameter {name}={text!r}: write a whole number") from None


Handler = Callable[[Call], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Route:
    """One method on one path below /v1.

    `right`: what whoever asks must be entitled to (None: logged in is enough). `hot`: needs the model, so only nodes
    that have it answer. `change`: needs a Change, so only the leader answers, header or not. `consumes` None: any body.
    `token`: a session's writes must carry its token.
    """

    method: str
    path: str
    handle: Handler
    summary: str
    right: Right | None = None
    hot: bool = False
    change: bool = False
    produces: tuple[str, ...] = (JSON,)
    consumes: tuple[str, ...] | None = None
    body_limit: int = SMALL
    token: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the path's parameters, in order."""
        return _names(self.path)


@lru_cache(maxsize=1024)
def _names(path: str) -> tuple[str, ...]:
    return tuple(each[1:-1] for each in path.split("/") if each.startswith("{"))


@dataclass(slots=True)
class _Node:
    literal: dict[str, _Node] = field(default_factory=dict)
    parameter: _Node | None = None
    routes: dict[str, Route] = field(default_factory=dict)


class Table:
    """Routes by path and method."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._root = _Node()
        self.routes = tuple(routes)
        for route in self.routes:
            self._add(route)

    def _add(self, route: Route) -> None:
        node = self._root
        for segment in route.path.strip("/").split("/"):
            if segment.startswith("{"):
                node.parameter = node.parameter or _Node()
                node = node.parameter
            else:
                node = node.literal.setdefault(segment, _Node())
        if route.method in node.routes:
            raise ValueError(f"two routes for {route.method} {route.path}")
        node.routes[route.method] = route

    def find(self, segments: tuple[str, ...]) -> tuple[Mapping[str, Route], tuple[str, ...]] | None:
        """Find the routes of a path by method, with the parameters' values; None for a path that nobody serves."""
        return _find(self._root, segments, ())


def _find(
    node: _Node, segments: tuple[str, ...], values: tuple[str, ...]
) -> tuple[Mapping[str, Route], tuple[str, ...]] | None:
    if not segments:
        return (node.routes, values) if node.routes else None
    first, rest = segments[0], segments[1:]
    if first in node.literal and (found := _find(node.literal[first], rest, values)) is not None:
        return found
    return _find(node.parameter, rest, (*values, first)) if node.parameter is not None else None


def segments_of(raw_path: bytes) -> tuple[str, ...]:
    """Split a path as it came over the wire, then decode each segment; a trailing slash does not count.

    Raises: Invalid, when a segment is not UTF-8.
    """
    parts = raw_path.split(b"?", 1)[0].split(b"/")[1:]
    if parts and parts[-1] == b"":
        parts.pop()
    try:
        if b"%" not in raw_path:
            return tuple(part.decode() for part in parts)
        return tuple(unquote_to_bytes(part).decode() for part in parts)
    except UnicodeDecodeError:
        raise Invalid("the path is not UTF-8") from None
