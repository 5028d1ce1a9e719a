"""The life of a software process on a machine without an inside: order, states, errors, and what is never done."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from amp.entities.types import standard_registry
from amp.kit.errors import Conflict, Fenced, Invalid, Missing, Unavailable
from amp.kit.ids import EntityId, NodeId, TaskId, Term
from amp.model.entity import Task
from amp.plane.door import Door
from amp.plane.leader import Leader
from amp.remote.attach import Command, Progress, Standing
from amp.remote.machine import Process, Result
from amp.testing.clock import FakeClock, settle
from amp.testing.fakes import FakeMachine, FakePlane, only, seeded_entropy

OK = Result(0, "", "")


def launches(machine: FakeMachine, env: Mapping[str, str]) -> Result:
    machine.launch(env["PID_FILE"])
    return OK


class World:
    """A plane with one application of one process, `v`, on a fake machine."""

    def __init__(self) -> None:
        self.plane, self.clock = FakePlane(), FakeClock()
        self.machine = FakeMachine({"launch": launches})
        self.door: Door

    @asynccontextmanager
    async def led(self, term: int = 1) -> AsyncIterator[World]:
        entropy = seeded_entropy(term)
        leader = Leader(
            self.plane, self.plane, standard_registry(), self.clock, entropy, NodeId(f"n{term}"), Term(term),
            machines=only(self.machine), sleep=self.clock.sleep,
        )  # fmt: skip
        self.door = Door(self.plane, self.plane, standard_registry(), self.clock, entropy, lambda: leader)
        running = asyncio.create_task(leader.run())
        try:
            yield self
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def deploy(self, config: str = "launch.command: launch") -> TaskId:
        rows = "".join(f"    {row}\n" for row in config.splitlines())
        head = "name: app\nlocation: localhost\nservices:\n- type: VanillaSoftwareProcess\n  name: v\n"
        text = f"{head}  brooklyn.config:\n{rows}"
        _, task = await self.door.deploy(text, user="u")
        await settle()
        return task

    async def invoke(self, effector: str, of: str = "v", **parameters: Any) -> Task:
        task = await self.door.invoke(self.plane.entity(of).id, effector, parameters, user="u")
        await settle()
        return self.plane.model.tasks[task]

    def sensors(self, name: str = "v") -> Mapping[str, Any]:
        return self.plane.entity(name).sensors

    def states(self) -> tuple[Any, Any]:
        return self.sensors()["service.state"], self.sensors("app")["service.state"]

    def tree(self, task: TaskId) -> list[Any]:
        known = self.plane.model.tasks[task]
        return [known.name, *(self.tree(child) for child in known.children)]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World().led() as world:
        yield world


async def test_a_start_goes_through_its_phases_in_order(world: World) -> None:
    phases = ("pre.install", "install", "post.install", "pre.customize", "customize", "post.customize")
    phases += ("pre.launch", "post.launch")
    task = await world.deploy("\n".join(f"{p}.command: {p}" for p in phases) + "\nlaunch.command: launch")
    assert world.machine.ran == [
        "pre.install", "install", "post.install", "pre.customize", "customize", "post.customize",
        "pre.launch", "launch", "post.launch",
    ]  # fmt: skip
    assert world.states() == ("RUNNING", "RUNNING")
    v = world.plane.entity("v").id
    child = world.plane.model.tasks[task].children[0]
    assert world.tree(child) == [
        "start",
        ["provisioning (localhost)"],
        ["pre-start"],
        [
            "start (processes)",
            ["prepare"],
            [
                "install",
                ["copy-pre-install-resources"],
                ["pre-install"],
                ["pre-install-command"],
                ["setup"],
                ["copy-install-resources"],
                ["install (main)", [f"installing VanillaSoftwareProcess{{{v}}}"]],
                ["post-install-command"],
            ],
            [
                "customize",
                ["copy-pre-customize-resources"],
                ["pre-customize-command"],
                ["customize (main)", [f"customizing VanillaSoftwareProcess{{{v}}}"]],
                ["post-customize-command"],
            ],
            [
                "launch",
                ["copy-runtime-resources"],
                ["pre-launch-command"],
                ["launch (main)", [f"launching VanillaSoftwareProcess{{{v}}}"]],
                ["post-launch-command"],
            ],
            ["post-launch"],
        ],
        ["post-start", [f"check-running VanillaSoftwareProcess{{{v}}}"]],
    ]
    assert not world.plane.model.running_tasks()


async def test_a_running_process_publishes_where_it_is(world: World) -> None:
    await world.deploy("launch.command: launch\nshell.env: {A: 1, M: {a: 1}, N: null}")
    app, v = world.plane.entity("app").id, world.plane.entity("v").id
    run_dir = f"/onbox/apps/{app}/entities/VanillaSoftwareProcess_{v}"
    expected = {
        "run.dir": run_dir,
        "softwareprocess.pid.file": f"{run_dir}/pid.txt",
        "host.address": "127.0.0.1",
        "host.name": "127.0.0.1",
        "host.sshAddress": "tester@127.0.0.1:22",
        "service.isUp": True,
        "service.process.isRunning": True,
        "service.notUp.indicators": {},
        "service.problems": {},
        "pid": next(iter(world.machine.processes)),
    }
    assert {name: world.sensors().get(name) for name in expected} == expected
    assert world.sensors()["install.dir"].startswith("/onbox/installs/VanillaSoftwareProcess_0.0.0_")
    (machine,) = world.plane.entity("v").locations
    assert world.plane.model.locations[machine].type.endswith("$LocalhostMachine")


async def test_an_installation_is_shared_and_not_repeated(world: World) -> None:
    config = "install.command: install\nlaunch.command: launch"
    await world.deploy(config)
    text = (
        "name: other\nlocation: localhost\nservices: [{type: VanillaSoftwareProcess, name: w, "
        "brooklyn.config: {install.command: install, launch.command: launch}}]"
    )
    await world.door.deploy(text, user="u")
    await settle()
    assert world.machine.ran.count("install") == 1
    assert world.machine.ran.count("launch") == 2
    assert world.sensors("w")["service.state"] == "RUNNING"


async def test_a_process_that_never_comes_up_fails_the_start_in_time(world: World) -> None:
    task = await world.deploy("launch.command: 'true'\nstart.timeout: 10s")
    assert world.states() == ("STARTING", "STARTING")
    await world.clock.advance(9)
    assert world.plane.model.tasks[task].status == "running"
    await world.clock.advance(7)
    assert world.plane.model.tasks[task].status == "failed"
    assert world.states() == ("ON_FIRE", "ON_FIRE")
    assert "start.timeout (10 s)" in world.sensors()["service.problems"]["start"]


async def test_a_start_waits_for_a_slow_process(world: World) -> None:
    task = await world.deploy("launch.command: slow")
    await world.clock.advance(30)
    assert world.plane.model.tasks[task].status == "running"
    world.machine.launch(world.sensors()["softwareprocess.pid.file"])
    await world.clock.advance(6)
    assert world.plane.model.tasks[task].status == "completed"
    assert world.states() == ("RUNNING", "RUNNING")


async def test_death_and_return_are_seen_within_two_periods(world: World) -> None:
    await world.deploy()
    file, (pid, process) = world.sensors()["softwareprocess.pid.file"], next(iter(world.machine.processes.items()))
    await world.clock.advance(7)
    world.plane.observed.clear()
    await world.clock.advance(60)
    assert world.plane.observed == []  # nothing new, nothing published
    del world.machine.processes[pid]
    await world.clock.advance(10)
    assert world.states() == ("ON_FIRE", "ON_FIRE")
    assert "service.process.isRunning" in world.sensors()["service.notUp.indicators"]
    # The same number in another life is a stranger.
    world.machine.processes[pid] = Process(pid, process.started + 5)
    await world.clock.advance(10)
    assert world.states() == ("ON_FIRE", "ON_FIRE")
    world.machine.launch(file, pid=4242)
    await world.clock.advance(10)
    assert world.states() == ("RUNNING", "RUNNING")
    assert world.sensors()["pid"] == 4242


async def test_a_check_command_tells_instead_of_the_pid_file(world: World) -> None:
    await world.deploy("launch.command: 'true'\ncheckRunning.command: check")
    assert world.states() == ("RUNNING", "RUNNING")
    world.machine.answers["check"] = Result(1, "", "")
    await world.clock.advance(10)
    assert world.states() == ("ON_FIRE", "ON_FIRE")
    world.machine.answers["check"] = OK
    await world.clock.advance(10)
    assert world.states() == ("RUNNING", "RUNNING")


async def test_without_monitoring_a_start_that_succeeds_counts(world: World) -> None:
    await world.deploy("launch.command: 'true'\nsshMonitoring.enabled: false")
    assert world.states() == ("RUNNING", "RUNNING")
    await world.clock.advance(60)
    assert world.states() == ("RUNNING", "RUNNING")


async def test_a_stop_ends_the_process_and_gives_the_machine_back(world: World) -> None:
    await world.deploy()
    ended = await world.invoke("stop")
    assert ended.status == "completed"
    assert [name for _, name in world.machine.signals] == ["TERM"]
    assert world.machine.processes == {}
    assert world.states() == ("STOPPED", "RUNNING")
    assert world.sensors()["service.isUp"] is False
    assert not {"pid", "host.address"} & world.sensors().keys()
    assert world.plane.entity("v").locations == ()
    again = await world.invoke("stop")
    assert (again.status, len(world.machine.signals)) == ("completed", 1)


async def test_a_process_that_ignores_term_is_killed_after_its_time(world: World) -> None:
    await world.deploy()
    world.machine.ignores_term = True
    ended = await world.invoke("stop")
    await world.clock.advance(15)
    assert [name for _, name in world.machine.signals] == ["TERM"]
    await world.clock.advance(3)
    assert [name for _, name in world.machine.signals] == ["TERM", "KILL"]
    assert world.plane.model.tasks[ended.id].status == "completed"


async def test_a_stranger_under_the_old_number_is_not_killed(world: World) -> None:
    await world.deploy()
    pid, process = next(iter(world.machine.processes.items()))
    stranger = world.machine.processes[pid] = Process(pid, process.started + 5)
    ended = await world.invoke("stop")
    assert ended.status == "completed"
    assert world.machine.signals == []
    assert world.machine.processes == {pid: stranger}


async def test_stop_modes_are_obeyed(world: World) -> None:
    await world.deploy("launch.command: launch\nstop.command: stop")
    kept = await world.invoke("stop", stopProcessMode="never", stopMachineMode="NEVER")
    assert kept.status == "completed"
    assert "stop" not in world.machine.ran
    assert len(world.plane.entity("v").locations) == 1
    assert world.sensors()["service.state"] == "STOPPED"
    await world.invoke("stop")
    assert "stop" not in world.machine.ran  # it is stopped
    await world.invoke("stop", stopProcessMode="ALWAYS")
    assert "stop" not in world.machine.ran  # there is no machine any more


async def test_a_stop_that_fails_says_so(world: World) -> None:
    await world.deploy("launch.command: launch\nstop.command: stop")
    world.machine.answers["stop"] = Result(4, "", "one\ncannot stop")
    ended = await world.invoke("stop")
    assert ended.status == "failed"
    assert ended.error == "The stop command failed with return code 4:\none\ncannot stop"
    assert world.states() == ("ON_FIRE", "ON_FIRE")
    app = world.plane.entity("app").id
    task = await world.door.delete_application(app, user="u")
    await settle()
    assert world.plane.model.tasks[task].status == "failed"
    assert app in world.plane.model.entities  # what may still run is not forgotten
    task = await world.door.expunge(app, release=False, user="u")
    await settle()
    assert world.plane.model.tasks[task].status == "completed"
    assert world.plane.model.entities == {}


async def test_a_restart_launches_again_without_installing(world: World) -> None:
    await world.deploy("install.command: install\nlaunch.command: launch")
    (before,) = world.machine.processes
    assert (await world.invoke("restart", restartMachine="false")).status == "completed"
    assert world.machine.ran == ["install", "launch", "launch"]
    (after,) = world.machine.processes
    assert after != before
    assert world.sensors()["pid"] == after
    assert world.states() == ("RUNNING", "RUNNING")


async def test_a_restart_of_what_died_does_not_need_its_stop_command_to_succeed(world: World) -> None:
    await world.deploy("launch.command: launch\nstop.command: stop")
    world.machine.processes.clear()
    world.machine.answers["stop"] = Result(1, "", "no such process")
    assert (await world.invoke("restart")).status == "completed"
    assert world.states() == ("RUNNING", "RUNNING")


async def test_a_restart_never_makes_two_of_one(world: World) -> None:
    await world.deploy("launch.command: launch\nstop.command: stop")
    world.machine.answers["stop"] = Result(1, "", "will not")
    assert (await world.invoke("restart")).status == "failed"
    assert world.machine.ran.count("launch") == 1
    assert world.states() == ("ON_FIRE", "ON_FIRE")


async def test_a_start_of_what_runs_does_nothing(world: World) -> None:
    await world.deploy()
    assert (await world.invoke("start")).status == "completed"
    assert world.machine.ran == ["launch"]
    assert world.states() == ("RUNNING", "RUNNING")


async def test_what_was_stopped_can_be_started(world: World) -> None:
    await world.deploy("launch.command: launch\ncheckRunning.command: check")
    await world.invoke("stop")
    assert (await world.invoke("start")).status == "completed"
    assert world.machine.ran.count("launch") == 2
    assert world.states() == ("RUNNING", "RUNNING")
    assert len(world.plane.entity("v").locations) == 1


async def test_a_restart_after_a_failed_start_begins_at_the_beginning(world: World) -> None:
    world.machine.answers["install"] = Result(7, "", "no space")
    await world.deploy("install.command: install\nlaunch.command: launch\ncheckRunning.command: check")
    assert world.states() == ("ON_FIRE", "ON_FIRE")
    world.machine.answers["install"] = OK
    assert (await world.invoke("restart")).status == "completed"
    assert world.machine.ran.count("install") == 2
    assert world.machine.ran.count("launch") == 1
    assert world.states() == ("RUNNING", "RUNNING")


async def test_a_stop_ends_a_start_that_hangs(world: World) -> None:
    world.machine.held.add("install")
    task = await world.deploy("install.command: install\nlaunch.command: launch")
    assert world.states() == ("STARTING", "STARTING")
    assert (await world.invoke("stop")).status == "completed"
    assert world.sensors()["service.state"] == "STOPPED"
    assert "launch" not in world.machine.ran
    assert world.plane.model.tasks[task].status == "failed"
    assert not world.plane.model.running_tasks()


async def test_no_place_is_told(world: World) -> None:
    text = "services: [{type: VanillaSoftwareProcess, name: lost}]"
    _, task = await world.door.deploy(text, user="u")
    await settle()
    assert "No locations specified when starting lost" in (world.plane.model.tasks[task].error or "")
    assert world.sensors("lost")["service.state"] == "ON_FIRE"


async def test_provisioning_that_is_switched_off_is_told(world: World) -> None:
    await world.door.set_access(False)
    task = await world.deploy()
    assert "Provisioning is switched off" in (world.plane.model.tasks[task].error or "")
    assert world.machine.ran == []


async def test_nothing_is_done_once_the_right_to_act_is_lost(world: World) -> None:
    world.machine.held.add("install")
    task = await world.deploy("install.command: install\nlaunch.command: launch")
    written = len(world.plane.commits)
    world.plane.leading = False
    world.machine.release.set()
    await world.clock.advance(60)
    assert world.machine.ran == ["install"]
    assert len(world.plane.commits) == written
    assert world.plane.model.tasks[task].status == "running"


async def test_what_stopped_for_a_lapse_of_the_lease_goes_on_when_it_is_valid_again(world: World) -> None:
    world.machine.held.add("install")
    text = (
        "name: other\nlocation: localhost\nservices: [{type: VanillaSoftwareProcess, name: w, "
        "brooklyn.config: {install.command: install, launch.command: launch}}]"
    )
    task = await world.deploy("install.command: install\nlaunch.command: launch")
    await world.door.deploy(text, user="u")
    await settle()
    world.plane.leading = False
    world.machine.release.set()
    await world.clock.advance(5)
    assert world.machine.ran == ["install"]
    world.plane.leading = True
    await world.clock.advance(5)
    assert world.plane.model.tasks[task].status == "completed"
    assert sorted(world.machine.ran) == ["install", "launch", "launch"]
    assert world.sensors("w")["service.state"] == world.sensors("v")["service.state"] == "RUNNING"
    assert world.plane.model.tasks[task].resumed == ()  # nobody took over


async def test_what_a_command_says_is_there_while_it_runs(world: World) -> None:
    world.machine.held.add("install")
    await world.deploy("install.command: install")
    task = next(each.id for each in world.plane.model.tasks.values() if each.name.startswith("installing"))
    assert world.door.live_streams(task) == {"stdout": "", "stderr": ""}
    world.machine.release.set()
    await settle()
    assert world.door.live_streams(task) == {}


async def test_a_directory_of_a_command_whose_leader_died_after_its_end_was_durable_is_removed() -> None:
    world = World()
    async with world.led(1):
        await world.deploy()
    (id,) = world.machine.standings
    world.machine.commands[id] = Command(id, "plane", 1, "launch", {}, None)  # as if it had not come to forget it
    async with world.led(2):
        await settle()
        assert world.machine.commands == {}
        await world.clock.advance(2 * 3600)
    world.machine.commands[id] = Command(id, "plane", 1, "launch", {}, None)
    async with world.led(3):
        await settle()
        assert list(world.machine.commands) == [id]  # an hour later nobody looks any more


async def test_config_is_inherited_and_the_nearest_wins(world: World) -> None:
    seen: list[Mapping[str, str]] = []

    def remember(machine: FakeMachine, env: Mapping[str, str]) -> Result:
        seen.append(env)
        return launches(machine, env)

    world.machine.answers["launch"] = remember
    text = (
        "location: localhost\n"
        "brooklyn.config: {launch.command: launch, shell.env: {A: app, B: app}, pre.launch.command: no}\n"
        "services: [{type: VanillaSoftwareProcess, name: v, shell.env: {B: own}}]"
    )
    await world.door.deploy(text, user="u")
    await settle()
    assert world.sensors()["service.state"] == "RUNNING"
    assert (seen[0]["A"], seen[0]["B"]) == ("app", "own")
    assert "no" not in world.machine.ran  # pre and post commands are the entity's own


async def test_diagnostics_say_why(world: World) -> None:
    await world.deploy()
    await world.invoke("populateServiceNotUpDiagnostics")
    assert world.sensors()["service.notUp.diagnostics"] == {}
    world.machine.processes.clear()
    await world.invoke("populateServiceNotUpDiagnostics")
    assert "service.process.isRunning" in world.sensors()["service.notUp.diagnostics"]


PHASES = (
    "pre.install", "install", "post.install", "pre.customize", "customize", "post.customize", "pre.launch", "launch",
    "post.launch",
)  # fmt: skip
ALL_PHASES = "\n".join(f"{phase}.command: {phase}" for phase in PHASES)


def story(world: World, task: TaskId) -> list[Any]:
    """The tree of a task, with how each part ended."""
    known = world.plane.model.tasks[task]
    return [known.name, known.status, *(story(world, child) for child in known.children)]


async def undisturbed() -> tuple[list[str], list[Any]]:
    async with World().led() as world:
        task = await world.deploy(ALL_PHASES)
        return world.machine.ran, story(world, task)


@pytest.mark.parametrize("phase", PHASES)
async def test_a_start_goes_on_under_the_next_leader_from_where_it_was(phase: str) -> None:
    ran, told = await undisturbed()
    world = World()
    world.machine.held.add(phase)
    async with world.led(1):
        task = await world.deploy(ALL_PHASES)
        assert world.states() == ("STARTING", "STARTING")
        assert world.machine.ran[-1] == phase
    async with world.led(2):
        await settle()
        assert world.states() == ("STARTING", "STARTING")
        world.machine.release.set()
        await settle()
        assert world.plane.model.tasks[task].status == "completed"
        assert world.machine.ran == ran  # each of them once
        assert anonymous(story(world, task)) == anonymous(told)
        assert world.states() == ("RUNNING", "RUNNING")
        assert not world.plane.model.running_tasks()
        assert world.sensors()["service.problems"] == {}
    assert [(again.node, again.term) for again in world.plane.model.tasks[task].resumed] == [("n2", 2)]


def anonymous(told: list[Any]) -> list[Any]:
    return [anonymous(each) if isinstance(each, list) else each.partition("{")[0] for each in told]


async def test_a_start_goes_on_wherever_the_journal_ends() -> None:
    """Every prefix of the commits is a place to die at; the machine keeps what was begun until then."""
    ran, told = await undisturbed()
    cut = 0
    while True:
        cut += 1
        world = World()
        world.plane.fail_after = cut
        async with world.led(1):
            with contextlib.suppress(Fenced):
                await world.deploy(ALL_PHASES)
            died = not world.plane.leading
        world.plane.fail_after, world.plane.leading = None, True
        async with world.led(2):
            for _ in range(5):
                await settle()
            (task,) = (each for each in world.plane.model.tasks.values() if each.parent is None)
            assert task.status == "completed", (cut, task.error)
            assert sorted(world.machine.ran) == sorted(ran), cut
            assert anonymous(story(world, task.id)) == anonymous(told), cut
            assert world.states() == ("RUNNING", "RUNNING")
        if not died:
            break
    assert cut > 12


async def test_what_waited_for_an_installation_goes_on_waiting_under_the_next_leader() -> None:
    world = World()
    world.machine.held.add("install")
    config = "install.command: install\nlaunch.command: launch"
    text = (
        "name: other\nlocation: localhost\nservices: [{type: VanillaSoftwareProcess, name: w, "
        "brooklyn.config: {install.command: install, launch.command: launch}}]"
    )
    async with world.led(1):
        await world.deploy(config)
        await world.door.deploy(text, user="u")
        await settle()
    async with world.led(2):
        await settle()
        assert world.machine.ran == ["install"]
        world.machine.release.set()
        await settle()
        assert sorted(world.machine.ran) == ["install", "launch", "launch"]
        assert world.sensors("w")["service.state"] == world.sensors("v")["service.state"] == "RUNNING"


async def test_a_second_failover_is_as_good_as_the_first() -> None:
    world = World()
    world.machine.held.add("customize")
    async with world.led(1):
        task = await world.deploy(ALL_PHASES)
    for term in (2, 3, 4):
        async with world.led(term):
            await settle()
    world.machine.release.set()
    async with world.led(5):
        await settle()
        assert world.plane.model.tasks[task].status == "completed"
        assert world.machine.ran == list(PHASES)
    assert [again.term for again in world.plane.model.tasks[task].resumed] == [2, 3, 4, 5]


async def test_a_command_that_was_recorded_and_never_begun_is_voided_and_run_under_another_id() -> None:
    world = World()
    world.machine.held.add("install")
    async with world.led(1):
        task = await world.deploy("install.command: install\nlaunch.command: launch")
    ((lost, _),) = world.machine.commands.items()
    world.machine.commands.clear()
    world.machine.standings.clear()
    world.machine.ran.clear()  # the node died after its record, before the machine heard of it
    world.machine.release.set()
    async with world.led(2):
        await settle()
        assert world.plane.model.tasks[task].status == "completed"
    assert world.machine.ran == ["install", "launch"]
    assert world.machine.standings[lost].standing is Standing.VOID
    steps = next(each.steps for each in world.plane.model.tasks.values() if each.name.startswith("installing"))
    assert [(step.id == lost, step.status, step.term) for step in steps] == [
        (True, "void", 1),
        (False, "completed", 2),
    ]


@pytest.mark.parametrize(("phase", "config", "again"), [
    ("customize", "", False),
    ("customize", "\non-interrupt: fail", False),
    ("customize", "\non-interrupt: rerun", True),
    ("install", "", True),  # its marker makes it safe
])  # fmt: skip
async def test_a_command_whose_end_is_unknown_is_run_again_only_where_that_is_wanted(
    phase: str, config: str, again: bool
) -> None:
    world = World()
    world.machine.held.add(phase)
    async with world.led(1):
        task = await world.deploy(ALL_PHASES + config)
    (id,) = (id for id, each in world.machine.standings.items() if each.standing is Standing.RUNNING)
    world.machine.standings[id] = Progress(Standing.UNKNOWN, 1, rebooted=True, stdout=b"half way\n")
    world.machine.release.set()
    async with world.led(2):
        await settle()
        ended = world.plane.model.tasks[task]
        (part,) = (each for each in world.plane.model.tasks.values() if any(step.id == id for step in each.steps))
        assert part.steps[0].status == "interrupted"
        assert part.steps[0].stdout == "half way\n"  # what it said is kept
        assert world.machine.ran.count(phase) == (2 if again else 1)
        if again:
            assert ended.status == "completed"
            assert world.states() == ("RUNNING", "RUNNING")
        else:
            assert (ended.status, part.status) == ("failed", "interrupted")
            assert "its machine was restarted" in world.sensors()["service.problems"]["start"]
            assert world.states() == ("ON_FIRE", "ON_FIRE")
            assert (await world.invoke("restart")).status == "completed"


async def test_another_try_has_an_output_of_its_own() -> None:
    world = World()
    world.machine.held.add("customize")
    world.machine.answers["customize"] = Result(0, "all of the second try", "")
    async with world.led(1):
        await world.deploy(ALL_PHASES + "\non-interrupt: rerun")
        (id,) = (id for id, each in world.machine.standings.items() if each.standing is Standing.RUNNING)
        world.machine.standings[id] = Progress(Standing.UNKNOWN, 1, stdout=b"half of")
        world.machine.held.clear()
        world.machine.news.set()
        await settle()
    (steps,) = (each.steps for each in world.plane.model.tasks.values() if any(step.id == id for step in each.steps))
    assert [step.stdout for step in steps] == ["half of", "all of the second try"]


class FarMachine(FakeMachine):
    """A machine that does not answer for a while, `silent` times."""

    silent = 0

    async def raise_term(self, plane: str, term: int) -> None:
        self._answer()
        await super().raise_term(plane, term)

    async def void_command(self, id: str, term: int) -> None:
        self._answer()
        await super().void_command(id, term)

    async def start_command(self, command: Command) -> None:
        await super().start_command(command)
        self._answer()

    async def watch_command(self, id: str, offsets: tuple[int, int], wait: float) -> Progress:
        self._answer()
        return await super().watch_command(id, offsets, wait)

    def _answer(self) -> None:
        if self.silent:
            self.silent -= 1
            raise Unavailable("it does not answer")


@pytest.mark.parametrize("silent", range(1, 6))
async def test_a_connection_that_is_lost_does_not_end_a_command(silent: int) -> None:
    world = World()
    world.machine = FarMachine({"launch": launches})
    world.machine.held.add("customize")
    world.machine.silent = silent
    async with world.led(1):
        task = await world.deploy(ALL_PHASES)
        await world.clock.advance(20)
    world.machine.silent = silent
    world.machine.release.set()
    async with world.led(2):
        await world.clock.advance(20)
        assert world.plane.model.tasks[task].status == "completed"
    assert world.machine.ran.count("customize") == 1


async def test_a_command_has_its_whole_time_under_each_leader() -> None:
    """Nodes' clocks are not compared: one that is hours ahead must not end what its predecessor has just begun."""
    world = World()
    world.machine.held.add("customize")
    async with world.led(1):
        task = await world.deploy(ALL_PHASES)
    world.clock = FakeClock(wall=1_700_000_000.0 + 5 * 3600)
    async with world.led(2):
        await settle()
        world.machine.release.set()
        world.machine.news.set()
        await settle()
        assert world.plane.model.tasks[task].status == "completed"


