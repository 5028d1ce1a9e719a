"""True time, what is to happen in it, and the clocks of hosts, which run at rates of their own. Chance has one seed."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable

from amp.kit.clock import Reading


class World:
    """What happens, in order. `over`: the story has ended, and nothing has any effect any more."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.aside = random.Random(~seed)  # for what is not to change the stories in which it does not come up
        self.asks = self.aside.random() > 0.7  # whether blueprints ask in this story
        self.time = 0.0
        self.over = False
        self._order = 0
        self._queue: list[tuple[float, int, Callable[[], None]]] = []

    def after(self, delay: float, do: Callable[[], None]) -> None:
        """Let something happen `delay` seconds from now."""
        self.at(self.time + delay, do)

    def at(self, time: float, do: Callable[[], None]) -> None:
        """Let something happen at a true time."""
        self._order += 1
        heapq.heappush(self._queue, (time, self._order, do))

    def number(self) -> int:
        """Answer a number that was not given before."""
        self._order += 1
        return self._order

    def step(self, until: float) -> bool:
        """Let the next thing happen; False when nothing is left before `until`."""
        if not self._queue or self._queue[0][0] > until:
            self.time = max(self.time, until)
            return False
        time, _, do = heapq.heappop(self._queue)
        self.time = max(self.time, time)
        do()
        return True

    def entropy(self, count: int) -> bytes:
        """Give random bytes."""
        return self.rng.randbytes(count)


class HostClock:
    """The clocks of one host: they run at its rate, also while a node on it stands still."""

    def __init__(self, world: World, rate: float, offset: float) -> None:
        self._world, self._rate, self._offset = world, rate, offset
        self._read_at, self._reading = -1.0, Reading(0.0, 0.0, 0.0)

    def read(self) -> Reading:
        """Read all clocks at once."""
        if self._read_at != self._world.time:
            run = self._offset + self._world.time * self._rate
            self._read_at, self._reading = self._world.time, Reading(run, run, 1_700_000_000.0 + run)
        return self._reading

    def true_time(self, raw: float) -> float:
        """Answer the first true time at which this clock shows `raw`, or more."""
        time = (raw - self._offset) / self._rate
        while self._offset + time * self._rate < raw:
            time = math.nextafter(time, math.inf)
        return time
