"""Clocks, passed in wherever time matters. The only module that asks the operating system for the time.

A `Reading` holds three clocks at one moment, in seconds. Readings of different nodes are never compared.
Which difference counts is the lease's business (`ha.lease`): a leader must not underestimate elapsed
time, a standby must not overestimate it.
"""

from __future__ import annotations

import time
from typing import Protocol

import msgspec


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
        boot = time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()
        raw = time.clock_gettime(time.CLOCK_MONOTONIC_RAW) if hasattr(time, "CLOCK_MONOTONIC_RAW") else time.monotonic()
        return Reading(boot, raw, time.time())
