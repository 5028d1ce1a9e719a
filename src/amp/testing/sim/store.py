"""A store that cannot be relied upon: what it took stays, all else about it is chance.

Requests take time, get lost, or land long after they were given up; answers get lost; reads fail. An object is created
or not, at one moment. Objects are kept as bytes and parsed as a node parses them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import log
from typing import TypeVar

import msgspec

from amp.ha.events import Doubt
from amp.ha.members import Record
from amp.store.objects import Outcome
from amp.store.segment import Position, Segment, parse, segment_key
from amp.testing.sim.world import World

T = TypeVar("T")


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


@dataclass(frozen=True, slots=True)
class Fate:
    """What befalls one request, whatever the store does to others: it lands after `there` seconds; no answer comes."""

    there: float = 0.02


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
        latency = -log(1.0 - rng.random()) * faults.latency
        return latency + rng.uniform(0.1, 4.0) if rng.random() < faults.slow else latency

    @property
    def is_fair(self) -> bool:
        """True while requests neither fail nor are slow."""
        faults = self.faults
        return not (
            faults.down or faults.lost_request or faults.lost_answer or faults.late or faults.failed_read or faults.slow
        )

    def create(
        self,
        seq: int,
        data: bytes,
        limit: float,
        answer: Callable[[Outcome], None],
        cut: bool = False,
        fate: Fate | None = None,
    ) -> None:
        """Create a segment; the answer comes within `limit` seconds of true time, the effect perhaps later."""

        def put() -> bool:
            done = self._overwrites or seq not in self.journal
            if done:
                self.journal[seq] = data
                self.first.setdefault(seq, data)
            return done

        if fate is None:
            self._create(put, limit, answer, cut)
        else:
            self._world.after(fate.there, put)
            self._world.after(limit, lambda: answer(Outcome.UNKNOWN))

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

    def get(self, seq: int, limit: float, answer: Callable[[bool, bytes | None], None], cut: bool = False) -> None:
        """Read a segment at one moment of the request: (ok, content or None)."""
        self._read(lambda: self.journal.get(seq), limit, answer, cut)

    def boundary(self, limit: float, answer: Callable[[bool, int | None], None], cut: bool = False) -> None:
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
