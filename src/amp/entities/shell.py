"""A command on a machine as an act that outlives its leader: begun under a durable id, found again by it, followed.

Its environment is shown with secrets masked, and so are its streams. What its exit code means is for the phase to say.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from amp.entities import state
from amp.entities.process import Home
from amp.entities.surroundings import Surroundings
from amp.kit.errors import AmpError, Fenced, Unavailable
from amp.model.changes import AnyChange
from amp.model.entity import Step
from amp.remote import follow
from amp.remote.attach import Command, Progress, Standing
from amp.remote.command import mask, shown
from amp.tasks.run import Run
from amp.tasks.step import Ended, Fate, Traits

_LOG = logging.getLogger(__name__)
T = TypeVar("T")

#: How long a machine that does not answer is left alone, in seconds.
_AGAIN = 1.0


class Shell:
    """One command of one task. `limit`: seconds after which it is ended."""

    def __init__(
        self,
        around: Surroundings,
        run: Run,
        at: Home,
        script: str,
        cwd: str | None,
        *,
        limit: float,
        on_interrupt: str,
        turn: str = "",
    ) -> None:
        self._around = around
        self._run = run
        self._at = at
        self._script = script
        self._cwd = cwd
        self._limit = limit
        self._streams = follow.Streams()
        self._unheard = ""  # why nobody knows whether it was begun
        self.traits = Traits(host=at.machine.host, turn=turn, env=shown(at.setup.env), on_interrupt=on_interrupt)

    async def begin(self, id: str) -> None:
        """Begin it under this id; what a try before it wrote is none of its output."""
        self._streams, self._unheard = follow.Streams(), ""
        await self._reached(lambda: self._around.contact(self._at.machine, self._at.base))
        command = Command(id, self._around.plane, self._around.term, self._script, self._at.setup.env, self._cwd)
        self._run.may_act()
        try:
            await self._at.machine.start_command(command)
        except Unavailable as problem:
            self._unheard = problem.message  # it may have begun: the verdict tells, to whoever follows it

    async def resolve(self, id: str, step: Step) -> Fate:
        """Find out whether it began; if that was not decided, it never does."""
        if self._elsewhere(step) is not None:
            return Fate.UNKNOWN
        machine, term = self._at.machine, self._around.term
        await self._reached(lambda: self._around.contact(machine, self._at.base))
        await self._reached(lambda: machine.void_command(id, term))
        progress = await self._reached(lambda: machine.watch_command(id, (0, 0), 0.0))
        return Fate.NEVER if progress.standing is Standing.VOID else Fate.BEGUN

    async def end(self, id: str, step: Step | None) -> Ended:
        """Wait for its end; it is ended when its time is up."""
        if step is not None and (why := self._elsewhere(step)):
            return Ended(Fate.UNKNOWN, why=why)
        try:
            # Its time starts anew with each leader: clocks of different nodes are not compared.
            async with asyncio.timeout(self._limit):
                progress = await self._reached(lambda: self._followed(id))
        except TimeoutError:
            return await self.stop(id)
        return await self._told(id, progress)

    async def stop(self, id: str) -> Ended:
        """End it now, with all that it has started."""
        try:
            self._run.may_act()
            await self._at.machine.void_command(id, self._around.term)
            self._run.may_act()
            await self._at.machine.kill_command(id)
            return await self._told(id, await self._followed(id))
        except Unavailable as problem:
            said = self.streams()
            return Ended(Fate.UNKNOWN, None, True, said["stdout"], said["stderr"], problem.message)

    async def forget(self, id: str) -> None:
        """Remove its run directory."""
        await self._at.machine.forget_command(id)

    def asks(self, said: str | None) -> Sequence[AnyChange]:
        """Answer what tells the entity's problems of a question, or that there is none any more."""
        entity = self._around.model().entities.get(self._run.order.entity)
        return state.questioned(entity, said, self._around.now_ms()) if entity is not None else []

    def streams(self) -> Mapping[str, str]:
        """Answer what it wrote until now."""
        env = self._at.setup.env
        return {
            "stdout": mask(self._streams.stdout.text(), env),
            "stderr": mask(self._streams.stderr.text(), env),
        }

    async def _reached(self, call: Callable[[], Awaitable[T]]) -> T:
        """Do what may be done again; a machine that does not answer is asked until it does."""
        while True:
            self._run.may_act()
            try:
                return await call()
            except Unavailable:
                await self._around.sleep(_AGAIN)

    async def _followed(self, id: str) -> Progress:
        return await follow.to_its_end(self._at.machine, id, self._around.term, self._streams, self._run.may_act)

    def _elsewhere(self, step: Step) -> str | None:
        here = self._at.machine.host
        return f"it was begun on {step.host}, and this is {here}" if step.host not in ("", here) else None

    async def _told(self, id: str, progress: Progress) -> Ended:
        streams = self.streams()
        if progress.standing is Standing.VOID:
            if progress.term > self._around.term:
                raise Fenced(f"a master of term {progress.term} acts on this machine: the command was not begun")
            why = self._unheard or "is the disk of its machine full?"
            return Ended(Fate.NEVER, why=f"the command could not be begun: {why}")
        why = ""
        if progress.standing is Standing.UNKNOWN:
            why = "its machine was restarted" if progress.rebooted else "its process is gone and left no exit code"
        fate = Fate.UNKNOWN if why else Fate.BEGUN
        outcome, failed = {"exit": progress.exit}, progress.exit != 0
        return Ended(fate, outcome, failed, streams["stdout"], streams["stderr"], why, await self._kept(id))

    async def _kept(self, id: str) -> dict[str, str]:
        """Keep whole what is too long for the journal, before its end is told. That it cannot be kept fails nothing."""
        keep, found = self._around.keep, {}
        for name, tail in (("stdout", self._streams.stdout), ("stderr", self._streams.stderr)):
            if keep is None or tail.size <= follow.KEPT:
                continue
            try:
                data = await follow.whole(self._at.machine, id, name, tail.size)
                found[name] = await keep(mask(data.decode(errors="replace"), self._at.setup.env).encode())
            except AmpError as problem:
                _LOG.warning("the last %d bytes of %s of %s are kept, not all: %s", follow.KEPT, name, id, problem)
        return found
