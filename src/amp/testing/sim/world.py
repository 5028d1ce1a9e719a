"""Simulated time, and clocks that drift. What happens at one moment happens in the order in which it was planned."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from amp.kit.clock import Reading

if TYPE_CHECKING:
    from amp.testing.sim.node import SimNode


class World:
    """True time, what is to happen in it, and what is worth telling of it."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.time = 0.0
        self.moved: list[SimNode] = []  # for whom something has changed since the properties were looked at
        self.told: list[tuple[float, str]] = []
        self._order = 0
        self._queue: list[tuple[float, int, Callable[[], object]]] = []

    def after(self, delay: float, do: Callable[[], object]) -> None:
        """Let something happen `delay` seconds from now."""
        self._order += 1
        heapq.heappush(self._queue, (self.time + delay, self._order, do))

    def step(self, until: float) -> bool:
        """Let the next thing happen; False when nothing is left before `until`."""
        if not self._queue or self._queue[0][0] > until:
            self.time = until
            return False
        self.time, _, do = heapq.heappop(self._queue)
        do()
        return True

    def tell(self, text: str) -> None:
        """Note an event for whoever reads the story."""
        self.told.append((self.time, text))


class SimClock:
    """The clocks of one simulated machine: they run at their own rate, and the wall clock may be set."""

    def __init__(self, world: World, rate: float, offset: float) -> None:
        self._world, self._rate, self._offset = world, rate, offset
        self._wall_shift = 0.0
        self._read_at = -1.0
        self._reading = Reading(0.0, 0.0, 0.0)

    def read(self) -> Reading:
        """Read all clocks at once."""
        if self._read_at != self._world.time:
            self._read_at = self._world.time
            run = self._offset + self._read_at * self._rate
            self._reading = Reading(run, run, 1_700_000_000.0 + run + self._wall_shift)
        return self._reading

    def shift_wall(self, seconds: float) -> None:
        """Let the wall clock jump."""
        self._wall_shift += seconds
        self._read_at = -1.0

    def true_delay(self, seconds: float) -> float:
        """Answer how much true time passes while this clock counts `seconds`."""
        return seconds / self._rate
