"""Does to a stage what a fault says: signals to processes, moods to proxies, no room on a disk, steps of wall clocks.

`strike` returns when what was done to processes is undone, but for those that were ended while the store errs; the
store and the clocks are made well again by `Stage.calm`, and who ended is started by the campaign.
"""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable

from amp.kit.clock import Clock
from amp.testing.nemesis import clients
from amp.testing.nemesis.clients import Scene
from amp.testing.nemesis.faults import Fault
from amp.testing.nemesis.history import Step, Thaw
from amp.testing.nemesis.servers import Server
from amp.testing.nemesis.stage import Stage
from amp.testing.nemesis.wire import Lost, Unsent

_KNOCKS = 6
_OTHERS_FREEZE = ("kill and freeze", "stop, freeze")
_PROMOTED = 20.0  # seconds that a promotion may take until it is answered
_AFTER_THAW = 1.0  # seconds in which a node acts before it can learn that it was replaced


class Striker:
    """Strikes. `start_all` starts who is down; `stop` stops a server cleanly."""

    def __init__(
        self,
        stage: Stage,
        scene: Scene,
        clock: Clock,
        draw: random.Random,
        start_all: Callable[[], Awaitable[None]],
        stop: Callable[[Server], Awaitable[None]],
    ) -> None:
        self._stage, self._scene, self._clock, self._draw = stage, scene, clock, draw
        self._start_all, self._stop = start_all, stop

    async def strike(self, fault: Fault, leader: Server) -> None:
        """Do what the fault says, for as long as it says."""
        self._strike_store(fault, leader)
        if fault.step:
            self._step(fault.step, self._stage.servers if fault.widely else [leader])
        if "," in fault.kind or fault.mood is not None:
            await asyncio.sleep(self._draw.uniform(0.0, 0.5))
        others = [server for server in self._stage.servers if server is not leader]
        victim = self._draw.choice(others) if fault.kind in _OTHERS_FREEZE else leader
        for server in self._killed(fault, leader, others):
            await server.kill()
        if "freeze" in fault.kind or fault.kind == "blink":
            victim.send(signal.SIGSTOP)
        if "stop" in fault.kind:
            await self._stop(leader)
        if fault.kind == "promote":
            await self._promote(self._draw.choice(others))
        if "kill" in fault.kind or "stop" in fault.kind:
            await asyncio.sleep(fault.back)
            if not fault.strikes_store:  # else no start is expected to succeed
                await self._start_all()
        if fault.holds:
            await asyncio.sleep(fault.hold * self._stage.timeout)
        if victim.frozen:
            await self._thaw(victim)
            await asyncio.sleep(_AFTER_THAW)

    def calm(self) -> None:
        """End all that is done to the store and to clocks."""
        self._stage.calm()
        self._step(0.0, [server for server in self._stage.servers if server.wall.ahead])

    async def _promote(self, server: Server) -> None:
        """Ask a standby to lead, as an operator does, and wait for what it says."""
        link = server.link()
        form, anywhere = "application/x-www-form-urlencoded", "Brooklyn-Allow-Non-Master-Access: true\r\n"
        try:
            answer = await link.ask(
                "POST", "server/ha/state", b"mode=MASTER", kind=form, limit=_PROMOTED, more=anywhere
            )
            if answer.status not in (200, 503):  # it may say that it has not come to pass, and to look and ask again
                self._scene.odd(f"{server.run} was promoted and said {answer.status} {answer.body!r}", link.now())
        except (Unsent, Lost) as problem:
            self._scene.odd(f"{server.run} was promoted and did not answer: {problem!r}", link.now())
        finally:
            link.close()

    def _killed(self, fault: Fault, leader: Server, others: list[Server]) -> list[Server]:
        if fault.kind == "kill all":
            return [leader, *others]
        if fault.kind == "kill two":
            return [leader, self._draw.choice(others)]
        return [leader] if "kill" in fault.kind else []

    def _strike_store(self, fault: Fault, leader: Server) -> None:
        disk = self._stage.disk
        if disk is not None and "disk full" in fault.kind:
            disk.fill()
        if disk is not None and "disk read-only" in fault.kind:
            disk.close()
        if fault.mood is not None:
            for server in self._stage.servers if fault.widely else [leader]:
                proxy = self._stage.proxies[server.path.name]
                proxy.turn(fault.mood, share=fault.share, delay=self._draw.uniform(0.2, 1.5))

    def _step(self, ahead: float, servers: list[Server]) -> None:
        for server in servers:
            server.wall.step(ahead)
            self._scene.recorder.add(Step(server.path.name, self._clock.read().wall, ahead))

    async def _thaw(self, server: Server) -> None:
        async with asyncio.TaskGroup() as group:
            doors = [asyncio.Event() for _ in range(_KNOCKS)]
            for door in doors:
                group.create_task(clients.knock(self._scene, server, door))
            for door in doors:
                await door.wait()
            self._scene.recorder.add(Thaw(server.run, self._clock.read().wall))
            server.send(signal.SIGCONT)
