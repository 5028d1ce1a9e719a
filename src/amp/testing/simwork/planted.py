"""Bugs to plant, by name. Each breaks a rule of durable work; a simulator that does not notice cannot be trusted.

A bug is a function put in the place of a real one for as long as a story plays. Each says within how many seeds it must
be caught; `tests/simwork` holds it to that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from amp.entities.shell import Shell
from amp.entities.surroundings import Surroundings
from amp.kit.ids import TaskId
from amp.model.changes import AnyChange, RequestAnswered, StepStarted
from amp.model.entity import Step, Task
from amp.plane import leader, takeover
from amp.plane.journaling import Journaling
from amp.plane.takeover import Takeover
from amp.tasks.attempt import Attempt, Interrupted
from amp.tasks.run import Body, Run
from amp.tasks.runner import Runner
from amp.tasks.step import RUNNING, VOID, Ended
from amp.tasks.task import CANCELLED, INTERRUPTED


@dataclass(frozen=True)
class Planted:
    """A bug: within how many `seeds` from `first` on it must be caught, and the `places` to put it.

    `first`: of a bug that one seed in a hundred notices, CI plays those that do. `checks_first`: a `Target` has it.
    """

    what: str
    seeds: int
    places: Mapping[tuple[Any, str], Any] = field(default_factory=dict)
    checks_first: bool = False
    first: int = 1

    @contextmanager
    def grown(self) -> Iterator[None]:
        """Have the bug."""
        before = {(owner, name): getattr(owner, name) for owner, name in self.places}
        try:
            for (owner, name), bug in self.places.items():
                setattr(owner, name, bug)
            yield
        finally:
            for (owner, name), real in before.items():
                setattr(owner, name, real)


_MADE, _SHELL_END, _SHELL_BEGIN = Attempt.made, Shell.end, Shell.begin


async def _reruns(self: Attempt) -> Ended:
    known = self._known
    if known is not None and known.status == RUNNING:
        return await self._fresh([self._end(known.id, VOID)])
    return await _MADE(self)


async def _acts_first(self: Attempt, before: Sequence[AnyChange]) -> Ended:
    traits, id = self._act.traits, self._office.new_id()
    await self._act.begin(id)
    begun = StepStarted(
        self._run.task, id, traits.kind, self._office.node, self._office.term, self._office.now_ms(),
        traits.host, traits.turn, dict(traits.env), traits.on_interrupt,
    )  # fmt: skip
    await self._run.commit([*before, begun])
    return await self._followed(id, Step(id, traits.kind))


async def _commits_apart(self: Run, changes: Sequence[AnyChange]) -> None:
    if changes:
        await self._office.recorder.commit(changes)
    told, then = list(self._pending.changes), list(self._pending.then)
    if told:
        # The beginnings among them first: they are what the body waits for.
        await self._office.recorder.commit(
            sorted(told, key=lambda change: not type(change).__name__.endswith("Started"))
        )
    del self._pending.changes[: len(told)], self._pending.then[: len(then)]
    for each in then:
        self._office.later(each)


async def _once_again(self: Attempt, id: str, ended: Ended) -> Ended:
    return await self._fresh([self._end(id, INTERRUPTED, ended)] if id else [])


async def _not_marked(self: Attempt, id: str, ended: Ended) -> Ended:
    raise Interrupted(f"{self._run.order.name} was interrupted: {ended.why}")


async def _reads_on_from_now(self: Shell, id: str, step: Step | None) -> Ended:
    if step is not None and self._elsewhere(step) is None:
        now = await self._at.machine.watch_command(id, (0, 0), 0.0)
        self._streams.stdout.size, self._streams.stderr.size = len(now.stdout), len(now.stderr)
    return await _SHELL_END(self, id, step)


async def _keeps_streams(self: Shell, id: str) -> None:
    streams = self._streams
    begun = asyncio.ensure_future(_SHELL_BEGIN(self, id))
    await asyncio.sleep(0)
    self._streams = streams
    await begun


async def _goes_by_the_wall(self: Shell, id: str, step: Step | None) -> Ended:
    if step is not None:
        self._limit -= (self._around.now_ms() - step.begun_ms) / 1000
    return await _SHELL_END(self, id, step)


def _forgets_the_question(self: Attempt, tried: str) -> str | None:
    return None


def _tells_nobody(self: Runner, task: TaskId | None) -> None:
    """Keep what was answered to the journal."""


def _always(self: Run) -> None:
    """Ask nobody."""


async def _leaves_it(self: Attempt, id: str) -> None:
    self._run.tell([self._end(id, CANCELLED)])


async def _answers_early(self: Journaling, changes: Sequence[AnyChange]) -> int:
    waiting = asyncio.ensure_future(_COMMIT(self, changes))
    waiting.add_done_callback(lambda done: done.cancelled() or done.exception())
    await asyncio.sleep(0)
    return 0


async def _key_after_work(self: Journaling, changes: Sequence[AnyChange]) -> int:
    keys = [change for change in changes if isinstance(change, RequestAnswered)]
    seq = await _COMMIT(self, [change for change in changes if change not in keys])
    return await _COMMIT(self, keys) if keys else seq


_COMMIT = Journaling.commit


def _forgets_early(self: Run, changes: Sequence[AnyChange], then: Callable[[], Awaitable[None]] | None = None) -> None:
    self._pending.changes += changes
    if then is not None:
        self._office.later(then)


def _forgets_void(self: Attempt, id: str, ended: Ended) -> None:
    self._tell(id, VOID, ended)


def _gives_up(self: Takeover, task: Task) -> Body | None:
    return None


def _reserves_nothing(around: Surroundings, wholes: Sequence[Task]) -> None:
    """Let anybody go first."""


async def _raises_no_term(self: Surroundings, machine: Any, base: str) -> None:
    """Leave the fence as it is."""


async def _goes_on_at_once(self: Runner) -> None:
    while not self._office.recorder.may_act():
        await self._sleep(0.2)
    parked: dict[TaskId, Body] = dict(self._parked)
    self._parked.clear()
    self._go_on(parked)


PLANTED: Mapping[str, Planted] = {
    "rerun": Planted("a successor runs an act again without resolving its verdict", 5, {(Attempt, "made"): _reruns}),
    "check-then-start": Planted(
        "the wrapper looks at the verdict and then starts, in place of one atomic create", 15, checks_first=True
    ),
    "act-first": Planted(
        "the start of a step is committed after the act", 5, {(Attempt, "_fresh"): _acts_first}
    ),
    "two-commits": Planted(
        "the end of a step is committed after the start of the next one", 5, {(Run, "commit"): _commits_apart}
    ),
    "once-again": Planted(
        "an act whose end is unknown is always tried again", 12, {(Attempt, "_once_more"): _once_again}
    ),
    "not-marked": Planted(
        "an act that was interrupted is not marked so", 5, {(Attempt, "_once_more"): _not_marked}
    ),
    "question-forgotten": Planted(
        "that something is asked, or was answered, is forgotten at a failover", 12,
        {(Attempt, "_question"): _forgets_the_question},
    ),
    "answer-unheard": Planted(
        "who waits for an answer does not hear of it", 6, {(Runner, "heard"): _tells_nobody}
    ),
    "stream-offset": Planted(
        "a successor reads the streams on from where they are now", 15, {(Shell, "end"): _reads_on_from_now}
    ),
    "stream-kept": Planted(
        "another try reads on from where the first one's streams were", 30, {(Shell, "begin"): _keeps_streams}
    ),
    "wall-clock": Planted(
        "a command's time is counted by the wall clocks of two nodes", 15, {(Shell, "end"): _goes_by_the_wall}
    ),
    "no-lease": Planted("nobody asks for the right to act", 15, {(Run, "may_act"): _always}),
    "cancel-leaves": Planted("a cancelled command goes on", 15, {(Attempt, "_stopped"): _leaves_it}),
    "early-answer": Planted("a commit is answered before it is durable", 5, {(Journaling, "commit"): _answers_early}),
    "early-forget": Planted(
        "what is kept of a command is removed before its end is durable", 5, {(Run, "tell"): _forgets_early}
    ),
    "void-forgotten": Planted(
        "that a command is void is forgotten, and its request arrives later", 40, {(Attempt, "_void"): _forgets_void}
    ),
    "no-takeover": Planted("a new leader gives up what is under way", 5, {(Takeover, "_body"): _gives_up}),
    "no-turns": Planted(
        "who was at work loses its turn to those who waited", 20,
        {(leader, "reserve"): _reserves_nothing, (takeover, "reserve"): _reserves_nothing},
        first=191,
    ),
    "no-fence": Planted(
        "a leader does not raise its term on a machine", 5, {(Surroundings, "contact"): _raises_no_term}
    ),
    "late-key": Planted(
        "the key of a request is committed after its work (number 26 of the protocol)",
        40,
        {(Journaling, "commit"): _key_after_work},
    ),
    "no-barrier": Planted(
        "after a lapse of the lease, work goes on before what it told is durable", 20,
        {(Runner, "_unpark"): _goes_on_at_once},
        first=101,
    ),
}  # fmt: skip
