"""Plays a campaign: in each round one fault, then peace until the plane is whole again, under clients all the time.

A round ends when one node says MASTER, all others follow, and writes are acknowledged again; a plane that does not get
there within `_RECOVERY` seconds is recorded as such and ends the campaign. A failover is a term beyond the first in
which somebody said MASTER. What is done is `strikes`'s business, what is judged `checker`'s.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import signal
from bisect import bisect_left
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass

from amp.kit.clock import Clock
from amp.kit.errors import Unavailable
from amp.store.open import open_store
from amp.testing.nemesis import clients, deployments
from amp.testing.nemesis.clients import Scene
from amp.testing.nemesis.faults import Fault
from amp.testing.nemesis.history import Fault as FaultRecord
from amp.testing.nemesis.history import Journal, Life, Recorder, parse_acts, read_journal
from amp.testing.nemesis.servers import Server, end_strays
from amp.testing.nemesis.stage import Stage
from amp.testing.nemesis.strikes import Striker
from amp.testing.nemesis.wire import Lost, Unsent

_RECOVERY = 60.0
_WRITERS = 3
_DEPLOYERS = 2
_DRAIN = 150.0  # seconds that deployments have to come to their end when the last round is over


@dataclass(frozen=True, slots=True)
class Round:
    """What a round was. `gap`: the longest time in it without an acknowledged write; `lasted`: the fault; s."""

    number: int
    fault: Fault
    gap: float
    lasted: float
    term: int
    changed: bool  # somebody else leads, or the same one anew

    def __str__(self) -> str:
        now = f"term {self.term}{'' if self.changed else ' (as before)'}"
        return f"{self.number:4}  {self.fault!s:34} {self.lasted:5.1f} s   unavailable {self.gap:6.2f} s   {now}"


class Campaign:
    """One campaign on a stage. `peace`: least and most seconds between two faults."""

    def __init__(
        self,
        stage: Stage,
        recorder: Recorder,
        clock: Clock,
        seed: int,
        tell: Callable[[str], None],
        peace: tuple[float, float] = (0.3, 1.5),
    ) -> None:
        self._peace = peace
        self._stage, self._recorder, self._clock, self._tell = stage, recorder, clock, tell
        self._scene = Scene(stage.servers, recorder, random.Random(f"clients {seed}"), clock)
        self._draw = random.Random(f"targets {seed}")
        self._striker = Striker(stage, self._scene, clock, self._draw, self._start_all, self._stop)
        self._acts = stage.folder / "acts"
        self._box = stage.folder / "box"
        self.rounds: list[Round] = []

    @property
    def failovers(self) -> int:
        """How often the office was taken after the first time."""
        return max(0, len(self._scene.terms) - 1)

    @property
    def so_far(self) -> str:
        """What was done and seen until now, in a line."""
        scene = self._scene
        return f"{len(self.rounds)} rounds, {self.failovers} failovers, {len(scene.acked)} acknowledged writes, " + (
            f"{scene.deployed} deployments"
        )

    async def play(
        self, faults: Iterable[Fault], enough: Callable[[], bool] = lambda: False, *beside: Coroutine[None, None, None]
    ) -> Journal:
        """Play all rounds, or until it is enough; `beside` runs beside them. Answers the journal.

        Raises: AmpError, when the stage itself fails."""
        try:
            for server in self._stage.servers:
                if problem := await self._start(server):
                    raise Unavailable(f"{server.run} did not start: {problem}")
            loop = await self._set_up()
            async with asyncio.TaskGroup() as group:
                work = [group.create_task(each) for each in (*self._clients(loop), *beside)]
                deployers = [group.create_task(each) for each in self._deployers()]
                try:
                    for number, fault in enumerate(faults, 1):
                        if not await self._round(number, fault) or enough():
                            break
                    self._scene.closing = True
                    _, late = await asyncio.wait(deployers, timeout=_DRAIN)
                    if late:
                        self._scene.odd(f"deployments are still under way {_DRAIN:g} s after the end", self._now())
                finally:
                    for task in (*work, *deployers):
                        task.cancel()
        except ExceptionGroup as problems:
            raise problems.exceptions[0] from None
        finally:
            self._striker.calm()
            await self._end()
        if self._acts.exists():
            for act in parse_acts(self._acts.read_text(errors="replace")):
                self._recorder.add(act)
        self._look_at_logs()
        objects = open_store(self._stage.place)
        try:
            return await read_journal(objects)
        finally:
            await objects.close()

    def _clients(self, loop: tuple[str, str]) -> Iterable[Coroutine[None, None, None]]:
        scene = self._scene
        yield from (clients.write(scene) for _ in range(_WRITERS))
        yield from (clients.look(scene, server) for server in self._stage.servers)
        yield from (clients.read(scene, server) for server in self._stage.servers)
        yield clients.restart(scene, *loop)

    def _deployers(self) -> Iterable[Coroutine[None, None, None]]:
        box, acts = str(self._box), str(self._acts)
        yield from (deployments.deploy(self._scene, who, box, acts) for who in range(1, _DEPLOYERS + 1))

    async def _set_up(self) -> tuple[str, str]:
        """Deploy what clients write to, and what is restarted; answers the latter."""
        link = self._stage.servers[0].link()
        places = {"box": self._box, "acts": self._acts}
        for name in ("loop", "still"):
            text = clients.BLUEPRINT.format(name=name, period="250ms", **places)
            answer = await link.ask("POST", "applications", text.encode(), kind="application/x-yaml", limit=20)
            if answer.status != 201:
                raise Unavailable(f"the first deployment was answered {answer.status} {answer.body!r}")
            app = json.loads(answer.body)["entityId"]
            for _ in range(100):
                state = await link.ask("GET", f"applications/{app}/entities/{app}/sensors/service.state")
                if state.body == b'"RUNNING"':
                    break
                await asyncio.sleep(0.1)
            children = json.loads((await link.ask("GET", f"applications/{app}/entities/{app}/children")).body)
            self._scene.entities.append((app, children[0]["id"]))
        link.close()
        return self._scene.entities[0]

    # ---- a round

    async def _round(self, number: int, fault: Fault) -> bool:
        await asyncio.sleep(self._draw.uniform(*self._peace))  # clients get on
        leader = self._scene.master or self._stage.servers[0]
        term = self._term()
        began = self._now()
        self._recorder.add(FaultRecord(number, f"{fault} on {leader.run}", began))
        await self._striker.strike(fault, leader)
        self._striker.calm()
        lifted = self._now()
        self._recorder.add(FaultRecord(number, "over", lifted))
        problem = await self._recovered(lifted)
        ended = self._now()
        self._recorder.add(FaultRecord(number, "whole", ended))
        self._recorder.flush()
        acked = self._scene.acked
        times = [began, *acked[bisect_left(acked, began) :], ended]
        gap = max(later - earlier for earlier, later in itertools.pairwise(times))
        self.rounds.append(Round(number, fault, gap, lifted - began, self._term(), self._term() != term))
        self._tell(str(self.rounds[-1]))
        if number % 10 == 0:
            self._tell(f"      so far: {self.so_far}")
        if problem:
            self._scene.odd(f"round {number} ({fault}): {problem}", ended)
        return not problem

    async def _recovered(self, lifted: float) -> str:
        """Wait until the plane is whole again; answers an empty text, or what is wrong."""
        await self._start_all()
        end = self._now() + _RECOVERY
        while self._now() < end:
            await asyncio.sleep(0.05)
            said = [self._scene.states.get(server.run, ("silent", 0)) for server in self._stage.servers]
            states = [state for state, _ in said]
            # An ex-leader that has not heard of its successor says HOT_STANDBY, too: of an earlier term.
            one_term = len({term for _, term in said}) == 1
            whole = one_term and sorted(states) == ["HOT_STANDBY"] * (len(states) - 1) + ["MASTER"]
            acked = self._scene.acked
            if whole and len(acked) - bisect_left(acked, lifted) >= 5:
                return ""
            gone = [server.run for server in self._stage.servers if server.pid() is None]
            if gone:
                return f"ended by itself: {', '.join(gone)}"
        return f"not whole again after {_RECOVERY:g} s: {', '.join(states)}"

    # ---- servers

    async def _start_all(self) -> None:
        down = [server for server in self._stage.servers if server.pid() is None]
        problems = await asyncio.gather(*(self._start(server) for server in down))
        for server, problem in zip(down, problems, strict=True):
            if problem:
                self._scene.odd(f"{server.run} did not start: {problem}", self._now())

    async def _start(self, server: Server) -> str:
        """Start a server; answers an empty text, or why that did not work."""
        if problem := await server.start():
            return problem
        link = server.link()
        try:
            answer = await link.ask("GET", "server/ha/states", limit=5.0)
            self._recorder.add(Life(server.run, json.loads(answer.body)["ownId"], self._now()))
        except (Unsent, Lost) as problem_:
            return f"it started and did not answer: {problem_!r}"
        finally:
            link.close()
        return ""

    async def _stop(self, server: Server) -> None:
        problem = await server.stop()
        if problem:
            self._scene.odd(f"{server.run} did not stop well: {problem}", self._now())

    async def _end(self) -> None:
        for server in self._stage.servers:
            server.send(signal.SIGCONT)
            if server.pid() is not None:
                try:
                    await asyncio.wait_for(self._stop(server), 20)
                except TimeoutError:
                    await server.kill()
        end_strays(self._box)

    def _look_at_logs(self) -> None:
        for server in self._stage.servers:
            log = server.log()
            if (at := log.find("Traceback")) >= 0:
                self._scene.odd(f"a traceback in the log of {server.path.name}: {log[at : at + 3000]}", self._now())

    def _term(self) -> int:
        return max((term for _, term in self._scene.states.values()), default=0)

    def _now(self) -> float:
        return self._clock.read().raw
