"""Calls polls at their periods: one loop, one heap, a bound on how many run at once.

A poll never runs twice at the same time; one that takes longer than its period is called again right after. What a
poll raises is logged and does not end it. Which polls there are is for others to say.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from amp.kit.clock import Clock
from amp.kit.errors import AmpError

_LOG = logging.getLogger(__name__)

Poll = Callable[[], Awaitable[None]]

#: The shortest period: what asks for less gets this; seconds.
SHORTEST = 0.1


class Scheduler:
    """Runs polls by key until cancelled. `sleep` waits that many seconds, or shorter."""

    def __init__(
        self, clock: Clock, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep, *, at_once: int = 20
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._room = asyncio.Semaphore(at_once)
        self._polls: dict[str, tuple[float, Poll]] = {}
        self._busy: set[str] = set()
        self._due: list[tuple[float, str]] = []
        self._next: dict[str, float] = {}  # what of `_due` still holds: a new period makes old entries void
        self._changed = asyncio.Event()

    @property
    def periods(self) -> Mapping[str, float]:
        """The polls there are, with their periods in seconds."""
        return {key: period for key, (period, _) in self._polls.items()}

    def set(self, key: str, period: float, poll: Poll) -> None:
        """Poll from now on at that period; the first time at once. Replaces what the key had."""
        self._polls[key] = (max(period, SHORTEST), poll)
        self._plan(key, self._now())

    def remove(self, key: str) -> None:
        """Poll that no more."""
        self._polls.pop(key, None)
        self._next.pop(key, None)

    async def run(self) -> None:
        """Poll until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                self._changed.clear()
                for key in self._ripe():
                    self._busy.add(key)
                    group.create_task(self._poll(key))
                await self._pause()

    def _ripe(self) -> list[str]:
        ripe: list[str] = []
        while self._due and self._due[0][0] <= self._now():
            when, key = heapq.heappop(self._due)
            if self._next.get(key) == when and key not in self._busy:
                del self._next[key]
                ripe.append(key)
        return ripe

    def _plan(self, key: str, when: float) -> None:
        self._next[key] = when
        heapq.heappush(self._due, (when, key))
        self._changed.set()

    async def _pause(self) -> None:
        waits: list[asyncio.Future[Any]] = [asyncio.ensure_future(self._changed.wait())]
        if self._due:
            waits.append(asyncio.ensure_future(self._sleep(max(0.0, self._due[0][0] - self._now()))))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()

    async def _poll(self, key: str) -> None:
        try:
            async with self._room:
                if key in self._polls:
                    await self._polls[key][1]()
        except AmpError as error:
            _LOG.warning("the poll %s failed: %s", key, error.message)
        except Exception:  # noqa: BLE001 - told with its traceback; all other polls go on
            # A poll that meets a bug must not end the polls of all other entities.
            _LOG.exception("the poll %s met a bug", key)
        finally:
            self._busy.discard(key)
            if key in self._polls:
                self._plan(key, self._now() + self._polls[key][0])

    def _now(self) -> float:
        return self._clock.read().boot