async def test_a_command_of_another_machine_is_not_looked_for_on_this_one() -> None:
    world = World()
    world.machine.held.add("customize")
    async with world.led(1):
        await world.deploy(ALL_PHASES)
    world.machine.host = "another"
    async with world.led(2):
        await settle()
        assert "it was begun on fake, and this is another" in world.sensors()["service.problems"]["start"]
        assert world.machine.ran.count("customize") == 1


async def test_a_node_that_leaves_office_leaves_its_commands_running_and_a_client_that_cancels_ends_them() -> None:
    world = World()
    world.machine.held.add("install")
    async with world.led(1):
        task = await world.deploy("install.command: install\nlaunch.command: launch")
    assert world.machine.killed == set()
    async with world.led(2):
        await settle()
        assert await world.door.cancel_task(task)
        assert await world.door.wait_task(task, 5)
        assert len(world.machine.killed) == 1
        assert world.plane.model.tasks[task].status == "cancelled"
        (step,) = (step for each in world.plane.model.tasks.values() for step in each.steps if step.kind != "pure")
        assert step.status == "cancelled"
        assert world.sensors()["service.state"] == "ON_FIRE"


@pytest.mark.parametrize("turns", range(0, 40, 3))
async def test_a_cancel_that_comes_while_the_next_leader_picks_up_ends_the_command_too(turns: int) -> None:
    world = World()
    world.machine.held.add("customize")
    async with world.led(1):
        task = await world.deploy(ALL_PHASES)
    async with world.led(2):
        for _ in range(turns):
            await asyncio.sleep(0)
        assert await world.door.cancel_task(task)
        for _ in range(5):
            await settle()
        assert world.plane.model.tasks[task].status == "cancelled"
        assert len(world.machine.killed) == 1
        assert not world.plane.model.running_tasks()
        assert world.states() == ("ON_FIRE", "ON_FIRE")
        assert "post.customize" not in world.machine.ran


