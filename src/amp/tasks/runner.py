"""Runs orders as asyncio tasks and keeps their story in Changes: begun, gone on with, ended so, with these parts.

A task's beginning is durable before anything of it happens. The end of a step is committed together with the beginning
of the next one, so that a story of many small steps costs few appends; the end of the whole is committed at once.
A task that loses the right to act stops without writing anything: the next leader goes on with it, or this one does,
when its lease has only lapsed and is valid again.

Not here: how a task is told and gone on with (`run`), what the steps do.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any

from amp.kit.clock import Clock
from amp.kit.errors import AmpError, Fenced, Unavailable
from amp.kit.ids import EntityId, Entropy, NodeId, TaskId, Term, random_id
from amp.model.changes import AnyChange, TaskStarted
from amp.model.entity import Task
from amp.model.model import Model
from amp.tasks.office import Live, Office, Pending, acts_under_way
from amp.tasks.run import Body, Run
from amp.tasks.task import Order, Recorder, order_of

__all__ = ["Body", "Run", "Runner", "Whole"]

_LOG = logging.getLogger(__name__)

#: How often a leader whose lease has lapsed looks whether it may act again, in seconds.
_LAPSE = 0.2


#: Given the beginning of a task, answers what is committed as one.
Whole = Callable[[TaskStarted], Sequence[AnyChange]]


class Runner:
    """Runs tasks of one node in one term, inside a TaskGroup whose cancellation ends them all.

    `model` answers what is recorded; `ended` is told of each task and step that comes to its end here; `reserve` is
    told of what goes on after a lapse, before it does. `sleep` waits that many seconds.
    """

    def __init__(
        self,
        recorder: Recorder,
        clock: Clock,
        entropy: Entropy,
        group: asyncio.TaskGroup,
        *,
        node: NodeId,
        term: Term,
        model: Callable[[], Model],
        ended: Callable[[TaskId], None] = lambda task: None,
        reserve: Callable[[Sequence[Task]], None] = lambda tasks: None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._entropy = entropy
        self._group = group
        self._office = Office(recorder, clock, entropy, node, term, model, ended, self._spawn)
        self._live = self._office.live
        self._reserve = reserve
        self._sleep = sleep
        self._parked: dict[TaskId, Body] = {}

    async def begin(self, order: Order, body: Body, whole: Whole = lambda started: [started]) -> TaskId:
        """Start a task in the background; answers its id once its beginning is durable.

        `whole`: given the beginning, answers all that is committed with it, itself included.
        Raises: Fenced, Unavailable.
        """
        task = TaskId(random_id(self._entropy))
        live = Live(order)
        self._live[task] = live
        try:
            await self._office.recorder.commit(whole(self._office.started(task, order, None)))
        except BaseException:
            del self._live[task]
            raise
        self._set_off(Run(self._office, task, live, Pending()), live, body)
        return task

    def resume(self, task: Task, body: Body) -> None:
        """Go on with a task that an earlier leader has left under way."""
        live = self._live[task.id] = Live(order_of(task))
        live.coming = acts_under_way(self._office.model(), task)
        self._set_off(Run(self._office, task.id, live, Pending(), task), live, body)
        if task.recalled:
            live.cancel()

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
        live = live.whole() if live is not None else None
        if live is None or live.job is None:
            return False
        live.cancel()
        return True

    def recalled(self, task: TaskId) -> bool:
        """True for what runs here and is being cancelled, by itself or with what it is a part of."""
        live = self._live.get(task)
        return live is not None and live.is_recalled()

    def heard(self, task: TaskId | None) -> None:
        """Let a task that asks see whether it was answered; None: all of them."""
        for live in self._live.values() if task is None else filter(None, [self._live.get(task)]):
            live.heard.set()

    async def recall(self, entities: Iterable[EntityId], effectors: frozenset[str] | None) -> None:
        """Cancel these effectors (None: all) on these entities, and wait until they have ended. Raises: Fenced."""
        while self._parked:
            if not self._office.recorder.may_act():
                raise Fenced("the lease of this node has lapsed: what runs here has stopped until it is valid again")
            await self._sleep(_LAPSE)  # what has stopped is about to go on, and cannot be cancelled until then
        among = set(entities)
        found = [
            task
            for task, live in self._live.items()
            if live.order.entity in among
            and (live.order.effector in effectors if effectors is not None else live.order.effector is not None)
        ]
        await self._office.recall(found)

    def cancel_gone(self) -> None:
        """End what runs on entities that are not there any more: it was begun while they were being forgotten."""
        model = self._office.model()
        for task, live in list(self._live.items()):
            known = model.tasks.get(task)
            if live.order.entity not in model.entities and known is not None and known.status == "running":
                live.whole().cancel()

    def close(self) -> None:
        """Let go of everybody who waits, once the group is cancelled: this node tells no more ends."""
        for live in self._live.values():
            live.done.set()

    def running(self) -> Mapping[TaskId, Order]:
        """Answer what runs here now, steps included."""
        return {task: live.order for task, live in self._live.items()}

    def streams(self, task: TaskId) -> Mapping[str, str]:
        """Answer what the act of a task has written until now; nothing for one that does not run here."""
        live = self._live.get(task)
        return live.act.streams() if live is not None and live.act is not None else {}

    def _set_off(self, run: Run, live: Live, body: Body) -> None:
        live.job = self._spawn(self._whole(run, live, body), f"task {run.task} {live.order.name}")
        if live.job is None:
            del self._live[run.task]
            live.done.set()

    async def _whole(self, run: Run, live: Live, body: Body) -> None:
        try:
            await run.ended(body)
        except Fenced:
            _LOG.warning("task %s (%s) stopped: this node may not act", run.task, live.order.name)
            self._park(run.task, body)
        except AmpError as error:
            _LOG.warning("task %s (%s) failed: %s", run.task, live.order.name, error.message)
        except asyncio.CancelledError:
            if not live.recalled:
                raise
            _LOG.info("task %s (%s) was cancelled", run.task, live.order.name)

    def _park(self, task: TaskId, body: Body) -> None:
        if self._parked or self._spawn(self._unpark(), "wait for the lease") is not None:
            self._parked[task] = body

    async def _unpark(self) -> None:
        """Go on with what has stopped, once this node may act again; its office ends this where it may not."""
        while self._parked:
            while not self._office.recorder.may_act():
                await self._sleep(_LAPSE)
            parked = dict(self._parked)
            try:
                # What they told before they stopped may still be on its way: they go on from behind it.
                await self._office.recorder.commit([])
            except Fenced:
                continue
            except Unavailable:
                return  # this node has lost its leadership
            for task in parked:
                del self._parked[task]
            self._go_on(parked)

    def _go_on(self, parked: Mapping[TaskId, Body]) -> None:
        known = self._office.model().tasks
        tasks = [known[task] for task in parked if task in known and known[task].status == "running"]
        self._reserve(tasks)
        for task in tasks:
            _LOG.info("task %s (%s) goes on: this node may act again", task.id, task.name)
            self.resume(task, parked[task.id])

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None] | None:
        """Begin work of this office; None when that has ended meanwhile: whoever leads next goes on with it."""
        try:
            return self._group.create_task(work, name=name)
        except RuntimeError:
            work.close()
            return None
