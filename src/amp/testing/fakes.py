"""Fakes of the plane and of machines, for tests of what acts: all in memory, all of it recorded.

`FakePlane` is recorder and views at once: what is committed or observed is applied and sent to followers at once.
`FakeMachine` runs nothing; it answers scripts from a table, and has processes that tests start and kill.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from amp.kit.errors import Fenced
from amp.kit.ids import EntityId, Entropy
from amp.model.changes import AnyChange
from amp.model.entity import Entity, Location
from amp.model.model import Model
from amp.plane.views import Event, HaState, HaStatus, StoreMetrics
from amp.remote.attach import Command, Progress, Standing
from amp.remote.machine import Machine, Process, Result


def seeded_entropy(seed: int = 1) -> Entropy:
    """Give bytes that are the same at every run, and never the same twice."""
    state = seed

    def draw(count: int) -> bytes:
        nonlocal state
        drawn = bytearray()
        for _ in range(count):
            state = (state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
            drawn.append(state >> 56)
        return bytes(drawn)

    return draw


class FakePlane:
    """A recorder and the views of what it recorded. Set `leading` False to fence it.

    `fail_after`: it is fenced once so many commits were made, in the middle of whatever goes on.
    """

    def __init__(self, model: Model | None = None) -> None:
        self.model = model or Model()
        self.seq = 0
        self.leading = True
        self.fail_after: int | None = None
        self.commits: list[list[AnyChange]] = []
        self.observed: list[list[AnyChange]] = []
        self.blobs: dict[str, bytes] = {}
        self._followers: set[asyncio.Queue[Event]] = set()

    async def commit(self, changes: Sequence[AnyChange]) -> int:
        """Apply Changes and remember them as one commit. Raises: Fenced, when not leading."""
        return await self.submit(changes)

    def submit(self, changes: Sequence[AnyChange]) -> asyncio.Future[int]:
        """Commit, soon: also where nobody waits for it any more."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[int] = loop.create_future()
        loop.call_soon(self._commit, list(changes), done)
        return done

    def _commit(self, changes: list[AnyChange], done: asyncio.Future[int]) -> None:
        if not self.leading:
            if not done.done():
                done.set_exception(Fenced("this node does not lead"))
            return
        self.commits.append(changes)
        self._apply(changes)
        if self.fail_after is not None and len(self.commits) >= self.fail_after:
            self.leading = False
        if not done.done():
            done.set_result(self.seq)

    def observe(self, changes: Sequence[AnyChange]) -> None:
        """Apply what was seen; nothing when not leading."""
        if self.leading:
            self.observed.append(list(changes))
            self._apply(changes)

    def may_act(self) -> bool:
        """True while leading."""
        return self.leading

    async def events(self) -> AsyncIterator[Event]:
        """Follow what is applied from now on."""
        queue: asyncio.Queue[Event] = asyncio.Queue()
        self._followers.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._followers.discard(queue)

    @property
    def term(self) -> int:
        """Always the first."""
        return 1

    async def blob(self, sha: str) -> bytes | None:
        """Answer from `blobs`."""
        return self.blobs.get(sha)

    async def confirm(self, timeout: float) -> None:
        """Raises: Fenced, when not leading."""
        if not self.leading:
            raise Fenced("this node does not lead")

    def ha(self) -> HaStatus:
        """Not played here."""
        raise NotImplementedError("this fake has no members; amp.testing.views has")

    def ha_state(self) -> HaState:
        """Not played here."""
        raise NotImplementedError("this fake has no members; amp.testing.views has")

    def store_metrics(self) -> StoreMetrics:
        """Not played here."""
        raise NotImplementedError("this fake has no store; amp.testing.views has")

    async def wait_for(self, seq: int, timeout: float) -> bool:
        """True when that much is applied; nothing is ever under way here."""
        return self.seq >= seq

    def gap(self) -> None:
        """Tell followers that they have missed something."""
        for queue in self._followers:
            queue.put_nowait(Event("model", self.seq, None))

    def entity(self, name: str) -> Entity:
        """Answer the one entity of that display name."""
        found = [entity for entity in self.model.entities.values() if entity.name == name]
        assert len(found) == 1, f"{len(found)} entities are named {name}"
        return found[0]

    def sensor(self, entity: EntityId, name: str) -> Any:
        """Answer the value of a sensor, None when it has none."""
        return self.model.entities[entity].sensors.get(name)

    def changes(self) -> list[AnyChange]:
        """Answer all committed Changes in order."""
        return [change for commit in self.commits for change in commit]

    def _apply(self, changes: Sequence[AnyChange]) -> None:
        for change in changes:
            self.model.apply(change)
        self.seq += 1
        for queue in self._followers:
            queue.put_nowait(Event("model", self.seq, list(changes)))


