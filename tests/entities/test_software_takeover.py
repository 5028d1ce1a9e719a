"""The life of a software process under the next leader: what was begun goes on, once, from wherever it was."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

import pytest
from software_world import ALL_PHASES, OK, PHASES, World, launches, story, undisturbed

from amp.kit.errors import Fenced, Unavailable
from amp.kit.ids import EntityId
from amp.remote.attach import Command, Progress, Standing
from amp.remote.machine import Result
from amp.testing.clock import FakeClock, settle
from amp.testing.fakes import FakeMachine


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
