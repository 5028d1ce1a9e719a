"""How long a leader may act, and how long a standby must wait. Pure arithmetic on clock readings.

The rule (T1-T4): a lease runs 0.8 of the time-out that its segment states, from the *start* of the first attempt to
append it; a standby waits the whole time-out from the *end* of the read that first showed it. With clock rates that
differ by less than 20 % the lease always ends before the wait does. No reading of another node is ever used.
"""

from __future__ import annotations

from dataclasses import dataclass

from amp.kit.clock import Reading

#: The part of a time-out for which a leader may act.
SHARE = 0.8
#: Appends an idle leader makes within one time-out.
BEATS = 6


def leader_elapsed(start: Reading, now: Reading) -> float:
    """Answer the most that may have passed, in seconds: a leader must not believe in a lease for too long (T2)."""
    # Spelt out rather than by `max`: this and the next are asked several times for each event.
    most, raw, wall = now.boot - start.boot, now.raw - start.raw, now.wall - start.wall
    if raw > most:
        most = raw
    return wall if wall > most else most


def standby_elapsed(start: Reading, now: Reading) -> float:
    """Answer the least that has passed for certain, in seconds: a standby must not stand too early (T2)."""
    least, raw = now.boot - start.boot, now.raw - start.raw
    if raw < least:
        least = raw
    return least if least > 0.0 else 0.0


@dataclass(frozen=True, slots=True)
class Lease:
    """What one durable append grants: `timeout` seconds as its segment states, from `start`."""

    start: Reading
    timeout: float

    def left(self, now: Reading, bound: float | None = None) -> float:
        """Answer the seconds left, negative when it is over.

        `bound`: the time-out of an append that was sent but is not decided; a lower one binds at once (T3).
        """
        timeout = self.timeout if bound is None else min(self.timeout, bound)
        return SHARE * timeout - leader_elapsed(self.start, now)


@dataclass(frozen=True, slots=True)
class Sighting:
    """That a standby saw segment `seq` first at `at`; its leader may act until `timeout` seconds later at most."""

    seq: int
    at: Reading
    timeout: float

    def over(self, now: Reading, own_timeout: float, extra: float = 0.0) -> bool:
        """Tell whether the wait for this segment's leader is over (T3), and `extra` seconds besides."""
        return self.left(now, own_timeout, extra) <= 0

    def left(self, now: Reading, own_timeout: float, extra: float = 0.0) -> float:
        """Answer the seconds that are still to be waited."""
        return max(self.timeout, own_timeout) + extra - standby_elapsed(self.at, now)
