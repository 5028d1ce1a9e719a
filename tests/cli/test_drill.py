"""`amp ha drill`: what it refuses before it begins, and the figures that it shows."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from fake_api import Api, Terminal, node, plane

from amp.cli import drill
from amp.cli.main import run
from amp.cli.rehearsal import PROBE, Figures, Tally, figures

PLANE, STATE = "/v1/ha/plane", "/v1/server/ha/state"


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not fit is not looked at again."""
    monkeypatch.setattr(drill, "_SETTLES", 0.0)


def test_a_plane_that_has_just_changed_is_looked_at_again(
    api: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(drill, "_SETTLES", 5.0)
    fit(api)
    nodes = [node("n1", "HOT_STANDBY", uri=api.url), node("n2", "MASTER", uri=api.url)]
    own = (200, plane(node="n2", state="MASTER", nodes=nodes))
    nobody = (200, plane(nodes=[node("n1", "HOT_STANDBY")]))
    api.on("GET", PLANE, nobody, nobody, own, own, (200, plane(node="n1", nodes=nodes)))
    monkeypatch.setattr(sys, "stdin", Terminal("no\n"))
    assert run(["ha", "drill"]) == 1
    assert capsys.readouterr().out.count("ok  ") == 2


def fit(api: Api, **more: Any) -> None:
    """A plane that is fit, but for what is said; both nodes are at this one address."""
    nodes = [node("n1", "HOT_STANDBY", uri=api.url), node("n2", "MASTER", uri=api.url, is_self=True)]
    api.on("GET", PLANE, (200, plane(node="n2", state="MASTER", nodes=nodes) | more))
    api.on("POST", PROBE, (200, {"seq": 42}))


def told(api: Api) -> list[str]:
    """Name the paths of what was written, but for the one trial write."""
    return [path for method, path, _, _ in api.asked if method != "GET" and path != PROBE]


@pytest.mark.parametrize(
    ("more", "words", "why"),
    [
        ({"nodes": [node("n1", "HOT_STANDBY")]}, [], "the plane has 0 masters"),
        ({"nodes": [node("n1", "MASTER"), node("n2", "MASTER")]}, [], "the plane has 2 masters"),
        ({"nodes": [node("n1", "STANDBY"), node("n2", "MASTER")]}, [], "there is no hot standby"),
        ({"nodes": [node("n1", "HOT_BACKUP"), node("n2", "MASTER")]}, [], "there is no hot standby"),
        ({}, ["--to", "n9"], "n9 is no hot standby: there is n1"),
        ({"nodes": [node("n1", "HOT_STANDBY", uri=None), node("n2", "MASTER")]}, [], "n1 publishes no address"),
        ({}, [], "is the address of node n2, not of n1"),
        ({"problem": "its store has a hole"}, [], "n2 says that it is MASTER: its store has a hole"),
    ],
)
def test_a_plane_that_is_not_fit_is_left_alone(
    api: Api, capsys: pytest.CaptureFixture[str], more: dict[str, Any], words: list[str], why: str
) -> None:
    fit(api, **more)
    assert run(["ha", "drill", "--yes", *words]) == 5
    err = capsys.readouterr().err
    assert (why in err, "Nothing was changed" in err) == (True, True), err
    assert told(api) == []


def test_a_master_that_cannot_write_is_not_fit(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    fit(api)
    api.on("POST", PROBE, (503, {"message": "the store is away", "error": 503}))
    assert run(["ha", "drill", "--yes"]) == 5
    assert "the store is away" in capsys.readouterr().err


def test_it_asks_before_it_begins(
    api: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nodes = [node("n1", "HOT_STANDBY", uri=api.url), node("n2", "MASTER", uri=api.url)]
    fit(api)
    own = plane(node="n2", state="MASTER", nodes=nodes)
    api.on("GET", PLANE, (200, own), (200, own), (200, plane(node="n1", nodes=nodes)))
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    assert run(["ha", "drill"]) == 1
    shown = capsys.readouterr()
    assert "Node n1 becomes the master in place of n2" in shown.err
    assert shown.err.endswith("amp: nothing was changed\n")
    assert shown.out.count("ok  ") == 2
    assert told(api) == []


def test_figures() -> None:
    tally = Tally([(0.0, 0.1), (0.2, 0.3), (2.0, 2.5), (2.6, 2.7)], failed=7, unknown=1)
    assert figures(tally) == Figures(4, 7, pytest.approx(0.1), pytest.approx(2.2), 1)
    assert figures(Tally()) == Figures(0, 0, 0.0, 0.0, 0)
