"""Makes an act outside happen once as far as that can be known: recorded before it begins, found again by its id.

A try that never began is voided and replaced by one of another id. One whose end cannot be known is marked interrupted,
and the blueprint's `on-interrupt` decides whether there is another, or asks: then its task waits for an answer
(`question`), also past a failover. Nothing is begun that is not recorded durably.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from amp.kit.errors import AmpError, Conflict, Fenced, Invalid
from amp.model.changes import AnyChange, StepEnded, StepStarted
from amp.model.entity import Step, Task
from amp.tasks.question import question_about, question_id, reason_id, reason_of, words
from amp.tasks.step import ASK, DONE, PURE, RERUN, RUNNING, VOID, Act, Ended, Fate
from amp.tasks.task import CANCELLED, COMPLETED, FAILED, INTERRUPTED

if TYPE_CHECKING:
    from amp.tasks.office import Office
    from amp.tasks.run import Run

#: How often an act whose end is unknown each time is tried in all, where it may be tried again.
_TRIES = 3


class Interrupted(Conflict):
    """How an act ended cannot be known, and it is not tried again."""


class Attempt:
    """One act of one task. `past`: what was recorded of the task by an earlier leader."""

    def __init__(self, office: Office, run: Run, act: Act, past: Task | None) -> None:
        self._office = office
        self._run = run
        self._act = act
        self._past = past
        steps = [step for step in past.steps if step.kind != PURE] if past else []
        self._known: Step | None = steps[-1] if steps else None
        self._old = past is not None and not steps
        self._tries = 1 + sum(step.status == INTERRUPTED for step in steps)

    async def made(self) -> Ended:
        """Answer how the act ended. Raises: Interrupted, Invalid, Fenced."""
        known = self._known
        if known is not None and known.status in (COMPLETED, FAILED):
            return Ended(outcome=known.outcome, stdout=known.stdout, stderr=known.stderr)
        tried = known.id if known is not None else ""
        if (why := self._question(tried)) is not None:
            return await self._answered(tried, why)
        if self._old:
            # Written before there were durable steps: the command hung on its node, and may have run in part.
            return await self._once_more(
                "", Ended(Fate.UNKNOWN, why="it was begun by a version that kept no track of it")
            )
        if known is None or known.status != RUNNING:
            return await self._fresh([])
        try:
            fate = await self._act.resolve(known.id, known)
        except asyncio.CancelledError:
            if self._run.recalled:
                await self._stopped(known.id)
            raise
        except Fenced:
            raise
        except AmpError as error:
            self._failed(known.id, error)
            raise
        if fate is Fate.NEVER:
            return await self._fresh([self._end(known.id, VOID)])
        return await self._followed(known.id, known)

    async def _fresh(self, before: Sequence[AnyChange]) -> Ended:
        """Begin under a new id; `before` is told in the same commit."""
        traits, id = self._act.traits, self._office.new_id()
        begun = StepStarted(
            self._run.task, id, traits.kind, self._office.node, self._office.term, self._office.now_ms(),
            traits.host, traits.turn, dict(traits.env), traits.on_interrupt,
        )  # fmt: skip
        try:
            await self._run.commit([*before, begun])
        except asyncio.CancelledError:
            if self._run.recalled:
                # Its start is on its way into the journal, and nobody will ever begin it.
                self._run.tell([self._end(id, VOID)])
            raise
        return await self._followed(id, None)

    async def _followed(self, id: str, known: Step | None) -> Ended:
        try:
            if known is None:
                await self._act.begin(id)
            ended = await self._act.end(id, known)
        except Fenced:
            raise
        except asyncio.CancelledError:
            if self._run.recalled:
                await self._stopped(id)
            raise
        except AmpError as error:
            self._failed(id, error)
            raise
        if ended.fate is Fate.BEGUN:
            self._tell(id, FAILED if ended.failed else COMPLETED, ended)
            return ended
        if ended.fate is Fate.NEVER:
            self._void(id, ended)
            raise Invalid(ended.why)
        return await self._once_more(id, ended)

    async def _stopped(self, id: str) -> None:
        """End it, because a client has cancelled it; a second cancel does not break that off."""
        await self._office.through(self._stop(id))

    async def _stop(self, id: str) -> None:
        ended = await self._act.stop(id)
        if ended.fate is Fate.NEVER:
            self._void(id, ended)
        else:
            self._tell(id, CANCELLED, ended)

    async def _once_more(self, id: str, ended: Ended) -> Ended:
        """Mark a try as interrupted, and make another where that is wanted."""
        before = [self._end(id, INTERRUPTED, ended)] if id else []
        if self._act.traits.on_interrupt == RERUN and self._tries < _TRIES:
            self._tries += 1
            self._old = False
            return await self._fresh(before)
        self._run.tell(before, (lambda: self._act.forget(id)) if id else None)
        if self._act.traits.on_interrupt == ASK:
            return await self._answered(id, ended.why, self._asking(id, ended.why))
        raise self._interrupted(ended.why, f"on-interrupt: {self._act.traits.on_interrupt}")

    def _question(self, tried: str) -> str | None:
        """Answer why an earlier leader asked what to do about a try; None where it did not ask."""
        past = self._past
        return reason_of(past, tried) if past is not None and question_about(past, tried) is not None else None

    def _asking(self, tried: str, why: str) -> Sequence[AnyChange]:
        task, office, now = self._run.task, self._office, self._office.now_ms()
        reason, question = (
            StepStarted(task, id, PURE, office.node, office.term, now) for id in (reason_id(tried), question_id(tried))
        )
        said = words(task, self._run.order.name, why)
        return [reason, StepEnded(task, reason.id, COMPLETED, now, why), question, *self._act.asks(said)]

    async def _answered(self, tried: str, why: str, asking: Sequence[AnyChange] = ()) -> Ended:
        """Wait until it is answered what to do about a try, and do that; `asking` is told before."""
        try:
            if asking:
                await self._run.commit(asking)
            answer = await self._answer(tried)
        except asyncio.CancelledError:
            if self._run.recalled:
                await self._office.through(self._withdraw(tried))
            raise
        if answer == RERUN:
            self._old = False
            return await self._fresh([])
        if answer == DONE:
            return Ended(vouched=True)
        raise self._interrupted(why, f"the answer was {answer}" if answer else "the question was withdrawn")

    async def _answer(self, tried: str) -> str | None:
        """Wait for the answer about a try; None where the question ended without one."""
        heard = self._office.live[self._run.task].heard
        while True:
            heard.clear()
            task = self._office.model().tasks.get(self._run.task)
            question = question_about(task, tried) if task is not None else None
            if question is None or question.status != RUNNING:
                return question.outcome if question is not None and question.status == COMPLETED else None
            await heard.wait()

    async def _withdraw(self, tried: str) -> None:
        ended = StepEnded(self._run.task, question_id(tried), CANCELLED, self._office.now_ms())
        await self._run.commit([ended, *self._act.asks(None)])

    def _interrupted(self, why: str, decided: str) -> Interrupted:
        return Interrupted(
            f"{self._run.order.name} was interrupted: {why}. It was not run again ({decided}): "
            "look at what it has done, then invoke the effector again"
        )

    def _failed(self, id: str, error: AmpError) -> None:
        # What is there is kept: it may be of use to whoever looks for the reason.
        self._run.tell([self._end(id, FAILED, Ended(outcome={"error": error.message}, failed=True))])

    def _void(self, id: str, ended: Ended) -> None:
        # That it is void must hold for ever, also for a request that is still on its way: it is not forgotten.
        self._run.tell([self._end(id, VOID, ended)])

    def _tell(self, id: str, status: str, ended: Ended) -> None:
        self._run.tell([self._end(id, status, ended)], lambda: self._act.forget(id))

    def _end(self, id: str, status: str, ended: Ended | None = None) -> AnyChange:
        told = ended or Ended()
        now = self._office.now_ms()
        return StepEnded(self._run.task, id, status, now, told.outcome, told.stdout, told.stderr, dict(told.blobs))
