"""How a service is, given what is known of it."""

from __future__ import annotations

from typing import Any

import pytest

from amp.entities.state import as_changes, expected, from_children, noted, transition, updated
from amp.kit.ids import EntityId
from amp.model.entity import Entity

RUNNING = transition("RUNNING", 1_700_000_000_000)


def test_a_transition_is_written_as_brooklyn_writes_it() -> None:
    assert RUNNING == "running @ 1700000000000 / Tue Nov 14 22:13:20 UTC 2023"
    assert transition("ON_FIRE", 0).startswith("on-fire @ 0 / ")
    assert expected({"service.state.expected": transition("ON_FIRE", 0)}) == "ON_FIRE"
    assert expected({}) is None


@pytest.mark.parametrize(
    ("meant", "not_up", "problems", "state", "up"),
    [
        ("RUNNING", {}, {}, "RUNNING", True),
        ("RUNNING", {"a": "b"}, {}, "ON_FIRE", False),
        ("RUNNING", {}, {"a": "b"}, "ON_FIRE", True),
        ("RUNNING", None, {}, "ON_FIRE", None),
        ("STARTING", {"a": "b"}, {"a": "b"}, "STARTING", False),
        ("STOPPING", {}, {}, "STOPPING", False),
        ("STOPPED", {}, {"a": "b"}, "STOPPED", False),
        ("ON_FIRE", {}, {}, "ON_FIRE", True),
        (None, {}, {"a": "b"}, "ON_FIRE", True),
        (None, {"a": "b"}, {"a": "b"}, "STOPPED", False),
        (None, {}, {}, "RUNNING", True),
        (None, {"a": "b"}, {}, "STOPPED", False),
        (None, {}, None, None, True),
    ],
)
def test_the_state_follows_from_what_is_known(
    meant: str | None, not_up: Any, problems: Any, state: str | None, up: bool | None
) -> None:
    sensors: dict[str, Any] = {}
    if meant:
        sensors["service.state.expected"] = transition(meant, 1)
    if not_up is not None:
        sensors["service.notUp.indicators"] = not_up
    if problems is not None:
        sensors["service.problems"] = problems
    after = {**sensors, **updated({}, sensors)}
    assert after.get("service.state") == state
    assert after.get("service.isUp") == up


def test_only_what_is_news_changes() -> None:
    sensors = {"service.state.expected": RUNNING, "service.notUp.indicators": {}, "service.problems": {}}
    sensors |= {"service.isUp": True, "service.state": "RUNNING"}
    assert updated(sensors, {"service.notUp.indicators": {}}) == {}
    assert updated(sensors, {"count": 1}) == {"count": 1}
    assert updated({"count": 1}, {"count": True}) == {"count": True}
    assert updated({}, {"nothing": None}) == {"nothing": None}
    died = updated(sensors, {"service.notUp.indicators": noted(sensors, "service.notUp.indicators", "p", "gone")})
    assert died == {"service.notUp.indicators": {"p": "gone"}, "service.isUp": False, "service.state": "ON_FIRE"}
    back = updated({**sensors, **died}, {"service.notUp.indicators": {}})
    assert back == {"service.notUp.indicators": {}, "service.isUp": True, "service.state": "RUNNING"}


def child(name: str, state: str | None, up: bool | None) -> Entity:
    sensors = {key: value for key, value in (("service.state", state), ("service.isUp", up)) if value is not None}
    return Entity(EntityId(f"id-{name}"), "t", name, EntityId("app"), EntityId("app"), sensors=sensors)


UP, DOWN = child("up", "RUNNING", True), child("down", "ON_FIRE", False)
DOWN2, STOPPED, MUTE = child("down2", "ON_FIRE", False), child("stopped", "STOPPED", False), child("mute", None, None)


@pytest.mark.parametrize(
    ("children", "state", "not_up", "problem"),
    [
        ([], "RUNNING", None, None),
        ([UP, UP], "RUNNING", None, None),
        ([UP, STOPPED, MUTE], "RUNNING", None, None),
        ([STOPPED], "RUNNING", None, None),
        ([UP, DOWN], "ON_FIRE", "down (id-down) is not up", "Required entity not healthy: down (id-down) (on-fire)"),
        ([DOWN, DOWN2], "ON_FIRE", "None of the entities are up",
         "Required entities not healthy: down (id-down) (on-fire), down2 (id-down2) (on-fire)"),
        ([UP, DOWN, DOWN2], "ON_FIRE", "2 entities are not up, including down (id-down)",
         "Required entities not healthy: down (id-down) (on-fire), down2 (id-down2) (on-fire)"),
    ],
)  # fmt: skip
def test_a_parent_is_as_its_children_are(
    children: list[Entity], state: str, not_up: str | None, problem: str | None
) -> None:
    sensors: dict[str, Any] = {"service.state.expected": RUNNING}
    after = from_children(sensors, children)
    assert after["service.state"] == state
    assert list(after["service.notUp.indicators"].values()) == ([not_up] if not_up else [])
    assert list(after["service.problems"].values()) == ([problem] if problem else [])
    assert from_children({**sensors, **after}, children) == {}  # run twice, it does nothing the second time


@pytest.mark.parametrize("odd", [5, [1], {"a": [1]}, None, "odd", True])
def test_odd_values_set_from_outside_do_no_harm(odd: Any) -> None:
    names = ("service.state", "service.isUp", "service.problems", "service.notUp.indicators", "service.state.expected")
    for name in names:
        strange = Entity(EntityId("s"), "t", "s", EntityId("app"), sensors={"service.isUp": False, name: odd})
        from_children({"service.state.expected": RUNNING}, [strange])
        from_children({"service.state.expected": RUNNING, name: odd}, [UP])
        updated({"service.state.expected": RUNNING, "service.isUp": True, name: odd}, {"x": 1})


def test_a_parent_keeps_its_own_problems() -> None:
    after = from_children({"service.state.expected": RUNNING, "service.problems": {"own": "x"}}, [UP])
    assert after["service.state"] == "ON_FIRE"
    changes = as_changes(child("p", None, None), after, 7)
    assert {change.name for change in changes} == set(after)  # type: ignore[union-attr]
