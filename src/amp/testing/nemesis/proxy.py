"""A proxy between one node and its S3 server that errs as told: for what networks and stores do, at the worst moment.

It speaks enough HTTP to know where a request ends and its answer begins; bytes go through unchanged, signatures hold.
What it does to a request is decided when that is complete, by the mood of that moment:

- `slow`: after a delay. `cut`: connections are closed and new ones too. `hang`: the request is never answered.
- `drop`: the request takes effect, its answer is lost. `late`: its client is cut off, and it takes effect later.
- `busy`: 503 SlowDown, not applied. `conflict`: 409 to writes, applied or not. `error`: 500, applied or not.
- `full`: 507 to what would be stored, not applied; reading and deleting work.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Coroutine

from amp.testing.nemesis.wire import parse_head

MOODS = ("slow", "cut", "hang", "drop", "late", "busy", "conflict", "error", "full")

_BUSY = (503, "SlowDown", "Service Unavailable")
_CONFLICT = (409, "ConditionalRequestConflict", "Conflict")
_ERROR = (500, "InternalError", "Internal Server Error")
_FULL = (507, "XMinioStorageFull", "Insufficient Storage")
#: What a mood answers; those of the second row after a coin has told whether the request takes effect.
_REFUSED = {"busy": _BUSY, "full": _FULL}
_IN_DOUBT = {"conflict": _CONFLICT, "error": _ERROR}
#: What a mood strikes, where that is not everything.
_STRUCK = {"conflict": (b"PUT", b"DELETE"), "late": (b"PUT", b"DELETE"), "full": (b"PUT",)}


class Proxy:
    """Forwards from `port` of loopback to `upstream`. `mood` None: as it should be."""

    def __init__(self, upstream: int, draw: random.Random) -> None:
        self._upstream, self._draw = upstream, draw
        self._open: set[asyncio.StreamWriter] = set()
        self._later: set[asyncio.Task[None]] = set()
        self.port = 0
        self.mood: str | None = None
        self.share = 1.0  # of requests that the mood strikes
        self.delay = 0.5  # seconds, of `slow` and `late`
        self.struck = 0

    def turn(self, mood: str | None, *, share: float = 1.0, delay: float = 0.5) -> None:
        """Change the mood."""
        self.mood, self.share, self.delay = mood, share, delay
        if mood == "cut":
            for writer in self._open:
                writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass the requests of one connection on until it ends."""
        self._open.add(writer)
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        try:
            while self.mood != "cut":
                head = await reader.readuntil(b"\r\n\r\n")
                request = head + await reader.readexactly(int(_headers(head).get("content-length", "0")))
                mood = self._strike(request.partition(b" ")[0])
                if mood in ("cut", "late"):
                    if mood == "late":
                        self._keep(self._apply_late(request))
                    return
                if mood == "hang":
                    await reader.read()
                    return
                if mood == "slow":
                    await asyncio.sleep(self.delay)
                if mood in _REFUSED or (mood in _IN_DOUBT and self._draw.random() < 0.5):
                    writer.write(_error(*(_REFUSED | _IN_DOUBT)[mood]))
                    continue
                if streams is None:
                    streams = await asyncio.open_connection("127.0.0.1", self._upstream)
                answer = await _exchange(*streams, request)
                if mood == "drop":
                    return
                writer.write(_error(*_IN_DOUBT[mood]) if mood in _IN_DOUBT else answer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # one side has gone; so goes the other
        finally:
            self._open.discard(writer)
            for each in (writer, *([streams[1]] if streams else [])):
                each.close()

    def _strike(self, method: bytes) -> str | None:
        mood = self.mood
        if mood is None or self._draw.random() >= self.share:
            return None
        if method not in _STRUCK.get(mood, (method,)):
            return None
        self.struck += 1
        return mood

    def _keep(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    async def _apply_late(self, request: bytes) -> None:
        await asyncio.sleep(self.delay)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            streams = await asyncio.open_connection("127.0.0.1", self._upstream)
            try:
                await _exchange(*streams, request)
            finally:
                streams[1].close()

    async def end(self) -> None:
        """End what still goes through."""
        for task in self._later:
            task.cancel()
        for writer in list(self._open):
            writer.transport.abort()


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> bytes:
    """Send a request and answer the whole answer, as its bytes came."""
    writer.write(request)
    await writer.drain()
    head = await reader.readuntil(b"\r\n\r\n")
    status, headers = parse_head(head)
    if request.startswith(b"HEAD") or status in (204, 304):
        return head
    if headers.get("transfer-encoding") != "chunked":
        return head + await reader.readexactly(int(headers.get("content-length", "0")))
    parts = [head]
    while True:
        size = await reader.readuntil(b"\r\n")
        parts += [size, await reader.readexactly(int(size.split(b";")[0], 16) + 2)]
        if int(size.split(b";")[0], 16) == 0:
            return b"".join(parts)


def _headers(head: bytes) -> dict[str, str]:
    lines = head.decode("latin-1").split("\r\n")
    return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}


def _error(status: int, code: str, reason: str) -> bytes:
    body = f"<Error><Code>{code}</Code><Message>{reason}</Message></Error>".encode()
    head = f"HTTP/1.1 {status} {reason}\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


@contextlib.asynccontextmanager
async def proxied(upstream: int, draw: random.Random) -> AsyncIterator[Proxy]:
    """Serve a proxy on a free port of loopback."""
    proxy = Proxy(upstream, draw)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0, limit=8 * 1024 * 1024)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.end()
        await server.wait_closed()
