"""Every object of a real plane, damaged in every way: `amp store verify` names it; a node loads the same, or refuses.

Each byte is flipped, each length is cut to, each object is deleted, each two are swapped. What is no damage is listed
here by name. Loading is slower than judging: of flips and cuts, a node loads only every `STRIDE`th, unless
AMP_DAMAGE=whole (`make damage`), which besides flips each bit of each byte.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from amp.cli.store import examine as verify
from amp.ha.founding import Founding, found
from amp.ha.founding import read as read_founding
from amp.ha.machine import Identity, Machine
from amp.ha.modes import HaMode, PersistMode
from amp.ha.node import Phase
from amp.kit.clock import SystemClock
from amp.kit.errors import Invalid
from amp.kit.ids import EntityId, NodeId, TaskId, Term
from amp.model import changes as c
from amp.model.registry import Registry
from amp.plane import codec, journaling, snapshots
from amp.plane.contents import PlaneContents
from amp.plane.leader import Leader
from amp.plane.node import PlaneNode
from amp.store import blobs
from amp.store.audit import judge
from amp.store.collect import collect
from amp.store.facts import Fact, Survey, examine, number_of
from amp.store.file import DirectoryObjects
from amp.store.findings import Finding
from amp.store.memory import MemoryObjects
from amp.store.objects import Objects
from amp.store.segment import Boundary, Header, parse
from amp.testing.fakes import seeded_entropy
from amp.testing.planes import living, until

WHOLE = os.environ.get("AMP_DAMAGE") == "whole"
#: Of so many flips, and so many cuts, a node loads one. A prime, so that it meets each part of an object.
STRIDE = 1 if WHOLE else 31

ROOT, TASK = EntityId("root"), TaskId("deploy")
CONTENTS = PlaneContents()
CLOCK = SystemClock()


def node(objects: Objects, founding: Founding, name: str, mode: HaMode, *, clean: bool = False) -> PlaneNode:
    """Make a node of this plane that is not running yet."""
    entropy = seeded_entropy(sum(name.encode()))
    identity = Identity(
        node=name, instance=f"i-{name}", plane=founding.id, name=name, address=f"http://{name}", version="1.0",
        mode=mode, timeout=2.0, poll=0.05, local=True, clean=clean,
    )  # fmt: skip
    made = PlaneNode(
        Machine(identity, lambda: entropy(8).hex()), objects, CLOCK,
        persist_mode=PersistMode.CLEAN if clean else PersistMode.AUTO, persist_period=0.01,
    )  # fmt: skip
    made.make_leader = lambda term: Leader(
        made.journaling, made, Registry(()), CLOCK, entropy, NodeId(name), Term(term)
    )
    return made


async def write(each: PlaneNode, count: int) -> None:
    """Commit so many sensors, each by itself."""
    if ROOT not in each.model.entities:
        await each.journaling.commit([c.EntityAdded(id=ROOT, type="App", name="root", application=ROOT)])
    for number in range(count):
        await each.journaling.commit([c.SensorSet(ROOT, f"s{number}", each.seq)])


def is_ready(each: PlaneNode) -> bool:
    return each.ha().in_office and not each.machine.clean_due and not each.upkeep.saves


async def work(objects: Objects, each: PlaneNode) -> None:
    """Run a command whose output is a blob, and commit what takes more than one segment."""
    sha = await blobs.keep(objects, b"much output\n" * 9)
    step = c.StepEnded(TASK, "try", stdout="output", blobs={"stdout": sha})
    await each.journaling.commit([c.TaskStarted(TASK, ROOT, "start"), c.StepStarted(TASK, "try"), step])
    await each.journaling.commit([c.ConfigSet(ROOT, f"k{number}", "x" * 150) for number in range(4)])


async def live(folder: Path) -> None:
    """Three terms, the third from a clean start: snapshots, a boundary with gaps below it, blobs, records."""
    objects = DirectoryObjects(folder)
    founding = await found(objects, seeded_entropy(1), name="blue", version="1.0", now_ms=1_750_000_000_000)
    for name in ("one", "two", "three"):
        each = node(objects, founding, name, HaMode.AUTO, clean=name == "three")
        async with living(each):
            await until(partial(is_ready, each))
            await write(each, 9)
            await until(partial(is_ready, each))
            if name == "three":
                await work(objects, each)
            posts = {seq for seq, _ in each.machine.log.posts}
            plane = each.machine.log.plane
    await blobs.keep(objects, b"what nothing names any more")
    await objects.put("probe/left-by-a-check", b"left")
    await collect(objects, Boundary(plane, 0, 3, "three"), posts, lambda: True, kept=3, age_ms=0)
    await objects.close()


@dataclass(frozen=True)
class State:
    """What a node has loaded: through which segment, and all Changes that would make it."""

    seq: int
    hash: str
    model: tuple[str, ...]


@dataclass(frozen=True)
class Plane:
    """A plane that was stopped. `objects` without those of probe/; `needless`: keys whose absence is no damage."""

    objects: dict[str, bytes]
    facts: dict[str, Fact]
    seen: Survey = field(repr=False)
    state: State
    needless: frozenset[str]
    headers: tuple[Header, ...] = field(repr=False)


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Plane:
    folder = tmp_path_factory.mktemp("damage") / "plane"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(snapshots, "SEGMENTS", 8)
        patch.setattr(journaling, "LARGEST", 400)
        asyncio.run(live(folder))
    files = (path for path in folder.rglob("*") if path.is_file())
    every = {str(path.relative_to(folder)): path.read_bytes() for path in files}
    objects = {key: every[key] for key in sorted(every) if not key.startswith(("probe/", "tmp/"))}
    facts = {key: examine(key, data, CONTENTS) for key, data in objects.items()}
    state = asyncio.run(load(objects))
    assert isinstance(state, State)
    headers = tuple(parse(objects[key], number_of(key)).header for key in objects if key.startswith("journal/"))
    return Plane(objects, facts, survey_of(facts.values()), state, frozenset(needless(facts, state)), headers)


def needless(facts: Mapping[str, Fact], state: State) -> Iterator[str]:
    """Name all that may be deleted and is not missed; the how-to guide of `amp store verify` says the same."""
    boundary = max(number_of(key) for key in facts if key.startswith("gc/"))
    for key, fact in facts.items():
        match key.partition("/")[0]:
            case "nodes":
                yield key  # its node writes it again, and one that is gone needs none
            case "snapshots":
                yield key  # an older one and the segments after it stand in, or a newer one
            case "blobs" if not any(fact_of.named and key[6:] in fact_of.named for fact_of in facts.values()):
                yield key
            case "journal" if number_of(key) <= boundary and fact.segment and fact.segment.kind == "commit":
                yield key  # deletion below the boundary goes on at any time
            case _:
                pass


@pytest.fixture(autouse=True)
def no_collection(monkeypatch: pytest.MonkeyPatch) -> None:
    """A load looks for garbage first, in the whole process: here that takes longer than all else together."""
    monkeypatch.setattr(snapshots, "unsettle", lambda: None)


def survey_of(facts: Iterable[Fact]) -> Survey:
    seen = Survey("memory")
    for fact in facts:
        seen.add(fact)
    return seen


def named(plane: Plane, damaged: Mapping[str, bytes]) -> set[str]:
    """Judge with other bytes under these keys; answer the keys that are damaged or missing."""
    all_ = plane.seen
    seen = Survey(
        all_.store,
        dict(all_.segments),
        dict(all_.snapshots),
        dict(all_.gc),
        all_.plane,
        [fact for fact in all_.nodes if fact.key not in damaged],
        [fact for fact in all_.blobs if fact.key not in damaged],
    )
    for key, data in damaged.items():
        seen.add(examine(key, data, CONTENTS))
    return told(judge(seen).findings)


def told(findings: list[Finding]) -> set[str]:
    """Answer what is damaged or missing. Each finding says what, what that breaks, and the remedy."""
    assert all(finding.what and finding.breaks and finding.remedy for finding in findings)
    return {finding.key for finding in findings if finding.is_damage}


async def store_of(objects: Mapping[str, bytes]) -> MemoryObjects:
    store = MemoryObjects()
    for key, data in objects.items():
        await store.create(key, data)
    return store


async def load(objects: Mapping[str, bytes]) -> State | str:
    """Let a node that never leads load a plane: the state that it has then, or why it refuses."""
    store = await store_of(objects)
    try:
        founding = await read_founding(store)
    except Invalid as problem:
        return problem.message
    if founding is None:
        return "a node would found another plane here, and find that journal and snapshots are not of it"
    each = node(store, founding, "reader", HaMode.HOT_BACKUP)
    running = asyncio.create_task(each.run())
    try:
        async with asyncio.timeout(10):
            while each.machine.phase is Phase.LOADING:  # noqa: ASYNC110  # what is waited for has no event
                await asyncio.sleep(0)
            if each.machine.phase in (Phase.FAILED, Phase.ENDED):
                await running
                return each.elector.reason or each.machine.problem or ""
            if each.machine.hole is not None:
                return f"it waits, and then fails: something is above segment {each.machine.log.seq}"
            try:
                for sha in sorted(sha for task in each.model.tasks.values() for step in task.steps
                                  for sha in step.blobs.values()):  # fmt: skip
                    if await blobs.read(store, sha) is None:
                        return f"blobs/{sha} is not there"
            except Invalid as problem:
                return problem.message
            lines = tuple(sorted(line.decode() for line in codec.encode(each.model.as_changes())))
            head = each.machine.log.head
            if head is None:
                return State(0, "", lines)
            return State(head.seq, head.hash, lines)
    finally:
        running.cancel()
        await asyncio.wait([running])


async def check_load(plane: Plane, objects: Mapping[str, bytes], what: object) -> bool:
    """Load; the state must be the whole one. Answers False where the node refuses, saying why."""
    state = await load(objects)
    if isinstance(state, str):
        assert state, what
        return False
    assert state == plane.state, what
    return True


def test_the_plane_has_all_that_a_plane_writes(plane: Plane) -> None:
    folders = {key.partition("/")[0] for key in plane.objects}
    assert folders == {"plane", "journal", "snapshots", "gc", "nodes", "blobs"}
    assert {header.kind for header in plane.headers} == {"elect", "commit", "resign", "reset"}
    assert any(header.more for header in plane.headers)
    assert {fact.body_bytes > 0 for fact in plane.facts.values() if fact.segment} == {True, False}
    assert any(fact.named for fact in plane.facts.values())
    assert len(plane.needless) < len(plane.objects) / 2
    assert named(plane, {}) == set()


async def test_every_flipped_byte_is_named(plane: Plane) -> None:
    turn = 0
    for key, data in plane.objects.items():
        for at in range(len(data)):
            for bit in range(8) if WHOLE else (at % 8,):
                flipped = data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]
                assert key in named(plane, {key: flipped}), (key, at, bit)
            turn += 1
            if turn % STRIDE == 0:
                await check_load(plane, {**plane.objects, key: flipped}, (key, at))
    assert turn > 10_000


async def test_every_truncation_is_named(plane: Plane) -> None:
    turn = 0
    for key, data in plane.objects.items():
        for length in range(len(data)):
            assert key in named(plane, {key: data[:length]}), (key, length)
            turn += 1
            if turn % STRIDE == 0 or length == 0:
                await check_load(plane, {**plane.objects, key: data[:length]}, (key, length))


async def test_every_deletion_is_named_or_is_no_damage(plane: Plane) -> None:
    for key in plane.objects:
        left = {other: data for other, data in plane.objects.items() if other != key}
        _, report = await verify(await store_of(left))
        missing = told(report.findings)
        if key in plane.needless:
            assert not missing, key
            assert await check_load(plane, left, key), key
        elif key.startswith("gc/"):
            assert missing, key  # what was deleted below it is missing now
            assert all(each.startswith("journal/") for each in missing)
            await check_load(plane, left, key)
        else:
            assert key in missing
            await check_load(plane, left, key)


async def test_any_two_swapped_are_named(plane: Plane) -> None:
    for one, other in itertools.combinations(plane.objects, 2):
        swapped = {one: plane.objects[other], other: plane.objects[one]}
        assert named(plane, swapped) >= {one, other}
        await check_load(plane, {**plane.objects, **swapped}, (one, other))
