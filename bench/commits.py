"""Commits: how long one takes beside a bare create of the same store, how many there are with many writers, and what is
only seen. One node in this process, its journal on a real store."""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import time
from collections.abc import AsyncIterator, Iterator

import uvloop

from amp.entities.types import standard_registry
from amp.ha.machine import Identity, Machine
from amp.ha.modes import HaMode, PersistMode
from amp.kit.clock import SystemClock
from amp.kit.ids import EntityId, NodeId, Term, nonce, system_entropy
from amp.model import changes as c
from amp.plane.leader import Leader
from amp.plane.node import PlaneNode
from amp.store.cloud import CloudObjects
from amp.store.file import DirectoryObjects
from amp.store.objects import Objects
from bench.nodes import s3, workplace
from bench.table import Row, judged, spread

ROOT = EntityId("root")
ROUNDS, SINGLE, WRITERS, SECONDS = 5, 200, 1000, 3.0
#: Sensors that feeds see something of at once.
SEEN = 200_000


def rows() -> Iterator[Row]:
    """Measure both stores."""
    for kind in ("directory", "S3"):
        with workplace() as work, contextlib.ExitStack() as stack:
            objects: Objects = (
                DirectoryObjects(work / "store")
                if kind == "directory"
                else CloudObjects(stack.enter_context(s3(work)).place("amp"))
            )
            yield from uvloop.run(_rows(kind, objects))


async def _rows(kind: str, objects: Objects) -> list[Row]:
    made = []
    async with leading(objects) as node:
        ratios, commits, puts = await _latency(node, objects)
        said = f"commit {spread(commits, ' ms')}, create {spread(puts, ' ms')}"
        made.append(
            judged(
                f"commit / bare create, {kind}, 1 KiB, one writer",
                ratios,
                "<= 1.3",
                lambda ratio: ratio <= 1.3,
                more=said,
            )
        )
        made.append(await _many(node, kind))
        if kind == "directory":
            made.append(await _seen(node))
    await objects.close()
    return made


@contextlib.asynccontextmanager
async def leading(objects: Objects) -> AsyncIterator[PlaneNode]:
    """Answer a node in office, with one entity."""
    async with joined(objects, "bench") as node:
        await node.journaling.commit([c.EntityAdded(id=ROOT, type="App", name="root", application=ROOT)])
        yield node


@contextlib.asynccontextmanager
async def joined(objects: Objects, name: str, plane: str = "bench") -> AsyncIterator[PlaneNode]:
    """Answer a node that leads, or follows whoever does."""
    clock = SystemClock()
    identity = Identity(
        node=name, instance=name, plane=plane, name=name, address=f"http://{name}", version="1", mode=HaMode.AUTO,
        timeout=30.0, poll=1.0, local=objects.local,
    )  # fmt: skip
    node = PlaneNode(
        Machine(identity, lambda: nonce(system_entropy)), objects, clock,
        persist_mode=PersistMode.AUTO, persist_period=1.0,
    )  # fmt: skip
    node.make_leader = lambda term: Leader(
        node.journaling, node, standard_registry(), clock, system_entropy, NodeId(name), Term(term)
    )
    running = asyncio.create_task(node.run())
    while node.ha_state().state not in ("MASTER", "HOT_STANDBY"):  # noqa: ASYNC110  # it has no event
        await asyncio.sleep(0.01)
    try:
        yield node
    finally:
        node.stop()
        await running


def _value(size: int = 1024) -> str:
    return os.urandom(size * 3 // 4 // 2).hex()  # does not pack well, as a real value of that size might not


async def _latency(node: PlaneNode, objects: Objects) -> tuple[list[float], list[float], list[float]]:
    """Time commits and bare creates of as many bytes, in turns; answers each round's ratio of medians, and both."""
    ratios, commits, puts = [], [], []
    for round in range(ROUNDS):
        own: list[float] = []
        bare: list[float] = []
        for number in range(SINGLE // ROUNDS):
            value = _value()
            began = time.perf_counter()
            await node.journaling.commit([c.SensorSet(ROOT, "value", value)])
            own.append((time.perf_counter() - began) * 1000)
            data = _value().encode()
            began = time.perf_counter()
            await objects.create(f"bench/{round:04d}-{number:06d}", data)
            bare.append((time.perf_counter() - began) * 1000)
        ratios.append(statistics.median(own) / statistics.median(bare))
        commits.append(statistics.median(own))
        puts.append(statistics.median(bare))
    return ratios, commits, puts


async def _many(node: PlaneNode, kind: str) -> Row:
    until = time.perf_counter() + SECONDS
    times: list[float] = []
    used, before, seq = time.process_time(), time.perf_counter(), node.seq

    async def write(number: int) -> None:
        while (began := time.perf_counter()) < until:
            await node.journaling.commit([c.SensorSet(ROOT, f"s{number % 50}", began)])
            times.append(time.perf_counter() - began)

    async with asyncio.TaskGroup() as group:
        for number in range(WRITERS):
            group.create_task(write(number))
    took, batches = time.perf_counter() - before, node.seq - seq
    times.sort()
    figures = (
        f"{len(times) / took:,.0f}/s; {batches / took:,.0f} batches/s of {len(times) / batches:,.0f}; "
        f"p50 {times[len(times) // 2] * 1000:.0f} ms, p99 {times[len(times) * 99 // 100] * 1000:.0f} ms; "
        f"{(time.process_time() - used) / len(times) * 1e6:.0f} µs of processor each"
    )
    return Row(f"commits/s with 1,000 writers, {kind}", figures)


async def _seen(node: PlaneNode) -> Row:
    """Let feeds see something new of 200,000 sensors again and again, and count what was applied.

    In each round nothing is written before the persist period of 1 s is over, and that second counts.
    """
    entities = [EntityId(f"e{number}") for number in range(SEEN // 10)]
    for start in range(0, len(entities), 5000):
        some = entities[start : start + 5000]
        await node.journaling.commit([c.EntityAdded(each, "T", each, ROOT, ROOT) for each in some])
    rates, used = [], time.process_time()
    rounds = 3
    for value in range(rounds):
        began = time.perf_counter()
        for number in range(10):
            name = f"s{number}"
            for start in range(0, len(entities), 500):
                node.journaling.observe([c.SensorSet(each, name, value) for each in entities[start : start + 500]])
                await asyncio.sleep(0)
        last = node.model
        while not all(last.entities[entities[at]].sensors.get("s9") == value for at in (0, -1)):  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        rates.append(SEEN / (time.perf_counter() - began))
    each = (time.process_time() - used) / rounds / SEEN
    return judged(
        "observations applied/s, 200,000 sensors of 20,000 entities, directory", rates, ">= 100,000/s",
        lambda rate: rate >= 100_000, unit="/s", digits=0, more=f"{each * 1e6:.1f} µs of processor each",
    )  # fmt: skip
