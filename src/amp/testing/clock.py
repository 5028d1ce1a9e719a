"""A clock that stands still until it is told to go on, and a sleep that goes by it."""

from __future__ import annotations

import asyncio
import heapq

from amp.kit.clock import Reading


class FakeClock:
    """All three clocks of a machine, moved by `advance`. `sleep` is to be passed wherever code waits."""

    def __init__(self, *, wall: float = 1_700_000_000.0) -> None:
        self._elapsed = 0.0
        self._wall = wall
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0

    def read(self) -> Reading:
        """Read all clocks at once."""
        return Reading(self._elapsed, self._elapsed, self._wall + self._elapsed)

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock has been advanced by that much."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._sleepers, (self._elapsed + seconds, self._count, waiting))
        await waiting

    async def advance(self, seconds: float) -> None:
        """Move on, waking sleepers in order, and let each do what it does before the next."""
        end = self._elapsed + seconds
        await settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            when, _, waiting = heapq.heappop(self._sleepers)
            self._elapsed = max(self._elapsed, when)
            if not waiting.done():
                waiting.set_result(None)
            await settle()
        self._elapsed = end
        await settle()


async def settle(turns: int = 200) -> None:
    """Let what is ready to run do so; what waits for the outside world does not get on by it."""
    for _ in range(turns):
        await asyncio.sleep(0)
