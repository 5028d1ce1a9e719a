"""The phases that bring a process up, in Brooklyn's order and by its names: install, customize, launch.

Runs what the blueprint gives for each and tells of every step; decides nothing about the entity's state.
"""

from __future__ import annotations

from typing import Any

from amp.entities import config
from amp.entities.process import Home
from amp.entities.shell import Shell
from amp.entities.surroundings import Surroundings
from amp.kit.durations import format_duration
from amp.kit.errors import Invalid
from amp.model.entity import Entity
from amp.remote.command import last_lines
from amp.tasks.runner import Run
from amp.tasks.step import FAIL, RERUN

#: A command that takes longer has forgotten to put its process into the background; seconds.
LIMIT = 2 * 3600.0
STOP_LIMIT = 120.0
_MARKER = "BROOKLYN"


async def processes(around: Surroundings, run: Run, at: Home) -> None:
    """Install, customize and launch the process of the task's entity. Raises: Invalid."""
    run.mark("prepare")
    entity = around.entity(run.order.entity)
    if not config.value(around.model(), entity, around.kind(entity), "skip.install"):
        await run.step("install", lambda part: _install(around, part, at))
    await run.step("customize", lambda part: _customize(around, part, at))
    await run.step("launch", lambda part: launch(around, part, at))
    run.mark("post-launch")


async def launch(around: Surroundings, run: Run, at: Home) -> None:
    """Launch the process with what comes before and after. Raises: Invalid."""
    run.mark("copy-runtime-resources")
    await _around(around, run, at, "pre", "launch")
    await run.step("launch (main)", lambda part: _main(around, part, at, "launch", "launching"))
    await _around(around, run, at, "post", "launch")


async def command(
    around: Surroundings,
    run: Run,
    at: Home,
    phase: str,
    script: str,
    cwd: str | None,
    *,
    limit: float = LIMIT,
    on_interrupt: str | None = None,
    turn: str = "",
) -> None:
    """Run a command of a phase as the task's act; it goes on when this node does not.

    `on_interrupt` None: as the entity is configured. Raises: Invalid, with the exit code and the last words of its
    errors; Conflict, when its end cannot be known and it is not asked, or the answer is fail.
    """
    entity = around.entity(run.order.entity)
    wanted = on_interrupt or config.text(around.model(), entity, around.kind(entity), "on-interrupt") or FAIL
    shell = Shell(around, run, at, script, cwd, limit=limit, on_interrupt=wanted, turn=turn)
    ended = await run.act(shell)
    code = ended.outcome.get("exit") if isinstance(ended.outcome, dict) else None
    if code == 0 or ended.vouched:
        return
    if isinstance(ended.outcome, dict) and "error" in ended.outcome:
        raise Invalid(ended.outcome["error"])
    said = last_lines(ended.stderr) or last_lines(ended.stdout)
    how = (
        f"did not end within {format_duration(limit)} and was ended"
        if code is None
        else f"failed with return code {code}"
    )
    raise Invalid(f"The {phase} command {how}" + (f":\n{said}" if said else " and said nothing"))


def refuse_locations(parameters: dict[str, Any]) -> None:
    """Refuse a place given to an effector. Raises: Invalid."""
    if parameters.get("locations") not in (None, "", [], {}):
        raise Invalid(
            "This version starts entities where their blueprint says: give `location` there, not to the effector"
        )


async def _install(around: Surroundings, run: Run, at: Home) -> None:
    run.mark("copy-pre-install-resources")
    run.mark("pre-install")
    await _around(around, run, at, "pre", "install")
    run.mark("setup")
    run.mark("copy-install-resources")
    await run.step("install (main)", lambda part: _install_once(around, part, at))
    await _around(around, run, at, "post", "install")


async def _install_once(around: Surroundings, run: Run, at: Home) -> None:
    entity, script = _command_of(around, run, "install.command")
    if script is None:
        return
    turn = f"install {at.setup.install_dir}"
    async with around.turns.take(turn, run.task):
        marker = f"{at.setup.install_dir}/{_MARKER}"
        if not run.has_progress and await at.machine.read_file(marker) is not None:
            run.mark(f"installed before: {at.setup.install_dir}")
            return
        await run.step(
            f"installing {_shown(around, entity)}",
            # Its marker makes it safe to run again.
            lambda part: command(
                around, part, at, "install", script, at.setup.install_dir, on_interrupt=RERUN, turn=turn
            ),
            with_next=True,
        )
        run.may_act()
        await at.machine.write_file(marker, f"{around.now_ms()}\n".encode())


async def _customize(around: Surroundings, run: Run, at: Home) -> None:
    run.mark("copy-pre-customize-resources")
    await _around(around, run, at, "pre", "customize")
    await run.step("customize (main)", lambda part: _main(around, part, at, "customize", "customizing"))
    await _around(around, run, at, "post", "customize")


async def _main(around: Surroundings, run: Run, at: Home, phase: str, doing: str) -> None:
    entity, script = _command_of(around, run, f"{phase}.command")
    if script is not None:
        await run.step(
            f"{doing} {_shown(around, entity)}",
            lambda part: command(around, part, at, phase, script, at.setup.run_dir),
            with_next=True,
        )


async def _around(around: Surroundings, run: Run, at: Home, when: str, phase: str) -> None:
    # Brooklyn runs these in the home directory; INSTALL_DIR and RUN_DIR are set.
    name = f"{when}-{phase}-command"
    _, script = _command_of(around, run, f"{when}.{phase}.command")
    if script is None:
        run.mark(name)
    else:
        await run.step(name, lambda part: command(around, part, at, f"{when}-{phase}", script, None), with_next=True)


def _command_of(around: Surroundings, run: Run, key: str) -> tuple[Entity, str | None]:
    entity = around.entity(run.order.entity)
    return entity, config.text(around.model(), entity, around.kind(entity), key)


def _shown(around: Surroundings, entity: Entity) -> str:
    return f"{around.kind(entity).short}{{{entity.id}}}"
