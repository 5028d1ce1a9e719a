"""The console's sessions: cookies, the token of writes, and when they end."""

from __future__ import annotations

import httpx
import pytest
from http_node import Node, basic, settings_with

CONSOLE = {"X-Requested-With": "AMP-Console"}


async def logged_in(client: httpx.AsyncClient) -> str:
    answer = await client.post("/v1/login", headers={**basic("admin"), **CONSOLE})
    assert answer.status_code == 200, answer.text
    assert answer.json()["user"] == "admin"
    return str(answer.json()["csrfToken"])


async def test_login_sets_cookies(node: Node) -> None:
    async with node.client() as client:
        answer = await client.post("/v1/login", headers=basic("admin"))
        cookies = {each.split("=", 1)[0]: each.lower() for each in answer.headers.get_list("set-cookie")}
        assert set(cookies) == {"AMP_SESSION", "CSRF-TOKEN", "XSRF-TOKEN"}
        assert "httponly" in cookies["AMP_SESSION"]
        assert "samesite=strict" in cookies["AMP_SESSION"]
        assert "path=/" in cookies["AMP_SESSION"]
        assert "secure" not in cookies["AMP_SESSION"]
        assert "httponly" not in cookies["CSRF-TOKEN"]
        assert len(client.cookies["CSRF-TOKEN"]) == 16
        assert (await client.get("/v1/server/user")).json() == "admin"


async def test_cookies_are_secure_under_https(node: Node) -> None:
    transport = httpx.ASGITransport(app=node.app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="https://amp.example") as client:
        answer = await client.post("/v1/login", headers=basic("admin"))
    assert all("secure" in each.lower() for each in answer.headers.get_list("set-cookie"))


async def test_two_nodes_on_one_address_have_cookies_of_their_own() -> None:
    async with Node(settings_with(port=8082)).client() as client:
        await logged_in(client)
        assert "AMP_SESSION_8082" in client.cookies


@pytest.mark.parametrize("name", ["X-Csrf-Token", "X-Xsrf-Token"])
async def test_writes_by_cookie_need_the_token(node: Node, name: str) -> None:
    async with node.client() as client:
        token = await logged_in(client)
        bare = await client.post("/v1/server/ha/priority", data={"priority": "1"})
        assert (bare.status_code, bare.json()["error"]) == (403, 403)
        assert bare.json()["message"].startswith("X-CSRF-TOKEN header is required")
        wrong = await client.post("/v1/server/ha/priority", data={"priority": "1"}, headers={name: "bogus"})
        assert wrong.json()["message"] == "X-CSRF-TOKEN header did not match expected CSRF token"
        right = await client.post("/v1/server/ha/priority", data={"priority": "1"}, headers={name: token})
        assert (right.status_code, right.json()) == (200, 0)
    assert node.views.status.priority == 1


async def test_a_write_by_cookie_needs_the_token_even_where_the_client_asked_for_none(node: Node) -> None:
    async with node.client() as client:
        await client.get("/v1/server/user", headers={**basic("admin"), "X-Csrf-Token-Required-For-Requests": "NONE"})
        assert (await client.post("/v1/server/ha/priority", data={"priority": "1"})).status_code == 403
        by_basic = await client.post("/v1/server/ha/priority", data={"priority": "1"}, headers=basic("admin"))
        assert by_basic.status_code == 200


@pytest.mark.parametrize(("mode", "read", "write"), [("ALL", 403, 403), ("write", 200, 403), ("NONE", 200, 200)])
async def test_modes_that_a_client_asks_for(node: Node, mode: str, read: int, write: int) -> None:
    async with node.client(headers=basic("admin")) as client:
        first = await client.get("/v1/server/user", headers={"X-Csrf-Token-Required-For-Requests": mode})
        assert first.json() == "admin"
        assert (await client.get("/v1/server/ha/priority")).status_code == read
        assert (await client.post("/v1/server/ha/priority", data={"priority": "0"})).status_code == write


