"""Simulated time, clocks that drift, and a store that cannot be relied upon. All chance comes from one seed."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass

from amp.kit.clock import Reading
from amp.store.objects import Outcome


class World:
    """True time and what is to happen in it."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.time = 0.0
        self._order = 0
        self._queue: list[tuple[float, int, Callable[[], None]]] = []

    def after(self, delay: float, do: Callable[[], None]) -> None:
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


class SimClock:
    """The clocks of one simulated machine: they run at their own rate, and the wall clock may be set."""

    def __init__(self, world: World, rate: float, offset: float) -> None:
        self._world, self._rate, self._offset = world, rate, offset
        self.wall_shift = 0.0

    def read(self) -> Reading:
        """Read all clocks at once."""
        run = self._offset + self._world.time * self._rate
        return Reading(run, run, 1_700_000_000.0 + run + self.wall_shift)

    def true_delay(self, seconds: float) -> float:
        """Answer how much true time passes while this clock counts `seconds`."""
        return seconds / self._rate


@dataclass(slots=True)
class Faults:
    """How bad the store is now: chances per request, and latencies in seconds."""

    lost_request: float = 0.0
    lost_answer: float = 0.0
    late: float = 0.0  # lands long after its attempt has been given up
    failed_read: float = 0.0
    slow: float = 0.0
    latency: float = 0.02
    down: bool = False


class SimStore:
    """Objects with an atomic create. `overwrites` plants a store that ignores the condition.

    `first` keeps what was the first to be created under each key: the one history, whatever is deleted later.
    """

    def __init__(self, world: World, *, overwrites: bool = False) -> None:
        self._world = world
        self.objects: dict[str, bytes] = {}
        self.first: dict[str, bytes] = {}
        self.faults = Faults()
        self._overwrites = overwrites

    def _latency(self) -> float:
        rng, faults = self._world.rng, self.faults
        latency = rng.expovariate(1 / faults.latency)
        return latency + rng.uniform(0.1, 4.0) if rng.random() < faults.slow else latency

    def create(self, key: str, data: bytes, limit: float, answer: Callable[[Outcome], None], cut: bool) -> None:
        """Create an object; the answer comes within `limit` seconds of true time, the effect perhaps later."""
        rng, faults, world = self._world.rng, self.faults, self._world
        if cut or faults.down or rng.random() < faults.lost_request:
            world.after(limit, lambda: answer(Outcome.UNKNOWN))
            return
        there, back = self._latency(), self._latency()
        if rng.random() < faults.late:
            there += rng.choice([1.0, 5.0, 30.0]) * rng.random()
        answered = {"yet": False}

        def give(outcome: Outcome) -> None:
            if not answered["yet"]:
                answered["yet"] = True
                answer(outcome)

        def land() -> None:
            done = self._overwrites or key not in self.objects
            if done:
                self.objects[key] = data
                self.first.setdefault(key, data)
            if world.rng.random() >= faults.lost_answer:
                world.after(back, lambda: give(Outcome.DONE if done else Outcome.EXISTS))

        world.after(there, land)
        world.after(limit, lambda: give(Outcome.UNKNOWN))

    def get(self, key: str, limit: float, answer: Callable[[bool, bytes | None], None], cut: bool) -> None:
        """Read an object at one moment of the request: (ok, content or None)."""
        rng, world = self._world.rng, self._world
        there, back = self._latency(), self._latency()
        if cut or self.faults.down or rng.random() < self.faults.failed_read or there + back > limit:
            world.after(limit, lambda: answer(False, None))
            return

        def look() -> None:
            found = self.objects.get(key)
            world.after(back, lambda: answer(True, found))

        world.after(there, look)

    def delete(self, key: str) -> None:
        """Delete an object, some time soon."""

        def gone() -> None:
            self.objects.pop(key, None)

        self._world.after(self._latency(), gone)

    def boundary(self, limit: float, answer: Callable[[int | None], None], cut: bool) -> None:
        """Read the largest key under `gc/` at one moment of the request; None when it fails."""
        rng, world = self._world.rng, self._world
        there, back = self._latency(), self._latency()
        if cut or self.faults.down or rng.random() < self.faults.failed_read or there + back > limit:
            world.after(limit, lambda: answer(None))
            return

        def look() -> None:
            found = max((int(key[3:]) for key in self.objects if key.startswith("gc/")), default=0)
            world.after(back, lambda: answer(found))

        world.after(there, look)

    def put(self, key: str, data: bytes) -> None:
        """Write an object, or not: nobody waits for the answer."""
        rng = self._world.rng
        if not self.faults.down and rng.random() >= self.faults.lost_request:
            self._world.after(self._latency(), lambda: self.objects.__setitem__(key, data))

    def list(self, prefix: str, answer: Callable[[list[bytes]], None]) -> None:
        """Answer the contents of all keys under a prefix; nothing when it fails."""
        rng, world = self._world.rng, self._world
        there, back = self._latency(), self._latency()
        if self.faults.down or rng.random() < self.faults.failed_read:
            return

        def look() -> None:
            found = [self.objects[key] for key in sorted(self.objects) if key.startswith(prefix)]
            world.after(back, lambda: answer(found))

        world.after(there, look)
