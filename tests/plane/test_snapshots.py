"""Loading the state again and again: what the process had before, and has no more, is not kept by it."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from amp.model import changes as c
from amp.plane import snapshots
from amp.store.memory import MemoryObjects
from amp.testing.journals import PLANE, ROOT, Journal


class Office:
    """Something that only a collector of cycles frees, as what a leader holds is."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
async def objects() -> MemoryObjects:
    """A store with one snapshot."""
    journal = Journal()
    journal.elect("first")
    journal.commit(c.EntityAdded(id=ROOT, type="App", name="root", parent=None, application=ROOT))
    journal.snapshot()
    objects = MemoryObjects()
    for key, data in journal.objects.items():
        await objects.put(key, data)
    return objects


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    """Leave the collector as it was."""
    yield
    gc.unfreeze()


async def test_what_was_dead_before_a_load_is_freed(objects: MemoryObjects) -> None:
    dead = weakref.ref(Office())
    assert dead() is not None  # nobody has looked for cycles yet
    await snapshots.load(objects, PLANE)
    gc.collect()
    assert dead() is None


async def test_what_lived_during_a_load_and_died_since_is_freed_by_the_next(objects: MemoryObjects) -> None:
    office: Office | None = Office()
    seen = weakref.ref(office)
    for _ in range(2):
        await snapshots.load(objects, PLANE)
    assert seen() is office
    office = None
    await snapshots.load(objects, PLANE)
    assert seen() is None


async def test_the_state_that_is_loaded_is_not_looked_through_again(objects: MemoryObjects) -> None:
    before = gc.get_freeze_count()
    _, model = await snapshots.load(objects, PLANE)
    assert ROOT in model.entities
    assert gc.get_freeze_count() > before
    assert gc.isenabled()
    assert not any(each is model for each in gc.get_objects())
