"""A client's connection to one node: one request at a time, kept open, and honest about what is known of its fate.

The rule: `Unsent` only where no byte of the request can have arrived; `Lost` for all else that ended without an answer.
It never repeats a request by itself, so that one call is one request.
"""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass

from amp.kit.clock import Clock


class Unsent(Exception):
    """No connection: nothing was sent."""


class Lost(Exception):
    """Sent, at least in part, and no whole answer came."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer. `connection`: which one of this link's it came on."""

    status: int
    headers: dict[str, str]
    body: bytes
    began: float
    ended: float
    connection: int

    @property
    def term(self) -> int:
        """The plane's term, as the node knew it."""
        return int(self.headers.get("amp-term", "0"))

    @property
    def seq(self) -> int:
        """The position at which the node answered."""
        return int(self.headers.get("amp-seq", "0"))


class Link:
    """Asks one node of loopback."""

    def __init__(self, port: int, user: str, password: str, clock: Clock) -> None:
        self._port, self._clock = port, clock
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._head = f"Host: 127.0.0.1:{port}\r\nAuthorization: Basic {token}\r\n"
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._connection = 0

    def now(self) -> float:
        """Read the clock of all records."""
        return self._clock.read().raw

    async def ask(
        self, method: str, path: str, body: bytes = b"", *, kind: str = "application/json", limit: float = 2.0,
        more: str = "",
    ) -> Answer:  # fmt: skip
        """Send one request. `path`: below /v1/. `limit`: seconds. `more`: lines of its head. Raises: Unsent, Lost."""
        began = self.now()
        try:
            async with asyncio.timeout(limit):
                reader, writer = await self._open()
        except (OSError, TimeoutError):
            raise Unsent from None
        keep = False
        try:
            async with asyncio.timeout(limit):
                told = f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n" if body else ""
                writer.write(f"{method} /v1/{path} HTTP/1.1\r\n{self._head}{more}{told}\r\n".encode() + body)
                await writer.drain()
                status, headers = parse_head(await reader.readuntil(b"\r\n\r\n"))
                content = b"" if status == 204 else await reader.readexactly(int(headers.get("content-length", "0")))
                keep = headers.get("connection") != "close"
            return Answer(status, headers, content, began, self.now(), self._connection)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            raise Lost from None
        finally:
            if not keep:
                self.close()

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        # A server closes what is idle; a request into that would be lost for no reason of the plane's.
        if self._streams is not None and self._streams[0].at_eof():
            self.close()
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
            self._connection += 1
        return self._streams

    def close(self) -> None:
        """Let go of the connection."""
        if self._streams is not None:
            self._streams[1].close()
        self._streams = None


def parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    """Read the head of an answer."""
    lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
    return int(lines[0].split(" ")[1]), headers
