"""How requests come off the wire: uvicorn's protocol, but for those that `again` can answer or write at once.

Those are dealt with where they are parsed: no scope, no task, no application. Everything else is uvicorn's: long
bodies, pipelined requests, slow readers, keep-alive, the end of the server. A write that is under way looks to it like
any request under way, so that what is sent behind it waits, and a server that stops lets it be answered.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from amp.server.again import Again, Kept


class _Writing:
    """A write under way, as uvicorn looks at what is under way."""

    def __init__(self) -> None:
        self.response_complete = self.disconnected = False
        self.keep_alive = True
        self.message_event = asyncio.Event()


class Wire(HttpToolsProtocol):
    """One connection. `again`: what need not be asked of the application; the rest is what uvicorn gives."""

    def __init__(self, again: Again, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._again = again
        self._kept: Kept | None = None
        self._parts: list[bytes] = []

    def on_headers_complete(self) -> None:
        """Begin to deal with a request here where that can be, else the whole way."""
        self._kept = self._find()
        self._parts = []
        if self._kept is None:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of a body."""
        if self._kept is None:
            super().on_body(body)
        else:
            self._parts.append(body)

    def on_message_complete(self) -> None:
        """Answer, or begin to write; then it is uvicorn's turn to wait for what comes next."""
        kept = self._kept
        if kept is None:
            super().on_message_complete()
        elif kept.write is None:
            self.transport.write(self._again.answer(kept, self.server_state.default_headers))
            self.on_response_complete()
        else:
            self._write(kept, b"".join(self._parts))

    def _find(self) -> Kept | None:
        method = self.parser.get_method()
        under_way = self.pipeline or (self.cycle is not None and not self.cycle.response_complete)
        if method not in (b"GET", b"POST") or under_way or self.flow.write_paused:
            return None
        if self.parser.get_http_version() != "1.1":
            return None
        return self._again.find(method, self.url, self.headers)

    def _write(self, kept: Kept, body: bytes) -> None:
        assert kept.write is not None  # noqa: S101 - told apart by the caller
        try:
            written = kept.write(body)
        except Exception:  # noqa: BLE001 - whatever it was, the pipeline meets it too, and has the words for it
            super().on_headers_complete()
            super().on_body(body)
            super().on_message_complete()
            return
        writing = _Writing()
        self.cycle = writing  # type: ignore[assignment]
        written.add_done_callback(partial(self._written, kept, writing))

    def _written(self, kept: Kept, writing: _Writing, written: asyncio.Future[Any]) -> None:
        writing.response_complete = True
        problem = asyncio.CancelledError() if written.cancelled() else written.exception()
        if writing.disconnected or self.transport.is_closing():
            return
        default = self.server_state.default_headers
        if not writing.keep_alive:
            default = [*default, (b"connection", b"close")]
        if problem is None:
            self.transport.write(self._again.answer(kept, default))
        else:
            self.transport.write(self._again.refusal(problem, default))
        self.on_response_complete()
        if not writing.keep_alive:
            self.transport.close()
