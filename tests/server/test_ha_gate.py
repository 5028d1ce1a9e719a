"""Every state, method, kind of path and header: who is answered, and with which words who is not."""

from __future__ import annotations

import pytest
from http_node import Node

from amp.server.errors import HOT_ONLY, PRIMARY_ONLY
from amp.server.ha_gate import refusal

ALL = ("INITIALIZING", "STANDBY", "HOT_STANDBY", "HOT_BACKUP", "MASTER", "FAILED", "TERMINATED")
COLD = ("INITIALIZING", "STANDBY", "FAILED", "TERMINATED")


def asked(state: str, method: str, path: str, *, hot: bool, change: bool = False, **more: object) -> str | None:
    given = {"loaded": True, "header": None, **more}
    return refusal(state=state, method=method, path=path, hot=hot, change=change, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("state", ALL)
@pytest.mark.parametrize("path", ["server/up", "access", "activities/x"])
def test_reads_that_are_not_hot_run_anywhere(state: str, path: str) -> None:
    assert asked(state, "GET", path, hot=False) is None
    assert asked(state, "HEAD", path, hot=False) is None


@pytest.mark.parametrize("state", ALL)
def test_hot_reads_need_a_node_that_has_the_model(state: str) -> None:
    expected = HOT_ONLY if state in COLD else None
    assert asked(state, "GET", "applications", hot=True) == expected
    assert asked(state, "GET", "applications", hot=True, loaded=False) == HOT_ONLY


@pytest.mark.parametrize("state", ALL)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_writes_need_the_master(state: str, method: str) -> None:
    expected = None if state == "MASTER" else PRIMARY_ONLY
    assert asked(state, method, "server/ha/priority", hot=False) == expected
    assert asked(state, method, "applications", hot=True, change=True) == expected


@pytest.mark.parametrize("state", ALL)
@pytest.mark.parametrize("path", ["logout", "logout/admin", "server/shutdown", "login"])
def test_leaving_and_stopping_work_anywhere(state: str, path: str) -> None:
    assert asked(state, "POST", path, hot=False) is None


@pytest.mark.parametrize("state", ALL)
@pytest.mark.parametrize("header", ["true", "TRUE", " True "])
def test_the_header_opens_what_concerns_the_node_and_reads(state: str, header: str) -> None:
    assert asked(state, "POST", "server/ha/priority", hot=False, header=header) is None
    assert asked(state, "GET", "applications", hot=True, header=header, loaded=False) is None


@pytest.mark.parametrize("state", [each for each in ALL if each != "MASTER"])
def test_the_header_does_not_open_what_needs_a_change(state: str) -> None:
    assert asked(state, "POST", "applications", hot=True, change=True, header="true") == PRIMARY_ONLY


@pytest.mark.parametrize("header", ["false", "", "yes", "1"])
def test_other_values_of_the_header_do_not_count(header: str) -> None:
    assert asked("STANDBY", "POST", "server/ha/priority", hot=False, header=header) == PRIMARY_ONLY


def test_a_new_master_that_still_loads_answers_for_itself_only() -> None:
    assert asked("MASTER", "POST", "server/ha/priority", hot=False, loaded=False) is None
    assert asked("MASTER", "POST", "applications", hot=True, change=True, loaded=False) == HOT_ONLY


async def test_the_refusals_word_for_word(node: Node) -> None:
    node.become("STANDBY")
    write = await node.post("/server/ha/priority", data={"priority": "1"})
    assert (write.status_code, write.json()) == (403, {"message": PRIMARY_ONLY, "error": 403})
    read = await node.get("/applications")
    assert (read.status_code, read.json()) == (403, {"message": HOT_ONLY, "error": 403})


async def test_the_header_over_http(node: Node) -> None:
    node.become("STANDBY")
    opened = {"Brooklyn-Allow-Non-Master-Access": "true"}
    assert (await node.post("/server/ha/priority", data={"priority": "1"}, headers=opened)).json() == 0
    assert (await node.get("/applications", headers=opened)).json() == []
    deploy = await node.post("/applications", content="services: []", headers={**opened, "Content-Type": "text/yaml"})
    assert (deploy.status_code, deploy.json()["message"]) == (403, PRIMARY_ONLY)
