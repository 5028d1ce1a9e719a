"""How requests come off the wire: uvicorn's protocol, but for those that `again` can answer at once.

Those are written back where they are parsed: no scope, no task, no application. Everything else is uvicorn's: bodies,
pipelined requests, slow readers, keep-alive, the end of the server.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from amp.server.again import Again


def wired(again: Again) -> type[asyncio.Protocol]:
    """Answer the protocol of connections that give these answers again."""

    class Wire(HttpToolsProtocol):
        _answered = False

        def on_headers_complete(self) -> None:
            """Answer at once where that can be, else begin the whole way."""
            self._answered = False
            answer = self._known() if self.parser.get_method() == b"GET" else None
            if answer is None:
                super().on_headers_complete()
            else:
                self._answered = True
                self.transport.write(answer)

        def _known(self) -> bytes | None:
            under_way = self.pipeline or (self.cycle is not None and not self.cycle.response_complete)
            if under_way or self.flow.write_paused or self.parser.get_http_version() != "1.1":
                return None
            return again.answer(self.url, self.headers, self.server_state.default_headers)

        def on_body(self, body: bytes) -> None:
            """Take a part of a body; an answer that was given again had none."""
            if not self._answered:
                super().on_body(body)

        def on_message_complete(self) -> None:
            """The request is read: uvicorn then waits for the next, as after any answer."""
            if self._answered:
                self.on_response_complete()
            else:
                super().on_message_complete()

    return Wire
