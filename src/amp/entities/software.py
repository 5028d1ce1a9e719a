"""The life of a software process: provision, install, customize, launch, watch it come up; stop; restart.

Effectors reconcile: a start of what runs does nothing, an installation that has left its marker is not repeated. Every
act on the machine asks for the right to act just before. What fails says in which phase, with which code and last
words, in the task and in the entity's problems.
"""

from __future__ import annotations

import asyncio
from typing import Any

from amp.entities import config, phases, process, state
from amp.entities.process import Home
from amp.entities.surroundings import Parts, Surroundings, machine_of, place_of
from amp.entities.types import LOCALHOST_MACHINE
from amp.kit.errors import AmpError, Fenced, Invalid
from amp.kit.ids import LocationId, random_id
from amp.model.changes import AnyChange, EntityLocated, LocationAdded, LocationRemoved
from amp.model.entity import Entity, Location
from amp.tasks.runner import Run
from amp.tasks.task import Order

_HOST_SENSORS = ("host.address", "host.name", "host.sshAddress", "host.subnet.address", "host.subnet.hostname")
_GONE_WITH_PROCESS = ("pid", "pid.started")


class Software:
    """One entity of a software type, for the length of one effector."""

    def __init__(self, around: Surroundings, run: Run, parts: Parts) -> None:
        self._around = around
        self._run = run
        self._parts = parts
        self._id = run.order.entity

    async def start(self, parameters: dict[str, Any]) -> None:
        """Bring the process up; nothing to do when it is. Raises: AmpError."""
        phases.refuse_locations(parameters)
        async with self._around.turns.take(self._id, self._run.task):
            await self._guarded(self._start)

    async def stop(self, parameters: dict[str, Any]) -> None:
        """End the process and give the machine back. Raises: AmpError."""
        async with self._around.turns.take(self._id, self._run.task):
            await self._guarded(lambda: self._stop(parameters["stopProcessMode"], parameters["stopMachineMode"]))

    async def restart(self, parameters: dict[str, Any]) -> None:
        """End the process and launch it again; with a new machine where that is asked or there is none."""
        async with self._around.turns.take(self._id, self._run.task):
            await self._guarded(lambda: self._restart(parameters["restartMachine"] == "true"))
        if parameters["restartChildren"]:
            kinds = {child: self._around.kind(self._around.entity(child)) for child in self._entity().children}
            orders = [Order(child, "restart", effector="restart") for child, kind in kinds.items() if kind.lifecycle]
            await self._run.together(self._parts(self._around, orders))

    async def diagnose(self, parameters: dict[str, Any]) -> None:
        """Look at the process now and publish why it is not up."""
        at = process.home(self._around, self._entity())
        said: dict[str, str] = {}
        if at is None:
            said["machine"] = "the entity has no machine: it was not started"
        else:
            self._run.may_act()
            if not (await process.look(self._around, self._entity(), at)).running:
                said[process.RUNNING] = process.NOT_RUNNING
        await self._update({"service.notUp.diagnostics": said})

    async def _guarded(self, act: Any) -> None:
        name = self._run.order.name
        try:
            await act()
        except Fenced:
            raise
        except asyncio.CancelledError:
            if self._run.recalled:
                await self._burn(name, f"{name} was cancelled")
            raise
        except AmpError as error:
            await self._burn(name, error.message)
            raise

    async def _burn(self, name: str, message: str) -> None:
        if self._id in self._around.model().entities:
            problems = state.noted(self._entity().sensors, state.PROBLEMS, name, message)
            await self._update({state.PROBLEMS: problems, **self._meant("ON_FIRE")})

    async def _start(self) -> None:
        # What was begun under an earlier leader is gone on with: a process that is up may lack its post-launch.
        if not self._run.has_progress and await self._already_up():
            self._run.at_end += self._changes(self._up())
            return
        await self._note(
            "starting",
            {
                state.PROBLEMS: {},
                state.NOT_UP: {process.RUNNING: process.NO_INFORMATION},
                **self._meant("STARTING"),
            },
        )
        place = place_of(self._around.model(), self._entity())
        await self._run.step(f"provisioning ({place.name})", lambda run: self._provision(run, place))
        await self._run.step("pre-start", self._pre_start)
        at = self._home()
        await self._run.step("start (processes)", lambda run: phases.processes(self._around, run, at))
        await self._run.step("post-start", lambda run: self._await_running(run, at))
        self._run.at_end += self._changes(self._up())

    async def _already_up(self) -> bool:
        meant = state.expected(self._entity().sensors)
        at = process.home(self._around, self._entity())
        if at is None or meant not in ("RUNNING", "STARTING", "ON_FIRE"):
            return False
        kind = self._around.kind(self._entity())
        told = config.text(self._around.model(), self._entity(), kind, "checkRunning.command") is not None
        if told and meant != "RUNNING":
            return False  # a command may say yes to what was never launched; a process is proof
        self._run.may_act()
        sight = await process.look(self._around, self._entity(), at)
        if sight.running:
            await self._update(process.sighted(self._entity().sensors, sight))
        return sight.running

    async def _provision(self, run: Run, place: Location) -> None:
        model = self._around.model()
        if machine_of(model, self._entity()) is not None:
            return
        if not model.location_provisioning_allowed:
            raise Invalid("Provisioning is switched off for this plane (access: locationProvisioningAllowed)")
        machine, _ = self._around.machines(place)
        new = LocationId(random_id(self._around.entropy))
        changes: list[AnyChange] = [
            LocationAdded(new, LOCALHOST_MACHINE, machine.hostname, place.spec, place.id, dict(place.config)),
            EntityLocated(self._id, [*self._entity().locations, new]),
        ]
        given = {"type": "org.apache.brooklyn.api.location.Location", "id": place.id}
        await run.commit([*changes, *self._changes({"softwareservice.provisioningLocation": given})])

    async def _pre_start(self, run: Run) -> None:
        at = self._home()
        run.may_act()
        await at.machine.make_private(self._base())
        run.may_act()
        await at.machine.make_private(at.setup.run_dir)
        host = {
            "host.address": at.machine.address,
            "host.name": at.machine.hostname,
            "host.sshAddress": f"{at.machine.user}@{at.machine.address}:22",
            "host.subnet.address": at.machine.address,
            "host.subnet.hostname": at.machine.hostname,
            "install.dir": at.setup.install_dir,
            "expandedinstall.dir": at.setup.install_dir,
            "run.dir": at.setup.run_dir,
            "softwareprocess.pid.file": at.setup.pid_file,
        }
        await run.commit(self._changes(host))

    async def _await_running(self, run: Run, at: Home) -> None:
        model, entity = self._around.model(), self._entity()
        kind = self._around.kind(entity)
        if not config.value(model, entity, kind, "sshMonitoring.enabled"):
            await self._update({process.RUNNING: True, state.NOT_UP: {}})
            return
        limit = config.seconds(model, entity, kind, "start.timeout")
        await run.step(f"check-running {_shown(entity, kind.short)}", lambda part: self._poll(part, at, limit))

    async def _poll(self, run: Run, at: Home, limit: float) -> None:
        pause, begun = 0.1, self._around.clock.read().boot
        while True:
            run.may_act()
            sight = await process.look(self._around, self._entity(), at)
            if sight.running:
                changed = process.sighted(self._entity().sensors, sight)
                run.at_end += state.as_changes(self._entity(), changed, self._around.now_ms())
                return
            if self._around.clock.read().boot - begun >= limit:
                raise Invalid(
                    f"{self._entity().name} did not come up within start.timeout ({limit:g} s): {process.NOT_RUNNING}"
                )
            await self._around.sleep(min(pause, limit))
            pause = min(pause * 1.1, 5.0)

    async def _stop(self, process_mode: str, machine_mode: str) -> None:
        stopped = await self._run.note("stopped", (), state.expected(self._entity().sensors) == "STOPPED")
        at = process.home(self._around, self._entity())
        await self._run.step("pre-stop", lambda run: run.commit(self._stopping()))
        if at is not None and process_mode != "NEVER" and not (stopped and process_mode == "IF_NOT_STOPPED"):
            await self._run.step("stopping (process)", lambda run: self._end_process(run, at), with_next=True)
        changes = state.cleared(self._entity(), _GONE_WITH_PROCESS if process_mode != "NEVER" else ())
        if machine_mode != "NEVER":
            changes += self._released()
        changes += self._changes({process.RUNNING: False, state.PROBLEMS: {}, **self._meant("STOPPED")})
        self._run.at_end += changes

    def _stopping(self) -> list[AnyChange]:
        return self._changes({process.RUNNING: False, **self._meant("STOPPING")})

    async def _end_process(self, run: Run, at: Home) -> None:
        entity = self._entity()
        command = config.text(self._around.model(), entity, self._around.kind(entity), "stop.command")
        if command is None:
            await run.commit([])
            await process.end(self._around, run, entity, at)
        else:
            await phases.command(self._around, run, at, "stop", command, at.setup.run_dir, limit=phases.STOP_LIMIT)

    def _released(self) -> list[AnyChange]:
        entity = self._entity()
        machine = machine_of(self._around.model(), entity)
        if machine is None:
            return []
        kept = [place for place in entity.locations if place != machine.id]
        names = (*_HOST_SENSORS, "softwareservice.provisioningLocation")
        return [EntityLocated(entity.id, kept), LocationRemoved(machine.id), *state.cleared(entity, names)]

    async def _restart(self, new_machine: bool) -> None:
        at = process.home(self._around, self._entity())
        # A start that came to its end once has installed; one that did not is done from its beginning.
        installed = state.expected(self._entity().sensors) == "RUNNING"
        how = "anew" if at is None or new_machine else "launch" if installed else "start"
        how = await self._run.note("how", (), how)
        if at is None or how == "anew":
            await self._run.step("stopping (process)", lambda run: self._best_effort(run, at), with_next=True)
            await self._run.note("released", [*self._stopping(), *self._released()])
            await self._start()
            return
        await self._note("stopping", {process.RUNNING: False, **self._meant("STOPPING")})
        await self._run.step("stopping (process)", lambda run: self._best_effort(run, at), with_next=True)
        await self._run.note("ended", state.cleared(self._entity(), _GONE_WITH_PROCESS))
        if how == "start":
            await self._start()
            return
        await self._note("starting", {state.PROBLEMS: {}, **self._meant("STARTING")})
        await self._run.step("launch", lambda run: phases.launch(self._around, run, at))
        await self._run.step("post-start", lambda run: self._await_running(run, at))
        self._run.at_end += self._changes(self._up())

    async def _best_effort(self, run: Run, at: Home | None) -> None:
        if at is None:
            return
        try:
            await self._end_process(run, at)
        except Invalid:
            # The stop command of a process that is dead already fails; but two lives of one process must not be.
            if (await process.look(self._around, self._entity(), at)).running:
                raise

    def _up(self) -> dict[str, Any]:
        return {state.PROBLEMS: {}, **self._meant("RUNNING")}

    def _meant(self, name: str) -> dict[str, Any]:
        return {state.EXPECTED: state.transition(name, self._around.now_ms())}

    def _entity(self) -> Entity:
        return self._around.entity(self._id)

    def _home(self) -> Home:
        at = process.home(self._around, self._entity())
        if at is None:
            raise Invalid(f"{self._entity().name} has no machine any more")
        return at

    def _base(self) -> str:
        place = machine_of(self._around.model(), self._entity())
        given = config.text(self._around.model(), self._entity(), self._around.kind(self._entity()), "onbox.base.dir")
        return given or (self._around.machines(place)[1] if place else "")

    def _changes(self, updates: dict[str, Any]) -> list[AnyChange]:
        entity = self._entity()
        return state.as_changes(entity, state.updated(entity.sensors, updates), self._around.now_ms())

    async def _note(self, name: str, updates: dict[str, Any]) -> None:
        await self._run.note(name, self._changes(updates))

    async def _update(self, updates: dict[str, Any]) -> None:
        await self._run.commit(self._changes(updates))


def _shown(entity: Entity, short: str) -> str:
    return f"{short}{{{entity.id}}}"
