"""What a task is: the words for its state, who it is run for, and what it may change the world with."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from amp.kit.ids import EntityId
from amp.model.changes import AnyChange
from amp.model.entity import Task

COMPLETED = "completed"
FAILED = "failed"
CANCELLED = "cancelled"
INTERRUPTED = "interrupted"


class Recorder(Protocol):
    """What a task needs of the plane's recorder: durable Changes, and the right to act."""

    async def commit(self, changes: Sequence[AnyChange]) -> int:
        """Make these Changes durable as one and apply them. Raises: Fenced, Unavailable."""
        ...

    def submit(self, changes: Sequence[AnyChange]) -> asyncio.Future[int]:
        """Begin what `commit` does, and do not wait. Raises, at once or by the future: as `commit`."""
        ...

    def may_act(self) -> bool:
        """True while this node may act on the outside world."""
        ...


@dataclass(frozen=True, slots=True)
class Order:
    """What to run: its name for people, on which entity, by which effector, for whom.

    `work`: what to do where no effector says it, in values that the next leader can read.
    """

    entity: EntityId
    name: str
    description: str = ""
    effector: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    user: str = ""
    work: Mapping[str, Any] = field(default_factory=dict)


def order_of(task: Task) -> Order:
    """Answer the order that a task was begun by."""
    return Order(task.entity, task.name, task.description, task.effector, task.parameters, task.user, task.work)
