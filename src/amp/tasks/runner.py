"""Runs orders as asyncio tasks and keeps their story in Changes: begun, ended so, with these parts.

A task's beginning is durable before anything of it happens. The end of a step is committed together with the beginning
of the next one, so that a story of many small steps costs few appends; the end of the whole is committed at once.
A task that loses the right to act ends without writing anything: the next leader tells its end (`interrupted`).

Not here: what the steps do, and their durable ids on machines (design of tasks that survive their node).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from amp.kit.clock import Clock
from amp.kit.errors import AmpError, Conflict, Fenced, Internal
from amp.kit.ids import Entropy, NodeId, TaskId, Term, random_id
from amp.model.changes import AnyChange, TaskEnded, TaskStarted
from amp.tasks.task import CANCELLED, COMPLETED, FAILED, Order, Recorder

_LOG = logging.getLogger(__name__)

Body = Callable[["Run"], Awaitable[Any]]


@dataclass(slots=True)
class _Live:
    """A task that runs here. `recalled`: a client asked to cancel it. `begun`: its body is entered, or is past."""

    order: Order
    above: _Live | None = None
    job: asyncio.Task[None] | None = None
    recalled: bool = False
    begun: bool = False
    done: asyncio.Event = field(default_factory=asyncio.Event)


class Runner:
    """Runs tasks of one node in one term, inside a TaskGroup whose cancellation ends them all."""

    def __init__(
        self,
        recorder: Recorder,
        clock: Clock,
        entropy: Entropy,
        group: asyncio.TaskGroup,
        *,
        node: NodeId,
        term: Term,
    ) -> None:
        self._recorder = recorder
        self._clock = clock
        self._entropy = entropy
        self._group = group
        self._node = node
        self._term = term
        self._live: dict[TaskId, _Live] = {}

    async def begin(self, order: Order, body: Body, along: Sequence[AnyChange] = ()) -> TaskId:
        """Start a task in the background; answers its id once `along` and its beginning are durable.

        Raises: Fenced, Unavailable.
        """
        task = TaskId(random_id(self._entropy))
        live = _Live(order)
        self._live[task] = live
        try:
            await self._recorder.commit([*along, self._started(task, order, None)])
        except BaseException:
            del self._live[task]
            raise
        live.job = self._group.create_task(self._whole(task, live, body), name=f"task {task} {order.name}")
        return task

    async def wait(self, task: TaskId, timeout: float | None) -> bool:
        """Wait until a task has ended here; False after `timeout` seconds. True for one that does not run here."""
        live = self._live.get(task)
        if live is None:
            return True
        try:
            async with asyncio.timeout(timeout):
                await live.done.wait()
        except TimeoutError:
            return False
        return True

    def cancel(self, task: TaskId) -> bool:
        """Ask a task to end; a step takes the whole that it is a part of with it. False when it does not run here."""
        live = self._live.get(task)
        while live is not None and live.job is None and live.above is not None:
            live = live.above
        if live is None or live.job is None:
            return False
        live.recalled = True
        if live.begun:  # an asyncio task that is cancelled before its first step would never tell its end
            live.job.cancel()
        return True

    def close(self) -> None:
        """Let go of everybody who waits, once the group is cancelled: this node tells no more ends."""
        for live in self._live.values():
            live.done.set()

    def running(self) -> Mapping[TaskId, Order]:
        """Answer what runs here now, steps included."""
        return {task: live.order for task, live in self._live.items()}

    async def _whole(self, task: TaskId, live: _Live, body: Body) -> None:
        run = Run(self, task, live, [])
        try:
            await run.ended(body)
        except Fenced:
            _LOG.warning("task %s (%s) stopped: this node does not lead any more", task, live.order.name)
        except AmpError as error:
            _LOG.warning("task %s (%s) failed: %s", task, live.order.name, error.message)
        except asyncio.CancelledError:
            if not live.recalled:
                raise
            _LOG.info("task %s (%s) was cancelled", task, live.order.name)

    def _started(self, task: TaskId, order: Order, parent: TaskId | None) -> TaskStarted:
        return TaskStarted(
            id=task,
            entity=order.entity,
            name=order.name,
            description=order.description,
            effector=order.effector,
            parameters=dict(order.parameters),
            parent=parent,
            submitted_ms=self._clock.read().wall_ms,
            node=self._node,
            term=self._term,
            user=order.user,
        )


class Run:
    """What the body of a task gets: its identity, its steps, its way to change the model and to ask if it may act."""

    def __init__(self, runner: Runner, task: TaskId, live: _Live, pending: list[AnyChange]) -> None:
        self._runner = runner
        self._live = live
        self._pending = pending  # told with the next commit; shared by the steps that follow one another
        self.task = task
        self.order = live.order
        self.at_end: list[AnyChange] = []  # committed as one with the end of this task

    @property
    def recalled(self) -> bool:
        """True when a client cancelled this task or what it is a part of; False when the node is leaving office."""
        live: _Live | None = self._live
        while live is not None:
            if live.recalled:
                return True
            live = live.above
        return False

    async def commit(self, changes: Sequence[AnyChange]) -> None:
        """Make Changes durable, with what was told before. Raises: Fenced, Unavailable."""
        pending = list(self._pending)
        if pending or changes:
            await self._runner._recorder.commit([*pending, *changes])
        del self._pending[: len(pending)]

    def may_act(self) -> None:
        """Ask right before each outside act. Raises: Fenced."""
        if not self._runner._recorder.may_act():
            raise Fenced("this node does not lead any more: the act was not begun")

    def mark(self, name: str, description: str = "") -> None:
        """Tell of a step in which there was nothing to do."""
        task = TaskId(random_id(self._runner._entropy))
        order = Order(self.order.entity, name, description)
        started = self._runner._started(task, order, self.task)
        self._pending += [started, TaskEnded(task, COMPLETED, started.submitted_ms)]

    async def step(self, order: Order | str, body: Body) -> Any:
        """Run a part of this task and answer its result; what it raises is raised on."""
        if isinstance(order, str):
            order = Order(self.order.entity, order)
        run = self._part(order, self._pending)
        try:
            await run.commit([self._runner._started(run.task, order, self.task)])
        except BaseException:
            self._never_begun(run)
            raise
        return await run.ended(body)

    async def together(self, parts: Sequence[tuple[Order, Body]]) -> None:
        """Run parts side by side and wait for all of them. Raises: Conflict, naming those that failed."""
        runs = [(self._part(order, []), body) for order, body in parts]
        await self.commit([self._runner._started(run.task, run.order, self.task) for run, _ in runs])
        failed: dict[TaskId, str] = {run.task: "cancelled" for run, _ in runs}

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
        if failed:
            names = {run.task: f"{run.order.name} of {run.order.entity}" for run, _ in runs}
            said = "; ".join(f"{names[task]}: {error}" for task, error in failed.items())
            raise Conflict(said if len(runs) == 1 else f"{len(failed)} of {len(runs)} failed: {said}")

    def _part(self, order: Order, pending: list[AnyChange]) -> Run:
        task = TaskId(random_id(self._runner._entropy))
        live = _Live(order, above=self._live)
        self._runner._live[task] = live
        return Run(self._runner, task, live, pending)

    def _never_begun(self, run: Run) -> None:
        # Its beginning may be durable; if so, its end must be told, and is told with the end of the whole.
        self._runner._live.pop(run.task, None)
        run._live.done.set()
        if self.recalled:
            self._pending.append(
                TaskEnded(run.task, CANCELLED, self._runner._clock.read().wall_ms, None, "cancelled on request")
            )

    async def ended(self, body: Body) -> Any:
        """Run the body and tell how it ended."""
        self._live.begun = True
        try:
            if self._live.recalled:
                raise asyncio.CancelledError
            result = await body(self)
            await self._end(COMPLETED, result=result)
            return result
        except Fenced:
            raise
        except asyncio.CancelledError:
            if self.recalled:
                await self._end(CANCELLED, error="cancelled on request")
            raise
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
            self._runner._live.pop(self.task, None)
            self._live.done.set()

    async def _end(self, status: str, *, result: Any = None, error: str | None = None) -> None:
        ended = TaskEnded(self.task, status, self._runner._clock.read().wall_ms, result, error)
        alone = self._live.above is None or self._live.job is not None
        if status == COMPLETED and not alone and not self.at_end:
            self._pending.append(ended)  # the next step's beginning takes it along
        else:
            await self.commit([*(self.at_end if status == COMPLETED else ()), ended])
