"""What is asked when nobody can know how a command ended, and what becomes of each answer."""

from __future__ import annotations

import asyncio

import pytest
from software_world import ALL_PHASES, World

from amp.kit.errors import Conflict, Invalid, Missing
from amp.kit.ids import TaskId
from amp.remote.attach import Progress, Standing
from amp.testing.clock import settle


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
