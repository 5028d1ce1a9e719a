"""The live stream: what the console follows, as server-sent events.

`ha` is the plane's condition, at start and then at most once a poll; `model` the Changes as they are applied, secrets
masked; `reset` says that some were lost and everything must be read again; `tick` shows that the line is alive.
A reader that does not keep up is dropped, a stopping node ends all streams, and there is a bound on their number.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from typing import Any

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from amp.kit.clock import Clock
from amp.kit.errors import Unavailable
from amp.model.changes import (
    AnswersForgotten,
    ConfigSet,
    EntityAdded,
    LocationAdded,
    RequestAnswered,
    SensorSet,
    TaskEnded,
    TaskStarted,
)
from amp.plane.views import Event, HaStatus, Views
from amp.server.answers import encoded
from amp.server.sensitive import masked, shown

log = logging.getLogger(__name__)

TOPICS = ("ha", "model")
_STREAMS = 100
_WAITING = 256
_TICK = 5.0
_PATIENCE = 10.0
_LAST_WORDS = 1.0
_SETTLE = 0.25


class Streams:
    """The live streams of this node. Set `stopping` before the server is told to exit."""

    def __init__(self, views: Views, clock: Clock, stopping: asyncio.Event) -> None:
        self._views = views
        self._clock = clock
        self._stopping = stopping
        self._open = 0

    def stream(self, topics: Iterable[str], allowed: Callable[[], bool]) -> Response:
        """Make the answer that streams these topics for as long as it is `allowed`, asked at each tick.

        Raises: Unavailable, when there are too many streams.
        """
        if self._open >= _STREAMS:
            raise Unavailable(f"{_STREAMS} live streams are open, which is the limit", retry_after=10)
        return _Stream(self, frozenset(topics), allowed)

    async def run(self, topics: frozenset[str], allowed: Callable[[], bool], receive: Receive, send: Send) -> None:
        """Feed one client until it goes, falls behind, may not any more, or the node stops."""
        self._open += 1
        frames: asyncio.Queue[bytes] = asyncio.Queue(_WAITING)
        try:
            async with asyncio.TaskGroup() as group:
                ends = [
                    group.create_task(self._collect(topics, frames)),
                    group.create_task(self._tick(frames, allowed)),
                    group.create_task(_stopped(self._stopping)),
                ]
                lost = [group.create_task(_write(frames, send)), group.create_task(_gone(receive))]
                await asyncio.wait([*ends, *lost], return_when=asyncio.FIRST_COMPLETED)
                if self._stopping.is_set():  # the last word is under way to `frames`
                    await asyncio.wait([ends[0], *lost], timeout=_SETTLE, return_when=asyncio.FIRST_COMPLETED)
                orderly = not any(each.done() for each in lost) and all(
                    not each.done() or each.result() for each in ends
                )
                for worker in (*ends, *lost):
                    worker.cancel()
        finally:
            self._open -= 1
        if orderly:
            await _finish(frames, send)

    async def _collect(self, topics: frozenset[str], frames: asyncio.Queue[bytes]) -> bool:
        # Subscribed before the first state is read: nothing can fall between the two.
        events = self._views.events()
        status = self._views.ha()
        hello = {"node": status.node, "term": status.term, "seq": self._views.seq}
        frames.put_nowait(frame("hello", self._views.seq, hello))
        if "ha" in topics:
            frames.put_nowait(frame("ha", self._views.seq, status))
        async with contextlib.aclosing(_paced(events, status.poll_period_s)) as paced:
            async for event in paced:
                if event.topic in topics and not _queue(frames, framed(event)):
                    log.info("dropped a live stream: its reader does not keep up")
                    return False
        return True

    async def _tick(self, frames: asyncio.Queue[bytes], allowed: Callable[[], bool]) -> bool:
        while True:
            await asyncio.sleep(_TICK)
            if not allowed():
                return True
            status = self._views.ha()
            data = {"now_ms": self._clock.read().wall_ms, "seq": self._views.seq, "term": status.term}
            if not _queue(frames, frame("tick", self._views.seq, data)):
                return False


class _Stream(Response):
    media_type = "text/event-stream"

    def __init__(self, streams: Streams, topics: frozenset[str], allowed: Callable[[], bool]) -> None:
        super().__init__()
        del self.headers["content-length"]
        self.headers["X-Accel-Buffering"] = "no"
        self._streams = streams
        self._topics = topics
        self._allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        if scope["method"] == "HEAD":
            await _send(send, b"", more=False)
        else:
            await self._streams.run(self._topics, self._allowed, receive, send)


#: What was answered to whom concerns nobody else.
_PRIVATE = (RequestAnswered, AnswersForgotten)


def frame(event: str, seq: int, data: Any) -> bytes:
    """Write one event as it goes over the wire."""
    return b"event: %s\nid: %d\ndata: %s\n\n" % (event.encode(), seq, encoded(data))


def framed(event: Event) -> bytes:
    """Write an event of the plane; a gap in the model is a `reset`."""
    if event.data is None:
        return frame("reset", event.seq, {"seq": event.seq})
    if isinstance(event.data, HaStatus):
        return frame("ha", event.seq, event.data)
    changes = [msgspec.to_builtins(public(change)) for change in event.data if not isinstance(change, _PRIVATE)]
    return frame("model", event.seq, {"seq": event.seq, "changes": changes})


def public(change: Any) -> Any:
    """Answer a Change without the secrets in it."""
    match change:
        case ConfigSet():
            return msgspec.structs.replace(change, value=shown(change.key, change.value, True))
        case SensorSet():
            return msgspec.structs.replace(change, value=shown(change.name, change.value, True))
        case EntityAdded():
            return msgspec.structs.replace(change, config=masked(change.config), blueprint=None)
        case LocationAdded():
            return msgspec.structs.replace(change, config=masked(change.config))
        case TaskStarted():
            return msgspec.structs.replace(change, parameters=masked(change.parameters))
        case TaskEnded():
            return msgspec.structs.replace(change, result=shown("", change.result, True))
        case _:
            return change


async def _paced(events: AsyncIterator[Event], period: float) -> AsyncGenerator[Event]:
    """Pass events on, `ha` ones at most once a period: of those that come sooner the last counts."""
    loop = asyncio.get_running_loop()
    upcoming = asyncio.create_task(_next(events))
    held: Event | None = None
    free_at = loop.time() + period
    try:
        while True:
            wait = None if held is None else max(0.0, free_at - loop.time())
            await asyncio.wait({upcoming}, timeout=wait)
            if held is not None and loop.time() >= free_at:
                yield held
                held, free_at = None, loop.time() + period
            if not upcoming.done():
                continue
            event = upcoming.result()
            if event is None:
                if held is not None:
                    yield held
                return
            upcoming = asyncio.create_task(_next(events))
            if event.topic == "ha" and event.data is not None:
                held = event
            else:
                yield event
    finally:
        upcoming.cancel()


async def _next(events: AsyncIterator[Event]) -> Event | None:
    return await anext(events, None)


def _queue(frames: asyncio.Queue[bytes], one: bytes) -> bool:
    try:
        frames.put_nowait(one)
    except asyncio.QueueFull:
        return False
    return True


async def _write(frames: asyncio.Queue[bytes], send: Send) -> None:
    while True:
        one = await frames.get()
        try:
            async with asyncio.timeout(_PATIENCE):
                await _send(send, one, more=True)
        except TimeoutError:
            log.info("dropped a live stream: its reader takes nothing")
            return


async def _send(send: Send, body: bytes, *, more: bool) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": more})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _stopped(stopping: asyncio.Event) -> bool:
    return await stopping.wait()


async def _finish(frames: asyncio.Queue[bytes], send: Send) -> None:
    """Send what still waits, the last word of a stopping node for one, and end the answer."""
    try:
        async with asyncio.timeout(_LAST_WORDS):
            while not frames.empty():
                await _send(send, frames.get_nowait(), more=True)
            await _send(send, b"", more=False)
    except TimeoutError:
        log.info("dropped a live stream: its reader did not take the end")
