"""One append at a time, until its fate is known. Pure (A1-A3).

Success decides. After any other answer the slot is read: our very bytes there mean done, other bytes mean that another
node has this place in history, and an empty slot means to send the same bytes again, for a slow attempt may still land.
A time-out is never taken for a failure, and no other bytes are ever sent for the same seq.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from amp.kit.clock import Reading
from amp.store.objects import Outcome
from amp.store.segment import Segment


class Need(enum.Enum):
    """What the append needs next."""

    NOTHING = "nothing"  # an answer is awaited
    CREATE = "create"
    READ = "read"


@dataclass(slots=True)
class Append:
    """An append that is under way. `started`: when its first attempt began; the lease counts from there."""

    segment: Segment
    data: bytes
    started: Reading
    batch: int | None = None
    attempt: int = 1
    need: Need = Need.NOTHING
    retry_at: Reading | None = None
    failures: int = 0

    def answered(self, attempt: int, outcome: Outcome) -> bool:
        """Take the answer of an attempt; True when it is durable. Answers of earlier attempts may come late."""
        if outcome is Outcome.DONE:
            return True
        if attempt == self.attempt and self.need is Need.NOTHING:
            self.need = Need.READ
        return False

    def slot_is_empty(self, now: Reading) -> None:
        """The slot was read and is empty: the same bytes are to be sent again, after a pause that grows."""
        self._again(Need.CREATE, now)

    def slot_is_unreadable(self, now: Reading) -> None:
        """The slot could not be read: it is to be read again, after a pause that grows."""
        self._again(Need.READ, now)

    def is_ours(self, found: Segment) -> bool:
        """Tell whether the slot holds our very bytes."""
        return found.hash == self.segment.hash

    def pause(self) -> float:
        """Answer how long to wait before the next try, in seconds: longer each time, less up to a half of it.

        How much less is drawn from the segment's own hash, which is as good as chance and needs none: planes that
        share a store and failed together do not all come back at one moment.
        """
        if self.failures < 2:
            return 0.0
        at = 4 * (self.failures % 16)
        less = int(self.segment.hash[at : at + 4], 16) / 0xFFFF / 2
        return min(0.05 * 2.0 ** min(self.failures - 2, 6), 1.0) * (1 - less)

    def take_need(self) -> Need:
        """Answer what is to be done now, and await its answer."""
        need, self.need, self.retry_at = self.need, Need.NOTHING, None
        if need is Need.CREATE:
            self.attempt += 1
        return need

    def _again(self, need: Need, now: Reading) -> None:
        self.need = need
        self.failures += 1
        self.retry_at = now
