"""Simulated time, clocks that drift, and a store that cannot be relied upon. All chance comes from one seed."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import msgspec

from amp.ha.events import Doubt
from amp.ha.members import Record
from amp.kit.clock import Reading
from amp.store.objects import Outcome
from amp.store.segment import Position, Segment, parse, segment_key

if TYPE_CHECKING:
    from amp.testing.sim.node import SimNode

T = TypeVar("T")


class World:
    """True time and what is to happen in it."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.time = 0.0
        self.moved: list[SimNode] = []  # for whom something has changed since the properties were looked at
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
    """Segments by seq with an atomic create, the boundary of deletion, and records by node.

    `overwrites` plants a store that ignores the condition. `first` keeps what was the first to be created in each slot:
    the one history, whatever is deleted later.
    """

    def __init__(self, world: World, *, overwrites: bool = False) -> None:
        self._world = world
        self.journal: dict[int, bytes] = {}
        self.first: dict[int, bytes] = {}
        self.records: dict[str, bytes] = {}
        self.faults = Faults()
        self._boundary = 0
        self._overwrites = overwrites
        self._segments: dict[bytes, Segment] = {}
        self._parsed_records: dict[bytes, Record] = {}

    def segment(self, data: bytes, seq: int) -> Segment:
        """Parse a segment as a node does; the same bytes once. Raises: Invalid."""
        known = self._segments.get(data)
        if known is None or known.header.seq != seq:
            known = self._segments[data] = parse(data, seq)
        return known

    def _latency(self) -> float:
        rng, faults = self._world.rng, self.faults
        latency = rng.expovariate(1 / faults.latency)
        return latency + rng.uniform(0.1, 4.0) if rng.random() < faults.slow else latency

    def create(self, seq: int, data: bytes, limit: float, answer: Callable[[Outcome], None], cut: bool) -> None:
        """Create a segment; the answer comes within `limit` seconds of true time, the effect perhaps later."""

        def put() -> bool:
            done = self._overwrites or seq not in self.journal
            if done:
                self.journal[seq] = data
                self.first.setdefault(seq, data)
            return done

        self._create(put, limit, answer, cut)

    def mark(self, boundary: int, answer: Callable[[Outcome], None], cut: bool) -> None:
        """Create the object under `gc/` that sets a boundary of deletion."""

        def put() -> bool:
            done, self._boundary = boundary > self._boundary, max(boundary, self._boundary)
            return done

        self._create(put, 60.0, answer, cut)

    def _create(self, put: Callable[[], bool], limit: float, answer: Callable[[Outcome], None], cut: bool) -> None:
        rng, faults, world = self._world.rng, self.faults, self._world
        if cut or faults.down or rng.random() < faults.lost_request:
            world.after(limit, lambda: answer(Outcome.UNKNOWN))
            return
        there, back = self._latency(), self._latency()
        if rng.random() < faults.late:
            there += rng.choice([1.0, 5.0, 30.0]) * rng.random()
        answered = False

        def give(outcome: Outcome) -> None:
            nonlocal answered
            if not answered:
                answered = True
                answer(outcome)

        def land() -> None:
            outcome = Outcome.DONE if put() else Outcome.EXISTS
            if world.rng.random() >= faults.lost_answer:
                world.after(back, lambda: give(outcome))

        world.after(there, land)
        world.after(limit, lambda: give(Outcome.UNKNOWN))

    def get(self, seq: int, limit: float, answer: Callable[[bool, bytes | None], None], cut: bool) -> None:
        """Read a segment at one moment of the request: (ok, content or None)."""
        self._read(lambda: self.journal.get(seq), limit, answer, cut)

    def boundary(self, limit: float, answer: Callable[[bool, int | None], None], cut: bool) -> None:
        """Read the largest boundary of deletion at one moment of the request: (ok, it)."""
        self._read(lambda: self._boundary, limit, answer, cut)

    def _read(self, look: Callable[[], T], limit: float, answer: Callable[[bool, T | None], None], cut: bool) -> None:
        rng, world = self._world.rng, self._world
        there, back = self._latency(), self._latency()
        if cut or self.faults.down or rng.random() < self.faults.failed_read or there + back > limit:
            world.after(limit, lambda: answer(False, None))
            return

        def arrive() -> None:
            found = look()
            world.after(back, lambda: answer(True, found))

        world.after(there, arrive)

    def doubt(self, end: Position | None, boundary: int) -> Doubt | None:
        """Find what contradicts that the journal ends at `end`, as `amp.ha.doubts` does."""
        seq = end.seq if end is not None else 0
        if end is not None and seq > boundary:
            own = self.journal.get(seq)
            if own is None or self.segment(own, seq).hash != end.hash:
                return Doubt(f"{segment_key(seq)} is another one", end.header.term)
        above = max(self.journal, default=0)
        if above > seq + 1:
            return Doubt(f"{segment_key(above)} is", 0)
        ahead = [record for record in map(self._record, self.records.values()) if record.seq > seq]
        return Doubt(f"node {ahead[0].id} has read more", ahead[0].term) if ahead else None

    def delete(self, seq: int) -> None:
        """Delete a segment, some time soon."""
        self._world.after(self._latency(), lambda: self.journal.pop(seq, None))

    def put(self, record: Record) -> None:
        """Write a node's record, or not: nobody waits for the answer."""
        rng, data = self._world.rng, msgspec.json.encode(record)
        if not self.faults.down and rng.random() >= self.faults.lost_request:
            self._world.after(self._latency(), lambda: self.records.__setitem__(record.id, data))

    def list(self, answer: Callable[[tuple[Record, ...]], None]) -> None:
        """Answer all records by the order of their keys; nothing when it fails."""
        rng, world = self._world.rng, self._world
        there, back = self._latency(), self._latency()
        if self.faults.down or rng.random() < self.faults.failed_read:
            return

        def look() -> None:
            found = tuple(self._record(self.records[id]) for id in sorted(self.records))
            world.after(back, lambda: answer(found))

        world.after(there, look)

    def _record(self, data: bytes) -> Record:
        known = self._parsed_records.get(data)
        if known is None:
            known = self._parsed_records[data] = msgspec.json.decode(data, type=Record)
        return known
