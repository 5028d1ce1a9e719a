"""How long a plane is without a master: after a clean stop, and after kill -9 beyond the time-out, by its size."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from amp.store.file import DirectoryObjects
from bench import filled
from bench.nodes import Home, directory_lines, homes, workplace
from bench.table import Row, judged

SIZES = (1_000, 10_000, 100_000)
ROUNDS = 5
TIMEOUT, POLL = 3.0, 1.0


def rows() -> Iterator[Row]:
    """Measure every size with a master and a hot standby."""
    seen = {size: _measured(size) for size in SIZES}
    for size, (clean, _) in seen.items():
        yield judged(
            f"clean takeover, from SIGTERM to the first write, {size:,} entities", clean, f"< {POLL + 0.3:.1f} s",
            lambda value: value < POLL + 0.3, unit=" s",
        )  # fmt: skip
    for size, (_, killed) in seen.items():
        yield judged(
            f"kill -9 to the first write, beyond the time-out, {size:,} entities", killed, "< 0.5 s",
            lambda value: value < 0.5, unit=" s",
        )  # fmt: skip


def _measured(size: int) -> tuple[list[float], list[float]]:
    with workplace() as work:
        asyncio.run(_fill(work, size))
        with homes(work, directory_lines(work), 2, timeout=TIMEOUT, poll=POLL) as (master, standby):
            master.start()
            master.await_state("MASTER", 120)
            standby.start()
            standby.await_state("HOT_STANDBY", 120)
            clean, killed = [], []
            for _ in range(ROUNDS):
                clean.append(_gap(master, standby, signal.SIGTERM))
                master.stop()
                master, standby = standby, _again(master)
                killed.append(_gap(master, standby, signal.SIGKILL) - TIMEOUT)
                master, standby = standby, _again(master)
            return clean, killed


async def _fill(work: Path, size: int) -> None:
    objects = DirectoryObjects(work / "store", timeout=60)
    await filled.fill(objects, size)
    await objects.close()


def _again(home: Home) -> Home:
    """Start a node anew, and give it time to follow."""
    home.start()
    home.await_state("HOT_STANDBY", 120)
    time.sleep(2 * POLL)
    return home


def _gap(master: Home, standby: Home, how: signal.Signals) -> float:
    """End the master; answer the seconds until the standby has taken a write."""
    began = time.monotonic()
    os.kill(master.pid, how)
    path = "/v1/applications/a0000000/entities/a0000000/sensors/bench.count"
    while (status := standby.ask("POST", path, b"1")[0]) != 204:
        if time.monotonic() - began > TIMEOUT * 4 + 60:
            raise SystemExit(f"the standby answers {status} a minute after its master has ended")
        time.sleep(0.01)
    return time.monotonic() - began
