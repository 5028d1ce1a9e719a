"""Does the memory of nodes stay flat under load and failovers? Samples of what each process holds, and what they mean.

A soak is a campaign whose faults end no process (the office goes round by promotions and freezes), so that each lives
as long as the soak. What is resident is read from the kernel. The rule: the first third is warm-up (caches fill, tasks
reach the number that is kept); after it the median of the last half may be above that of the first by `SHARE` or by
`LEEWAY`, whichever is more. A process that ended and came again has no trend, and fails the soak.
"""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amp.kit.clock import Clock
from amp.testing.nemesis.servers import Server

#: Faults of a soak.
KINDS = ("promote", "freeze")
SHARE, LEEWAY = 0.03, 3.0  # of the first half; MiB
_ROWS = 12
_HOUR = 3600.0


def peace(seconds: float) -> tuple[float, float]:
    """Answer least and most seconds between two faults of a soak: about a minute, less in a short one."""
    most = min(60.0, seconds / 4)
    return most * 2 / 3, most


def period(seconds: float) -> float:
    """Answer the seconds between two samples of a soak."""
    return min(5.0, seconds / 30)


@dataclass(frozen=True, slots=True)
class Sample:
    """What a process held at a moment: seconds since the soak began, resident MiB, its highest until then."""

    at: float
    pid: int
    resident: float
    highest: float


@dataclass(frozen=True, slots=True)
class Trend:
    """What became of a process after its warm-up: medians of both halves in MiB, slope in MiB an hour."""

    first: float
    last: float
    slope: float
    lives: int

    @property
    def flat(self) -> bool:
        """Tell whether it is one process, and did not grow beyond noise."""
        return self.lives == 1 and self.last - self.first <= max(SHARE * self.first, LEEWAY)


def trend(samples: Sequence[Sample]) -> Trend:
    """Answer what samples of one server mean. Raises: ValueError, for fewer than six."""
    if len(samples) < 6:
        raise ValueError(f"{len(samples)} samples are too few to tell a trend")
    warm = samples[len(samples) // 3 :]
    halves = warm[: len(warm) // 2], warm[len(warm) // 2 :]
    first, last = (statistics.median(each.resident for each in half) for half in halves)
    slope = statistics.linear_regression([each.at for each in warm], [each.resident for each in warm]).slope
    return Trend(first, last, slope * _HOUR, len({each.pid for each in samples}))


def read_memory(pid: int) -> tuple[float, float] | None:
    """Read what a process holds and held at most, in MiB; None when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    fields = {name: rest.split() for name, _, rest in (line.partition(":") for line in lines)}
    if "VmRSS" not in fields:
        return None
    return int(fields["VmRSS"][0]) / 1024, int(fields["VmHWM"][0]) / 1024


async def watch(servers: Sequence[Server], clock: Clock, found: dict[str, list[Sample]], every: float) -> None:
    """Sample all servers every so many seconds, until cancelled."""
    began = clock.read().raw
    while True:
        for server in servers:
            pid = server.pid()
            if pid is not None and (held := read_memory(pid)) is not None:
                found.setdefault(server.path.name, []).append(Sample(clock.read().raw - began, pid, *held))
        await asyncio.sleep(every)


def table(found: Mapping[str, Sequence[Sample]]) -> Iterator[str]:
    """Write a few samples of each server, and its trend, line by line."""
    names = sorted(found)
    yield "resident MiB"
    yield "  minute " + "".join(f"{name:>9}" for name in names)
    most = max((len(each) for each in found.values()), default=0)
    for at in range(0, most, max(1, most // _ROWS)):
        row = [found[name][at] if at < len(found[name]) else None for name in names]
        minute = next((each.at for each in row if each is not None), 0.0) / 60
        yield f"  {minute:6.1f} " + "".join(f"{each.resident:9.1f}" if each else " " * 9 for each in row)
    for name in names:
        of = trend(found[name])
        yield (
            f"{name}: {of.first:.1f} then {of.last:.1f} MiB ({of.last - of.first:+.1f}), slope {of.slope:+.1f} MiB/h, "
            f"highest {found[name][-1].highest:.1f}: {'flat' if of.flat else 'NOT FLAT'}"
            + ("" if of.lives == 1 else f", {of.lives} processes")
        )


def as_values(found: Mapping[str, Sequence[Sample]]) -> dict[str, Any]:
    """Answer all of it for JSON."""
    return {
        name: {
            "first": round((of := trend(samples)).first, 1),
            "last": round(of.last, 1),
            "slope_per_hour": round(of.slope, 2),
            "flat": of.flat,
            "samples": [[round(each.at, 1), round(each.resident, 1)] for each in samples],
        }
        for name, samples in sorted(found.items())
    }
