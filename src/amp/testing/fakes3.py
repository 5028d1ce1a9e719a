"""A small S3 server in the test's own loop, that errs as told: for what real servers do too rarely, or never should.

It knows whole objects by path (PUT, GET, DELETE) and the listing of one page; it checks no signature. Asked to, it
ignores conditions, as some servers sold as S3 do; and each next answer to a method may be a `Fault`. Its objects and
conditions serve the clients of GCS and Azure too, listings apart.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from amp.kit.secret import Secret
from amp.store.place import CloudStore

_DATE = "Thu, 01 Jan 2026 00:00:00 GMT"


@dataclass(frozen=True, slots=True)
class Fault:
    """One answer that is not as it should be. `status` None: the connection is cut, or held open if `hang`.

    `half`: the right answer is begun, then the connection is cut.
    """

    status: int | None = None
    code: str = ""
    applied: bool = False  # the request takes effect all the same
    hang: bool = False
    half: bool = False


class FakeS3:
    """The server's state, for tests to look at and to change. `requests` and `headers`: of all so far."""

    def __init__(self, *, ignore_conditions: bool, taken: tuple[int, str]) -> None:
        self.endpoint = ""
        self.objects: dict[str, bytes] = {}
        self.requests: list[tuple[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.faults: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self._ignore_conditions = ignore_conditions
        self._taken = taken

    def place(self, prefix: str = "state") -> CloudStore:
        """Answer the address of a store in the bucket `amp`."""
        return CloudStore("s3", "amp", prefix, "eu-west-1", self.endpoint, "amptest", Secret("amptestsecret"))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection until it ends."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode("latin-1").split("\r\n")
                method, target, _ = lines[0].split(" ", 2)
                headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:] if line)}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                self.requests.append((method, target))
                self.headers.append(headers)
                fault = self.faults[method].popleft() if self.faults[method] else None
                answer = b""
                if fault is None or fault.applied or fault.half:
                    answer = self._answer(method, target, headers, body)
                if fault is not None and fault.status is not None:
                    answer = _error(fault.status, fault.code)
                elif fault is not None:
                    if fault.half:
                        writer.write(answer[: -len(answer) // 4])
                        await writer.drain()
                    if fault.hang:
                        await reader.read()  # until the client gives up
                    break
                writer.write(answer)
                await writer.drain()
        writer.close()

    def _answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> bytes:
        parts = urlsplit(target)
        path, query = unquote(parts.path), parse_qs(parts.query)
        if method == "GET" and "list-type" in query:
            return self._listing(path.rstrip("/"), query.get("prefix", [""])[0])
        if method == "PUT":
            conditional = headers.get("if-none-match") == "*" or headers.get("x-goog-if-generation-match") == "0"
            if conditional and path in self.objects and not self._ignore_conditions:
                return _error(*self._taken)
            self.objects[path] = body
            return _response(200, b"")
        if method == "DELETE":
            self.objects.pop(path, None)
            return _response(204, b"")
        if path not in self.objects:
            return _error(404, "NoSuchKey")
        return _response(200, self.objects[path])

    def _listing(self, bucket: str, prefix: str) -> bytes:
        start = f"{bucket}/{prefix}"
        entries = "".join(
            f"<Contents><Key>{path.removeprefix(f'{bucket}/')}</Key><Size>{len(data)}</Size>"
            "<LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>x</ETag></Contents>"
            for path, data in sorted(self.objects.items())
            if path.startswith(start)
        )
        text = f"<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>"
        return _response(200, text.encode())


@contextlib.asynccontextmanager
async def fake_s3(
    *, ignore_conditions: bool = False, taken: tuple[int, str] = (412, "PreconditionFailed")
) -> AsyncIterator[FakeS3]:
    """Serve on a free port of loopback. `taken`: the answer to a create whose key exists."""
    fake = FakeS3(ignore_conditions=ignore_conditions, taken=taken)
    connections: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        try:
            await fake.serve(reader, writer)
        except asyncio.CancelledError:
            writer.close()  # ends quietly: the streams of asyncio report a cancelled handler as an error
        finally:
            connections.discard(task)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    fake.endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield fake
    finally:
        server.close()
        for task in list(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


def _response(status: int, body: bytes) -> bytes:
    head = f'HTTP/1.1 {status} Answer\r\nContent-Length: {len(body)}\r\nETag: "x"\r\nLast-Modified: {_DATE}\r\n\r\n'
    return head.encode() + body


def _error(status: int, code: str) -> bytes:
    return _response(status, f"<Error><Code>{code}</Code><Message>told so</Message></Error>".encode() if code else b"")
