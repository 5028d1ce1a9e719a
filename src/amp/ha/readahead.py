"""Reads up to eight segments at once while a reader is behind (R1), and one at a time when it is not.

A segment that was found never changes, so it may have been fetched early. An empty slot may be filled the next moment,
so *absent* always comes from a request that was made when it was asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from amp.kit.errors import Unavailable

#: Segments that are fetched at once, at most.
AHEAD = 8


class ReadAhead:
    """Gets segments in order. `fetch` reads one slot; it raises Unavailable."""

    def __init__(self, fetch: Callable[[int], Awaitable[bytes | None]]) -> None:
        self._fetch = fetch
        self._under_way: dict[int, asyncio.Task[bytes | None]] = {}
        self._found = 0  # segments found in a row

    async def get(self, seq: int) -> bytes | None:
        """Read a slot; None when it is empty now. Raises: Unavailable."""
        data = await self._fetched_early(seq)
        if data is None:
            data = await self._fetch(seq)
        if data is None:
            self.forget()
            return None
        self._found += 1
        if self._found > 1:  # one segment is news; two in a row mean that this reader is behind
            for following in range(seq + 1, seq + 1 + min(AHEAD, self._found)):
                if following not in self._under_way:
                    self._under_way[following] = asyncio.ensure_future(self._fetch(following))
        return data

    async def _fetched_early(self, seq: int) -> bytes | None:
        task = self._under_way.pop(seq, None)
        if task is None:
            return None
        try:
            return await task
        except Unavailable:
            return None

    def forget(self) -> None:
        """Give up what was fetched early: the end was reached, or the reader begins elsewhere."""
        self._found = 0
        under_way, self._under_way = self._under_way, {}
        for task in under_way.values():
            task.cancel()
            task.add_done_callback(_retrieve)


def _retrieve(task: asyncio.Task[bytes | None]) -> None:
    """Take note of an error that nobody waits for any more."""
    if not task.cancelled():
        task.exception()
