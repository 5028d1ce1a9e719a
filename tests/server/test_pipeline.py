"""Which error wins, and what every answer carries."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from http_node import BASIC, Node, counting_entropy, settings_with

from amp.kit.errors import Conflict, Fenced, Internal, Invalid, Missing, Unavailable
from amp.server import errors
from amp.server.entitlements import LEVELS, Right, level_of
from amp.server.negotiation import chosen, media_type
from amp.server.routing import BLUEPRINT, Call, Route, Table, segments_of
from amp.server.sensitive import masked, shown


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/server/nonsense", {}, 404),
        ("GET", "/nonsense", {}, 404),
        ("GET", "/server/status", {}, 404),
        ("GET", "", {}, 404),
        ("GET", "//server/up", {}, 404),
        ("DELETE", "/server/version", {}, 405),
        ("PUT", "/server/ha/priority", {"Content-Type": "text/plain"}, 405),
        ("GET", "/server/version", {"Accept": "text/html"}, 406),
        ("POST", "/server/ha/priority", {"Content-Type": "text/plain"}, 415),
    ],
)
async def test_what_the_table_refuses_has_no_body(
    node: Node, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    answer = await node.ask(method, path, headers=headers, content=b"x" if method in ("PUT", "POST") else None)
    assert (answer.status_code, answer.content) == (status, b"")
    assert "content-type" not in answer.headers


async def test_a_wrong_verb_says_which_are_right(node: Node) -> None:
    assert (await node.ask("PUT", "/server/ha/priority")).headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert (await node.ask("OPTIONS", "/server/up")).status_code == 200


async def test_order_of_refusals(node: Node) -> None:
    node.become("STANDBY")
    assert (await node.get("/nonsense", user=None)).status_code == 401
    assert (await node.ask("DELETE", "/applications")).status_code == 405
    assert (await node.get("/applications", user="reader")).json()["message"] == errors.HOT_ONLY
    guarded = Node(settings_with({"brooklyn.entitlements.global": "readonly"}))
    big = "x" * (BLUEPRINT + 1)
    assert (await guarded.post("/applications", content=big, headers={"Content-Type": "a/b"})).status_code == 403


@pytest.mark.parametrize("path", ["/server/up/", "/server/%75p", "/server/up?x=%20"])
async def test_spellings_of_a_path(node: Node, path: str) -> None:
    assert (await node.get(path)).json() is True


async def test_what_every_answer_carries(node: Node) -> None:
    for path in ("/server/up", "/nonsense", "/applications/none"):
        headers = (await node.get(path)).headers
        assert headers["cache-control"] == "no-cache, no-store"
        assert (headers["pragma"], headers["expires"]) == ("no-cache", "0")
        assert (headers["amp-term"], headers["amp-seq"]) == ("3", "0")
    await node.deploy()
    assert (await node.get("/server/up", user=None)).headers["amp-seq"] == str(node.views.seq)


async def test_head_is_get_without_the_body(node: Node) -> None:
    get, head = await node.get("/server/version"), await node.ask("HEAD", "/server/version")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"]


async def test_waiting_for_a_position(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amp.server.freshness.PATIENCE", 0.01)
    assert (await node.get("/server/up", headers={"AMP-Min-Seq": "0"})).status_code == 200
    late = await node.get("/server/up", headers={"AMP-Min-Seq": "7"})
    assert (late.status_code, late.headers["retry-after"]) == (503, "1")
    assert "at position 0, not yet at 7" in late.json()["message"]
    for nonsense in ("soon", "-1", "", "1" * 19, "\xb2"):
        assert (await node.get("/server/up", headers={"AMP-Min-Seq": nonsense.encode("latin-1")})).status_code == 400


async def test_what_is_lost_while_a_request_waits_is_not_said(node: Node) -> None:
    """The gate is asked again: a node that lost its office, or its state, meanwhile does not answer from before."""
    app = await node.deploy()
    waits = {"AMP-Min-Seq": str(node.views.seq + 1)}
    reading = asyncio.create_task(node.get("/server/ha/state", headers=waits))
    listing = asyncio.create_task(node.get(f"/applications/{app}", headers=waits))
    writing = asyncio.create_task(node.post("/access/locationProvisioningAllowed?allowed=false", headers=waits))
    await asyncio.sleep(0.01)
    node.become("INITIALIZING", loaded=False)
    await node.views.apply([])
    assert (await reading).json() == "INITIALIZING"
    assert ((await listing).status_code, (await listing).json()["message"]) == (403, errors.HOT_ONLY)
    assert ((await writing).status_code, (await writing).json()["message"]) == (403, errors.PRIMARY_ONLY)


async def test_strict_reads(node: Node) -> None:
    strict = {"AMP-Read": "strict"}
    assert (await node.get("/applications", headers=strict)).json() == []
    odd = await node.get("/applications", headers={"AMP-Read": "loose"})
    assert (odd.status_code, "write strict" in odd.json()["message"]) == (400, True)
    node.views.proof = Unavailable("this node could not prove that it leads still", retry_after=2)
    unproven = await node.get("/applications", headers=strict)
    assert (unproven.status_code, unproven.headers["retry-after"]) == (503, "2")
    assert "unknown" not in unproven.json()
    assert (await node.get("/applications")).status_code == 200
    node.views.proof = None
    node.become("HOT_STANDBY")
    assert (await node.get("/applications")).status_code == 200
    elsewhere = await node.get("/applications", headers=strict)
    assert (elsewhere.status_code, elsewhere.json()["message"]) == (403, errors.PRIMARY_ONLY)


@pytest.mark.parametrize("chunked", [False, True])
async def test_bodies_are_bounded(node: Node, chunked: bool) -> None:
    async def parts() -> object:
        for _ in range(17):
            yield b" " * (BLUEPRINT // 16)

    content = parts() if chunked else b" " * (BLUEPRINT + 1)
    answer = await node.post("/applications", content=content, headers={"Content-Type": "text/yaml"})
    assert (answer.status_code, answer.json()["error"]) == (413, 413)
    small = await node.post("/server/ha/priority", data={"priority": "1" * 70_000})
    assert small.status_code == 413


@pytest.mark.parametrize(
    ("error", "status", "details"),
    [
        (Invalid("m"), 400, "Reference: "),
        (Invalid("m", details="line 3"), 400, "line 3"),
        (errors.OtherApplication("m"), 412, None),
        (errors.Forbidden("m"), 403, None),
        (Missing("m"), 404, None),
        (Conflict("m"), 409, "Reference: "),
        (Unavailable("m"), 503, None),
        (Unavailable("m", unknown=True), 503, "It is not known"),
        (Internal("the secret cause"), 500, "Reference: "),
    ],
)
def test_kinds_of_errors(error: Invalid, status: int, details: str | None) -> None:
    import json

    answer = errors.answer(error, counting_entropy())
    body = json.loads(answer.body)
    assert (answer.status_code, body["error"]) == (status, status)
    assert isinstance(body["message"], str)
    assert "secret" not in body["message"]
    assert body.get("details", "").startswith(details) if details else "details" not in body
    assert body.get("unknown", False) is (isinstance(error, Unavailable) and error.unknown)
    assert ("retry-after" in answer.headers) is (status == 503)


def test_whoever_was_fenced_sends_clients_to_the_primary() -> None:
    answer = errors.answer(Fenced("term 4 leads"), counting_entropy())
    assert answer.status_code == 403
    assert errors.PRIMARY_ONLY.encode() in answer.body


async def test_a_bug_is_answered_with_a_reference(node: Node, caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> None:
        raise ZeroDivisionError("hidden from clients")

    node.views.store_metrics = broken  # type: ignore[method-assign,assignment]
    answer = await node.get("/server/ha/metrics")
    assert answer.status_code == 500
    assert "hidden" not in answer.text
    assert answer.json()["details"].removeprefix("Reference: ") in caplog.text
    assert "ZeroDivisionError" in caplog.text


PER_USER = {
    "brooklyn.entitlements.global": "org.apache.brooklyn.core.mgmt.entitlement.PerUserEntitlementManager",
    "brooklyn.entitlements.perUser.admin": "root",
    "brooklyn.entitlements.perUser.reader": "readOnly",
}


@pytest.mark.parametrize(
    ("user", "properties", "level"),
    [
        ("admin", {}, "root"),
        (None, {}, "root"),
        ("admin", PER_USER, "root"),
        ("reader", PER_USER, "readonly"),
        ("other", PER_USER, "minimal"),
        (None, PER_USER, "minimal"),
        ("other", {**PER_USER, "brooklyn.entitlements.perUser.default": "power_user"}, "poweruser"),
        ("admin", {"brooklyn.entitlements.global": "log"}, "logviewer"),
        ("admin", {"brooklyn.entitlements.global": "com.example.OwnManager"}, "minimal"),
    ],
)
def test_levels(user: str | None, properties: dict[str, str], level: str) -> None:
    assert level_of(user, properties) is LEVELS[level]


@pytest.mark.parametrize(
    ("method", "path", "body", "reader", "nobody"),
    [
        ("GET", "/server/version", None, 200, 403),
        ("GET", "/server/user", None, 200, 200),
        ("GET", "/server/config/x", None, 403, 403),
        ("GET", "/applications", None, 200, 200),
        ("GET", "/applications/shop", None, 200, 404),
        ("GET", "/applications/shop/entities/till", None, 200, 404),
        ("POST", "/server/ha/priority", "priority=0", 403, 403),
        ("POST", "/server/properties/reload", None, 403, 403),
        ("POST", "/server/shutdown", None, 403, 403),
        ("DELETE", "/applications/shop", None, 403, 403),
        ("POST", "/applications/shop/entities/till/sensors/s", "1", 403, 403),
        ("GET", "/events/stream?topics=model", None, 406, 406),
    ],
)
async def test_entitlements(method: str, path: str, body: str | None, reader: int, nobody: int) -> None:
    node = Node(
        settings_with(
            PER_USER, users=tuple(replace(settings_with().users[0], name=n) for n in ("admin", "reader", "nobody"))
        )
    )
    await node.deploy()
    kind = "application/json" if path.endswith("/s") else "application/x-www-form-urlencoded"
    headers = {"Content-Type": kind, "Accept": "application/json"}
    for user, status in (("reader", reader), ("nobody", nobody)):
        answer = await node.ask(method, path, user=user, content=body, headers=headers)
        assert answer.status_code == status, (user, answer.text)
        if status == 403:
            assert answer.json()["message"].startswith(f"User '{user}' is not authorized to ")
    assert (await node.get("/applications", user="nobody")).json() == []


def test_only_root_runs_scripts() -> None:
    assert [name for name, level in LEVELS.items() if Right.EXECUTE_SCRIPT in level.rights] == ["root"]


@pytest.mark.parametrize(
    ("accept", "offered", "expected"),
    [
        (None, ("a/b",), "a/b"),
        ("", ("a/b",), "a/b"),
        ("*/*", ("a/b", "c/d"), "a/b"),
        ("application/json, text/plain", ("application/json", "text/plain"), "application/json"),
        ("text/plain", ("application/json", "text/plain"), "text/plain"),
        ("text/*;q=0.5, */*;q=0.1", ("application/json", "text/plain"), "text/plain"),
        ("application/json;q=0, */*", ("application/json", "text/plain"), "text/plain"),
        ("application/json;q=x", ("application/json",), None),
        ("text/html", ("application/json",), None),
        ("TEXT/PLAIN; charset=utf-8", ("text/plain",), "text/plain"),
    ],
)
def test_negotiation(accept: str | None, offered: tuple[str, ...], expected: str | None) -> None:
    assert chosen(accept, offered) == expected


def test_media_types() -> None:
    assert media_type("Text/YAML; charset=utf-8") == "text/yaml"
    assert media_type(None) == ""


async def _nobody(call: Call) -> object:
    raise AssertionError("not called")


def test_the_table_of_paths() -> None:
    one = Route("GET", "/a/{x}/c", _nobody, "")  # type: ignore[arg-type]
    two = Route("GET", "/a/b", _nobody, "")  # type: ignore[arg-type]
    table = Table((one, two))
    assert table.find(("a", "b")) == ({"GET": two}, ())
    assert table.find(("a", "b", "c")) == ({"GET": one}, ("b",))
    assert table.find(("a", "z", "c")) == ({"GET": one}, ("z",))
    assert table.find(("a", "z")) is None
    assert table.find(("a",)) is None
    assert table.find(()) is None
    with pytest.raises(ValueError, match="two routes"):
        Table((two, two))


@pytest.mark.parametrize(
    ("raw", "segments"),
    [
        (b"/v1/a%20b", ("v1", "a b")),
        (b"/v1/a%2Fb/", ("v1", "a/b")),
        (b"/v1/a+b?x=/y", ("v1", "a+b")),
        (b"/v1/%E2%82%AC", ("v1", "€")),
    ],
)
def test_segments(raw: bytes, segments: tuple[str, ...]) -> None:
    assert segments_of(raw) == segments


def test_segments_that_are_no_text() -> None:
    with pytest.raises(Invalid):
        segments_of(b"/v1/%ff")


def test_secrets() -> None:
    assert shown("db.password", "hunter2", True) == "<suppressed> (MD5 hash: 2AB96390)"
    assert shown("db.PASSWORD", "hunter2", False) == "hunter2"
    assert shown("db.password", None, True) is None
    assert masked({"a": [{"secretKey": 1}], "b": "open"}) == {
        "a": [{"secretKey": "<suppressed> (MD5 hash: C4CA4238)"}],
        "b": "open",
    }


async def test_the_name_of_the_type_is_not_a_way_to_stop_the_server(node: Node) -> None:
    await node.deploy()
    for expression in ("(a+)+$", "(a|a)*b", "a" * 201, ".*" * 6, "["):
        answer = await node.get("/applications", params={"typeRegex": expression})
        assert answer.status_code == 400, expression
    assert len((await node.get("/applications/shop/descendants", params={"typeRegex": ".*Basic.*"})).json()) == 2
    assert (await node.get("/applications/shop/descendants", params={"typeRegex": BASIC})).json()[0]["name"] == "till"
