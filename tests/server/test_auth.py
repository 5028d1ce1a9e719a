"""Who is let in, in whose words others are not, and how fast somebody may guess."""

from __future__ import annotations

import base64
import hashlib

import pytest
from http_node import ManualClock, Node, basic, counting_entropy, settings_with

from amp.kit.secret import Secret
from amp.server.auth import Authenticator, Caller, Refused, parse_basic
from amp.settings import User

CHALLENGE = 'BASIC realm="brooklyn"'


def encoded(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, "Authorization required"),
        ("Ba", "Invalid authorization string (too short)"),
        ("", "Invalid authorization string (too short)"),
        ("Basic %%%", "Invalid authorization string (no colon after decoding)"),
        ("Basic YWRtaW4=", "Invalid authorization string (no colon after decoding)"),
        ("Basic A", "Invalid authorization string (not Base64)"),
        (encoded("admin:p"), ("admin", "p")),
        (encoded("admin:p:q"), ("admin", "p:q")),
        (encoded(":"), ("", "")),
        (encoded("jürgen:größe"), ("jürgen", "größe")),
        ("XXXXX " + encoded("admin:p")[6:], ("admin", "p")),
    ],
)
def test_headers(header: str | None, expected: object) -> None:
    assert parse_basic(header) == expected


def checker(*users: User, **fields: object) -> tuple[Authenticator, ManualClock]:
    clock = ManualClock()
    return Authenticator(settings_with(users=users, **fields), clock, counting_entropy()), clock


def test_salted_passwords() -> None:
    digest = hashlib.sha256("saltpässword".encode()).hexdigest()
    auth, _ = checker(User("a", None, "salt", digest.upper()), User("none", None, None, None))
    assert auth.check(encoded("a:pässword"), "here") == Caller("a")
    assert auth.check(encoded("a:password"), "here") == Refused("Authentication failed")
    assert auth.check(encoded("none:"), "here") == Refused("Authentication failed")


def test_a_plain_password_wins_over_a_salted_one() -> None:
    auth, _ = checker(User("a", Secret("plain"), "s", hashlib.sha256(b"shashed").hexdigest()))
    assert auth.check(encoded("a:plain"), "here") == Caller("a")
    assert isinstance(auth.check(encoded("a:hashed"), "here"), Refused)


def test_anyone() -> None:
    auth, _ = checker(anyone=True)
    assert auth.check(None, "here") == Caller(None)
    assert auth.check(encoded("eve:whatever"), "here") == Caller("eve")
    assert auth.check("Basic %%%", "here") == Caller(None)


def test_guessing_is_slowed_down_for_the_user_at_that_address_only() -> None:
    auth, clock = checker(User("a", Secret("p"), None, None), User("b", Secret("p"), None, None))
    for _ in range(10):
        assert auth.check(encoded("a:wrong"), "here") == Refused("Authentication failed")
    refused = auth.check(encoded("a:p"), "here")
    assert isinstance(refused, Refused)
    assert refused.retry_after == 60
    assert auth.check(encoded("b:p"), "here") == Caller("b")
    assert auth.check(encoded("a:p"), "elsewhere") == Caller("a")
    clock.at += 60
    assert auth.check(encoded("a:p"), "here") == Caller("a")


def test_a_remembered_password_does_not_get_around_the_wait() -> None:
    auth, _ = checker(User("a", Secret("p"), None, None))
    assert auth.check(encoded("a:p"), "here") == Caller("a")
    for _ in range(10):
        auth.check(encoded("a:wrong"), "here")
    assert isinstance(auth.check(encoded("a:p"), "here"), Refused)


def test_trying_many_names_is_slowed_down_too() -> None:
    auth, _ = checker(User("a", Secret("p"), None, None))
    for number in range(50):
        auth.check(encoded(f"user{number}:x"), "here")
    assert isinstance(auth.check(encoded("a:p"), "here"), Refused)


@pytest.mark.parametrize("path", ["/server/version", "/applications", "/nonsense"])
async def test_without_credentials(node: Node, path: str) -> None:
    answer = await node.get(path, user=None)
    assert (answer.status_code, answer.text) == (401, "Authorization required")
    assert answer.headers["www-authenticate"] == CHALLENGE
    assert answer.headers["content-type"].startswith("text/plain")


async def test_too_many_failures_over_http(node: Node) -> None:
    for _ in range(10):
        assert (await node.get("/server/up", user=None, headers=basic("admin", "no"))).status_code == 401
    answer = await node.get("/server/up")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "60")


@pytest.mark.parametrize(
    "headers",
    [{"X-Requested-With": "AMP-Console"}, {"Cookie": "AMP_SESSION=gone"}, {"Accept": "text/event-stream"}],
)
async def test_no_browser_box_opens_over_the_console(node: Node, headers: dict[str, str]) -> None:
    answer = await node.get("/server/up", user=None, headers=headers)
    assert answer.status_code == 401
    assert "www-authenticate" not in answer.headers


async def test_users_are_read_again(node: Node) -> None:
    node.reloaded = settings_with(users=(User("admin", Secret("new"), None, None),))
    assert (await node.post("/server/properties/reload")).status_code == 204
    assert (await node.get("/server/up")).status_code == 401
    assert (await node.get("/server/up", user=None, headers=basic("admin", "new"))).status_code == 200
