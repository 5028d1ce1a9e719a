"""The one way to change anything: Changes in, durable, applied, then answered.

Order, always: journal, then model, then views and subscribers, then outside actions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from amp.model.changes import AnyChange


class Recorder(Protocol):
    """What the leader's parts get to change the model with."""

    async def commit(self, changes: Sequence[AnyChange]) -> int:
        """Make these Changes durable as one, apply them, and answer their seq.

        Raises: Fenced (this node does not lead: nothing happened), Unavailable(unknown=True).
        """
        ...

    def submit(self, changes: Sequence[AnyChange]) -> asyncio.Future[int]:
        """Begin what `commit` does, and do not wait. Raises, at once or by the future: as `commit`."""
        ...

    def observe(self, changes: Sequence[AnyChange]) -> None:
        """Record what was seen (sensors), without waiting: conflated, last value a sensor, within persistPeriod."""
        ...

    def may_act(self) -> bool:
        """True while this node leads, is in office, and its lease is valid now. Ask right before each outside act."""
        ...
