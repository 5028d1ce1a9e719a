"""What an office does on entry, on news, and on leaving."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from amp.blueprint.parse import parse_application
from amp.blueprint.plan import plan_application
from amp.entities import state
from amp.entities.types import LOCALHOST_MACHINE, standard_registry
from amp.kit.ids import EntityId, LocationId, NodeId, TaskId, Term
from amp.model import changes as c
from amp.plane.leader import Leader
from amp.testing.clock import FakeClock, settle
from amp.testing.fakes import FakeMachine, FakePlane, only, seeded_entropy

TEXT = "name: app\nlocation: localhost\nservices: [{type: VanillaSoftwareProcess, name: v}]"
PID_FILE = "/run/pid.txt"


class Stage:
    """An application whose process was started by an earlier leader, and what the next one does."""

    def __init__(self) -> None:
        self.plane, self.machine, self.clock = FakePlane(), FakeMachine(), FakeClock()
        entropy = seeded_entropy()
        spec = parse_application(TEXT, standard_registry())
        app, changes = plan_application(spec, lambda: entropy(6).hex(), now_ms=1, blueprint=TEXT)
        for change in changes:
            self.plane.model.apply(change)
        self.app, self.v = app, self.plane.entity("v").id
        machine = LocationId("machine")
        root = self.plane.model.entities[app].locations[0]
        process = self.machine.launch(PID_FILE)
        running = {"service.process.isRunning": True, "run.dir": "/run", "pid": process.pid}
        running |= {"pid.started": process.started, **self.well()}
        for change in (
            c.LocationAdded(machine, LOCALHOST_MACHINE, "m", "localhost", root),
            c.EntityLocated(self.v, [machine]),
            *(c.SensorSet(self.v, name, value) for name, value in running.items()),
            *(c.SensorSet(app, name, value) for name, value in self.well().items()),
        ):
            self.plane.model.apply(change)

    def well(self) -> dict[str, object]:
        meant = {state.EXPECTED: state.transition("RUNNING", 1), state.PROBLEMS: {}, state.NOT_UP: {}}
        return state.updated({}, meant)

    @asynccontextmanager
    async def led(self) -> AsyncIterator[None]:
        leader = Leader(
            self.plane, self.plane, standard_registry(), self.clock, seeded_entropy(), NodeId("new"), Term(2),
            machines=only(self.machine), sleep=self.clock.sleep,
        )  # fmt: skip
        running = asyncio.create_task(leader.run())
        await settle()
        try:
            yield
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    def states(self) -> tuple[object, object]:
        return self.plane.sensor(self.v, "service.state"), self.plane.sensor(self.app, "service.state")


@pytest.fixture
def stage() -> Stage:
    return Stage()


async def test_an_office_that_finds_all_well_writes_nothing(stage: Stage) -> None:
    async with stage.led():
        await stage.clock.advance(30)
    assert (stage.plane.commits, stage.plane.observed, stage.machine.ran) == ([], [], [])


async def test_what_died_between_two_offices_is_seen(stage: Stage) -> None:
    stage.machine.processes.clear()
    async with stage.led():
        assert stage.states() == ("ON_FIRE", "ON_FIRE")


async def test_a_parent_that_was_not_told_in_time_is_told_on_entry(stage: Stage) -> None:
    stage.plane.model.apply(c.SensorSet(stage.v, "service.state", "ON_FIRE"))
    stage.plane.model.apply(c.SensorSet(stage.v, state.PROBLEMS, {"disk": "full"}))
    async with stage.led():
        assert stage.states() == ("ON_FIRE", "ON_FIRE")


async def test_after_a_gap_everything_is_looked_at_again(stage: Stage) -> None:
    async with stage.led():
        for name, value in (("service.state", "ON_FIRE"), (state.PROBLEMS, {"disk": "full"})):
            stage.plane.model.apply(c.SensorSet(stage.v, name, value))  # nobody hears of it
        assert stage.states() == ("ON_FIRE", "RUNNING")
        stage.plane.gap()
        await settle()
        assert stage.states() == ("ON_FIRE", "ON_FIRE")


async def test_a_task_whose_start_was_all_that_was_written_goes_on_and_one_that_cannot_is_ended(stage: Stage) -> None:
    text = TEXT.replace("name: app", "name: fresh").replace("name: v", "name: w")
    spec, entropy = parse_application(text, standard_registry()), seeded_entropy(9)
    fresh, changes = plan_application(spec, lambda: entropy(6).hex(), now_ms=1, blueprint=text)
    start = c.TaskStarted(TaskId("t"), fresh, "start", effector="start", node="old", term=1)
    gone = c.TaskStarted(TaskId("u"), EntityId("gone"), "stop", effector="stop", node="old", term=1)
    part = c.TaskStarted(TaskId("p"), EntityId("gone"), "part", parent=gone.id, node="old", term=1)
    odd = c.TaskStarted(TaskId("o"), fresh, "odd", work={"do": "what a later version can"}, node="old", term=1)
    for change in (*changes, start, gone, part, odd):
        stage.plane.model.apply(change)
    async with stage.led():
        tasks = stage.plane.model.tasks
        assert {tasks[task].status for task in (gone.id, part.id, odd.id)} == {"interrupted"}
        assert "node old (term 1)" in (tasks[gone.id].error or "")
        assert [(each.node, each.term) for each in tasks[start.id].resumed] == [("new", 2)]
        assert len([c for c in stage.plane.commits[0] if type(c).__name__ in ("TaskEnded", "TaskResumed")]) == 4
        assert stage.plane.sensor(fresh, "service.state") == "STARTING"  # it goes on


async def test_what_was_left_half_way_with_nothing_to_go_on_with_says_what_to_do(stage: Stage) -> None:
    for entity, meant in ((stage.v, "STARTING"), (stage.app, "STOPPING")):
        stage.plane.model.apply(c.SensorSet(entity, state.EXPECTED, state.transition(meant, 1)))
    async with stage.led():
        assert stage.states() == ("ON_FIRE", "ON_FIRE")
        assert "invoke the restart effector" in stage.plane.sensor(stage.v, state.PROBLEMS)["interrupted"]
        assert "invoke the stop effector" in stage.plane.sensor(stage.app, state.PROBLEMS)["interrupted"]


async def test_a_period_that_is_changed_counts_at_once(stage: Stage) -> None:
    async with stage.led():
        await stage.clock.advance(1)
        await stage.plane.commit([c.ConfigSet(stage.v, "softwareProcess.serviceProcessIsRunningPollPeriod", "200ms")])
        await settle()
        stage.machine.processes.clear()
        await stage.clock.advance(0.4)
        assert stage.states() == ("ON_FIRE", "ON_FIRE")


async def test_nothing_is_looked_at_without_the_right_to_act(stage: Stage) -> None:
    async with stage.led():
        stage.plane.leading = False
        stage.machine.processes.clear()
        await stage.clock.advance(30)
        assert stage.states() == ("RUNNING", "RUNNING")


async def test_a_value_that_does_not_fit_stops_one_feed_and_not_the_office(stage: Stage) -> None:
    async with stage.led():
        key = "softwareProcess.serviceProcessIsRunningPollPeriod"
        await stage.plane.commit([c.ConfigSet(stage.app, key, "soon")])  # inherited, so nobody checked it
        await settle()
        stage.machine.processes.clear()
        await stage.clock.advance(10)
        assert stage.states() == ("ON_FIRE", "ON_FIRE")
