"""U1, U2: a plane goes over to the next format when all can read it, and not before."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from amp.ha import founding, raising
from amp.ha.formats import raised
from amp.ha.members import Record, Roster, Seen
from amp.kit.clock import Reading, SystemClock
from amp.kit.errors import Conflict, Missing
from amp.plane.node import PlaneNode
from amp.store import segment
from amp.store.memory import MemoryObjects
from amp.store.segment import Damaged, parse, seal
from amp.testing.fakes import seeded_entropy
from amp.testing.planes import PLANE, fill, leading, living, node, until

AT = Reading(0.0, 0.0, 0.0)
HOUR = Reading(3600.0, 3600.0, 3600.0)


def roster(**formats: int) -> Roster:
    seen = {}
    for name, newest in formats.items():
        state = "TERMINATED" if name.startswith("gone") else "HOT_STANDBY"
        record = Record(name, "i", "p", name, "", "AUTO", state, 0, "1", 1, max_format=newest)
        seen[name] = Seen(record, AT, 0)
    return Roster(seen)


@pytest.mark.parametrize(
    ("formats", "now", "written"),
    [
        ({"a": 2, "b": 2}, HOUR, 2),
        ({"a": 2, "b": 2}, Reading(3599.0, 3599.0, 3599.0), 1),  # somebody joined less than an hour ago
        ({"a": 2, "b": 1}, HOUR, 1),  # b could not read it
        ({"a": 2, "gone": 1}, HOUR, 2),
        ({"a": 3, "b": 3}, HOUR, 2),  # one at a time
    ],
)
def test_when_a_leader_raises_the_format(formats: dict[str, int], now: Reading, written: int) -> None:
    assert raised(1, 3, roster(**formats), AT, now) == written
    assert raised(1, 1, roster(**formats), AT, now) == 1  # it does not know another itself
    assert raised(1, 3, roster(**formats), None, now) == 1  # nothing is known of the others


def of_version(objects: MemoryObjects, name: str, newest: int) -> PlaneNode:
    made = node(objects, name)
    own = made.machine.identity
    made.machine.identity = replace(own, max_format=newest)
    return made


async def old_plane() -> MemoryObjects:
    """A plane that a node of the version before has led."""
    objects = MemoryObjects()
    await objects.create(founding.KEY, seal(founding.Founding(id=PLANE, secret="s"), b"")[0])
    async with leading(objects) as leader:
        await fill(leader, 2)
    return objects


async def formats_of(objects: MemoryObjects) -> list[int]:
    found = []
    for info in await objects.list("journal/"):
        data = await objects.get(info.key)
        assert data is not None
        found.append(parse(data, int(info.key[-16:])).header.format)
    return found


async def test_an_upgraded_plane_writes_the_next_format_when_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    objects = await old_plane()
    monkeypatch.setattr(segment, "FORMAT", 2)
    monkeypatch.setattr(raising, "FORMAT", 2)
    clock = SystemClock()
    async with living(of_version(objects, "new", 2)) as new:
        await until(lambda: new.ha().in_office)
        async with living(of_version(objects, "old", 1)):
            await until(lambda: "old" in new.machine.roster.seen)
            await fill(new, 1)
            assert new.machine.log.head is not None
            assert new.machine.log.head.header.format == 1
            found = await raising.formats(objects, clock)
            with pytest.raises(Conflict, match="old cannot read format 2: upgrade"):
                await raising.ask(objects, found, clock, seeded_entropy(), lambda: asyncio.sleep(0.1))
        await until(lambda: new.machine.present == {"new"})
        found = await raising.formats(objects, clock)
        assert (found.active, found.newest) == (1, 2)
        assert await raising.ask(objects, found, clock, seeded_entropy(), lambda: asyncio.sleep(0.1)) == 2
        await fill(new, 1)
    written = await formats_of(objects)
    assert written == sorted(written)
    assert written[-1] == 2
    assert [info.key for info in await objects.list("nodes/")] == ["nodes/first", "nodes/new", "nodes/old"]


async def test_a_node_of_the_version_before_does_not_join_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    objects = MemoryObjects()
    with monkeypatch.context() as newer:
        newer.setattr(segment, "FORMAT", 2)
        async with living(of_version(objects, "new", 2)) as new:
            await until(lambda: new.ha().in_office)
            await fill(new, 1)
    async with living(node(objects, "old")) as old:
        await until(lambda: old.machine.problem is not None)
        assert "upgrade this node" in str(old.machine.problem)
        assert not old.ha().in_office
    assert set(await formats_of_raw(objects)) == {2}


async def formats_of_raw(objects: MemoryObjects) -> list[int]:
    found = []
    for info in await objects.list("journal/"):
        data = await objects.get(info.key)
        assert data is not None
        found.append(2 if b'"format":2' in data.split(b"\n")[1] else 1)
    return found


async def test_there_must_be_a_plane_that_lives_to_be_asked() -> None:
    with pytest.raises(Missing, match="holds no plane"):
        await raising.formats(MemoryObjects(), SystemClock())
    objects = await old_plane()
    found = await raising.formats(objects, SystemClock())
    with pytest.raises(Conflict, match="nobody leads"):
        await raising.ask(objects, found, SystemClock(), seeded_entropy(), lambda: asyncio.sleep(0))


def test_a_format_that_goes_back_is_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment, "FORMAT", 2)
    first = segment.Header("p", 1, 1, "elect", "n", "", segment.NO_HASH, 1, format=2)
    data, made = segment.build(first, b"")
    assert parse(data, 1).header.format == 2
    second = segment.Header("p", 2, 1, "commit", "n", "", made.hash, 1)
    with pytest.raises(Damaged, match="format 1 after format 2"):
        segment.check_follows(segment.build(second, b"")[1], segment.Position(first, made.hash), "p")


def test_what_does_not_name_its_format_has_the_first() -> None:
    data, _ = segment.build(segment.Header("p", 1, 1, "elect", "n", "", segment.NO_HASH, 1), b"")
    assert b"format" not in data.split(b"\n")[1]
    assert parse(data, 1).header.format == 1
