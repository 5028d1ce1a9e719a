"""Saving and loading the whole state: seconds, memory, and how they grow; each size in a process of its own.

`python -m bench.state COUNT` is one such process: it saves and loads a plane of that size in a directory, while the
event loop of a node would go on; what that loop waited is measured too.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvloop

from amp.ha.log import Log
from amp.kit.clock import Reading, SystemClock
from amp.kit.interpreter import tune
from amp.plane import snapshots
from amp.store.file import DirectoryObjects
from amp.store.segment import parse, segment_key
from bench import filled
from bench.nodes import ROOT, memory, workplace
from bench.table import Row, judged, spread

SIZES = (10_000, 30_000, 100_000)


def rows() -> Iterator[Row]:
    """Measure all sizes."""
    rounds = 3
    seen: dict[int, list[dict[str, Any]]] = {size: [] for size in SIZES}
    for size in SIZES:
        for _ in range(rounds):
            with workplace() as work:
                seen[size].append(_measured(size, work))
    largest = seen[SIZES[-1]]
    for what, used, label in (("save_s", "save_cpu_s", "snapshot"), ("load_s", "load_cpu_s", "recovery")):
        by_size = f"{spread([each[used] for each in largest], ' s')} of processor; " + ", ".join(
            f"{size:,}: {spread([each[what] for each in seen[size]], ' s')}" for size in SIZES[:-1]
        )
        yield judged(
            f"{label} of 100,000 entities with 10 sensors", [each[what] for each in largest], "< 10 s",
            lambda value: value < 10, unit=" s", more=by_size,
        )  # fmt: skip
        per = [min(each[used] for each in seen[size]) / size for size in SIZES]
        yield Row(
            f"{label}, processor time for each entity",
            ", ".join(f"{size:,}: {each * 1e6:.1f} µs" for size, each in zip(SIZES, per, strict=True)),
            "linear (within a half)", max(per[1:]) <= 1.5 * per[0],
        )  # fmt: skip
    peaks = ", ".join(f"{size:,}: {spread([each['peak_mb'] for each in seen[size]], ' MB', 0)}" for size in SIZES[:-1])
    yield judged(
        "memory of recovery, at its peak", [each["peak_mb"] for each in largest], "< 2 GB", lambda mb: mb < 2000,
        unit=" MB", digits=0, more=peaks,
    )  # fmt: skip
    for what, label in (("save_pause_ms", "a snapshot"), ("load_pause_ms", "a recovery")):
        yield Row(
            f"longest wait of the event loop during {label}",
            ", ".join(f"{size:,}: {spread([each[what] for each in seen[size]], ' ms', 0)}" for size in SIZES),
        )
    yield Row(
        "size of the snapshot of 100,000 entities",
        spread([each["bytes"] / 1e6 for each in largest], " MB", 1),
    )


def _measured(size: int, work: Path) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for what in ("save", "load"):
        done = subprocess.run(
            [sys.executable, "-m", "bench.state", what, str(size), str(work / "store")],
            cwd=ROOT, capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(done.stderr[-2000:])
        figures |= json.loads(done.stdout)
    return figures


class Pauses:
    """Notes how late the event loop is at most, while it is asked to wake every millisecond."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def watch(self) -> None:
        """Note until cancelled."""
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            self.longest = max(self.longest, time.perf_counter() - began - 0.001)


async def _save(size: int, objects: DirectoryObjects) -> dict[str, Any]:
    model = await filled.fill(objects, size)
    log = Log("again")
    header = parse(await objects.get(segment_key(1)) or b"", 1)
    log.plane = header.header.plane
    log.extend(header, Reading(0.0, 0.0, 0.0))
    for key in ("snapshots/0000000000000001",):
        await objects.delete(key)
    pauses = Pauses()
    watch = asyncio.create_task(pauses.watch())
    began, used = time.perf_counter(), time.process_time()
    await snapshots.save(objects, log, model, SystemClock())
    took, used = time.perf_counter() - began, time.process_time() - used
    watch.cancel()
    size_of = next(info.size for info in await objects.list("snapshots/"))
    await objects.delete("snapshots/0000000000000001")
    return {"save_s": took, "save_cpu_s": used, "save_pause_ms": pauses.longest * 1000, "bytes": size_of}


async def _load(size: int, objects: DirectoryObjects) -> dict[str, Any]:
    header = parse(await objects.get(segment_key(1)) or b"", 1)
    pauses = Pauses()
    watch = asyncio.create_task(pauses.watch())
    began, used = time.perf_counter(), time.process_time()
    _, model = await snapshots.load(objects, header.header.plane)
    took, used = time.perf_counter() - began, time.process_time() - used
    watch.cancel()
    assert len(model.entities) == size
    return {
        "load_s": took,
        "load_cpu_s": used,
        "load_pause_ms": pauses.longest * 1000,
        "peak_mb": memory(os.getpid(), "VmHWM"),
    }


if __name__ == "__main__":
    tune()
    _what, _size, _store = sys.argv[1:]
    _run = _save if _what == "save" else _load
    print(json.dumps(uvloop.run(_run(int(_size), DirectoryObjects(Path(_store), timeout=60)))))