async def test_a_larger_term_on_the_machine_stops_a_leader_that_does_not_know_yet() -> None:
    world = World()
    async with world.led(1):
        world.machine.held.add("pre.install")
        task = await world.deploy(ALL_PHASES)
        await world.machine.raise_term("plane", 2)
        world.machine.release.set()
        await settle()
        assert world.machine.ran == ["pre.install"]
        assert world.plane.model.tasks[task].status == "running"  # it is for the next leader to tell


@pytest.mark.parametrize("held", ["stop", "launch"])
async def test_a_restart_goes_on_as_it_was_meant(held: str) -> None:
    world = World()
    async with world.led(1):
        await world.deploy("install.command: install\nlaunch.command: launch\nstop.command: stop")
        world.machine.answers["stop"] = ends
        world.machine.held.add(held)
        task = await world.invoke("restart")
        assert task.status == "running"
    async with world.led(2):
        world.machine.release.set()
        await settle()
        assert world.plane.model.tasks[task.id].status == "completed"
        assert world.machine.ran == ["install", "launch", "stop", "launch"]
        assert world.states() == ("RUNNING", "RUNNING")


def ends(machine: FakeMachine, env: Mapping[str, str]) -> Result:
    machine.processes.clear()
    return OK


async def test_a_stop_and_a_deletion_go_on() -> None:
    world = World()
    async with world.led(1):
        await world.deploy("launch.command: launch\nstop.command: stop")
        world.machine.held.add("stop")
        task = await world.door.delete_application(world.plane.entity("app").id, user="u")
        await settle()
    async with world.led(2):
        await settle()
        assert world.plane.model.tasks[task].status == "running"
        world.machine.release.set()
        await settle()
        assert world.plane.model.tasks[task].status == "completed"
        assert world.plane.model.entities == {}
        assert world.machine.ran == ["launch", "stop"]


