"""Calls other nodes of the plane by HTTP, with a proof and a bound; says of a failure whether anything was sent.

An answer counts as another node's only when it is proven. A call never blocks the loop, is made once, and takes no
longer than it may; over https the other's certificate is checked.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeVar
from urllib.parse import urlsplit

import httptools
import msgspec

from amp.ha.calls import ANSWER, CALL, Call, is_proven
from amp.ha.founding import Founding
from amp.kit.errors import Invalid, Unavailable

STANDING, ASK = "/amp/node/standing", "/amp/node/ask"
#: How long it may take to connect, in seconds; how large an answer may be, in bytes.
_CONNECT, _LARGEST = 3.0, 16 * 1024 * 1024
T = TypeVar("T")
_NONE: Mapping[str, str] = MappingProxyType({})


class Standing(msgspec.Struct, frozen=True):
    """What a node says of itself when another one asks."""

    node: str
    plane: str
    term: int
    seq: int
    state: str


class Asked(msgspec.Struct, frozen=True):
    """Whether a leader that was asked hands over."""

    yields: bool


@dataclass(slots=True)
class Reply:
    """An answer. `headers`: by their names in lower case."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class Peers:
    """Calls from one run of a node, `node`. `plane`: what is known of the plane, None while it is not found.

    `ca`: a file with the certificates that are trusted; None: the system's. Raises: Invalid, when it cannot be read.
    """

    def __init__(self, node: str, plane: Callable[[], Founding | None], ca: str | None = None) -> None:
        self._node, self._plane = node, plane
        self._count = 0
        self._tls = _trust(ca) if ca is not None else None  # the system's are read at the first call over https

    async def standing(self, address: str, node: str, limit: float) -> Standing:
        """Ask a node what it is. Raises: Unavailable, also when it is another node or proves nothing."""
        return _understood(await self._proven(address, node, "GET", STANDING, b"", limit), Standing)

    async def ask(self, address: str, node: str, term: int, limit: float) -> bool:
        """Ask the leader of a term to hand over; answers whether it will. Raises: Unavailable."""
        body = msgspec.json.encode({"term": term})
        return _understood(await self._proven(address, node, "POST", ASK, body, limit), Asked).yields

    async def _proven(self, address: str, node: str, method: str, target: str, body: bytes, limit: float) -> bytes:
        plane = self._plane()
        if plane is None:
            raise Unavailable("this node has not found its plane yet")
        self._count += 1
        call = Call(plane.id, self._node, node, self._count, method, target, body)
        reply = await self.send(address, method, target, {CALL: call.header(plane.secret)}, body, limit)
        if not is_proven(plane.secret, call, reply.status, reply.body, reply.headers.get(ANSWER.lower())):
            raise Unavailable(f"{address} has not proven that it is node {node} of this plane")
        if reply.status != 200:
            raise Unavailable(f"node {node} at {address} answered {reply.status}")
        return reply.body

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = _trust(None)
        return self._tls

    async def send(
        self, address: str, method: str, target: str, headers: Mapping[str, str] = _NONE, body: bytes = b"",
        limit: float = 5.0,
    ) -> Reply:  # fmt: skip
        """Send one request to an address, with no proof but what is in the headers.

        Raises: Unavailable; `unknown` when it may have been taken.
        """
        host, port, tls, base = _parts(address)
        try:
            async with asyncio.timeout(min(limit, _CONNECT)):
                reader, writer = await asyncio.open_connection(host, port, ssl=self._context() if tls else None)
        except (OSError, TimeoutError) as problem:
            why = "no answer in time" if isinstance(problem, TimeoutError) else str(problem)
            raise Unavailable(f"{address} cannot be reached: {why}") from None
        try:
            async with asyncio.timeout(limit):
                writer.write(_request(method, base + target, urlsplit(address).netloc, headers, body))
                await writer.drain()
                return await _reply(reader)
        except (OSError, TimeoutError, httptools.HttpParserError, EOFError) as problem:
            why = f"no answer within {limit:g} s" if isinstance(problem, TimeoutError) else str(problem)
            raise Unavailable(f"the connection to {address} broke before an answer came: {why}", unknown=True) from None
        finally:
            writer.transport.abort()


def _trust(ca: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca)
    except OSError as problem:  # an SSLError is one, too
        raise Invalid(f"amp.node.ca={ca} cannot be read as certificates: {problem}") from None


def _understood(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as problem:
        raise Unavailable(f"another node's answer is not understood: {problem}") from None


def _parts(address: str) -> tuple[str, int, bool, str]:
    parts = urlsplit(address)
    tls = parts.scheme == "https"
    if parts.hostname is None or parts.scheme not in ("http", "https"):
        raise Unavailable(f"{address} is no address that can be called")
    return parts.hostname, parts.port or (443 if tls else 80), tls, parts.path.rstrip("/")


def _request(method: str, target: str, host: str, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = {"Host": host, "Connection": "close", "Content-Length": str(len(body)), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body


class _Answer:
    """Takes an answer in, as the parser finds its parts."""

    def __init__(self) -> None:
        self.reply, self.done = Reply(), False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.reply.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, part: bytes) -> None:
        self.reply.body += part

    def on_message_complete(self) -> None:
        self.done = True


async def _reply(reader: asyncio.StreamReader) -> Reply:
    answer = _Answer()
    parser = httptools.HttpResponseParser(answer)
    while not answer.done:
        data = await reader.read(65536)
        if not data:
            raise EOFError("it was closed")
        parser.feed_data(data)
        if len(answer.reply.body) > _LARGEST:
            raise EOFError("its answer is too large")
    answer.reply.status = parser.get_status_code()
    return answer.reply
