"""Looks whether the process of an entity runs, says what follows from it, and ends it.

A pid file names a process by a number that others get later: a number is believed only for the life that it was first
seen with, so that a stranger is neither watched nor killed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from amp.entities import config, state
from amp.entities.setup import Setup, setup
from amp.entities.surroundings import Surroundings, machine_of
from amp.kit.errors import Invalid
from amp.model.entity import Entity
from amp.remote.machine import Machine, Process
from amp.tasks.runner import Run

RUNNING = "service.process.isRunning"
NOT_RUNNING = "The software process for this entity does not appear to be running"
NO_INFORMATION = "No information yet on whether this service is running"

_CHECK_TIMEOUT = 30.0
_TERM_PATIENCE = 16.0
_KILL_PATIENCE = 5.0


@dataclass(frozen=True, slots=True)
class Sight:
    """What a look showed. `process`: the one of the pid file, where that is what was looked at."""

    running: bool
    process: Process | None = None


@dataclass(frozen=True, slots=True)
class Home:
    """Where the process of an entity is looked for."""

    machine: Machine
    setup: Setup
    base: str


def home(around: Surroundings, entity: Entity) -> Home | None:
    """Answer where the process of an entity lives, None when it has no machine."""
    place = machine_of(around.model(), entity)
    if place is None:
        return None
    machine, base = around.machines(place)
    return Home(machine, setup(around.model(), entity, around.kind(entity), base), base)


async def look(around: Surroundings, entity: Entity, at: Home) -> Sight:
    """Look whether the process runs: by `checkRunning.command`, else by the pid file (which starts no process)."""
    check = config.text(around.model(), entity, around.kind(entity), "checkRunning.command")
    if check is None:
        living = await at.machine.find_process(at.setup.pid_file)
        mine = living is not None and not _stranger(entity.sensors, living)
        return Sight(mine, living if mine else None)
    result = await at.machine.run(check, env=at.setup.env, cwd=at.setup.run_dir, timeout=_CHECK_TIMEOUT)
    return Sight(result.exit == 0, await at.machine.find_process(at.setup.pid_file) if result.exit == 0 else None)


def sighted(sensors: Mapping[str, Any], sight: Sight) -> dict[str, Any]:
    """Answer the sensors that change by what was seen. Pure."""
    why = None if sight.running else NOT_RUNNING
    updates: dict[str, Any] = {
        RUNNING: sight.running,
        state.NOT_UP: state.noted(sensors, state.NOT_UP, RUNNING, why),
    }
    if sight.process is not None:
        updates["pid"] = sight.process.pid
        updates["pid.started"] = sight.process.started
    return state.updated(sensors, updates)


async def end(around: Surroundings, run: Run, entity: Entity, at: Home) -> None:
    """End the process of the pid file: TERM, patience, KILL. Nothing when there is none, or it is a stranger.

    Raises: Invalid, when it cannot be ended.
    """
    living = await at.machine.find_process(at.setup.pid_file)
    if living is not None and not _stranger(entity.sensors, living):
        for name, patience in (("TERM", _TERM_PATIENCE), ("KILL", _KILL_PATIENCE)):
            run.may_act()
            await at.machine.signal(living, name)
            if await _gone(around, at, living, patience):
                break
        else:
            raise Invalid(f"process {living.pid} is still there after SIGKILL")
    run.may_act()
    await at.machine.delete_file(at.setup.pid_file)


async def _gone(around: Surroundings, at: Home, process: Process, patience: float) -> bool:
    pause, waited = 0.05, 0.0
    while True:
        living = await at.machine.find_process(at.setup.pid_file)
        if living is None or living != process:
            return True
        if waited >= patience:
            return False
        await around.sleep(pause)
        waited += pause
        pause = min(pause * 1.5, 1.0)


def _stranger(sensors: Mapping[str, Any], living: Process) -> bool:
    started = sensors.get("pid.started")
    return sensors.get("pid") == living.pid and bool(started) and started != living.started
