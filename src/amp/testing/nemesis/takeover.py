"""How long writes are away, and whether reads ever are, when a leader of many entities is killed: two nodes, kill -9.

The rule: a round fails when the first write after the kill is acknowledged later than time-out + poll + `SLACK`, when
one read of the standby fails or takes longer than `SLOW`, or when what was acknowledged is not in the journal. The
killed node is started again and is the standby of the next round.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field

from amp.kit.clock import Clock
from amp.kit.errors import Unavailable
from amp.store.open import open_store
from amp.testing.nemesis.checker import judge
from amp.testing.nemesis.clients import outcome_of
from amp.testing.nemesis.history import DONE, FAILED, PREFIX, UNKNOWN, Recorder, Write, read_journal
from amp.testing.nemesis.servers import Server
from amp.testing.nemesis.stage import Stage
from amp.testing.nemesis.wire import Link, Lost, Unsent

SLACK = 0.5  # seconds beyond time-out and poll
SLOW = 0.5  # seconds that a read may take at most
_READ_PAUSE, _WRITE_PAUSE = 0.03, 0.02
_PATIENCE = 0.5
_SETTLED = 60.0
_PEACE = 2.0
_BATCH = 1000  # entities in one blueprint


@dataclass(frozen=True, slots=True)
class Kill:
    """One round. `away`: from the kill to the first acknowledged write after it; `slowest` read; all in seconds."""

    number: int
    away: float
    reads: int
    slowest: float
    failed: tuple[str, ...]

    def broken(self, bound: float) -> list[str]:
        """Tell what was promised and not kept; writes may be away for `bound` seconds."""
        found = [f"a read of the standby was {each}" for each in self.failed]
        if self.away > bound:
            found.append(f"writes were away for {self.away:.2f} s, and {bound:.2f} s were promised")
        if self.slowest > SLOW:
            found.append(f"a read of the standby took {self.slowest:.2f} s")
        if not self.reads:
            found.append("nobody read")
        return [f"round {self.number}: {each}" for each in found]


@dataclass(slots=True)
class _Seen:
    acked: list[tuple[float, float]] = field(default_factory=list)  # began, ended
    reads: list[tuple[float, float]] = field(default_factory=list)  # began, took
    failed: list[str] = field(default_factory=list)
    killed: float = float("inf")
    back: asyncio.Event = field(default_factory=asyncio.Event)  # a write that began after the kill was acknowledged


class Takeovers:
    """Kills leaders on a stage of two. `bound`: seconds that writes may be away."""

    def __init__(
        self, stage: Stage, recorder: Recorder, clock: Clock, entities: int, poll: float, tell: Callable[[str], None]
    ) -> None:
        self._stage, self._recorder, self._clock, self._tell = stage, recorder, clock, tell
        self._entities = entities
        self._numbers = itertools.count(1)
        self.bound = stage.timeout + poll + SLACK
        self.kills: list[Kill] = []
        self.broken: list[str] = []

    async def play(self, rounds: int) -> None:
        """Play all rounds; what is wrong is in `broken`. Raises: Unavailable, when the stage itself fails."""
        try:
            leader, standby = self._stage.servers
            for server in (leader, standby):
                if problem := await server.start():
                    raise Unavailable(f"{server.run} did not start: {problem}")
            await self._becomes(leader, "MASTER")
            entity = await self._fill(leader)
            for number in range(1, rounds + 1):
                await self._caught_up(leader, standby)
                await self._round(number, leader, standby, entity)
                leader, standby = standby, leader
                if problem := await standby.start():
                    raise Unavailable(f"{standby.run} did not start again: {problem}")
        finally:
            for server in self._stage.servers:
                if server.pid() is not None:
                    await server.stop()
        objects = open_store(self._stage.place)
        try:
            verdict = judge(self._recorder.records, await read_journal(objects))
        finally:
            await objects.close()
        self.broken += [str(each) for each in verdict.violations]

    async def _fill(self, leader: Server) -> str:
        """Deploy entities; answers the path of one."""
        link, path, began = leader.link(), "", self._now()
        for first in range(0, self._entities, _BATCH):
            count = min(_BATCH, self._entities - first)
            child = "- type: org.apache.brooklyn.entity.stock.BasicEntity\n"
            text = f"name: many-{first}\nservices:\n" + child * count
            answer = await link.ask("POST", "applications", text.encode(), kind="application/x-yaml", limit=60)
            if answer.status != 201:
                raise Unavailable(f"{count} entities were answered {answer.status} {answer.body[:300]!r}")
            app = json.loads(answer.body)["entityId"]
            path = f"applications/{app}/entities/{app}"
        link.close()
        self._tell(f"{self._entities} entities deployed in {self._now() - began:.1f} s")
        return path

    async def _round(self, number: int, leader: Server, standby: Server, path: str) -> None:
        seen, ended = _Seen(), asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._write((leader, standby), path, seen, ended))
            group.create_task(self._read(standby, path, seen, ended))
            await asyncio.sleep(_PEACE)
            killed = self._now()
            seen.killed = killed
            await leader.kill()
            async with asyncio.timeout(_SETTLED):
                await seen.back.wait()
            await asyncio.sleep(_PEACE)
            ended.set()
        back = next(now for began, now in seen.acked if began > killed)
        slowest = max((took for _, took in seen.reads), default=0.0)
        kill = Kill(number, back - killed, len(seen.reads), slowest, tuple(seen.failed))
        self.kills.append(kill)
        self.broken += kill.broken(self.bound)
        self._tell(
            f"{number:4}  kill -9: writes back after {kill.away:.2f} s, "
            f"{kill.away - self._stage.timeout:+.2f} s beyond the time-out (bound {self.bound:.2f} s); "
            f"{kill.reads} reads of the standby, {len(kill.failed)} failed, slowest {slowest * 1000:.0f} ms"
        )

    async def _write(self, servers: tuple[Server, ...], path: str, seen: _Seen, ended: asyncio.Event) -> None:
        links = [server.link() for server in servers]
        entity, at = path.rpartition("/")[2], 0
        while not ended.is_set():
            value, sensor = next(self._numbers), f"{PREFIX}0"
            body, run, began = json.dumps({sensor: value}).encode(), servers[at].run, self._now()
            status, seq, term, outcome = 0, 0, 0, UNKNOWN
            try:
                answer = await links[at].ask("POST", f"{path}/sensors", body, limit=_PATIENCE)
                status, seq, term, outcome = answer.status, answer.seq, answer.term, outcome_of(answer)
            except Unsent:
                outcome = FAILED
            except Lost:
                pass
            now = self._now()
            self._recorder.add(Write(value, entity, sensor, run, began, now, outcome, status, seq, term))
            if outcome == DONE:
                seen.acked.append((began, now))
                if began > seen.killed:
                    seen.back.set()
            else:
                at = (at + 1) % len(links)
            await asyncio.sleep(_WRITE_PAUSE)
        _close(links)

    async def _read(self, server: Server, path: str, seen: _Seen, ended: asyncio.Event) -> None:
        link = server.link()
        while not ended.is_set():
            began = self._now()
            try:
                answer = await link.ask("GET", f"{path}/sensors/current-state", limit=_SETTLED)
            except (Unsent, Lost) as problem:
                seen.failed.append(f"not answered: {type(problem).__name__}")
            else:
                if answer.status != 200:
                    seen.failed.append(f"answered {answer.status} {answer.body[:200]!r}")
            seen.reads.append((began, self._now() - began))
            await asyncio.sleep(_READ_PAUSE)
        _close([link])

    async def _becomes(self, server: Server, state: str) -> None:
        link, end = server.link(), self._now() + _SETTLED
        while True:
            try:
                if json.loads((await link.ask("GET", "server/ha/state")).body) == state:
                    break
            except (Unsent, Lost):
                pass
            if self._now() > end:
                raise Unavailable(f"{server.run} is not {state} after {_SETTLED:g} s")
            await asyncio.sleep(_READ_PAUSE)
        _close([link])

    async def _caught_up(self, leader: Server, standby: Server) -> None:
        """Wait until the standby has all that the leader has."""
        await self._becomes(standby, "HOT_STANDBY")
        links, end = (leader.link(), standby.link()), self._now() + _SETTLED
        while True:
            one, other = [await link.ask("GET", "server/ha/state", limit=10.0) for link in links]
            if other.seq >= one.seq > 0:
                break
            if self._now() > end:
                raise Unavailable(f"{standby.run} is at segment {other.seq}, {leader.run} at {one.seq}")
            await asyncio.sleep(_READ_PAUSE)
        _close(links)

    def _now(self) -> float:
        return self._clock.read().raw


def _close(links: list[Link] | tuple[Link, ...]) -> None:
    for link in links:
        link.close()
