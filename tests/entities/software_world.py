"""A plane with one software process on a machine without an inside, for the tests of its life."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from amp.entities.types import standard_registry
from amp.kit.ids import NodeId, TaskId, Term
from amp.model.entity import Task
from amp.plane.door import Door
from amp.plane.leader import Leader
from amp.remote.machine import Result
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
