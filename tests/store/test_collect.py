"""What is deleted, in which order, and what never is."""

import pytest

from amp.kit.errors import Unavailable
from amp.store.collect import Collected, collect
from amp.store.memory import MemoryObjects
from amp.store.objects import ObjectInfo, Outcome
from amp.store.segment import (
    NO_HASH,
    Boundary,
    Damaged,
    Header,
    Snapshot,
    boundary_key,
    build,
    seal,
    segment_key,
    snapshot_key,
)

POSTS = {1, 7}
BY = Boundary("p", 0, 1, "n")


class Watched(MemoryObjects):
    """Memory that remembers what was asked of it, and says how old its objects are."""

    def __init__(self) -> None:
        super().__init__()
        self.log: list[str] = []
        self.times: dict[str, int] = {}
        self.lost = False

    async def create(self, key: str, data: bytes) -> Outcome:
        self.log.append(f"create {key}")
        return Outcome.UNKNOWN if self.lost else await super().create(key, data)

    async def delete(self, key: str) -> None:
        self.log.append(f"delete {key}")
        await super().delete(key)

    async def list(self, prefix: str, after: str = "") -> list[ObjectInfo]:
        return [ObjectInfo(i.key, i.size, self.times.get(i.key)) for i in await super().list(prefix, after)]


async def plane(snapshots: list[int], last: int) -> Watched:
    objects = Watched()
    for seq in range(1, last + 1):
        header = Header("p", seq, 1, "elect" if seq in POSTS else "commit", "n", "x", NO_HASH, 1)
        await MemoryObjects.create(objects, segment_key(seq), build(header, b"")[0])
        if seq in snapshots:
            data, _ = seal(
                Snapshot("p", seq, header, "h", posts=[(post, 1) for post in sorted(POSTS) if post <= seq]), b""
            )
            await MemoryObjects.create(objects, snapshot_key(seq), data)
    return objects


async def keys(objects: MemoryObjects, prefix: str) -> list[int]:
    return [int(info.key[-16:]) for info in await objects.list(prefix)]


async def test_the_boundary_comes_first_then_the_lowest_segment_and_posts_stay() -> None:
    objects = await plane([5, 9, 12], last=14)
    done = await collect(objects, BY, POSTS, lambda: True, kept=2)
    assert done == Collected(boundary=9, snapshots=1, segments=7)
    assert objects.log[:3] == [
        f"create {boundary_key(9)}",
        f"delete {segment_key(2)}",
        f"delete {segment_key(3)}",
    ]
    assert await keys(objects, "journal/") == [1, 7, 10, 11, 12, 13, 14]
    assert await keys(objects, "snapshots/") == [9, 12]
    assert await keys(objects, "gc/") == [9]


async def test_an_older_boundary_goes_when_all_below_the_new_one_is_deleted() -> None:
    objects = await plane([5, 9, 12], last=14)
    await MemoryObjects.create(objects, boundary_key(5), b"")
    await collect(objects, BY, POSTS, lambda: True, kept=2)
    assert await keys(objects, "gc/") == [9]


async def test_segments_stay_for_their_time() -> None:
    objects = await plane([5, 9, 12], last=14)
    objects.times = {segment_key(seq): seq * 1000 for seq in range(1, 15)}
    done = await collect(objects, BY, POSTS, lambda: True, kept=2, age_ms=10_000)
    assert done.segments == 3
    assert await keys(objects, "journal/") == [1, *range(5, 15)]


@pytest.mark.parametrize("snapshots", [[], [5]])
async def test_nothing_is_deleted_without_enough_snapshots(snapshots: list[int]) -> None:
    objects = await plane(snapshots, last=14)
    assert await collect(objects, BY, POSTS, lambda: True, kept=2) == Collected(0, 0, 0)
    assert objects.log == []


async def test_nothing_is_deleted_while_the_boundary_is_uncertain() -> None:
    objects = await plane([5, 9, 12], last=14)
    objects.lost = True
    assert (await collect(objects, BY, POSTS, lambda: True, kept=2)).segments == 0
    assert objects.log == [f"create {boundary_key(9)}"]


async def test_nothing_is_deleted_when_the_snapshot_to_keep_is_damaged() -> None:
    objects = await plane([5, 9, 12], last=14)
    await objects.put(snapshot_key(9), b"AMP1 no")
    with pytest.raises(Damaged, match="snapshots/0000000000000009"):
        await collect(objects, BY, POSTS, lambda: True, kept=2)
    assert objects.log == []


async def test_one_that_leads_no_more_stops_deleting() -> None:
    objects = await plane([5, 9, 30], last=40)
    answers = iter([True, True, True])
    done = await collect(objects, BY, POSTS, lambda: next(answers, False), kept=1)
    assert done.segments == 8
    assert await keys(objects, "gc/") == [30]


async def test_trouble_of_the_store_is_told() -> None:
    objects = await plane([5, 9, 12], last=14)

    async def fails(key: str) -> None:
        raise Unavailable("gone")

    objects.delete = fails  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        await collect(objects, BY, POSTS, lambda: True, kept=2)
    assert await keys(objects, "gc/") == [9]


async def test_posts_that_the_collector_does_not_know_stay() -> None:
    """A leader that slept through its successors' elections, where no clock shows it, must not delete them (C3)."""
    objects = await plane([5, 9, 12], 13)
    await collect(objects, BY, {1}, lambda: True, kept=2)
    assert await keys(objects, "journal/") == [1, 7, 10, 11, 12, 13]
