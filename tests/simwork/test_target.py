"""The simulated machine does what a real one does: each scene is played on both."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from amp.kit.errors import Unavailable
from amp.remote import follow
from amp.remote.attach import Command, Progress, Standing
from amp.remote.local import LocalMachine
from amp.remote.machine import Machine
from amp.testing.simwork.hands import PATIENCE, Hands
from amp.testing.simwork.loop import Loop
from amp.testing.simwork.target import Target, exit_code, output
from amp.testing.simwork.world import HostClock, World

#: Makes a command: id, term, script in the little language.
Make = Callable[[str, int, str], Command]
Scene = Callable[[Machine, Make], Awaitable[None]]


def in_shell(id: str, script: str) -> str:
    """Say in shell what the little language says."""
    lines = []
    for line in script.splitlines():
        what, *words = line.split()
        if what == "say":
            said = f'echo "{id} says $n"; echo "{id} adds $n" >&2; n=$((n+1)); sleep {words[1]}'
            lines.append(f"n=0; while [ $n -lt {words[0]} ]; do {said}; done")
        else:
            lines.append(line)
    return "\n".join(lines)


async def real(scene: Scene, folder: Path) -> None:
    def make(id: str, term: int, script: str) -> Command:
        return Command(id, "p", term, in_shell(id, script), {}, str(folder))

    await scene(LocalMachine(str(folder / ".amp")), make)


def simulated(scene: Scene, seed: int) -> None:
    def make(id: str, term: int, script: str) -> Command:
        return Command(id, "p", term, script, {}, None)

    stage = Stage(seed)
    task = stage.loop.create_task(scene(stage.hands, make))  # type: ignore[arg-type]
    while not task.done() and stage.world.step(600.0):
        pass
    task.result()


class Stage:
    """One target, and one pair of hands on it."""

    def __init__(self, seed: int) -> None:
        self.world = World(seed)
        self.seen: list[tuple[str, str]] = []
        self.target = Target(
            self.world, "/m", began=lambda begun: self.seen.append(("began", begun.id)),
            ended=lambda id: self.seen.append(("ended", id)), voided=lambda id: self.seen.append(("voided", id)),
        )  # fmt: skip
        self.loop = Loop(self.world, HostClock(self.world, 1.0, 0.0))  # type: ignore[abstract]
        self.cut = False
        self.hands = Hands(self.target, self.loop, lambda name, what, send: send(), lambda: self.cut)


async def until(machine: Machine, id: str, *wanted: Standing) -> Progress:
    for _ in range(100):
        progress = await machine.watch_command(id, (0, 0), 0.2)
        if progress.standing in wanted:
            return progress
    raise AssertionError(f"{progress} for ever")


async def it_runs_to_its_end(machine: Machine, make: Make) -> None:
    assert (await machine.watch_command("a", (0, 0), 0.0)).standing is Standing.UNDECIDED
    script = "say 9 0.01\nexit 3"
    await machine.start_command(make("a", 5, script))
    streams = follow.Streams()
    progress = await follow.to_its_end(machine, "a", 5, streams)
    assert (progress.standing, progress.exit, progress.term) == (Standing.ENDED, exit_code(script), 5)
    assert (streams.stdout.text(), streams.stderr.text()) == output("a", script)
    again = await machine.watch_command("a", (streams.stdout.size - 3, streams.stderr.size), 5.0)
    assert (again.stdout, again.stderr) == (b" 8\n", b"")
    await machine.void_command("a", 6)
    await machine.kill_command("a")
    assert (await machine.watch_command("a", (0, 0), 0.0)).exit == 3
    await machine.forget_command("a")
    assert (await machine.watch_command("a", (0, 0), 0.0)).standing is Standing.UNDECIDED


async def what_was_voided_never_runs(machine: Machine, make: Make) -> None:
    await machine.void_command("a", 6)
    await machine.void_command("a", 9)
    await machine.start_command(make("a", 5, "say 1 0"))
    progress = await follow.to_its_end(machine, "a", 5, follow.Streams())
    assert (progress.standing, progress.term, progress.stdout) == (Standing.VOID, 6, b"")
    await machine.kill_command("a")


async def what_runs_is_not_voided(machine: Machine, make: Make) -> None:
    await machine.start_command(make("a", 5, "say 4 0.2"))
    await until(machine, "a", Standing.RUNNING)
    await machine.void_command("a", 6)
    progress = await follow.to_its_end(machine, "a", 6, follow.Streams())
    assert (progress.standing, progress.exit, progress.term) == (Standing.ENDED, 0, 5)


async def a_smaller_term_than_one_seen_is_refused(machine: Machine, make: Make) -> None:
    await machine.raise_term("p", 7)
    await machine.raise_term("p", 4)
    await machine.start_command(make("old", 6, "say 1 0"))
    progress = await follow.to_its_end(machine, "old", 6, follow.Streams())
    assert (progress.standing, progress.term) == (Standing.VOID, 7)
    await machine.start_command(make("new", 7, "say 1 0"))
    assert (await follow.to_its_end(machine, "new", 7, follow.Streams())).exit == 0


async def what_is_killed_has_no_code_and_keeps_what_it_said(machine: Machine, make: Make) -> None:
    await machine.start_command(make("a", 5, "say 500 0.2"))
    for _ in range(100):
        if (await machine.watch_command("a", (0, 0), 0.1)).stdout:
            break
    await machine.kill_command("a")
    streams = follow.Streams()
    progress = await follow.to_its_end(machine, "a", 5, streams)
    assert (progress.standing, progress.exit) == (Standing.ENDED, None)
    assert streams.stdout.text().startswith("a says 0\n")


SCENES: list[Scene] = [
    it_runs_to_its_end,
    what_was_voided_never_runs,
    what_runs_is_not_voided,
    a_smaller_term_than_one_seen_is_refused,
    what_is_killed_has_no_code_and_keeps_what_it_said,
]


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
async def test_on_this_host(scene: Scene, tmp_path: Path) -> None:
    await real(scene, tmp_path)


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
@pytest.mark.parametrize("seed", range(1, 11))
def test_on_a_simulated_one(scene: Scene, seed: int) -> None:
    simulated(scene, seed)


def test_a_restart_ends_what_runs_and_leaves_no_word() -> None:
    stage = Stage(1)

    async def scene() -> Progress:
        await stage.hands.start_command(Command("a", "p", 1, "say 99 1.0", {}, None))
        await until(stage.hands, "a", Standing.RUNNING)
        stage.target.reboot(2.0)
        with pytest.raises(Unavailable):
            await stage.hands.watch_command("a", (0, 0), 1.0)
        return await until(stage.hands, "a", Standing.UNKNOWN)

    task = stage.loop.create_task(scene())
    while not task.done() and stage.world.step(100.0):
        pass
    assert task.result().rebooted
    assert stage.seen == [("began", "a"), ("ended", "a")]


def test_who_is_cut_off_is_told_so_in_time() -> None:
    stage = Stage(1)
    stage.cut = True

    async def scene() -> float:
        with pytest.raises(Unavailable):
            await stage.hands.raise_term("p", 1)
        return stage.world.time

    task = stage.loop.create_task(scene())
    while not task.done() and stage.world.step(100.0):
        pass
    assert task.result() == PATIENCE
    assert stage.target.terms == {}
