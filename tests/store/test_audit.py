"""Every object of a small plane, damaged in every way: the audit names it; and what is no damage passes."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Mapping

import msgspec
import pytest

from amp.model import changes as c
from amp.plane import codec
from amp.plane.contents import PlaneContents
from amp.plane.replay import replay
from amp.store.audit import judge, summary
from amp.store.facts import Survey, examine
from amp.store.findings import Report
from amp.store.memory import MemoryObjects
from amp.store.objects import ObjectInfo
from amp.store.segment import Header, Snapshot, boundary_key, build, pack, seal, segment_key, snapshot_key, unseal
from amp.store.survey import survey
from amp.testing.journals import MINUTE, ROOT, Journal, small_plane

CONTENTS = PlaneContents()
PLANE = small_plane().objects
SEALED = [key for key in PLANE if key.partition("/")[0] not in ("nodes", "blobs")]

#: Keys whose absence is no damage: below the boundary, or nothing names them.
MAY_GO = {
    *(segment_key(seq) for seq in (12, 13, 14)),
    *(snapshot_key(seq) for seq in (14, 21)),
    *(key for key in PLANE if key.startswith(("nodes/", "blobs/"))),
}


async def store_of(objects: Mapping[str, bytes]) -> MemoryObjects:
    store = MemoryObjects()
    for key, data in objects.items():
        await store.create(key, data)
    return store


async def audit(objects: Mapping[str, bytes]) -> tuple[Survey, Report]:
    seen = await survey(await store_of(objects), CONTENTS)
    return seen, judge(seen)


async def damage(objects: Mapping[str, bytes]) -> set[str]:
    """Answer the keys that the audit says are damaged or missing; the verdict must agree."""
    _, report = await audit(objects)
    found = {finding.key for finding in report.findings if finding.is_damage}
    assert report.verdict == ("damaged" if found else "whole")
    return found


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


async def test_a_whole_plane_is_whole() -> None:
    seen, report = await audit(PLANE)
    assert report.findings == []
    assert (report.verdict, report.base) == ("whole", 21)
    assert summary(seen, report) == "memory is whole: 25 objects, segments 1 to 26, boundary 14, 2 snapshots"


@pytest.mark.parametrize("key", SEALED)
def test_any_flipped_byte_of_a_sealed_object_is_seen(key: str) -> None:
    for at in range(len(PLANE[key])):
        assert not examine(key, flipped(PLANE[key], at), CONTENTS).whole, at


@pytest.mark.parametrize("key", PLANE)
async def test_a_flipped_byte_is_named(key: str) -> None:
    size = len(PLANE[key])
    # a record of a node has no seal: what breaks its form is seen, another value in it is not
    for at in (0,) if key.startswith("nodes/") else (0, size // 2, size - 1):
        assert await damage({**PLANE, key: flipped(PLANE[key], at)}) == {key}


@pytest.mark.parametrize("key", PLANE)
async def test_a_truncated_object_is_named(key: str) -> None:
    size = len(PLANE[key])
    for length in (size - 1, size // 2, *((0,) if not key.startswith("gc/") else ())):
        assert await damage({**PLANE, key: PLANE[key][:length]}) == {key}


@pytest.mark.parametrize("key", PLANE)
async def test_a_deleted_object_is_named_where_it_is_needed(key: str) -> None:
    found = await damage({other: data for other, data in PLANE.items() if other != key})
    if key in MAY_GO:
        assert not found
    elif key.startswith("gc/"):
        assert found == {segment_key(seq) for seq in (2, 3, 4, 5, 6, 9, 10, 11)}
    else:
        assert found == {key}


async def test_any_two_objects_swapped_are_named() -> None:
    for one, other in itertools.combinations(PLANE, 2):
        found = await damage({**PLANE, one: PLANE[other], other: PLANE[one]})
        # of a boundary the name counts; what is in it may pass for one
        assert found >= {key for key in (one, other) if not key.startswith("gc/")}, (one, other)


@pytest.mark.parametrize("key", [key for key in PLANE if key.startswith("journal/")])
async def test_a_sealed_segment_of_another_content_is_named(key: str) -> None:
    """Somebody overwrote a slot with a segment that is whole by itself."""
    header, body, _ = unseal(PLANE[key], key, Header)
    forged, _ = build(msgspec.structs.replace(header, nonce="f" * 32), body)
    _, report = await audit({**PLANE, key: forged})
    level = {finding.key: finding.level for finding in report.findings}
    if header.seq in (1, 8):
        assert not level  # an election is there, as it must be, and nothing that is left knew its bytes
    elif header.seq in (12, 13, 14):
        assert level[key] == "note"  # as litter, for the slot may have been deleted
        assert report.verdict == "whole"
    else:
        assert "damaged" in (level.get(key), level.get(segment_key(header.seq + 1)))


async def test_both_snapshots_gone_below_a_boundary() -> None:
    objects = {key: data for key, data in PLANE.items() if not key.startswith("snapshots/")}
    _, report = await audit(objects)
    assert [(each.key, each.level) for each in report.findings] == [(snapshot_key(14), "missing")]
    assert report.base is None


async def test_a_gap_that_a_snapshot_covers_is_damage() -> None:
    objects = {key: data for key, data in PLANE.items() if key != segment_key(17)}
    _, report = await audit(objects)
    (finding,) = report.findings
    assert (finding.key, finding.level) == (segment_key(17), "missing")
    assert snapshot_key(21) in finding.breaks
    assert report.base == 21


async def test_the_end_that_is_lost_is_known_by_what_nodes_have_read() -> None:
    objects = {key: data for key, data in PLANE.items() if key not in (segment_key(25), segment_key(26))}
    assert await damage(objects) == {segment_key(25), segment_key(26)}
    del objects["nodes/n1"], objects["nodes/n2"]
    assert await damage(objects) == set()  # nothing that is left knows of them


async def test_a_store_that_went_back_in_time() -> None:
    other = small_plane()
    other.commit(c.SensorSet(ROOT, "more", 1))
    other.record("n1", 27)
    forged, _ = build(msgspec.structs.replace(other.last.header, nonce="f" * 32), b"")  # type: ignore[union-attr]
    assert await damage({**other.objects, segment_key(27): forged}) == {segment_key(27)}


async def test_litter_is_noted_and_may_be_deleted() -> None:
    journal = small_plane()
    journal.litter(5, "n1")
    _, report = await audit(journal.objects)
    assert [(each.key, each.level, each.deletable) for each in report.findings] == [(segment_key(5), "note", True)]
    assert report.verdict == "whole"


async def test_litter_in_the_place_of_an_election_is_damage() -> None:
    journal = small_plane()
    journal.litter(8, "n1")
    assert await damage(journal.objects) == {segment_key(8)}


async def test_a_snapshot_must_repeat_the_journal() -> None:
    key = snapshot_key(21)
    header, body, _ = unseal(PLANE[key], key, Snapshot)
    for change in ({"posts": header.posts[:-1]}, {"members": []}, {"hash": "0" * 64}, {"plane": "other"}):
        forged, _ = seal(msgspec.structs.replace(header, **change), body)
        _, report = await audit({**PLANE, key: forged})
        assert [(each.key, each.deletable) for each in report.findings] == [(key, False)], change


async def test_a_boundary_object_says_who_set_it() -> None:
    assert await damage({**PLANE, boundary_key(14): b""}) == {boundary_key(14)}


async def test_another_plane_s_objects_are_named() -> None:
    record = PLANE["nodes/n2"].replace(b"testplan", b"otherone")
    assert await damage({**PLANE, "nodes/n2": record}) == {"nodes/n2"}


async def test_foreign_keys_and_what_is_ignored() -> None:
    _, report = await audit({**PLANE, "probe/x-one": b"left", "README": b"hello", "gc/notes.txt": b"hello"})
    assert [(each.key, each.level) for each in report.findings] == [("README", "note"), ("gc/notes.txt", "damaged")]


async def test_a_newer_format_cannot_be_judged() -> None:
    key = segment_key(26)
    header, body, _ = unseal(PLANE[key], key, Header)
    newer, _ = build(msgspec.structs.replace(header, format=99), body)
    _, report = await audit({**PLANE, key: newer})
    assert (report.verdict, [each.key for each in report.findings]) == ("unreadable", [key])


async def test_a_body_that_is_no_change_is_damage() -> None:
    key = segment_key(26)
    header, _, _ = unseal(PLANE[key], key, Header)
    for body in (b"not gzip", pack([b'{"change":"Unheard"}']), pack([b"{"])):
        forged, _ = build(header, body)
        objects = {each: data for each, data in PLANE.items() if not each.startswith("nodes/")}
        assert await damage({**objects, key: forged}) == {key}


@pytest.mark.parametrize("broken", [14, 21])
async def test_a_damaged_snapshot_that_another_replaces_may_be_deleted(broken: int) -> None:
    key = snapshot_key(broken)
    _, report = await audit({**PLANE, key: flipped(PLANE[key], 100)})
    assert [(each.key, each.deletable) for each in report.findings] == [(key, True)]


async def test_a_damaged_snapshot_that_nothing_replaces_may_not() -> None:
    key = snapshot_key(21)
    objects = {each: data for each, data in PLANE.items() if each not in (snapshot_key(14), segment_key(17))}
    _, report = await audit({**objects, key: flipped(PLANE[key], 100)})
    assert {each.key: each.deletable for each in report.findings} == {key: False, segment_key(17): False}


async def test_deep_plays_the_journal_anew() -> None:
    assert await deep(PLANE) == []
    key = snapshot_key(21)
    header, _, _ = unseal(PLANE[key], key, Snapshot)
    forged, _ = seal(header, pack(codec.encode([c.EntityAdded(id=ROOT, type="App", name="root", application=ROOT)])))
    assert await damage({**PLANE, key: forged}) == set()
    assert await deep({**PLANE, key: forged}) == [key]


async def deep(objects: Mapping[str, bytes]) -> list[str]:
    store = await store_of(objects)
    seen = await survey(store, CONTENTS)
    return [finding.key for finding in await replay(store, seen, judge(seen), lambda done, of: None)]


class Living(MemoryObjects):
    """A store in which something happens as soon as the audit has listed it."""

    def __init__(self, happen: Callable[[MemoryObjects], Awaitable[None]]) -> None:
        super().__init__()
        self._happen: Callable[[MemoryObjects], Awaitable[None]] | None = happen

    async def list(self, prefix: str, after: str = "") -> list[ObjectInfo]:
        listed = await super().list(prefix, after)
        happen, self._happen = self._happen, None
        if happen is not None:
            await happen(self)
        return listed


async def test_a_plane_that_grows_and_deletes_meanwhile_is_whole() -> None:
    before, after = Journal(), Journal()
    for journal in (before, after):
        journal.elect("n1")
        journal.commit(c.EntityAdded(id=ROOT, type="App", name="root", application=ROOT))
        journal.commit(c.SensorSet(ROOT, "a", MINUTE))
        journal.snapshot()
        journal.commit(c.SensorSet(ROOT, "b", 1))
    for _ in range(30):
        after.commit()
    after.snapshot()
    after.commit()
    after.record("n1", 35)
    after.bound(34, deleted=range(2, 30))
    del after.objects[snapshot_key(3)]

    async def happen(store: MemoryObjects) -> None:
        for key, data in after.objects.items():
            await store.put(key, data)
        for key in before.objects.keys() - after.objects.keys():
            await store.delete(key)

    store = Living(happen)
    for key, data in before.objects.items():
        await store.create(key, data)
    seen = await survey(store, CONTENTS)
    report = judge(seen)
    assert [finding for finding in report.findings if finding.is_damage] == []
    assert (seen.boundary, report.base) == (34, 34)


def young_plane() -> Journal:
    """One term, a snapshot at 3, no boundary."""
    journal = Journal()
    journal.elect("n1")
    journal.commit(c.EntityAdded(id=ROOT, type="App", name="root", application=ROOT))
    journal.commit(c.SensorSet(ROOT, "a", 1))
    journal.snapshot()
    journal.commit(c.SensorSet(ROOT, "b", 1))
    return journal


async def test_the_whole_journal_stands_in_for_a_damaged_snapshot() -> None:
    objects, key = young_plane().objects, snapshot_key(3)
    broken = {**objects, key: flipped(objects[key], 100)}
    _, report = await audit(broken)
    assert [(each.key, each.deletable) for each in report.findings] == [(key, True)]
    assert report.base == 0
    del broken[segment_key(2)]
    _, report = await audit(broken)
    assert {each.key: each.deletable for each in report.findings} == {key: False, segment_key(2): False}
    assert report.base is None


async def test_a_journal_that_begins_late_without_a_boundary() -> None:
    objects = young_plane().objects
    del objects[segment_key(1)]
    _, report = await audit(objects)
    assert [(each.key, each.level) for each in report.findings] == [(segment_key(1), "missing")]
    assert report.base == 3


async def test_a_snapshot_behind_the_end() -> None:
    objects = young_plane().objects
    del objects[segment_key(3)], objects[segment_key(4)]
    _, report = await audit(objects)
    assert [(each.key, each.level) for each in report.findings] == [(segment_key(3), "missing")]
    assert snapshot_key(3) in report.findings[0].breaks


async def test_a_wide_gap_is_one_line() -> None:
    objects = young_plane().objects
    far = 9_999_999_999_999_999
    header, _, _ = unseal(objects[segment_key(4)], segment_key(4), Header)
    objects[segment_key(far)], _ = build(msgspec.structs.replace(header, seq=far), b"")
    _, report = await audit(objects)
    assert [each.key for each in report.findings if each.is_damage] == [segment_key(5)]
    assert f"{far - 5} segments" in report.findings[0].what


async def test_a_reset_needs_the_snapshot_that_it_goes_back_to() -> None:
    journal = young_plane()
    journal.reset(to=3)
    journal.commit()
    assert await damage(journal.objects) == set()
    del journal.objects[snapshot_key(3)]
    assert await damage(journal.objects) == {snapshot_key(3)}


async def test_a_number_that_no_segment_has_is_none() -> None:
    assert await damage({**PLANE, segment_key(0): PLANE[segment_key(1)]}) == {segment_key(0)}