async def test_children_that_were_being_added_come_up_under_the_next_leader() -> None:
    world = World()
    async with world.led(1):
        await world.deploy()
        world.machine.held.add("late")
        text = "services: [{type: VanillaSoftwareProcess, name: w, brooklyn.config: {launch.command: late}}]"
        _, task = await world.door.add_children(world.plane.entity("app").id, text, user="u")
        await settle()
    async with world.led(2):
        world.machine.answers["late"] = launches
        world.machine.release.set()
        await settle()
        assert task is not None
        assert world.plane.model.tasks[task].status == "completed"
        assert world.sensors("w")["service.state"] == "RUNNING"


async def test_secrets_are_not_written_with_a_step(world: World) -> None:
    world.machine.answers["launch"] = lambda machine, env: (launches(machine, env), Result(0, "key hunter22", ""))[1]
    await world.deploy("launch.command: launch\nshell.env: {DB_PASSWORD: hunter22, PORT: 80}")
    (step,) = (step for each in world.plane.model.tasks.values() for step in each.steps if step.kind != "pure")
    assert (step.env["DB_PASSWORD"], step.env["PORT"], step.stdout) == ("***", "80", "key ***")
    assert "hunter22" not in str([each for each in world.plane.changes() if "shell.env" not in str(each)])


