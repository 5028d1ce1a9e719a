"""Copies: what they hold, in which order, and what happens when the store answers badly or somebody else writes."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from amp.kit.errors import Conflict, Missing, Unavailable
from amp.plane.contents import PlaneContents
from amp.store.audit import judge
from amp.store.backup import back_up, create, keys_up_to, refuse_unless_empty, restore
from amp.store.memory import MemoryObjects
from amp.store.objects import Outcome
from amp.store.segment import segment_key, snapshot_key
from amp.store.survey import survey
from amp.testing.journals import Journal, small_plane


class Store(MemoryObjects):
    """Remembers the order of creation; `fails`: keys whose first creates have an unknown outcome, and whether they
    happened all the same."""

    def __init__(self, objects: Mapping[str, bytes] = {}, fails: Mapping[str, bool] = {}) -> None:  # not changed
        super().__init__("the store")
        self._objects.update(objects)
        self._fails = dict(fails)
        self.order: list[str] = []

    async def create(self, key: str, data: bytes) -> Outcome:
        if key in self._fails:
            if self._fails.pop(key):
                await super().create(key, data)
            return Outcome.UNKNOWN
        self.order.append(key)
        return await super().create(key, data)


def silent(done: int, of: int) -> None:
    """Show no progress."""


async def test_the_plane_s_object_comes_last() -> None:
    target = Store()
    assert await back_up(Store(small_plane().objects), target, all_kept=False, progress=silent) == 26
    assert target.order[-1] == "plane"
    again = Store()
    seen = await survey(target, PlaneContents())
    await restore(target, again, keys_up_to(seen, None), silent)
    assert again.order[-1] == "plane"
    assert judge(await survey(again, PlaneContents())).findings == []


async def test_a_plane_without_snapshots_is_copied_from_its_beginning() -> None:
    journal = Journal()
    journal.elect("n1")
    journal.commit()
    target = Store()
    assert await back_up(Store(journal.objects), target, all_kept=False, progress=silent) == 2
    assert target._objects == journal.objects


@pytest.mark.parametrize("happened", [True, False])
async def test_an_unknown_outcome_is_read_back(happened: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amp.store.backup._PAUSE", 0.0)
    source, target = small_plane().objects, Store(fails={segment_key(26): happened, "plane": happened})
    await back_up(Store(source), target, all_kept=True, progress=silent)
    assert target._objects[segment_key(26)] == source[segment_key(26)]
    assert target._objects["plane"] == source["plane"]


async def test_a_store_that_never_takes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amp.store.backup._PAUSE", 0.0)

    class Full(Store):
        async def create(self, key: str, data: bytes) -> Outcome:
            return Outcome.UNKNOWN

    with pytest.raises(Unavailable, match="the store does not take plane"):
        await create(Full(), "plane", b"data")


async def test_somebody_else_s_bytes_stop_it() -> None:
    with pytest.raises(Conflict, match="somebody else wrote plane meanwhile"):
        await create(Store({"plane": b"theirs"}), "plane", b"ours")


async def test_only_what_checks_left_behind_may_be_in_an_empty_store() -> None:
    await refuse_unless_empty(Store({"probe/x-one": b"left"}))
    with pytest.raises(Conflict, match="it holds README and 1 more"):
        await refuse_unless_empty(Store({"README": b"", "plane": b""}))


async def test_what_is_missing_in_the_source_breaks_the_copy_off() -> None:
    objects = small_plane().objects
    del objects[segment_key(24)]
    target = Store()
    with pytest.raises(Unavailable, match=f"{segment_key(24)} is not there"):
        await back_up(Store(objects), target, all_kept=False, progress=silent)
    assert "plane" not in target._objects
    with pytest.raises(Missing, match="holds no plane"):
        await back_up(Store(), Store(), all_kept=False, progress=silent)


async def test_progress_counts_all() -> None:
    shown: list[tuple[int, int]] = []
    target = Store()
    await back_up(
        Store(small_plane().objects), target, all_kept=True, progress=lambda done, of: shown.append((done, of))
    )
    assert shown[-1] == (len(target._objects), len(target._objects))
    assert snapshot_key(14) in target._objects
