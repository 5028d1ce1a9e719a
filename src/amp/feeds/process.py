"""Decides which entities are looked at for their process, and keeps the scheduler to that. Run twice, it does nothing.

How one looks, and what follows from it, is handed in.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from amp.feeds.scheduler import Poll, Scheduler
from amp.kit.ids import EntityId

_PREFIX = "process "


class ProcessFeeds:
    """The looks at processes. `look` looks once at one entity and reports."""

    def __init__(self, scheduler: Scheduler, look: Callable[[EntityId], Awaitable[None]]) -> None:
        self._scheduler = scheduler
        self._look = look

    def reconcile(self, wanted: Mapping[EntityId, float]) -> None:
        """Look from now on at exactly these entities, at these periods in seconds."""
        have = {key: period for key, period in self._scheduler.periods.items() if key.startswith(_PREFIX)}
        want = {_PREFIX + entity: entity for entity in wanted}
        for key in have.keys() - want.keys():
            self._scheduler.remove(key)
        for key, entity in want.items():
            if have.get(key) != wanted[entity]:
                self._scheduler.set(key, wanted[entity], self._poll(entity))

    def _poll(self, entity: EntityId) -> Poll:
        async def poll() -> None:
            await self._look(entity)

        return poll
