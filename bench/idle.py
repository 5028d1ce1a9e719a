"""A node that has nothing to do: how soon it serves, what it takes to be there, and what it asks of a store."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import uvloop

from amp.ha import founding
from amp.store.memory import MemoryObjects
from amp.store.objects import ObjectInfo, Objects, Outcome
from bench import filled
from bench.commits import joined
from bench.nodes import Home, directory_lines, homes, memory, processor, s3, s3_lines, workplace
from bench.table import Row, judged

STARTS, IDLE_S, COUNTED_S = 5, 20.0, 60.0
#: Dollars for a request of S3 Standard in us-east-1, as published: writes and listings, reads.
PUT, GET = 0.005 / 1000, 0.0004 / 1000
MONTH_S = 30 * 24 * 3600
PLAN = "name: first\nservices:\n- type: basic-startable\n"


def rows() -> Iterator[Row]:
    """Measure starts on both stores, then two nodes that idle."""
    for kind in ("directory", "S3"):
        with workplace() as work:
            if kind == "directory":
                yield from _starts(kind, Home(work / "n", directory_lines(work)))
                yield from _idle(work / "two", directory_lines(work / "two"))
            else:
                with s3(work) as server:
                    yield from _starts(kind, Home(work / "n", s3_lines(server)))


def requests() -> Iterator[Row]:
    """Count what two idle nodes with the default timers ask of a store that is not a directory."""
    seen = {count: uvloop.run(_counted(count)) for count in (0, 10_000)}
    for who, budget in (("leader", 4.0), ("standby", 2.6)):
        months = {count: _month(each[who]) for count, each in seen.items()}
        calls = ", ".join(f"{what} {number / COUNTED_S:.2f}/s" for what, number in sorted(seen[0][who].items()))
        yield Row(
            f"store requests of an idle {who}, a month on S3",
            f"{calls}: ${months[0]:.2f}; with 10,000 entities ${months[10_000]:.2f}",
            f"${budget:.2f}, constant", all(each <= budget * 1.1 for each in months.values()),
        )  # fmt: skip


def _starts(kind: str, home: Home) -> Iterator[Row]:
    """Start a home again and again; the first one founds the plane."""
    firsts, used, written = [], [], 0
    try:
        for _ in range(STARTS):
            began = time.monotonic()
            home.start()
            home.await_state("MASTER", 60)
            status, _ = home.ask("POST", "/v1/applications", PLAN.encode(), "application/x-yaml")
            firsts.append(time.monotonic() - began)
            used.append(processor(home.pid))
            written += status == 201
            home.stop()
    finally:
        home.stop()
    if written != STARTS:
        raise SystemExit(f"only {written} of {STARTS} first writes were taken")
    yield judged(f"start to first write, {kind}", firsts, "< 1.5 s", lambda value: value < 1.5, unit=" s")
    yield judged(f"processor time until then, {kind}", used, "< 0.8 s", lambda value: value < 0.8, unit=" s")


def _idle(work: Path, store: list[str]) -> Iterator[Row]:
    with homes(work, store, 2) as both:
        for home, state in zip(both, ("MASTER", "HOT_STANDBY"), strict=True):
            home.start()
            home.await_state(state, 60)
        time.sleep(5)
        before = [processor(home.pid) for home in both]
        time.sleep(IDLE_S)
        shares = [(processor(home.pid) - used) / IDLE_S * 100 for home, used in zip(both, before, strict=True)]
        sizes = [memory(home.pid) for home in both]
    said = "master {:.1f}, hot standby {:.1f}".format
    yield Row("idle processor, % of a core", said(*shares), "< 1 %", max(shares) < 1)
    yield Row("idle memory, MB", said(*sizes), "< 100 MB", max(sizes) < 100)


class Counting:
    """Counts what one node asks of a store that others use too; it says that requests cost."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self.calls: Counter[str] = Counter()
        self.name, self.local = objects.name, False

    async def create(self, key: str, data: bytes) -> Outcome:
        """Count and pass on."""
        self.calls["PUT"] += 1
        return await self._objects.create(key, data)

    async def put(self, key: str, data: bytes) -> None:
        """Count and pass on."""
        self.calls["PUT"] += 1
        await self._objects.put(key, data)

    async def get(self, key: str) -> bytes | None:
        """Count and pass on."""
        self.calls["GET"] += 1
        return await self._objects.get(key)

    async def list(self, prefix: str, after: str = "") -> list[ObjectInfo]:
        """Count and pass on."""
        self.calls["LIST"] += 1
        return await self._objects.list(prefix, after)

    async def delete(self, key: str) -> None:
        """Count and pass on; S3 takes no money for it."""
        await self._objects.delete(key)

    async def close(self) -> None:
        """Nothing to do."""


def _month(calls: Counter[str]) -> float:
    seconds = MONTH_S / COUNTED_S
    return seconds * ((calls["PUT"] + calls["LIST"]) * PUT + calls["GET"] * GET)


async def _counted(entities: int) -> dict[str, Counter[str]]:
    objects = MemoryObjects()
    await filled.fill(objects, entities)
    found = await founding.read(objects)
    plane = found.id if found is not None else ""
    first, second = Counting(objects), Counting(objects)
    async with joined(first, "first", plane), joined(second, "second", plane):
        await asyncio.sleep(8)
        first.calls.clear()
        second.calls.clear()
        await asyncio.sleep(COUNTED_S)
        return {"leader": Counter(first.calls), "standby": Counter(second.calls)}
