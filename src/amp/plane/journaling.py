"""The leader's queue of Changes: what waits to be written, who waits for it, and what was only seen.

Group commit: one append is under way, what comes meanwhile goes into the next (A1). Requests wait for their append;
observations do not, and are conflated to the last value of each sensor for up to `persistPeriod`.
Implements `plane.recorder.Recorder`; it writes nothing itself.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from amp.kit.errors import Fenced, Invalid, Unavailable
from amp.model import changes as c
from amp.model.changes import AnyChange
from amp.plane import codec
from amp.store.segment import pack

#: What one segment holds at most, in bytes before packing (A1); a larger write is spread over several.
LARGEST = 4 * 1024 * 1024
#: What one write may have, in bytes.
LARGEST_WRITE = 16 * LARGEST

_OF_SENSORS = (c.SensorSet, c.SensorCleared)
NOT_LEADING = "this node is not the master"


@dataclass(slots=True)
class _Writer:
    changes: list[AnyChange]
    lines: list[bytes]
    size: int
    done: asyncio.Future[int] | None
    more: bool = False  # a part: the next in the queue goes on with the same write


@dataclass(slots=True)
class Batch:
    """What went into one segment. Durable when that is; it takes effect then, or with the last part of its write."""

    writers: list[_Writer] = field(default_factory=list)

    def changes(self) -> list[AnyChange]:
        """Answer all Changes, in order."""
        return [change for writer in self.writers for change in writer.changes]


class Journaling:
    """Takes Changes while this node may act. `nudge` is told when something waits."""

    def __init__(self, may_act: Callable[[], bool], nudge: Callable[[], None], persist_period: float) -> None:
        self._may_act, self._nudge, self._period = may_act, nudge, persist_period
        self._queue: deque[_Writer] = deque()
        self._seen: dict[tuple[str, str], AnyChange] = {}
        self._batches: dict[int, Batch] = {}
        self._number = 0
        self._flush: asyncio.TimerHandle | None = None

    def may_act(self) -> bool:
        """Tell whether an outside action may start at this moment."""
        return self._may_act()

    async def commit(self, changes: Sequence[AnyChange]) -> int:
        """Make Changes durable as one, apply them, and answer their seq."""
        # A client that goes away gives up this future only: the write is in the queue, and is not undone.
        return await self.submit(changes)

    def submit(self, changes: Sequence[AnyChange]) -> asyncio.Future[int]:
        """Begin to make Changes durable as one; the future answers their seq once they are applied.

        Raises, at once or by the future, what `commit` raises.
        """
        if not self._may_act():
            raise Fenced(NOT_LEADING)
        lines = codec.encode(changes)
        size = sum(map(len, lines)) + len(lines)
        if size > LARGEST_WRITE:
            raise Invalid(f"this makes {size} bytes of changes, one write may have {LARGEST_WRITE}: split the request")
        if size > LARGEST and (largest := max(map(len, lines))) > LARGEST:
            raise Invalid(f"this has a value of {largest} bytes, and one value may have {LARGEST}")
        for change in changes:
            # What was seen of a sensor before this must not come after it and win.
            if self._seen and isinstance(change, _OF_SENSORS):
                self._seen.pop((change.entity, change.name), None)
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._queue.extend(_parts(changes, lines, size, done))
        self._nudge()
        return done

    def observe(self, changes: Sequence[AnyChange]) -> None:
        """Record what was seen, without waiting."""
        if not self._may_act():
            return
        for change in changes:
            match change:
                case c.SensorSet(entity=entity, name=name) | c.SensorCleared(entity=entity, name=name):
                    self._seen[entity, name] = change
                case _:
                    raise Invalid(f"only sensors are observed, not {type(change).__name__}")
        if self._flush is None and self._seen:
            self._flush = asyncio.get_running_loop().call_later(self._period, self._flush_seen)

    def _flush_seen(self) -> None:
        self._flush = None
        self._take_seen()
        self._nudge()

    def _take_seen(self) -> None:
        if self._seen:
            changes, self._seen = list(self._seen.values()), {}
            for start in range(0, len(changes), 10_000):
                part = changes[start : start + 10_000]
                lines = codec.encode(part)
                self._queue.append(_Writer(part, lines, sum(map(len, lines)) + len(lines), None))

    def next_batch(self) -> tuple[bytes, int, bool] | None:
        """Answer what waits, packed, its number, and whether the next batch goes on with it; None when nothing does."""
        if self._queue and self._seen:
            self._take_seen()  # a request takes along what was only seen
        if not self._queue:
            return None
        batch, size = Batch(), 0
        more = self._queue[0].more
        while self._queue and (not batch.writers or (size + self._queue[0].size <= LARGEST and not more)):
            if batch.writers and self._queue[0].more:
                break  # what is spread begins with a segment of its own
            writer = self._queue.popleft()
            batch.writers.append(writer)
            size += writer.size
        self._number += 1
        self._batches[self._number] = batch
        return pack([line for writer in batch.writers for line in writer.lines]), self._number, more

    def take(self, number: int) -> Batch:
        """Answer a batch whose segment is durable; its writers are to be answered by `answer`."""
        return self._batches.pop(number)

    def answer(self, batch: Batch, seq: int) -> None:
        """Tell the writers of a batch that it is durable and applied."""
        for writer in batch.writers:
            if writer.done is not None and not writer.done.done():
                writer.done.set_result(seq)

    def drop(self, number: int, unknown: bool) -> None:
        """Tell the writers of a batch that it will not be written by this node."""
        batch = self._batches.pop(number, None)
        if batch is not None:
            self._refuse(batch.writers, unknown)

    def close(self) -> None:
        """Refuse all that waits and was not sent: this node leaves office."""
        self._seen.clear()
        queue, self._queue = self._queue, deque()
        self._refuse(queue, unknown=False)

    def _refuse(self, writers: Iterable[_Writer], unknown: bool) -> None:
        for writer in writers:
            if writer.done is None or writer.done.done():
                continue
            if unknown:
                why = "this node lost its leadership while it wrote this; whether it was done is not known: look first"
                writer.done.set_exception(Unavailable(why, unknown=True))
            else:
                writer.done.set_exception(Fenced(f"{NOT_LEADING} any more; nothing was changed"))


def _parts(changes: Sequence[AnyChange], lines: list[bytes], size: int, done: asyncio.Future[int]) -> Iterator[_Writer]:
    """Spread a write over as many segments as it needs; each has whole Changes, and the last one tells the writer."""
    start, filled = 0, 0
    if size > LARGEST:
        for at, line in enumerate(lines):
            if filled + len(line) + 1 > LARGEST and at > start:
                yield _Writer(list(changes[start:at]), lines[start:at], filled, None, more=True)
                start, filled = at, 0
            filled += len(line) + 1
    yield _Writer(list(changes[start:]), lines[start:], filled or size, done)