async def test_the_next_leader_watches_and_touches_nothing_else() -> None:
    world = World()
    async with world.led(1):
        await world.deploy()
    ran, written = list(world.machine.ran), len(world.plane.commits)
    async with world.led(2):
        await world.clock.advance(20)
        assert (world.machine.ran, len(world.plane.commits)) == (ran, written)
        world.machine.processes.clear()
        await world.clock.advance(10)
        assert world.states() == ("ON_FIRE", "ON_FIRE")
    assert EntityId(world.plane.entity("v").id)


async def asked_about(world: World, phase: str) -> tuple[TaskId, TaskId]:
    """Lose the end of a phase's command where that is asked about; answers the task of the start and who asks."""
    world.machine.held.add(phase)
    task = await world.deploy(ALL_PHASES + "\non-interrupt: ask")
    (id,) = (id for id, each in world.machine.standings.items() if each.standing is Standing.RUNNING)
    world.machine.standings[id] = Progress(Standing.UNKNOWN, 1, rebooted=True, stdout=b"half way\n")
    world.machine.held.clear()
    world.machine.news.set()
    await settle()
    (part,) = (each for each in world.plane.model.tasks.values() if any(step.id == id for step in each.steps))
    return task, part.id


@pytest.mark.parametrize(("answer", "times", "ends"), [
    ("rerun", 2, "completed"), ("done", 1, "completed"), ("fail", 1, "failed"),
])  # fmt: skip
@pytest.mark.parametrize("failover", [False, True])
async def test_a_command_whose_end_is_unknown_is_asked_about(
    answer: str, times: int, ends: str, failover: bool
) -> None:
    world = World()
    async with world.led(1):
        task, part = await asked_about(world, "customize")
    async with world.led(2 if failover else 1):
        await settle()
        assert world.machine.ran.count("customize") == 1
        assert world.plane.model.tasks[task].status == "running"
        said = world.sensors()["service.problems"]["question"]
        assert f"Look at what it has done and answer rerun, done or fail: amp task answer {part}" in said
        assert world.states()[0] == "STARTING"
        await world.door.answer_task(part, answer)
        assert "question" not in world.sensors()["service.problems"]  # gone with the answer, and as one with it
        with pytest.raises(Conflict, match="asks nothing now: it may have been answered"):
            await world.door.answer_task(part, answer)
        await settle()
        assert world.machine.ran.count("customize") == times
        assert world.plane.model.tasks[task].status == ends
        assert world.states()[0] == ("RUNNING" if ends == "completed" else "ON_FIRE")
        if ends == "failed":
            assert "the answer was fail" in world.sensors()["service.problems"]["start"]