@dataclass
class FakeMachine:
    """A machine without an inside. `answers`: script to what happens; scripts that are not named succeed.

    An answer is a Result or a function of the environment that gives one. `held`: scripts that wait for `release`.
    """

    answers: dict[str, Result | Callable[[FakeMachine, Mapping[str, str]], Result]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    processes: dict[int, Process] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)
    signals: list[tuple[int, str]] = field(default_factory=list)
    ignores_term: bool = False
    held: set[str] = field(default_factory=set)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    address: str = "127.0.0.1"
    hostname: str = "127.0.0.1"
    user: str = "tester"
    ticks: int = 100
    host: str = "fake"
    terms: dict[str, int] = field(default_factory=dict)
    commands: dict[str, Command] = field(default_factory=dict)
    standings: dict[str, Progress] = field(default_factory=dict)
    killed: set[str] = field(default_factory=set)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def launch(self, pid_file: str, pid: int = 0) -> Process:
        """Start a process and write its pid file."""
        self.ticks += 1
        process = Process(pid or 1000 + self.ticks, self.ticks)
        self.processes[process.pid] = process
        self.files[pid_file] = f"{process.pid}\n".encode()
        return process

    async def run(self, script: str, *, env: Mapping[str, str], cwd: str | None, timeout: float) -> Result:
        """Answer from the table."""
        self.ran.append(script)
        await asyncio.sleep(0)
        if script in self.held:
            await self.release.wait()
        answer = self.answers.get(script, Result(0, "", ""))
        return answer if isinstance(answer, Result) else answer(self, env)

    async def start_command(self, command: Command) -> None:
        """Begin what `run` would run; it goes on whoever watches. A smaller term than one seen is refused."""
        await asyncio.sleep(0)
        largest = self.terms.get(command.plane, 0)
        if command.id in self.standings:
            return
        if largest > command.term:
            self.standings[command.id] = Progress(Standing.VOID, largest)
            return
        self.ran.append(command.script)
        self.commands[command.id] = command
        self.standings[command.id] = Progress(Standing.RUNNING, command.term)

    async def void_command(self, id: str, term: int) -> None:
        """Decide that it never runs, where nothing is decided."""
        self.standings.setdefault(id, Progress(Standing.VOID, term))

    async def watch_command(self, id: str, offsets: tuple[int, int], wait: float) -> Progress:
        """Answer how it is; one that is held is waited for."""
        await asyncio.sleep(0)
        progress = self.standings.get(id, Progress(Standing.UNDECIDED))
        if progress.standing is Standing.RUNNING:
            command = self.commands[id]
            while wait and command.script in self.held and not self.release.is_set() and id not in self.killed:
                self.news.clear()
                waits = [asyncio.ensure_future(each.wait()) for each in (self.release, self.news)]
                try:
                    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for each in waits:
                        each.cancel()
            if command.script not in self.held or self.release.is_set():
                self._come_to_its_end(id, command)
            progress = self.standings[id]
        out, err = progress.stdout[offsets[0] :], progress.stderr[offsets[1] :]
        return replace(progress, stdout=out, stderr=err)

    async def kill_command(self, id: str) -> None:
        """End it, if it runs."""
        progress = self.standings.get(id)
        if progress is not None and progress.standing is Standing.RUNNING:
            self.killed.add(id)
            self.standings[id] = Progress(Standing.ENDED, progress.term)
            self.news.set()

    async def forget_command(self, id: str) -> None:
        """Forget what is kept of it, but for what was decided."""
        self.commands.pop(id, None)

    async def raise_term(self, plane: str, term: int) -> None:
        """Refuse smaller terms from now on."""
        self.terms[plane] = max(term, self.terms.get(plane, 0))

    def _come_to_its_end(self, id: str, command: Command) -> None:
        known = self.standings[id]
        if known.standing is Standing.RUNNING:
            answer = self.answers.get(command.script, Result(0, "", ""))
            result = answer if isinstance(answer, Result) else answer(self, command.env)
            self.standings[id] = Progress(
                Standing.ENDED, known.term, result.exit, False, result.stdout.encode(), result.stderr.encode()
            )

    async def read_file(self, path: str) -> bytes | None:
        """Read a file; None when there is none."""
        return self.files.get(path)

    async def write_file(self, path: str, data: bytes) -> None:
        """Write a file as a whole."""
        self.files[path] = data

    async def delete_file(self, path: str) -> None:
        """Delete a file; no error when there is none."""
        self.files.pop(path, None)

    async def make_private(self, directory: str) -> None:
        """Do nothing: there are no directories here."""

    async def find_process(self, pid_file: str) -> Process | None:
        """Answer the live process that a pid file names."""
        text = self.files.get(pid_file)
        return self.processes.get(int(text)) if text else None

    async def signal(self, process: Process, name: str) -> bool:
        """End the process, unless it ignores TERM."""
        self.signals.append((process.pid, name))
        if self.processes.get(process.pid) != process:
            return False
        if name == "KILL" or not self.ignores_term:
            del self.processes[process.pid]
        return True


def only(machine: Machine, base: str = "/onbox") -> Callable[[Location], tuple[Machine, str]]:
    """Give this machine for every location."""
    return lambda location: (machine, base)
