"""The live stream: what comes first, what is masked, what is held back, and how it ends."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from http_node import Node, basic

from amp.model import changes as c
from amp.plane.views import Event
from amp.server import events
from amp.server.events import public


class Line:
    """One open stream: frames as they arrive. `blocked`: the client takes nothing."""

    def __init__(self, node: Node, query: str, headers: dict[str, str]) -> None:
        self.status: int | None = None
        self.headers: dict[str, str] = {}
        self.ended = False
        self.blocked = False
        self.gone = asyncio.Event()
        self._asked = False
        self._frames: asyncio.Queue[tuple[str, int, Any]] = asyncio.Queue()
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/v1/events/stream",
            "raw_path": b"/v1/events/stream",
            "query_string": query.encode(),
            "headers": [(key.lower().encode(), value.encode()) for key, value in headers.items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8081),
            "scheme": "http",
        }
        self.task = asyncio.create_task(node.app(scope, self._receive, self._send))  # type: ignore[arg-type]

    async def _receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {key.decode(): value.decode() for key, value in message["headers"]}
            return
        if self.blocked:
            await asyncio.Event().wait()
        for text in filter(None, message["body"].decode().split("\n\n")):
            event, seq, data = (line.split(": ", 1)[1] for line in text.split("\n"))
            self._frames.put_nowait((event, int(seq), json.loads(data)))
        self.ended = not message.get("more_body", False)

    async def next(self, event: str | None = None) -> tuple[str, int, Any]:
        async with asyncio.timeout(5):
            while True:
                frame = await self._frames.get()
                if event is None or frame[0] == event:
                    return frame


@asynccontextmanager
async def opened(node: Node, query: str = "", **headers: str) -> Any:
    line = Line(node, query, {**basic("admin"), **headers})
    try:
        yield line
    finally:
        line.gone.set()
        async with asyncio.timeout(5):
            await line.task


async def test_what_comes_first(node: Node) -> None:
    async with opened(node) as line:
        assert await line.next() == ("hello", 0, {"node": "aaaaaaaaaa", "term": 3, "seq": 0})
        event, _, status = await line.next()
        assert (event, status["state"], status["nodes"][0]["is_self"]) == ("ha", "MASTER", True)
        assert line.headers["content-type"].startswith("text/event-stream")
        assert line.headers["cache-control"] == "no-cache, no-store"


async def test_changes_of_the_model(node: Node) -> None:
    async with opened(node, "topics=model") as line:
        await line.next("hello")
        app = await node.deploy()
        _, seq, data = await line.next("model")
        assert (seq, data["seq"]) == (1, 1)
        assert (data["changes"][0]["change"], data["changes"][0]["id"]) == ("EntityAdded", app)


async def test_only_the_topics_that_were_asked_for(node: Node) -> None:
    async with opened(node, "topics=model") as line:
        await line.next("hello")
        node.views.tell(Event("ha", 0, node.views.ha()))
        node.views.tell(Event("model", 9, []))
        assert (await line.next())[:2] == ("model", 9)


async def test_a_gap_is_a_reset(node: Node) -> None:
    async with opened(node) as line:
        await line.next("ha")
        node.views.tell(Event("model", 8, None))
        assert await line.next() == ("reset", 8, {"seq": 8})


async def test_ha_comes_at_most_once_a_poll_and_the_last_counts(node: Node) -> None:
    node.become("MASTER", poll_period_s=0.05)
    async with opened(node) as line:
        await line.next("ha")
        for term in (4, 5, 6):
            node.views.tell(Event("ha", 0, replace(node.views.ha(), term=term)))
        node.views.tell(Event("model", 1, []))
        assert (await line.next())[0] == "model"
        assert (await line.next("ha"))[2]["term"] == 6


async def test_ticks(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "_TICK", 0.01)
    async with opened(node) as line:
        assert (await line.next("tick"))[2] == {"now_ms": 1_700_001_000_000, "seq": 0, "term": 3}


async def test_a_stopping_node_ends_its_streams(node: Node) -> None:
    async with opened(node) as line:
        await line.next("ha")
        node.stopping.set()
        async with asyncio.timeout(5):
            await line.task
        assert line.ended
        assert node.views.readers == 0


async def test_a_client_that_goes(node: Node) -> None:
    async with opened(node) as line:
        await line.next("ha")
        assert node.views.readers == 1
    assert node.views.readers == 0


async def test_a_client_that_takes_nothing_is_dropped(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "_PATIENCE", 0.01)
    async with opened(node) as line:
        line.blocked = True
        async with asyncio.timeout(5):
            await line.task
    assert node.views.readers == 0


async def test_a_client_that_falls_behind_is_dropped(node: Node) -> None:
    async with opened(node) as line:
        await line.next("ha")
        line.blocked = True
        for seq in range(300):
            node.views.tell(Event("model", seq, []))
        async with asyncio.timeout(5):
            await line.task
    assert node.views.readers == 0


async def test_a_stream_ends_with_its_session(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "_TICK", 0.01)
    async with node.client() as client:
        token = (await client.post("/v1/login", headers=basic("admin"))).json()["csrfToken"]
        cookie = f"AMP_SESSION={client.cookies['AMP_SESSION']}"
        async with opened(node, Cookie=cookie) as line:
            await line.next("tick")
            node.clock.at += 3000
            await line.next("tick")
            node.clock.at += 3000  # an open page counts as use
            await line.next("tick")
            assert (await client.post("/v1/logout", headers={"X-Csrf-Token": token})).status_code == 200
            async with asyncio.timeout(5):
                await line.task
            assert line.ended


async def test_there_is_a_bound_on_streams(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "_STREAMS", 1)
    async with opened(node) as line:
        await line.next("ha")
        answer = await node.get("/events/stream")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    async with opened(node) as line:
        await line.next("ha")


@pytest.mark.parametrize("topics", ["nonsense", "ha,nonsense", ","])
async def test_topics_that_there_are_not(node: Node, topics: str) -> None:
    assert (await node.get(f"/events/stream?topics={topics}")).status_code == 400


@pytest.mark.parametrize(
    "change",
    [
        c.ConfigSet("e", "db.password", "hunter2"),  # type: ignore[arg-type]
        c.SensorSet("e", "api.secret", "hunter2"),  # type: ignore[arg-type]
        c.SensorSet("e", "map", {"inner": [{"private.key": "hunter2"}]}),  # type: ignore[arg-type]
        c.EntityAdded("e", "t", "n", "e", config={"db.password": "hunter2"}, blueprint="password: hunter2"),  # type: ignore[arg-type]
        c.LocationAdded("l", "t", "n", "s", config={"credential": "hunter2"}),  # type: ignore[arg-type]
        c.TaskStarted("t", "e", "n", parameters={"password": "hunter2"}),  # type: ignore[arg-type]
        c.TaskEnded("t", "completed", result={"password": "hunter2"}),  # type: ignore[arg-type]
    ],
)
def test_secrets_do_not_go_over_the_line(change: c.AnyChange) -> None:
    assert "hunter2" in str(change)
    assert "hunter2" not in str(public(change))


async def test_the_last_word_of_a_node_whose_events_end(node: Node) -> None:
    async with opened(node) as line:
        await line.next("ha")
        node.views.tell(Event("model", 1, []))
        node.views.tell(None)
        assert (await line.next())[:2] == ("model", 1)
        async with asyncio.timeout(5):
            await line.task
        assert line.ended