async def test_of_two_answers_the_first_holds_and_the_second_is_refused(world: World) -> None:
    _, part = await asked_about(world, "customize")
    first = asyncio.create_task(world.door.answer_task(part, "done"))
    await asyncio.sleep(0)
    with pytest.raises(Conflict, match="just being answered by somebody else"):
        await world.door.answer_task(part, "rerun")
    await first
    assert world.machine.ran.count("customize") == 1


async def test_a_client_that_goes_away_has_answered(world: World) -> None:
    task, part = await asked_about(world, "customize")
    first = asyncio.create_task(world.door.answer_task(part, "done"))
    await asyncio.sleep(0)
    first.cancel()
    await settle()
    assert first.cancelled()
    assert world.plane.model.tasks[task].status == "completed"


async def test_answers_that_make_no_sense_are_refused(world: World) -> None:
    task, part = await asked_about(world, "customize")
    with pytest.raises(Invalid, match="unknown answer 'skip': send one of rerun, done, fail"):
        await world.door.answer_task(part, "skip")
    with pytest.raises(Missing):
        await world.door.answer_task(TaskId("nobody"), "rerun")
    with pytest.raises(Conflict, match="asks nothing now"):
        await world.door.answer_task(task, "rerun")  # a part of it asks
    assert "question" in world.sensors()["service.problems"]


async def test_a_stop_withdraws_what_a_start_asks(world: World) -> None:
    _, part = await asked_about(world, "customize")
    stop = asyncio.create_task(world.door.invoke(world.plane.entity("v").id, "stop", {}, user="u"))
    for _ in range(3):
        await asyncio.sleep(0)
    with pytest.raises(Conflict, match=r"is being cancelled|asks nothing"):
        await world.door.answer_task(part, "rerun")
    await stop
    await settle()
    steps = {step.id.partition(" ")[0]: step.status for step in world.plane.model.tasks[part].steps}
    assert steps["ask"] == "cancelled"
    assert world.machine.ran.count("customize") == 1
    assert world.states()[0] == "STOPPED"
    assert world.sensors()["service.problems"] == {}


async def test_a_client_who_cancels_withdraws_the_question(world: World) -> None:
    task, part = await asked_about(world, "customize")
    assert await world.door.cancel_task(task)
    await settle()
    assert world.plane.model.tasks[part].status == "cancelled"
    assert world.sensors()["service.problems"] == {"start": "start was cancelled"}