async def test_a_mode_that_does_not_exist(node: Node) -> None:
    answer = await node.get("/server/up", headers={"X-Csrf-Token-Required-For-Requests": "SOMETIMES"})
    assert answer.status_code == 400
    assert "ALL, WRITE, NONE" in answer.json()["message"]


async def test_a_token_cookie_that_another_node_overwrote_is_given_again(node: Node) -> None:
    async with node.client() as client:
        token = await logged_in(client)
        client.cookies.delete("CSRF-TOKEN")
        client.cookies.set("CSRF-TOKEN", "of-the-other-node", domain="127.0.0.1", path="/")
        refused = await client.post("/v1/logout", headers={"X-Csrf-Token": "of-the-other-node"})
        assert refused.status_code == 403
        assert f"CSRF-TOKEN={token}" in refused.headers["set-cookie"]


async def test_sessions_end_when_idle(node: Node) -> None:
    async with node.client() as client:
        await logged_in(client)
        node.clock.at += 3600
        assert (await client.get("/v1/server/up")).status_code == 200
        node.clock.at += 3601
        answer = await client.get("/v1/server/up")
        assert answer.status_code == 401
        assert "www-authenticate" not in answer.headers


async def test_sessions_end_by_age() -> None:
    node = Node(settings_with({"org.apache.brooklyn.server.maxSessionAge": "100"}))
    async with node.client() as client:
        await logged_in(client)
        node.clock.at += 101
        assert (await client.get("/v1/server/up")).status_code == 401


async def test_logging_in_again_needs_no_token(node: Node) -> None:
    async with node.client() as client:
        first = await logged_in(client)
        assert await logged_in(client) != first


async def test_logout(node: Node) -> None:
    async with node.client() as client:
        token = await logged_in(client)
        assert (await client.get("/v1/session")).json() == {"user": "admin", "csrfToken": token}
        answer = await client.post("/v1/logout", headers={"X-Csrf-Token": token})
        assert (answer.status_code, answer.json()["message"]) == (200, "Logged out user admin")
        assert not client.cookies
        client.cookies.set("AMP_SESSION", "whatever")
        assert (await client.get("/v1/server/up")).status_code == 401


async def test_logout_without_a_session(node: Node) -> None:
    assert (await node.post("/logout")).json() == {"currentUser": "admin", "message": "Logged out user admin"}
    bye = await node.post("/logout?unauthorize=bye")
    assert (bye.status_code, bye.json()["message"]) == (401, "bye")
    other = await node.post("/logout?user=reader")
    assert (other.status_code, other.json()["requestedUser"]) == (403, "reader")
    assert (await node.post("/logout/unauthorize")).status_code == 401
    assert (await node.post("/logout/admin")).status_code == 200
    assert (await node.post("/logout/reader")).status_code == 403


async def test_logout_works_on_a_standby(node: Node) -> None:
    async with node.client() as client:
        token = await logged_in(client)
        node.become("STANDBY")
        assert (await client.post("/v1/logout", headers={"X-Csrf-Token": token})).status_code == 200


async def test_there_is_a_bound_on_sessions(node: Node) -> None:
    async with node.client() as first:
        await logged_in(first)
        for _ in range(1000):
            await node.post("/login")
        assert (await first.get("/v1/server/up")).status_code == 401


def test_settings_that_make_no_sense() -> None:
    from amp.kit.errors import Invalid

    with pytest.raises(Invalid, match="maxInactiveInterval"):
        Node(settings_with({"org.apache.brooklyn.server.maxInactiveInterval": "soon"}))


@pytest.mark.parametrize(
    ("site", "write"), [("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)]
)
async def test_writes_that_a_browser_sends_for_another_page(node: Node, site: str, write: int) -> None:
    headers = {"Sec-Fetch-Site": site}
    assert (await node.post("/server/ha/priority", data={"priority": "1"}, headers=headers)).status_code == write
    assert (await node.get("/server/ha/priority", headers=headers)).status_code == 200
