"""Makes HTTP requests as fast as a server takes them, in a process of its own, and counts: `python -m bench.load SPEC`.

Each client keeps one connection and one request under way. Requests are bytes made beforehand; of an answer only status
and length are read. So the processor time of a request is small; it is counted and said, to show that what is measured
is the server.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import Any

import uvloop

from bench.nodes import AUTHORIZATION, ROOT, processor

#: In a body or path this stands for a number that no other request has.
NUMBER = "{n}"


@dataclass(frozen=True)
class Ask:
    """One kind of request. `kind`: media type of the body."""

    method: str
    path: str
    body: str = ""
    kind: str = "application/json"

    def pieces(self, authorization: str) -> tuple[bytes, bytes]:
        """Answer what comes before the body, without its length, and the body."""
        head = (
            f"{self.method} {self.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {authorization}\r\n"
            f"Accept: */*\r\nContent-Type: {self.kind}\r\nContent-Length: "
        )
        return head.encode(), self.body.encode()


@dataclass(frozen=True)
class Outcome:
    """What a run came to. `each`: processor seconds of the server for one answer; `share`: that of the load itself."""

    rate: float
    p50_ms: float
    p99_ms: float
    statuses: dict[str, int]
    each: float
    share: float

    def failed(self, *good: str) -> int:
        """Count the answers that were none of these."""
        return sum(count for status, count in self.statuses.items() if status not in good)

    def said(self) -> str:
        """Say what stands beside a rate."""
        return (
            f"p50 {self.p50_ms:.1f} ms, p99 {self.p99_ms:.1f} ms; {self.each * 1e6:.0f} µs of processor each; "
            f"load itself {self.share * 100:.0f} % of a core"
        )


def run(
    port: int, asks: list[Ask], *, clients: int, seconds: float, pid: int | None = None, authorization: str = ""
) -> Outcome:
    """Put a server under load and answer what it did; `pid`: whose processor time counts."""
    spec = {
        "port": port,
        "clients": clients,
        "seconds": seconds,
        "asks": [[part.decode() for part in ask.pieces(authorization or AUTHORIZATION)] for ask in asks],
    }
    before = processor(pid) if pid else 0.0
    done = subprocess.run(
        [sys.executable, "-m", "bench.load", json.dumps(spec)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=seconds * 3 + 60,
    )
    if done.returncode:
        raise SystemExit(f"the load ended with {done.returncode}: {done.stderr[-2000:]}")
    used = processor(pid) - before if pid else 0.0
    seen: dict[str, Any] = json.loads(done.stdout)
    total = sum(seen["statuses"].values())
    if not seen["rate"]:
        raise SystemExit(f"{asks[0]}: nothing was answered: {seen['statuses']}; {done.stderr[-500:]}")
    return Outcome(seen["rate"], seen["p50_ms"], seen["p99_ms"], seen["statuses"], used / max(1, total), seen["share"])


class _Client(asyncio.Protocol):
    """One connection."""

    def __init__(self, load: _Load, first: int) -> None:
        self._load, self._next = load, first
        self._buffer = bytearray()
        self._left = -1  # bytes of the body still to come; -1: the head is not complete
        self._tail: bytes | None = None  # the last bytes of a body that comes in chunks
        self._status, self._sent_at = "", 0.0
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._send()

    def _send(self) -> None:
        head, body = self._load.asks[self._next % len(self._load.asks)]
        self._next += 1
        if self._load.numbered:
            self._load.number += 1
            number = b"%d" % self._load.number
            head, body = head.replace(b"{n}", number), body.replace(b"{n}", number)
        self._sent_at = time.perf_counter()
        self._transport.write(b"%b%d\r\n\r\n%b" % (head, len(body), body))

    def data_received(self, data: bytes) -> None:
        if self._tail is not None:
            self._chunked(data)
        elif self._left < 0:
            self._buffer += data
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(self._buffer[:end]).lower()
            self._status = head[9:12].decode()
            at = head.find(b"content-length:")
            if at >= 0:
                length = int(head[at + 15 :].split(b"\r\n", 1)[0])
            elif self._status in ("204", "304"):
                length = 0
            elif b"transfer-encoding: chunked" in head:
                rest, self._tail = bytes(self._buffer[end + 4 :]), b""
                self._buffer.clear()
                self._chunked(rest)
                return
            else:
                raise ValueError(f"an answer without a length: {head!r}")
            self._left = length - (len(self._buffer) - end - 4)
            self._buffer.clear()
        else:
            self._left -= len(data)
        if self._left == 0:
            self._answered()

    def _chunked(self, data: bytes) -> None:
        # Whole answers are JSON in one line, so nothing in them looks like the last chunk.
        self._tail = ((self._tail or b"") + data)[-5:]
        if self._tail == b"0\r\n\r\n":
            self._answered()

    def _answered(self) -> None:
        self._left, self._tail = -1, None
        if self._load.note(self._status, self._sent_at):
            self._send()
        else:
            self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self._load.statuses["lost"] += 1
            self._end()

    def _end(self) -> None:
        if not self.done.done():
            self.done.set_result(None)
        self._transport.close()


class _Load:
    """All clients of a run. The first tenth of its time does not count for the rate."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.asks = [(head.encode(), body.encode()) for head, body in spec["asks"]]
        self.numbered = any(NUMBER in head + body for head, body in spec["asks"])
        self.number = time.time_ns() // 1_000_000 % 10**9 * 1000
        self.statuses: Counter[str] = Counter()
        self._spec = spec
        self._times: list[float] = []
        now = time.perf_counter()
        self._counts_from = now + spec["seconds"] * 0.1
        self._until = now + spec["seconds"]

    def note(self, status: str, sent_at: float) -> bool:
        """Count an answer; False once the time is over."""
        now = time.perf_counter()
        self.statuses[status] += 1
        if sent_at >= self._counts_from:
            self._times.append(now - sent_at)
        return now < float(self._until)

    async def run(self) -> dict[str, Any]:
        """Make the requests; answers the figures."""
        loop = asyncio.get_running_loop()
        used, began = time.process_time(), time.perf_counter()
        clients = [
            (await loop.create_connection(partial(_Client, self, n * 7), "127.0.0.1", self._spec["port"]))[1]
            for n in range(self._spec["clients"])
        ]
        await asyncio.gather(*(client.done for client in clients))
        took = time.perf_counter() - began
        times = sorted(self._times) or [0.0]
        return {
            "rate": len(self._times) / max(1e-9, time.perf_counter() - self._counts_from),
            "p50_ms": times[len(times) // 2] * 1000,
            "p99_ms": times[len(times) * 99 // 100] * 1000,
            "statuses": dict(self.statuses),
            "share": (time.process_time() - used) / took,
        }


if __name__ == "__main__":
    print(json.dumps(uvloop.run(_Load(json.loads(sys.argv[1])).run())))
