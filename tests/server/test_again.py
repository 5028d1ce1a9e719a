"""What is answered where requests are parsed is what the pipeline would have said, for exactly as long as it would."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest
from http_node import Node, basic, settings_with

from amp.kit.errors import Unavailable
from amp.kit.ids import EntityId
from amp.model import changes as c
from amp.server.again import Lasting
from amp.server.run import bind, serve

JSON = {"Content-Type": "application/json"}


class Line:
    """One connection to a node that counts what its application is asked."""

    def __init__(self, node: Node, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.node, self._reader, self._writer = node, reader, writer
        self.asked = 0

    async def get(
        self, path: str, user: str = "admin", headers: Mapping[str, str] = {}, method: str = "GET"
    ) -> tuple[int, dict[str, str], bytes]:
        self._writer.write(self.request(path, user, headers, method))
        return await self.answer(body=method != "HEAD")

    async def post(self, path: str, body: bytes, headers: Mapping[str, str] = {}) -> tuple[int, dict[str, str], bytes]:
        length = {"Content-Length": str(len(body))}
        self.send(self.request(path, headers=JSON | length | dict(headers), method="POST") + body)
        return await self.answer()

    def leave(self) -> None:
        self._writer.transport.abort()

    def request(self, path: str, user: str = "admin", headers: Mapping[str, str] = {}, method: str = "GET") -> bytes:
        lines = [f"{method} /v1{path} HTTP/1.1", "Host: here"]
        lines += [f"{name}: {value}" for name, value in {**basic(user), **headers}.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def send(self, data: bytes) -> None:
        self._writer.write(data)

    async def answer(self, *, body: bool = True) -> tuple[int, dict[str, str], bytes]:
        async with asyncio.timeout(10):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
            size = int(fields.get("content-length", 0)) if body else 0
            return int(head[0].split()[1]), fields, await self._reader.readexactly(size)


@asynccontextmanager
async def line(node: Node) -> AsyncIterator[Line]:
    sock = bind("127.0.0.1", 0)
    lines: list[Line] = []

    async def counted(scope: object, receive: object, send: object) -> None:
        lines[0].asked += 1
        await node.app(scope, receive, send)  # type: ignore[arg-type]

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        group.create_task(serve(counted, sock, node.stopping, node.app.again))  # type: ignore[arg-type]
        reader, writer = await asyncio.open_connection(*sock.getsockname())
        lines.append(Line(node, reader, writer))
        try:
            yield lines[0]
        finally:
            writer.close()
            node.stopping.set()


async def till(node: Node) -> str:
    """Deploy an application; answers the path of its one entity."""
    return f"/applications/{await node.deploy()}/entities/{node.child()}"


PATHS = ["", "/sensors/current-state", "/sensors/current-state?suppressSecrets=true"]


@pytest.mark.parametrize("path", PATHS)
async def test_the_second_answer_is_the_first_again(node: Node, path: str) -> None:
    at = await till(node) + path
    async with line(node) as one:
        first, second = await one.get(at), await one.get(at)
        assert (first, one.asked) == (second, 1)
        assert first[0] == 200
        assert {"amp-term", "amp-seq", "date", "cache-control", "x-content-type-options"} <= first[1].keys()
        status, fields, _ = await one.get(at, method="HEAD")
        assert (status, fields["content-length"], one.asked) == (200, str(len(first[2])), 2)


async def test_position_and_term_are_those_of_the_moment(node: Node) -> None:
    at = await till(node)
    async with line(node) as one:
        before = int((await one.get(at))[1]["amp-seq"])
        await node.views.apply([c.ConfigSet(EntityId("nobody"), "k", 1)])
        node.become("HOT_STANDBY", term=9)
        _, fields, _ = await one.get(at)
        assert (int(fields["amp-seq"]), fields["amp-term"], one.asked) == (before + 1, "9", 1)


async def test_what_has_changed_is_told_anew(node: Node) -> None:
    at = await till(node)
    async with line(node) as one:
        for path in ("", "/sensors/current-state"):
            await one.get(at + path)
        await node.views.apply([c.SensorSet(EntityId(node.child()), "x", 5), c.EntityRenamed(node.child(), "b")])  # type: ignore[arg-type]
        assert b'"name":"b"' in (await one.get(at))[2]
        assert b'"x":5' in (await one.get(at + "/sensors/current-state"))[2]
        await node.views.apply([c.EntityRemoved(node.views.model.entities[EntityId(at.split("/")[-1])].id)])
        assert (await one.get(at))[0] == 404


async def test_the_list_of_applications_follows_every_commit(node: Node) -> None:
    await node.deploy()
    async with line(node) as one:
        assert (await one.get("/applications"))[2].count(b'"spec"') == 1
        assert (await one.get("/applications"), one.asked)[1] == 1
        await node.deploy("name: other\nservices: [{type: basic-entity, name: x}]")
        assert (await one.get("/applications"))[2].count(b'"spec"') == 2
        assert (await one.get("/applications?typeRegex=none"))[2] == b"[]"
        node.views._model = type(node.views.model)()  # loaded anew, at the same position
        assert (await one.get("/applications"))[2] == b"[]"


async def test_the_state_is_the_one_of_the_moment(node: Node) -> None:
    async with line(node) as one:
        for state in ("MASTER", "MASTER", "HOT_STANDBY", "FAILED", "MASTER"):
            node.become(state)
            assert (await one.get("/server/ha/state"))[2].decode() == f'"{state}"'
        assert one.asked == 4


@pytest.mark.parametrize(("state", "loaded"), [("STANDBY", True), ("INITIALIZING", True), ("HOT_STANDBY", False)])
async def test_a_node_that_may_not_read_does_not(node: Node, state: str, loaded: bool) -> None:
    at = await till(node)
    async with line(node) as one:
        assert (await one.get(at))[0] == 200
        node.become(state, loaded=loaded)
        assert (await one.get(at))[0] == 403
        node.become("MASTER", loaded=True)
        assert (await one.get(at))[0] == 200


async def test_nobody_is_given_what_another_may_see(node: Node) -> None:
    guarded = Node(
        settings_with(
            {
                "brooklyn.entitlements.global": "PerUserEntitlementManager",
                "brooklyn.entitlements.perUser.admin": "root",
                "brooklyn.entitlements.perUser.reader": "minimal",
            }
        )
    )
    at = await till(guarded)
    async with line(guarded) as one:
        assert (await one.get(at))[0] == 200
        assert (await one.get(at, user="reader"))[0] == 404
        assert (await one.get(at, headers={"Authorization": "Basic nonsense"}))[0] == 401
        assert (await one.get(at))[0] == 200


async def test_other_settings_make_all_be_forgotten(node: Node) -> None:
    at = await till(node)
    async with line(node) as one:
        await one.get(at)
        node.reloaded = settings_with(users=())
        await node.post("/server/properties/reload")
        assert (await one.get(at))[0] == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"AMP-Min-Seq": "nonsense"}, 400),
        ({"AMP-Read": "strict"}, 200),
        ({"Cookie": "a=b"}, 200),
        ({"X-Csrf-Token-Required-For-Requests": "WRITE"}, 200),
        ({"Accept": "text/html"}, 406),
        ({"Connection": "close"}, 200),
        ({"Expect": "100-continue"}, 200),
        ({"X-Anything": "new"}, 200),
    ],
)
async def test_whatever_may_matter_goes_the_whole_way(node: Node, headers: dict[str, str], status: int) -> None:
    at = await till(node)
    async with line(node) as one:
        await one.get(at)
        assert (await one.get(at, headers=headers))[0] == status
        assert one.asked == 2


async def test_a_body_goes_the_whole_way(node: Node) -> None:
    at = await till(node)
    async with line(node) as one:
        await one.get(at)
        one.send(one.request(at, headers={"Content-Length": "4"}) + b"body")
        assert ((await one.answer())[0], one.asked) == (200, 2)
        assert (await one.get(at, headers={"Content-Length": "0"}))[0] == 200
        assert one.asked == 2


async def test_requests_sent_before_the_answer_are_answered_in_order(node: Node) -> None:
    at = await till(node)
    async with line(node) as one:
        await one.get(at)
        one.send(one.request(at) + one.request("/server/version") + one.request(at) + one.request("/server/ha/state"))
        answers = [(await one.answer())[2] for _ in range(4)]
        assert answers[0] == answers[2] != answers[1]
        assert answers[3] == b'"MASTER"'


async def test_while_passwords_are_guessed_nothing_is_given_again(node: Node) -> None:
    at = await till(node)
    async with line(node) as one:
        await one.get(at)
        for _ in range(10):
            await one.get(at, headers=basic("admin", "wrong"))
        assert (await one.get(at))[0] == 429


def large(size: int) -> Lasting:
    answer = Lasting(b"x" * size, lambda views: True)
    answer.hot = False
    return answer


async def test_what_is_kept_is_bounded(node: Node) -> None:
    again = node.app.again
    for number in range(40_000):
        again.keep("GET", b"/%d" % number, [], large(100))
    assert len(again._kept) <= 10_000
    assert again._bytes == 100 * len(again._kept)
    again.keep("GET", b"/large", [], large(80_000_000))
    assert again._bytes <= 64 * 1024 * 1024


async def test_answers_about_what_is_gone_are_not_kept(node: Node) -> None:
    again, there = node.app.again, set[int]()

    def about(number: int) -> Lasting:
        answer = Lasting(b"x" * 100, lambda views: number in there)
        answer.hot = False
        return answer

    for number in range(5000):
        there.add(number)
        there.discard(number - 100)
        again.keep("GET", b"/%d" % number, [], about(number))
    assert 100 <= len(again._kept) <= 256
    assert again._bytes == 100 * len(again._kept)
    there.update(range(5000, 9000))
    for number in range(5000, 9000):
        again.keep("GET", b"/%d" % number, [], about(number))
    assert all(again.find(b"GET", b"/%d" % number, []) for number in range(5000, 9000))


PLACES = ["/sensors/count", "/config/count"]


@pytest.mark.parametrize("place", PLACES)
async def test_one_value_after_another_is_written_without_the_pipeline(node: Node, place: str) -> None:
    at = await till(node) + place
    async with line(node) as one:
        first = await one.post(at, b"1")
        second = await one.post(at, b'"two"')
        assert (first[0], first[2], second[0], second[2], one.asked) == (204, b"", 204, b"", 1)
        assert first[1].keys() == second[1].keys()
        assert int(second[1]["amp-seq"]) == int(first[1]["amp-seq"]) + 1
        entity = node.views.model.entities[EntityId(node.child())]
        assert {**entity.sensors, **entity.config}["count"] == "two"


@pytest.mark.parametrize(("body", "status"), [(b"{", 400), (b"", 400), (b"1" * 17_000, 400), (b"1" * 70_000, 413)])
async def test_a_body_that_is_refused_is_refused_by_the_pipeline(node: Node, body: bytes, status: int) -> None:
    at = await till(node) + PLACES[0]
    async with line(node) as one:
        await one.post(at, b"1")
        assert (await one.post(at, body))[0] == status
        assert one.asked == 2
        if status == 400:
            assert ((await one.post(at, b"2"))[0], one.asked) == (204, 2)


async def test_only_a_master_writes_again(node: Node) -> None:
    at = await till(node) + PLACES[0]
    async with line(node) as one:
        await one.post(at, b"1")
        node.become("HOT_STANDBY")
        assert (await one.post(at, b"2"))[0] == 403
        node.become("MASTER")
        node.requests.failure = Unavailable("nobody knows", unknown=True)
        status, fields, body = await one.post(at, b"3")
        assert (status, b'"unknown":true' in body, "retry-after" in fields) == (503, True, True)
        node.requests.failure = None
        assert ((await one.post(at, b"4"))[0], one.asked) == (204, 2)


async def test_what_is_gone_is_not_written(node: Node) -> None:
    at = await till(node) + PLACES[0]
    async with line(node) as one:
        await one.post(at, b"1")
        await node.views.apply([c.EntityRemoved(EntityId(node.child()))])
        assert (await one.post(at, b"2"))[0] == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"Sec-Fetch-Site": "cross-site"}, 403), ({"Content-Type": "text/plain"}, 415), ({"Idempotency-Key": "k"}, 204)],
)
async def test_a_write_that_says_more_goes_the_whole_way(node: Node, headers: dict[str, str], status: int) -> None:
    at = await till(node) + PLACES[0]
    async with line(node) as one:
        await one.post(at, b"1")
        assert ((await one.post(at, b"2", headers))[0], one.asked) == (status, 2)


async def test_what_is_sent_behind_a_write_waits_for_it(node: Node) -> None:
    at = await till(node)
    async with line(node) as one:
        await one.post(at + PLACES[0], b"1")
        written = one.request(at + PLACES[0], headers=JSON | {"Content-Length": "2"}, method="POST") + b"77"
        one.send(written + one.request(at + "/sensors/count") + written)
        answers = [await one.answer() for _ in range(3)]
        assert [each[0] for each in answers] == [204, 200, 204]
        assert answers[1][2] == b"77"


async def test_a_write_under_way_is_answered_when_the_server_stops(node: Node) -> None:
    at = await till(node) + PLACES[0]
    async with line(node) as one:
        await one.post(at, b"1")
        node.requests.gate = asyncio.Event()
        one.send(one.request(at, headers=JSON | {"Content-Length": "1"}, method="POST") + b"2")
        while not node.requests.gated:  # noqa: ASYNC110 - bounded by `line`
            await asyncio.sleep(0.01)
        node.stopping.set()
        await asyncio.sleep(0)
        node.requests.gate.set()
        status, _, _ = await one.answer()
        assert status == 204


async def test_a_client_that_goes_away_does_not_undo_its_write(node: Node) -> None:
    at = await till(node) + PLACES[0]
    async with line(node) as one:
        await one.post(at, b"1")
        node.requests.gate = asyncio.Event()
        one.send(one.request(at, headers=JSON | {"Content-Length": "1"}, method="POST") + b"2")
        while not node.requests.gated:  # noqa: ASYNC110 - bounded by `line`
            await asyncio.sleep(0.01)
        one.leave()
        before = node.views.seq
        node.requests.gate.set()
        assert await node.views.wait_for(before + 1, 5)
