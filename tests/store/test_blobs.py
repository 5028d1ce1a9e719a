"""Files beside the journal: what their name says, or damaged; gone a day after the last one who named them."""

import pytest

from amp.kit.errors import Invalid, Unavailable
from amp.store import blobs
from amp.store.memory import MemoryObjects
from amp.store.objects import ObjectInfo, Outcome
from amp.store.segment import Damaged

DAY = 24 * 3600 * 1000


class Dated(MemoryObjects):
    """Says when each object was written; takes creates only after some tries."""

    def __init__(self, refusals: int = 0) -> None:
        super().__init__()
        self.times: dict[str, int] = {}
        self.refusals = refusals

    async def create(self, key: str, data: bytes) -> Outcome:
        self.refusals -= 1
        return Outcome.UNKNOWN if self.refusals >= 0 else await super().create(key, data)

    async def list(self, prefix: str, after: str = "") -> list[ObjectInfo]:
        return [ObjectInfo(i.key, i.size, self.times.get(i.key)) for i in await super().list(prefix, after)]


async def test_what_is_kept_is_read_back_and_kept_once() -> None:
    objects = Dated(refusals=2)
    sha = await blobs.keep(objects, b"much")
    assert await blobs.keep(objects, b"much") == sha
    assert [info.key for info in await objects.list("")] == [f"blobs/{sha}"]
    assert await blobs.read(objects, sha) == b"much"
    assert await blobs.read(objects, "0" * 64) is None


async def test_what_cannot_be_kept_is_refused() -> None:
    with pytest.raises(Unavailable, match="does not say whether it took blobs/"):
        await blobs.keep(Dated(refusals=9), b"much")
    with pytest.raises(Invalid, match="and one may have"):
        await blobs.keep(MemoryObjects(), bytes(blobs.LARGEST + 1))
    with pytest.raises(Invalid, match="is not the sha256"):
        await blobs.read(MemoryObjects(), "../plane")


async def test_another_content_is_damage() -> None:
    objects = MemoryObjects()
    sha = await blobs.keep(objects, b"much")
    await objects.put(blobs.blob_key(sha), b"other")
    with pytest.raises(Damaged, match=f"blobs/{sha} is damaged"):
        await blobs.read(objects, sha)


async def test_only_what_nobody_names_and_is_a_day_old_is_deleted() -> None:
    objects = Dated()
    named, old, new, undated = [await blobs.keep(objects, data) for data in (b"named", b"old", b"new", b"undated")]
    objects.times = {blobs.blob_key(named): 0, blobs.blob_key(old): 0, blobs.blob_key(new): 1}
    assert await blobs.collect(objects, {named}, lambda: False, DAY) == 0
    assert await blobs.collect(objects, {named}, lambda: True, DAY) == 1
    left = {info.key.removeprefix("blobs/") for info in await objects.list("blobs/")}
    assert left == {named, new, undated}
