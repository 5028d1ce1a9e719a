"""Requests of clients: what they change, and how those that make no sense are refused before anything is written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from amp.entities.types import standard_registry
from amp.kit.errors import Conflict, Fenced, Invalid, Missing
from amp.kit.ids import EntityId, NodeId, TaskId, Term
from amp.plane.door import Door
from amp.plane.leader import Leader
from amp.testing.clock import FakeClock, settle
from amp.testing.fakes import FakeMachine, FakePlane, only, seeded_entropy

TEXT = """
name: app
location: localhost
services:
- type: BasicEntity
  name: e
- type: VanillaSoftwareProcess
  name: v
  brooklyn.config: {checkRunning.command: check, stop.command: stop}
"""


class Office:
    """A door with a leader behind it, until `leave`."""

    def __init__(self) -> None:
        self.plane, self.machine, clock, entropy = FakePlane(), FakeMachine(), FakeClock(), seeded_entropy()
        self.leader: Leader | None = Leader(
            self.plane, self.plane, standard_registry(), clock, entropy, NodeId("n"), Term(1),
            machines=only(self.machine), sleep=clock.sleep,
        )  # fmt: skip
        self.running = asyncio.create_task(self.leader.run())
        self.door = Door(self.plane, self.plane, standard_registry(), clock, entropy, lambda: self.leader)

    async def leave(self) -> None:
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)

    def id(self, name: str) -> EntityId:
        return self.plane.entity(name).id

    def status(self, task: TaskId) -> str:
        return self.plane.model.tasks[task].status


@asynccontextmanager
async def open_office() -> AsyncIterator[Office]:
    office = Office()
    try:
        yield office
    finally:
        await office.leave()


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    async with open_office() as office:
        await office.door.deploy(TEXT, user="anna")
        await settle()
        assert office.plane.sensor(office.id("v"), "service.state") == "RUNNING"
        yield office


async def test_a_deployment_is_one_commit_and_names_who_asked() -> None:
    async with open_office() as office:
        app, task = await office.door.deploy(TEXT, user="anna", app_id="mineownid1")
        first = [type(change).__name__ for change in office.plane.commits[0]]
        assert first[0] == "EntityAdded"
        assert first[-1] == "TaskStarted"
        assert app == "mineownid1"
        known = office.plane.model.tasks[task]
        assert (known.user, known.effector, known.parameters, known.entity_name) == (
            "anna", "start", {"locations": []}, "app",
        )  # fmt: skip
        assert await office.door.wait_task(task, 5)
        with pytest.raises(Conflict, match="exists already"):
            await office.door.deploy(TEXT, user="anna", app_id="mineownid1")


async def test_an_application_of_plain_entities_comes_up() -> None:
    async with open_office() as office:
        app, task = await office.door.deploy("services: [{type: BasicEntity}]", user="u")
        assert await office.door.wait_task(task, 5)
        sensors = office.plane.model.entities[app].sensors
        assert {name: sensors[name] for name in ("service.isUp", "service.state", "service.problems")} == {
            "service.isUp": True,
            "service.state": "RUNNING",
            "service.problems": {},
        }
        assert sensors["service.notUp.indicators"] == {}


Ask = Callable[[Office], Coroutine[Any, Any, Any]]


@pytest.mark.parametrize(
    ("ask", "kind", "said"),
    [
        (lambda o: o.door.deploy("services: [{type: Nope}]", user="u"), Invalid, "Unknown type 'Nope'"),
        (lambda o: o.door.add_children(EntityId("x"), TEXT, user="u"), Missing, "'x'"),
        (lambda o: o.door.add_children(o.id("e"), "services: []", user="u"), Invalid, "nothing to add"),
        (lambda o: o.door.delete_application(EntityId("x"), user="u"), Missing, "'x'"),
        (lambda o: o.door.delete_application(o.id("e"), user="u"), Invalid, "not an application"),
        (lambda o: o.door.expunge(EntityId("x"), release=True, user="u"), Missing, "'x'"),
        (lambda o: o.door.invoke(EntityId("x"), "start", {}, user="u"), Missing, "'x'"),
        (lambda o: o.door.invoke(o.id("e"), "start", {}, user="u"), Missing, "has no effector with name 'start'"),
        (lambda o: o.door.invoke(o.id("v"), "stop", {"stopMode": "x"}, user="u"), Invalid, "it has: stopProcessMode"),
        (lambda o: o.door.invoke(o.id("v"), "stop", {"stopProcessMode": "x"}, user="u"), Invalid, "one of ALWAYS"),
        (lambda o: o.door.set_sensors(EntityId("x"), {"a": 1}), Missing, "'x'"),
        (lambda o: o.door.set_sensors(o.id("v"), {"pid": "many"}), Invalid, "whole number"),
        (lambda o: o.door.clear_sensor(EntityId("x"), "a"), Missing, "'x'"),
        (lambda o: o.door.set_config([EntityId("x")], {"a": 1}), Missing, "'x'"),
        (lambda o: o.door.set_config([o.id("v")], {"start.timeout": "soon"}), Invalid, "'start.timeout'"),
        (lambda o: o.door.set_config([o.id("v")], {"files.runtime": {}}), Invalid, "not supported by this version"),
        (lambda o: o.door.rename(o.id("e"), " "), Invalid, "empty"),
        (lambda o: o.door.set_tags(EntityId("x"), []), Missing, "'x'"),
    ],
)
async def test_what_makes_no_sense_is_refused_and_nothing_is_written(
    office: Office, ask: Ask, kind: type[Exception], said: str
) -> None:
    before = len(office.plane.commits)
    with pytest.raises(kind, match=said):
        await ask(office)
    assert len(office.plane.commits) == before


async def test_small_changes_are_committed(office: Office) -> None:
    door, e = office.door, office.id("e")
    await door.set_sensors(e, {"text": "a", "map": {"x": [1]}})
    await door.clear_sensor(e, "text")
    await door.set_config([e], {"free": 1, "defaultDisplayName": 5})
    await door.set_tags(e, ["t", {"a": 1}])
    await door.rename(e, "other")
    await door.set_access(False)
    entity = office.plane.entity("other")
    assert "text" not in entity.sensors
    assert entity.sensors["map"] == {"x": [1]}
    assert {name: entity.config[name] for name in ("free", "defaultDisplayName")} == {
        "free": 1,
        "defaultDisplayName": "5",
    }
    assert entity.tags == ("t", {"a": 1})
    assert not office.plane.model.location_provisioning_allowed


async def test_the_state_follows_sensors_that_are_set_from_outside(office: Office) -> None:
    v, app = office.id("v"), office.id("app")
    await office.door.set_sensors(v, {"service.problems": {"disk": "full"}})
    await settle()
    assert office.plane.sensor(v, "service.state") == office.plane.sensor(app, "service.state") == "ON_FIRE"
    await office.door.set_sensors(v, {"service.problems": {}})
    await settle()
    assert office.plane.sensor(v, "service.state") == office.plane.sensor(app, "service.state") == "RUNNING"


@pytest.mark.parametrize("start", [None, True, False])
async def test_children_join_and_are_started_unless_asked_not_to(office: Office, start: bool | None) -> None:
    text = (
        "services: [{type: BasicEntity, name: x}, {type: VanillaSoftwareProcess, name: w, checkRunning.command: check}]"
    )
    new, task = await office.door.add_children(office.id("e"), text, user="u", start=start)
    await settle()
    assert office.plane.entity("e").children == tuple(new)
    assert office.plane.entity("w").tags == ({"depth_in_ancestor": 2},)
    if start is False:
        assert task is None
        assert office.plane.sensor(office.id("w"), "service.state") is None
    else:
        assert task is not None
        assert (office.plane.model.tasks[task].name, office.status(task)) == ("add children", "completed")
        assert office.plane.sensor(office.id("w"), "service.state") == "RUNNING"


async def test_deleting_stops_and_forgets(office: Office) -> None:
    app = office.id("app")
    task = await office.door.delete_application(app, user="u")
    assert await office.door.wait_task(task, 5)
    assert office.plane.model.tasks[task].name == f"destroying BasicApplication{{{app}}}"
    assert office.status(task) == "completed"
    assert office.plane.model.entities == {}
    assert office.plane.model.locations == {}
    assert "stop" in office.machine.ran


async def test_stopping_an_application_forgets_it_too(office: Office) -> None:
    task = await office.door.invoke(office.id("app"), "stop", {}, user="u")
    assert await office.door.wait_task(task, 5)
    assert (office.status(task), office.plane.model.entities) == ("completed", {})


@pytest.mark.parametrize("release", [True, False])
async def test_expunging_a_part_leaves_the_rest(office: Office, release: bool) -> None:
    v = office.id("v")
    task = await office.door.expunge(v, release=release, user="u")
    assert await office.door.wait_task(task, 5)
    assert office.plane.model.tasks[task].name == f"expunging VanillaSoftwareProcess{{{v}}}"
    assert ("stop" in office.machine.ran) is release
    assert [entity.name for entity in office.plane.model.entities.values()] == ["app", "e"]
    assert len(office.plane.model.locations) == 1


async def test_deleting_ends_a_start_that_hangs() -> None:
    async with open_office() as office:
        office.machine.held.add("install")
        text = TEXT.replace("checkRunning.command", "install.command: install, checkRunning.command")
        app, start = await office.door.deploy(text, user="u")
        await settle()
        task = await office.door.delete_application(app, user="u")
        assert await office.door.wait_task(task, 5)
        assert (office.status(task), office.plane.model.entities) == ("completed", {})
        assert not office.plane.model.running_tasks()
        assert start not in office.plane.model.tasks


async def test_waiting_has_an_end(office: Office) -> None:
    office.machine.held.add("stop")
    task = await office.door.invoke(office.id("v"), "stop", {"": ""}, user="u")
    assert not await office.door.wait_task(task, 0.01)
    assert await office.door.cancel_task(task)
    assert await office.door.wait_task(task, 5)
    assert office.status(task) == "cancelled"
    assert not await office.door.cancel_task(task)
    assert not await office.door.cancel_task(TaskId("nobody"))
    assert office.plane.sensor(office.id("v"), "service.problems") == {"stop": "stop was cancelled"}


async def test_a_task_tells_with_what_it_was_begun(office: Office) -> None:
    task = await office.door.invoke(office.id("v"), "restart", {"restartMachine": "auto"}, user="u")
    assert "'restartMachine': 'auto'" in office.plane.model.tasks[task].description


async def test_who_waits_is_let_go_when_the_office_ends(office: Office) -> None:
    office.machine.held.add("stop")
    task = await office.door.invoke(office.id("v"), "stop", {}, user="u")
    waiting = asyncio.create_task(office.door.wait_task(task, None))
    await settle()
    await office.leave()
    with pytest.raises(Fenced, match="next master"):
        await waiting
    assert office.status(task) == "running"


async def test_nothing_begins_where_nobody_leads(office: Office) -> None:
    await office.leave()
    for leader in (office.leader, None):
        office.leader = leader
        with pytest.raises(Fenced):
            await office.door.deploy(TEXT, user="u")
        with pytest.raises(Fenced):
            await office.door.invoke(office.id("v"), "stop", {}, user="u")
