"""Clocks, passed in wherever time matters. The only module that asks the operating system for the time.

A `Reading` holds three clocks at one moment, in seconds. Readings of different nodes are never compared.
Which difference counts is the lease's business (`ha.lease`): a leader must not underestimate elapsed
time, a standby must not overestimate it.
"""

from __future__ import annotations

import time
from typing import Protocol

import msgspec

_BOOT = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_RAW = getattr(time, "CLOCK_MONOTONIC_RAW", time.CLOCK_MONOTONIC)


class Reading(msgspec.Struct, frozen=True):
    """`boot` counts through suspend, `raw` is not slewed by NTP, `wall` is the time of day; all in seconds."""

    boot: float
    raw: float
    wall: float

    @property
    def wall_ms(self) -> int:
        """Milliseconds since the epoch, for people and records."""
        return int(self.wall * 1000)


class Clock(Protocol):
    """Tells the time of one machine."""

    def read(self) -> Reading:
        """Read all clocks at once."""
        ...


class SystemClock:
    """The clocks of this machine."""

    def read(self) -> Reading:
        """Read all clocks at once."""
        return Reading(time.clock_gettime(_BOOT), time.clock_gettime(_RAW), time.time())
