"""Decides which entities are looked at for their process, and keeps the scheduler to that. Run twice, it does nothing.

How one looks, and what follows from it, is handed in.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from amp.feeds.scheduler import Poll, Scheduler
from amp.kit.ids import EntityId

_PREFIX = "process "


class ProcessFeeds:
    """The looks at processes. `look` looks once at one entity and reports."""

    def __init__(self, scheduler: Scheduler, look: Callable[[EntityId], Awaitable[None]]) -> None:
        self._scheduler = scheduler
        self._look = look
        self._periods: dict[EntityId, float] = {}

    def watch(self, entity: EntityId, period: float | None) -> None:
        """Look from now on at an entity, at that period in seconds; None: no more."""
        if self._periods.get(entity) == period:
            return
        if period is None:
            del self._periods[entity]
            self._scheduler.remove(_PREFIX + entity)
        else:
            self._periods[entity] = period
            self._scheduler.set(_PREFIX + entity, period, self._poll(entity))

    def watched(self) -> list[EntityId]:
        """Answer what is looked at."""
        return list(self._periods)

    def _poll(self, entity: EntityId) -> Poll:
        async def poll() -> None:
            await self._look(entity)

        return poll
