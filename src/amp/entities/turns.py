"""Who may act now: one task at a time for each key, in the order of asking; what was under way before goes first.

A key is an entity whose lifecycle effectors take turns, or a directory that is installed into. A task that held its
turn under an earlier leader has it reserved until it comes to it again, or ends.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from amp.kit.ids import TaskId


class Turns:
    """The turns of one leader."""

    def __init__(self) -> None:
        self._locks: dict[str, asyncio.Lock] = {}  # of the keys that somebody has, or waits for, at this moment
        self._wanted: Counter[str] = Counter()
        self._reserved: dict[str, list[TaskId]] = {}
        self._freed = asyncio.Event()

    def reserve(self, key: str, task: TaskId) -> None:
        """Keep the next turn, after those reserved before, for a task that had it."""
        self._reserved.setdefault(key, []).append(task)

    def forget(self, task: TaskId) -> None:
        """Give up what was reserved for a task: it has ended."""
        if any(task in tasks for tasks in self._reserved.values()):
            for key, tasks in list(self._reserved.items()):
                self._reserved[key] = [each for each in tasks if each != task]
                if not self._reserved[key]:
                    del self._reserved[key]
            self._freed.set()

    @asynccontextmanager
    async def take(self, key: str, task: TaskId) -> AsyncIterator[None]:
        """Wait for the turn, and have it."""
        while self._reserved.get(key, [task])[0] != task:
            self._freed.clear()
            await self._freed.wait()
        try:
            async with self._lock(key):
                yield
        finally:
            self.forget(task)

    @asynccontextmanager
    async def _lock(self, key: str) -> AsyncIterator[None]:
        """Hold the lock of a key, which goes with the last who wants it: most entities are gone one day."""
        self._wanted[key] += 1
        try:
            async with self._locks.setdefault(key, asyncio.Lock()):
                yield
        finally:
            self._wanted[key] -= 1
            if not self._wanted[key]:
                del self._wanted[key], self._locks[key]
