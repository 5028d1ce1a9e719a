"""What the body of a task gets, and how its story is told: steps, acts outside, notes; from the beginning or on from
where an earlier leader left it.

A body is written once and runs from its first line under every leader. What its task has recorded is not done again: a
step that ended answers with its recorded end, a note with its recorded value, an act is found by its durable id. So a
body must come to the same steps in the same order, and whatever it decides by, or writes between steps, is a note.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Any

from amp.kit.errors import AmpError, Conflict, Fenced, Internal, Invalid
from amp.kit.ids import EntityId, TaskId
from amp.model.changes import AnyChange, StepEnded, StepStarted, TaskEnded
from amp.model.entity import Task
from amp.model.model import Model
from amp.tasks.attempt import Attempt, Interrupted
from amp.tasks.office import Live, Office, Pending, acts_under_way
from amp.tasks.question import open_question
from amp.tasks.step import PURE, Act, Ended
from amp.tasks.task import CANCELLED, COMPLETED, FAILED, INTERRUPTED, Order

_LOG = logging.getLogger(__name__)

Body = Callable[["Run"], Awaitable[Any]]


class Run:
    """One task as its body sees it. `past`: what an earlier leader recorded of it, None for a task that begins."""

    def __init__(self, office: Office, task: TaskId, live: Live, pending: Pending, past: Task | None = None) -> None:
        self._office = office
        self._live = live
        self._pending = pending  # shared by the steps that follow one another
        self._past = past
        model = office.model()
        self._parts = [model.tasks[each] for each in past.children if each in model.tasks] if past else []
        pure = [step for step in past.steps if step.kind == PURE] if past else []
        self._notes = {step.id: step.outcome for step in pure if step.status == COMPLETED}
        self.task = task
        self.order = live.order
        self.at_end: list[AnyChange] = []  # committed as one with the end of this task

    @property
    def has_progress(self) -> bool:
        """True when something of this task was done under an earlier leader."""
        return bool(self._past and (self._past.children or self._past.steps))

    @property
    def recalled(self) -> bool:
        """True when a client cancelled this task or what it is a part of; False when the node is leaving office."""
        return self._live.is_recalled()

    async def commit(self, changes: Sequence[AnyChange]) -> None:
        """Make Changes durable, with what was told before. Raises: Fenced, Unavailable."""
        told, then = list(self._pending.changes), list(self._pending.then)
        sent = self._office.recorder.submit([*told, *changes]) if told or changes else None
        try:
            if sent is not None:
                await asyncio.shield(sent)
        except asyncio.CancelledError:
            if sent is None:
                raise
            if not self.recalled:
                sent.cancel()  # nobody asks any more how it went
                raise
            # It cannot be taken back: a client's cancel comes after it, or the story would be told twice.
            await self._office.through(_of(sent))
            self._told(told, then)
            raise
        self._told(told, then)

    def _told(self, changes: Sequence[AnyChange], then: Sequence[Callable[[], Awaitable[None]]]) -> None:
        del self._pending.changes[: len(changes)], self._pending.then[: len(then)]
        for each in then:
            self._office.later(each)

    async def note(self, name: str, changes: Sequence[AnyChange] = (), value: Any = None) -> Any:
        """Write Changes, or a decision, once in the life of this task; answers `value` as it was written first."""
        if name not in self._notes:
            now = self._office.now_ms()
            begun = StepStarted(self.task, name, PURE, self._office.node, self._office.term, now)
            await self.commit([*changes, begun, StepEnded(self.task, name, COMPLETED, now, value)])
            self._notes[name] = value
        return self._notes[name]

    def may_act(self) -> None:
        """Ask right before each outside act. Raises: Fenced."""
        if not self._office.recorder.may_act():
            raise Fenced("this node does not lead any more: the act was not begun")

    def mark(self, name: str, description: str = "") -> None:
        """Tell of a step in which there was nothing to do."""
        order = Order(self.order.entity, name, description)
        if self._recall(order) is None:
            started = self._office.started(TaskId(self._office.new_id()), order, self.task)
            self._pending.changes += [started, TaskEnded(started.id, COMPLETED, started.submitted_ms)]

    async def step(self, order: Order | str, body: Body, *, with_next: bool = False) -> Any:
        """Run a part of this task and answer its result; what it raises is raised on.

        `with_next`: its beginning is told with the first that it tells itself, which comes before it does anything.
        """
        if isinstance(order, str):
            order = Order(self.order.entity, order)
        known = self._recall(order)
        if known is not None and known.status != "running":
            return self._again(known)
        run = self._part(order, self._pending, known)
        try:
            if known is None:
                self._pending.changes.append(self._office.started(run.task, order, self.task))
            elif known.recalled:
                run._live.whole().cancel()
            if not with_next:
                await self.commit([])
        except BaseException:
            self._never_begun(run)
            raise
        return await run.ended(body)

    async def act(self, act: Act) -> Ended:
        """Do this task's one act outside, or wait for the one that was begun; answers how it ended.

        Raises: Interrupted, when that cannot be known and the blueprint wants no second try.
        """
        self._live.act = act
        self._live.arrive({self.task})
        return await Attempt(self._office, self, act, self._past).made()

    async def together(self, parts: Sequence[tuple[Order, Body]]) -> None:
        """Run parts side by side and wait for all of them. Raises: Conflict, naming those that failed."""
        failed: dict[TaskId, str] = {}
        orders: dict[TaskId, Order] = {}
        runs: list[tuple[Run, Body]] = []
        new: list[AnyChange] = []
        for order, body in parts:
            known = self._recall(order)
            if known is not None and known.status != "running":
                orders[known.id] = order
                if known.status != COMPLETED:
                    failed[known.id] = known.error or known.status
                continue
            run = self._part(order, Pending(), known)
            if known is not None and known.recalled:
                run._live.cancel()
            orders[run.task] = order
            runs.append((run, body))
            if known is None:
                new.append(self._office.started(run.task, order, self.task))
        try:
            await self.commit(new)
        except BaseException:
            for run, _ in runs:
                self._never_begun(run)
            raise
        await self._side_by_side(runs, failed)
        if failed:
            named = {task: f"{order.name} of {order.entity}" for task, order in orders.items()}
            said = "; ".join(f"{named[task]}: {error}" for task, error in failed.items())
            raise Conflict(said if len(parts) == 1 else f"{len(failed)} of {len(parts)} failed: {said}")

    async def _side_by_side(self, runs: Sequence[tuple[Run, Body]], failed: dict[TaskId, str]) -> None:
        failed.update((run.task, "cancelled") for run, _ in runs)

        async def one(run: Run, body: Body) -> None:
            try:
                await run.ended(body)
            except Fenced:
                raise
            except AmpError as error:
                failed[run.task] = error.message
            else:
                del failed[run.task]

        try:
            async with asyncio.TaskGroup() as group:
                for run, body in runs:
                    run._live.job = group.create_task(one(run, body))
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        finally:
            for run, _ in runs:
                if not run._live.begun:
                    self._never_begun(run)

    async def have_to_itself(self, entities: Iterable[EntityId]) -> None:
        """End what else runs on these entities, and wait until it has: they are about to be forgotten."""
        among, own = set(entities), self._live.top()
        others = [
            task
            for task, live in self._office.live.items()
            if live.order.entity in among and live.order.effector is not None and live.top() is not own
        ]
        model = self._office.model()
        stopped = [
            each
            for each in model.running_tasks()
            if each.entity in among and each.effector is not None and each.id not in self._office.live
        ]
        whole = _whole_of(model, self.task)
        if any(_whole_of(model, each.id) != whole for each in stopped):  # ends of its own parts are on their way
            raise Fenced("something else on these entities has stopped for a lapsed lease, and will go on")
        await self._office.recall(others)

    def _recall(self, order: Order) -> Task | None:
        """Answer the part that was recorded for an order and not yet come to, None for one that is new."""
        wanted = (order.entity, order.name, order.effector)
        for known in self._parts:
            if (known.entity, known.name, known.effector) == wanted:
                self._parts.remove(known)
                return known
        return None

    def _again(self, known: Task) -> Any:
        """Answer, or raise, what a part that has ended did when it ended."""
        if known.status == COMPLETED:
            return known.result
        if known.status == CANCELLED:
            self._live.whole().recalled = True  # whoever cancelled it was told so, and the whole goes with it
            raise asyncio.CancelledError
        raise Invalid(known.error or f"{known.name} failed")

    def _part(self, order: Order, pending: Pending, known: Task | None) -> Run:
        task = known.id if known is not None else TaskId(self._office.new_id())
        live = Live(order, above=self._live)
        self._office.live[task] = live
        return Run(self._office, task, live, pending, known)

    def _never_begun(self, run: Run) -> None:
        # Its beginning may be durable; if so, its end must be told, and is told with the end of the whole.
        self._office.live.pop(run.task, None)
        run._live.done.set()
        if self.recalled:
            self._pending.changes.append(
                TaskEnded(run.task, CANCELLED, self._office.now_ms(), None, "cancelled on request")
            )

    def tell(self, changes: Sequence[AnyChange], then: Callable[[], Awaitable[None]] | None = None) -> None:
        """Let Changes go with the next commit; `then` comes after they are durable."""
        self._pending.changes += changes
        if then is not None:
            self._pending.then.append(then)

    async def ended(self, body: Body) -> Any:
        """Run the body and tell how it ended."""
        self._live.begun = True
        try:
            if self._live.recalled and not self._live.top().coming:
                self._cancelled_before()
            result = await body(self)
            await self._end(COMPLETED, result=result)
            return result
        except Fenced:
            raise
        except asyncio.CancelledError:
            if self.recalled and not self._has_ended():
                await self._end(CANCELLED, error="cancelled on request")
            raise
        except Interrupted as error:
            await self._end(INTERRUPTED, error=error.message)
            raise Conflict(error.message) from None  # what it is a part of has failed
        except AmpError as error:
            await self._end(FAILED, error=error.message)
            raise
        except Exception as error:
            # A bug must not leave a task that runs for ever, nor take the leader's other work with it.
            _LOG.exception("task %s (%s) met a bug", self.task, self.order.name)
            message = f"internal error: {type(error).__name__}: {error}"
            await self._end(FAILED, error=message)
            raise Internal(message) from error
        finally:
            self._office.live.pop(self.task, None)
            if self._past is not None:
                self._live.arrive(acts_under_way(self._office.model(), self._past))
            self._office.ended(self.task)
            self._live.act = None  # it knows this run: what it wrote would stay until somebody looks for cycles
            self._live.done.set()

    def _cancelled_before(self) -> None:
        """End what was cancelled before its body began; what began under an earlier leader its body puts right."""
        job = self._live.whole().job
        if self._past is None or job is None:
            raise asyncio.CancelledError
        job.cancel()

    async def _end(self, status: str, *, result: Any = None, error: str | None = None) -> None:
        self._pending.changes += self._left_over()
        ended = TaskEnded(self.task, status, self._office.now_ms(), result, error)
        alone = self._live.above is None or self._live.job is not None
        if status == COMPLETED and not alone and not self.at_end:
            self._pending.changes.append(ended)  # the next step's beginning takes it along
        else:
            await self.commit([*(self.at_end if status == COMPLETED else ()), ended])

    def _has_ended(self) -> bool:
        """True when the end was on its way as the cancel came: that end holds."""
        known = self._office.model().tasks.get(self.task)
        return known is not None and known.status != "running"

    def _left_over(self) -> Iterator[AnyChange]:
        """End what was recorded under way and what the body did not come to again."""
        now, model = self._office.now_ms(), self._office.model()
        parts = list(self._parts)
        yield from _unasked(model.tasks.get(self.task), now)
        for part in parts:
            parts += [model.tasks[each] for each in part.children if each in model.tasks]
            yield from _unasked(part, now)
            if part.status == "running":
                yield TaskEnded(part.id, INTERRUPTED, now, None, "left behind when its task went on under a new master")


async def _of(sent: asyncio.Future[int]) -> None:
    await sent


def _whole_of(model: Model, task: TaskId) -> TaskId:
    known = model.tasks.get(task)
    while known is not None and known.parent is not None:
        task, known = known.parent, model.tasks.get(known.parent)
    return task


def _unasked(task: Task | None, now: int) -> Iterator[AnyChange]:
    """End what a task asks that does not wait for an answer any more."""
    question = open_question(task) if task is not None else None
    if task is not None and question is not None:
        yield StepEnded(task.id, question.id, INTERRUPTED, now)
