"""Writes that a node passes on to the master, and what it answers when that one does not: two servers, one process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import httpx
import pytest
from http_node import BASIC, Node, basic, settings_with

from amp.ha.calls import CALL, Call
from amp.ha.founding import Founding
from amp.kit.errors import Unavailable
from amp.kit.ids import NodeId
from amp.plane.peers import ASK, STANDING, Reply, Standing
from amp.server.app import build
from amp.server.errors import PRIMARY_ONLY

BLUEPRINT = f"name: shop\nservices:\n- type: {BASIC}\n"
YAML = {"Content-Type": "text/yaml"}
MASTER = "http://10.0.0.1:8081"


class Line:
    """How one node calls the other here. `fails`: how often it breaks, before or after the other has taken the call."""

    def __init__(self, master: Node) -> None:
        self.master = master
        self.asked: list[Mapping[str, str]] = []
        self.fails = 0
        self.sent = True
        self.proves = True

    async def standing(self, address: str, node: str, limit: float) -> Standing:
        if not self.proves:
            raise Unavailable(f"{address} has not proven that it is node {node} of this plane")
        return Standing(node, "plane00001", 3, 0, "MASTER")

    async def send(
        self, address: str, method: str, target: str, headers: Mapping[str, str], body: bytes, limit: float
    ) -> Reply:
        self.asked.append(headers)
        fails, self.fails = self.fails, max(0, self.fails - 1)
        if fails and not self.sent:
            raise Unavailable("it cannot be reached")
        transport = httpx.ASGITransport(app=self.master.app, raise_app_exceptions=False)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url=address) as client:
            answer = await client.request(method, target, headers=dict(headers), content=body)
        if fails:
            raise Unavailable("the connection broke before an answer came", unknown=True)
        return Reply(answer.status_code, {k.lower(): v for k, v in answer.headers.items()}, answer.content)


class Pair:
    """A master, and a standby that passes writes on to it unless `passes` is False."""

    def __init__(self, *, passes: bool = True, **settings: object) -> None:
        self.master, self.standby = Node(), Node(settings_with(forward_writes=passes, **settings))
        self.line = Line(self.master)
        node = self.standby
        node.become("HOT_STANDBY", node=NodeId("bbbbbbbbbb"), master=NodeId("aaaaaaaaaa"), master_uri=MASTER)
        node.views.status = replace(node.views.status, poll_period_s=0.01)
        node.app = build(
            node.views, node.control, node.requests, node.settings, node.registry, node.clock, lambda size: bytes(size),
            reload=lambda: node.settings, stopping=node.stopping, peers=self.line,  # type: ignore[arg-type]
        )  # fmt: skip

    async def deploy(self, **headers: str) -> httpx.Response:
        return await self.standby.post("/applications", content=BLUEPRINT, headers={**YAML, **headers})

    def count(self) -> int:
        return len(list(self.master.views.model.applications()))


async def test_a_write_is_passed_on_and_answered_as_the_master_answers() -> None:
    pair = Pair()
    answer = await pair.deploy()
    assert (answer.status_code, pair.count()) == (201, 1)
    app = next(pair.master.views.model.applications())
    assert answer.headers["location"] == f"http://127.0.0.1:8081/v1/applications/{app.id}"
    assert (answer.headers["amp-seq"], answer.headers["amp-term"]) == (str(pair.master.views.seq), "3")
    assert answer.headers.get_list("cache-control") == ["no-cache, no-store"]
    assert pair.master.views.model.tasks[answer.json()["id"]].user == "admin"
    refused = await pair.standby.post("/applications", content="services: [{type: Nope}]", headers=YAML)
    assert (refused.status_code, "Nope" in refused.json()["message"]) == (400, True)


async def test_it_is_off_unless_it_is_set() -> None:
    pair = Pair(passes=False)
    answer = await pair.deploy()
    assert (answer.status_code, answer.json()["message"], pair.line.asked) == (403, PRIMARY_ONLY, [])


async def test_what_concerns_the_node_alone_is_not_passed_on() -> None:
    pair = Pair()
    assert (await pair.standby.post("/server/ha/priority", data={"priority": "1"})).status_code == 403
    assert (await pair.standby.get("/applications")).json() == []
    assert pair.line.asked == []


async def test_one_hop_only() -> None:
    pair = Pair()
    answer = await pair.deploy(**{"AMP-Forwarded": "cccccccccc"})
    assert (answer.status_code, answer.json()["message"], pair.line.asked) == (403, PRIMARY_ONLY, [])
    assert (await pair.deploy()).status_code == 201
    assert pair.line.asked[0]["AMP-Forwarded"] == "bbbbbbbbbb"


async def test_both_check_who_asks() -> None:
    pair = Pair()
    nobody = await pair.standby.post("/applications", content=BLUEPRINT, headers={**YAML, **basic("eve", "x")})
    assert (nobody.status_code, pair.line.asked) == (401, [])
    pair.master.settings = settings_with(users=())
    stricter = Node(settings_with(users=()))
    pair.line.master = stricter
    answer = await pair.deploy()
    assert (answer.status_code, "Authentication failed" in answer.text) == (401, True)


async def test_a_page_of_another_site_gets_nothing_passed_on() -> None:
    pair = Pair()
    assert (await pair.deploy(**{"Sec-Fetch-Site": "cross-site"})).status_code == 403
    assert pair.line.asked == []


async def test_a_session_is_not_passed_on() -> None:
    pair = Pair()
    async with pair.standby.client() as client:
        opened = await client.post("/v1/login", headers=basic("admin"))
        token = {"X-Csrf-Token": opened.json()["csrfToken"], **YAML}
        answer = await client.post("/v1/applications", content=BLUEPRINT, headers=token)
    assert (answer.status_code, answer.json()["message"], pair.line.asked) == (403, PRIMARY_ONLY, [])


@pytest.mark.parametrize("master", [{"master": None, "master_uri": None}, {"master_uri": None}])
async def test_without_a_master_it_is_refused(master: dict[str, None]) -> None:
    pair = Pair()
    pair.standby.become("HOT_STANDBY", **master)
    assert (await pair.deploy()).json()["message"] == PRIMARY_ONLY


async def test_nothing_goes_to_who_has_not_proven_itself() -> None:
    pair = Pair()
    pair.line.proves = False
    answer = await pair.deploy()
    assert (answer.status_code, "unknown" in answer.json(), pair.line.asked) == (503, False, [])
    assert "has not proven" in answer.json()["message"]
    assert int(answer.headers["retry-after"]) >= 1


@pytest.mark.parametrize(("sent", "unknown", "done"), [(True, True, 1), (False, None, 0)])
async def test_a_broken_connection(sent: bool, unknown: bool | None, done: int) -> None:
    pair = Pair()
    pair.line.fails, pair.line.sent = 1, sent
    answer = await pair.deploy()
    assert (answer.status_code, answer.json().get("unknown"), pair.count()) == (503, unknown, done)
    assert len(pair.line.asked) == 1, "it is not sent again"


@pytest.mark.parametrize("sent", [True, False])
async def test_a_write_with_a_key_is_sent_again_and_done_once(sent: bool) -> None:
    pair = Pair()
    pair.line.fails, pair.line.sent = 2, sent
    answer = await pair.deploy(**{"Idempotency-Key": "k1"})
    assert (answer.status_code, pair.count(), len(pair.line.asked)) == (201, 1, 3)
    assert answer.headers.get("idempotent-replayed") == ("true" if sent else None)
    pair.line.fails = 3
    assert (await pair.deploy(**{"Idempotency-Key": "k2"})).status_code == 503


# ---- what a node answers to calls of others


FOUND = Founding(id="plane00001", secret="ab" * 32)


def called(node: Node) -> Node:
    node.app = build(
        node.views, node.control, node.requests, node.settings, node.registry, node.clock, lambda size: bytes(size),
        reload=lambda: node.settings, stopping=node.stopping, plane=lambda: FOUND,
    )  # fmt: skip
    return node


async def call(node: Node, method: str, target: str, body: bytes = b"", **said: object) -> httpx.Response:
    made = Call(FOUND.id, "bbbbbbbbbb", "aaaaaaaaaa", 1, method, target, body)
    header = replace(made, **said).header(FOUND.secret)  # type: ignore[arg-type]
    async with node.client() as client:
        return await client.request(method, target, content=body, headers={CALL: header})


async def test_calls_of_nodes() -> None:
    node = called(Node())
    answer = await call(node, "GET", STANDING)
    assert answer.json() == {"node": "aaaaaaaaaa", "plane": "plane00001", "term": 3, "seq": 0, "state": "MASTER"}
    assert answer.headers["amp-node-answer"]
    assert (await call(node, "GET", STANDING)).status_code == 403, "once only"
    for count, term, yields in ((2, 3, True), (3, 2, False)):
        asked = await call(node, "POST", ASK, b'{"term":%d}' % term, count=count)
        assert asked.json() == {"yields": yields}
    assert node.control.asked[0] == ("yield", ("bbbbbbbbbb", 3))
    assert (await call(node, "POST", ASK, b"x", count=4)).status_code == 400
    assert (await call(node, "GET", "/amp/node/secrets", count=5)).status_code == 404
    assert (await call(node, "POST", ASK, b" " * 5000, count=6)).status_code == 413
    assert (await call(node, "GET", STANDING, count=7, plane="another")).status_code == 403


async def test_calls_without_proof_are_refused() -> None:
    async with called(Node()).client() as client:
        for headers in ({}, basic("admin"), {CALL: "1 a b 1 00"}):
            answer = await client.get(STANDING, headers=headers)
            assert (answer.status_code, "amp-node-answer" in answer.headers) == (403, False)
    async with Node().client() as client:
        assert (await client.get(STANDING)).status_code == 503
