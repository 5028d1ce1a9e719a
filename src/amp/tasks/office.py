"""What runs in the office of one leader: tasks that are live, what they wait to tell, and what ends with that office.

A cancel goes from here to what it is for, and waits where acts of an earlier leader are not yet come to.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

from amp.kit.clock import Clock
from amp.kit.errors import AmpError, Fenced
from amp.kit.ids import Entropy, NodeId, TaskId, Term, random_id
from amp.model.changes import AnyChange, TaskStarted
from amp.model.entity import Task
from amp.model.model import Model
from amp.tasks.step import Act
from amp.tasks.task import Order, Recorder

_LOG = logging.getLogger(__name__)


@dataclass(slots=True)
class Live:
    """A task that runs here. `recalled`: a client asked to cancel it. `begun`: its body is entered, or is past.
    `heard`: set when a step of it has ended, for who waits for an answer.

    Of a whole that goes on: `coming`, the parts with an act under way that it has not come to again, and `put_off`,
    what is to be cancelled then. Cancelled before, such an act would be left running with nobody to end it.
    """

    order: Order
    above: Live | None = None
    job: asyncio.Task[None] | None = None
    recalled: bool = False
    begun: bool = False
    act: Act | None = None
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    coming: set[TaskId] = field(default_factory=set)
    put_off: list[Live] = field(default_factory=list)
    done: asyncio.Event = field(default_factory=asyncio.Event)

    def top(self) -> Live:
        """Answer the whole that this is a part of."""
        return self if self.above is None else self.above.top()

    def whole(self) -> Live:
        """Answer what runs by itself, and this is a step of; a step that is cancelled takes that with it."""
        return self.above.whole() if self.job is None and self.above is not None else self

    def is_recalled(self) -> bool:
        """True when a client cancelled this or what it is a part of."""
        return self.recalled or (self.above is not None and self.above.is_recalled())

    def cancel(self) -> None:
        """End this, now or as soon as all acts under way are come to."""
        self.recalled = True
        top = self.top()
        if top.coming:
            top.put_off.append(self)
        elif self.begun and self.job is not None:
            self.job.cancel()  # cancelled before its first step an asyncio task would never tell its end

    def arrive(self, tasks: set[TaskId]) -> None:
        """Note that these parts were come to, or never will be."""
        top = self.top()
        if top.coming:
            top.coming -= tasks
            if not top.coming:
                put_off, top.put_off = top.put_off, []
                for each in put_off:
                    each.cancel()


@dataclass(slots=True)
class Pending:
    """What is told with the next commit, and what may be done once that is durable."""

    changes: list[AnyChange] = field(default_factory=list)
    then: list[Callable[[], Awaitable[None]]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Office:
    """What all runs of one leader share. `ended`: is told of each end.

    `spawn`: begins work that ends with this office; None where that has ended.
    """

    recorder: Recorder
    clock: Clock
    entropy: Entropy
    node: NodeId
    term: Term
    model: Callable[[], Model]
    ended: Callable[[TaskId], None]
    spawn: Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None] | None]
    live: dict[TaskId, Live] = field(default_factory=dict)

    def later(self, act: Callable[[], Awaitable[None]]) -> None:
        """Do something beside what runs; it is only tidying up, and its failure fails nothing."""
        self.spawn(_quietly(act), "tidy up")

    async def recall(self, tasks: Sequence[TaskId]) -> None:
        """Cancel these, what they are parts of with them, and wait until they have ended.

        Raises: Fenced, where the lease lapsed meanwhile: they have only stopped, and will go on.
        """
        lives = [self.live[task] for task in tasks if task in self.live]
        for live in lives:
            live.whole().cancel()
        for live in lives:
            await live.done.wait()
        known = self.model().tasks
        if any(task in known and known[task].status == "running" for task in tasks):
            raise Fenced("the lease of this node lapsed before what runs here was cancelled")

    async def through(self, work: Coroutine[Any, Any, Any]) -> None:
        """Bring work to its end however often its task is cancelled meanwhile; only the end of this office ends it."""
        problems: list[Exception] = []

        async def kept() -> None:
            try:
                await work
            except Exception as problem:  # noqa: BLE001 - raised again below
                problems.append(problem)  # for whoever waits here; raised there it would end the office

        job = self.spawn(kept(), "bring to its end")
        if job is None:
            work.close()
            raise asyncio.CancelledError
        while not job.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([job])
        work.close()  # where the office ended before it was begun
        job.result()
        if problems:
            raise problems[0]

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""
        return self.clock.read().wall_ms

    def new_id(self) -> str:
        """Make an id."""
        return random_id(self.entropy)

    def started(self, task: TaskId, order: Order, parent: TaskId | None) -> TaskStarted:
        """Write the beginning of a task."""
        return TaskStarted(
            id=task,
            entity=order.entity,
            name=order.name,
            description=order.description,
            effector=order.effector,
            parameters=dict(order.parameters),
            parent=parent,
            submitted_ms=self.now_ms(),
            node=self.node,
            term=self.term,
            user=order.user,
            work=dict(order.work),
        )


async def _quietly(act: Callable[[], Awaitable[None]]) -> None:
    try:
        await act()
    except AmpError as error:
        _LOG.warning("could not tidy up: %s", error.message)


def acts_under_way(model: Model, task: Task) -> set[TaskId]:
    """Answer those of a task and all below it that were doing an act, or asking about one, when their leader went."""
    found = {task.id} if any(step.status == "running" for step in task.steps) else set()
    for child in task.children:
        if child in model.tasks:
            found |= acts_under_way(model, model.tasks[child])
    return found
