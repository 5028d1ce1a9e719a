"""`amp ha promote`, `demote`, `priority` and `remove` against a small server: what they send and refuse."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from fake_api import Api, Terminal, node, plane

from amp.cli.main import run

STATE = "/v1/server/ha/state"
CLEAR = "/v1/server/ha/states/clear/node"
PRIORITY = "/v1/server/ha/priority"


def sent(api: Api) -> list[tuple[str, str]]:
    """Answer the forms that were sent, each with its path; each to the node itself, master or not."""
    posts = [(path, headers, body) for method, path, headers, body in api.asked if method == "POST"]
    for _, headers, _ in posts:
        assert headers["Brooklyn-Allow-Non-Master-Access"] == "true"
        assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    return [(path, body.decode()) for path, _, body in posts]


def changes(api: Api, before: str, after: str, **more: Any) -> None:
    api.on("GET", "/v1/ha/plane", (200, plane(state=before)), (200, plane(state=after, **more)))
    api.on("POST", STATE, (200, before))


def test_promote(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    changes(api, "HOT_STANDBY", "MASTER")
    assert run(["ha", "promote"]) == 0
    assert capsys.readouterr().out == "Node n1: HOT_STANDBY before, MASTER now (mode AUTO)\n"
    assert sent(api) == [(STATE, "mode=MASTER")]
    changes(api, "HOT_STANDBY", "MASTER")
    assert run(["ha", "promote", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "node": "n1",
        "before": "HOT_STANDBY",
        "after": "MASTER",
        "mode": "AUTO",
    }


def test_a_promotion_that_came_to_nothing(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    changes(api, "HOT_STANDBY", "HOT_STANDBY")
    assert run(["ha", "promote"]) == 5
    assert "node n1 is HOT_STANDBY, and not the master" in capsys.readouterr().err
    api.on("POST", STATE, (503, {"message": "MASTER was asked for and has not come to pass within 66 s"}))
    assert run(["ha", "promote", "-o", "json"]) == 2
    assert json.loads(capsys.readouterr().err)["error"]["message"].startswith("MASTER was asked for")
    api.on("POST", STATE, (0, b""))
    assert run(["ha", "promote"]) == 2
    err = capsys.readouterr().err
    assert "may or may not have been taken" in err
    assert "amp ha status" in err


def test_a_forced_promotion_asks_and_says_what_it_gives_up(
    api: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    changes(api, "HOT_STANDBY", "MASTER")
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    assert run(["ha", "promote", "--force"]) == 1
    err = capsys.readouterr().err
    assert "You vouch that node n2 at http://10.0.0.2:8081 is dead" in err
    assert err.endswith("amp: nothing was changed\n")
    assert sent(api) == []
    changes(api, "HOT_STANDBY", "MASTER")
    monkeypatch.setattr(sys, "stdin", Terminal("yes\n"))
    assert run(["ha", "promote", "--force"]) == 0
    assert sent(api) == [(STATE, "mode=MASTER&force=true")]


def test_a_forced_promotion_without_a_terminal_needs_yes(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    changes(api, "HOT_STANDBY", "MASTER")
    assert run(["ha", "promote", "--force"]) == 1
    assert "there is no terminal to ask on" in capsys.readouterr().err
    assert sent(api) == []
    changes(api, "HOT_STANDBY", "MASTER")
    assert run(["ha", "promote", "--force", "--yes"]) == 0
    assert sent(api) == [(STATE, "mode=MASTER&force=true")]


@pytest.mark.parametrize("mode", ["HOT_STANDBY", "STANDBY", "HOT_BACKUP", "AUTO", "DISABLED"])
def test_demote(api: Api, capsys: pytest.CaptureFixture[str], mode: str) -> None:
    state = {"AUTO": "HOT_STANDBY", "DISABLED": "FAILED"}.get(mode, mode)
    changes(api, "MASTER", state, mode=mode)
    assert run(["ha", "demote", *(["--to", mode] if mode != "HOT_STANDBY" else [])]) == 0
    assert capsys.readouterr() == (f"Node n1: MASTER before, {state} now (mode {mode})\n", "")
    assert sent(api) == [(STATE, f"mode={mode}")]


def test_demote_says_when_nobody_else_could_lead(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    changes(api, "MASTER", "MASTER")
    assert run(["ha", "demote"]) == 0
    assert "no other node could" in capsys.readouterr().err


def test_demote_to_what_is_no_mode(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ha", "demote", "--to", "MASTER"]) == 1
    assert "MASTER" in capsys.readouterr().err
    assert api.asked == []


def test_priority(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    api.on("GET", PRIORITY, (200, 3))
    api.on("POST", PRIORITY, (200, 3))
    assert run(["ha", "priority"]) == 0
    assert run(["ha", "priority", "10"]) == 0
    assert run(["ha", "priority", "-5", "-o", "json"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[:2] == ["3", "Priority: 3 before, 10 now"]
    assert json.loads(out[2]) == {"before": 3, "priority": -5}
    assert sent(api) == [(PRIORITY, "priority=10"), (PRIORITY, "priority=-5")]
    assert run(["ha", "priority", "high"]) == 1


def full() -> dict[str, Any]:
    more = [node("n4", "FAILED"), node("n5", "STANDBY"), node("n6", "HOT_BACKUP"), node("n7", "INITIALIZING")]
    return plane(nodes=[*plane()["nodes"], *more])


def test_remove_what_is_gone(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    api.on("GET", "/v1/ha/plane", (200, full()))
    api.on("POST", CLEAR, (200, b""))
    assert run(["ha", "remove", "n3"]) == 0
    assert capsys.readouterr().out == "Removed n3 (TERMINATED)\n"
    assert run(["ha", "remove", "--dead", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"removed": ["n3", "n4"]}
    assert sent(api) == [(CLEAR, "nodeId=n3"), (CLEAR, "nodeId=n3"), (CLEAR, "nodeId=n4")]


@pytest.mark.parametrize("name", ["n1", "n2", "n5", "n6", "n7"])
def test_a_node_that_may_live_is_not_removed(api: Api, capsys: pytest.CaptureFixture[str], name: str) -> None:
    api.on("GET", "/v1/ha/plane", (200, full()))
    assert run(["ha", "remove", name]) == 5
    assert "nothing was removed" in capsys.readouterr().err
    assert sent(api) == []


def test_dead_never_takes_the_node_that_is_asked(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    api.on("GET", "/v1/ha/plane", (200, plane(nodes=[node("n1", "FAILED", is_self=True)])))
    assert run(["ha", "remove", "--dead"]) == 0
    assert capsys.readouterr().out == "No node is gone\n"
    assert run(["ha", "remove", "n1"]) == 5
    assert sent(api) == []


def test_remove_of_what_is_not_there_or_not_said(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    api.on("GET", "/v1/ha/plane", (200, full()))
    assert run(["ha", "remove", "n9"]) == 3
    assert run(["ha", "remove"]) == 1
    assert run(["ha", "remove", "n3", "--dead"]) == 1
    assert sent(api) == []
    api.on("POST", CLEAR, (403, {"message": "User 'x' may not do this"}))
    capsys.readouterr()
    assert run(["ha", "remove", "n3", "-o", "json"]) == 4
    assert json.loads(capsys.readouterr().err)["error"]["code"] == 4
