"""`amp store` on what real nodes write, beside one that is running; every object of it damaged in turn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from amp.cli.main import run
from amp.ha.founding import found
from amp.ha.machine import Identity, Machine
from amp.ha.modes import HaMode, PersistMode
from amp.kit.clock import SystemClock
from amp.kit.ids import EntityId, NodeId, Term
from amp.model import changes as c
from amp.model.model import Model
from amp.model.registry import Registry
from amp.plane import snapshots
from amp.plane.leader import Leader
from amp.plane.node import PlaneNode
from amp.store.collect import collect
from amp.store.file import DirectoryObjects
from amp.store.objects import Objects
from amp.store.segment import Boundary
from amp.testing.fakes import seeded_entropy

ROOT = EntityId("root")


async def until(condition: Callable[[], object]) -> None:
    """Let the loop go on until the condition holds."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  # what is waited for has no event
            await asyncio.sleep(0.005)


@asynccontextmanager
async def leading(objects: Objects, name: str) -> AsyncIterator[PlaneNode]:
    """Run a node until it leads, and stop it cleanly afterwards."""
    clock, entropy = SystemClock(), seeded_entropy(sum(name.encode()))
    founding = await found(objects, entropy, name="blue", version="1.0", now_ms=clock.read().wall_ms)
    identity = Identity(
        node=name, instance=f"i-{name}", plane=founding.id, name=name, address=f"http://{name}", version="1.0",
        mode=HaMode.AUTO, timeout=2.0, poll=0.05, local=True,
    )  # fmt: skip
    node = PlaneNode(
        Machine(identity, lambda: entropy(8).hex()), objects, clock,
        persist_mode=PersistMode.AUTO, persist_period=0.01,
    )  # fmt: skip
    node.make_leader = lambda term: Leader(
        node.journaling, node, Registry([]), clock, entropy, NodeId(name), Term(term)
    )
    running = asyncio.create_task(node.run())
    try:
        await until(lambda: node.ha().in_office)
        yield node
    finally:
        node.stop()
        async with asyncio.timeout(10):
            await running


async def write(node: PlaneNode, count: int) -> None:
    """Commit so many sensors, each by itself."""
    if ROOT not in node.model.entities:
        await node.journaling.commit([c.EntityAdded(id=ROOT, type="App", name="root", application=ROOT)])
    for number in range(count):
        await node.journaling.commit([c.SensorSet(ROOT, f"s{number}", node.seq)])


async def live(folder: Path) -> None:
    """Three terms, with snapshots on the way; the oldest segments deleted as a leader does it."""
    objects = DirectoryObjects(folder)
    for name in ("one", "two", "three"):
        async with leading(objects, name) as node:
            await write(node, 9)
            await until(lambda: not node.upkeep.saves)
            posts = {seq for seq, _ in node.machine.log.posts}
    by = Boundary(node.machine.log.plane, 0, 1, "n")
    done = await collect(objects, by, posts, lambda: True, kept=2, age_ms=0)
    assert done.segments
    assert done.boundary
    await objects.close()


@pytest.fixture
def plane(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(snapshots, "SEGMENTS", 8)
    asyncio.run(live(tmp_path / "plane"))
    return tmp_path / "plane"


def amp(*words: object) -> int:
    return run([str(word) for word in words])


def keys(folder: Path) -> list[str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted(str(path.relative_to(folder)) for path in files if path.parent.name != "tmp")


def test_every_object_of_a_real_plane_damaged_in_turn(plane: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert amp("store", "verify", plane, "--deep") == 0
    tried = 0
    for key in keys(plane):
        whole = (plane / key).read_bytes()
        if not whole:
            continue  # of a boundary the name says all
        middle = len(whole) // 2
        flipped = whole[:middle] + bytes([whole[middle] ^ 0x80]) + whole[middle + 1 :]
        for broken in (flipped, whole[:-1], b""):
            (plane / key).write_bytes(broken)
            capsys.readouterr()
            assert amp("store", "verify", plane) == 1, key
            assert f"damaged  {key}: " in capsys.readouterr().out
            tried += 1
        (plane / key).write_bytes(whole)
    assert tried >= 45
    assert amp("store", "verify", plane) == 0


def test_a_restored_plane_lives_on(plane: Path, tmp_path: Path) -> None:
    assert amp("store", "backup", plane, tmp_path / "copy") == 0
    assert amp("store", "restore", tmp_path / "copy", tmp_path / "again") == 0

    async def state(folder: Path) -> list[str]:
        objects = DirectoryObjects(folder)
        async with leading(objects, "four") as node:
            assert node.machine.log.term == 4
            model = lines(node.model)
            await write(node, 1)
        await objects.close()
        return model

    assert asyncio.run(state(tmp_path / "again")) == asyncio.run(state(plane))
    assert amp("store", "verify", tmp_path / "again", "--deep") == 0


def lines(model: Model) -> list[str]:
    """What a model is, as values that can be compared."""
    return sorted(map(repr, model.as_changes()))


async def test_verify_and_backup_beside_a_leader_that_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "SEGMENTS", 8)
    objects = DirectoryObjects(tmp_path / "plane")
    async with leading(objects, "one") as node:
        await write(node, 9)
        written = asyncio.create_task(write(node, 40))
        for number in range(3):
            assert await asyncio.to_thread(amp, "store", "verify", tmp_path / "plane") == 0
            assert await asyncio.to_thread(amp, "store", "backup", tmp_path / "plane", tmp_path / f"b{number}") == 0
        await written
    await objects.close()
