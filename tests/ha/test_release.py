"""What `release` appends, and when it appends nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from amp.ha import founding
from amp.ha.election import Ground
from amp.ha.instance import InstanceLock, _boot_id
from amp.ha.lease import Sighting
from amp.ha.members import Roster
from amp.ha.release import LOOKS, release
from amp.kit.errors import Unavailable
from amp.kit.ids import system_entropy
from amp.store.file import DirectoryObjects
from amp.store.memory import MemoryObjects
from amp.store.objects import Objects, Outcome
from amp.store.segment import (
    NO_HASH,
    Boundary,
    Header,
    Member,
    Position,
    Segment,
    Snapshot,
    boundary_key,
    build,
    parse,
    seal,
    segment_key,
    snapshot_key,
)
from amp.testing.clock import FakeClock

MEMBERS = [Member("dead", state="MASTER"), Member("gone", state="FAILED"), Member("next"), Member("third")]
NO_PROCESS = 2**22 + 1  # above what Linux gives


@pytest.fixture(params=["memory", "directory"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Objects:
    return MemoryObjects() if request.param == "memory" else DirectoryObjects(tmp_path / "store")


@pytest.fixture
def lock(tmp_path: Path) -> InstanceLock:
    return taken(tmp_path, _boot_id())


def taken(folder: Path, boot: str | None) -> InstanceLock:
    path = folder / "instance.lock"
    path.write_text(json.dumps({"node": "dead", "boot": boot, "pid": NO_PROCESS, "started": "1"}))
    lock = InstanceLock(path)
    lock.take()
    return lock


class Journal:
    """Writes a journal segment by segment."""

    def __init__(self, objects: Objects, plane: str) -> None:
        self.objects, self.plane, self.last = objects, plane, None
        self.last: Segment | None = None

    def make(self, kind: str, node: str = "dead", **fields: object) -> tuple[bytes, Segment]:
        """Make what may come next."""
        before = self.last
        term = (before.header.term if before else 0) + (kind == "elect")
        values = {"timeout_ms": 30_000, "in_office": True, "nonce": "n", **fields}
        prev = before.hash if before else NO_HASH
        seq = before.header.seq + 1 if before else 1
        return build(Header(plane=self.plane, seq=seq, term=term, kind=kind, node=node, prev=prev, **values), b"")  # type: ignore[arg-type]

    async def add(self, kind: str, node: str = "dead", **fields: object) -> None:
        """Append what comes next."""
        data, self.last = self.make(kind, node, **fields)
        assert await self.objects.create(segment_key(self.last.header.seq), data) is Outcome.DONE

    @property
    def end(self) -> Segment:
        """What was written last."""
        assert self.last is not None
        return self.last

    async def at(self, seq: int) -> Segment | None:
        """Read a slot."""
        data = await self.objects.get(segment_key(seq))
        return parse(data, seq) if data is not None else None


async def begun(objects: Objects) -> Journal:
    """Found a plane that node `dead` leads, in office."""
    plane = await founding.found(objects, system_entropy, name=None, version="1.0.0", now_ms=1)
    journal = Journal(objects, plane.id)
    await journal.add("elect", in_office=False, members=MEMBERS)
    await journal.add("commit")
    return journal


async def test_a_dead_master_resigns_and_its_successor_may_act_at_once(objects: Objects, lock: InstanceLock) -> None:
    journal = await begun(objects)
    done = await release(objects, lock, FakeClock(), system_entropy)
    assert (done.done, done.successor) == (True, "next")
    found = await journal.at(3)
    assert found is not None
    header = found.header
    assert (header.kind, header.node, header.term, header.timeout_ms) == ("resign", "dead", 1, 30_000)
    assert (header.in_office, header.clean, header.released, header.successor) == (True, True, True, "next")
    assert header.prev == journal.end.hash
    now = FakeClock().read()
    assert Ground(Position(header, found.hash), Sighting(3, now, 30.0)).is_clear(now, 30.0, Roster({}))


async def test_the_proof_is_kept_for_the_next_start(objects: Objects, lock: InstanceLock, tmp_path: Path) -> None:
    await begun(objects)
    before = (tmp_path / "instance.lock").read_bytes()
    await release(objects, lock, FakeClock(), system_entropy)
    lock.release()
    again = InstanceLock(tmp_path / "instance.lock")
    again.take()
    assert (again.dead, (tmp_path / "instance.lock").read_bytes()) == ("dead", before)


async def test_a_second_release_finds_nothing_to_do(objects: Objects, lock: InstanceLock) -> None:
    journal = await begun(objects)
    await release(objects, lock, FakeClock(), system_entropy)
    done = await release(objects, lock, FakeClock(), system_entropy)
    assert (done.done, done.why) == (False, "node dead has resigned already")
    assert await journal.at(4) is None


async def test_who_was_not_in_office_cannot_vouch_for_the_one_before(objects: Objects, lock: InstanceLock) -> None:
    journal = await begun(objects)
    await journal.add("elect", "dead", in_office=False)
    done = await release(objects, lock, FakeClock(), system_entropy)
    assert not done.done
    assert "not in office yet" in done.why
    assert await journal.at(4) is None


async def test_another_master_is_left_alone(objects: Objects, lock: InstanceLock) -> None:
    journal = await begun(objects)
    await journal.add("elect", "next")
    done = await release(objects, lock, FakeClock(), system_entropy)
    assert not done.done
    assert "node next was" in done.why
    assert await journal.at(4) is None


async def test_without_lock_or_proof_nothing_is_written(objects: Objects, tmp_path: Path) -> None:
    journal = await begun(objects)
    unproven = taken(tmp_path, "another boot")
    assert unproven.held
    assert not (await release(objects, unproven, FakeClock(), system_entropy)).done
    unproven.release()
    let_go = taken(tmp_path, _boot_id())
    let_go.release()
    assert let_go.dead == "dead"
    assert not (await release(objects, let_go, FakeClock(), system_entropy)).done
    assert await journal.at(3) is None


async def test_a_store_without_a_plane(objects: Objects, lock: InstanceLock) -> None:
    done = await release(objects, lock, FakeClock(), system_entropy)
    assert (done.done, done.why) == (False, f"{objects.name} holds no plane")


class Interrupted(MemoryObjects):
    """Lets something happen just before each create of a segment, and may forget to answer or to do it."""

    def __init__(self, answers: list[Outcome | None]) -> None:
        super().__init__()
        self.answers = answers
        self.before: Callable[[], tuple[bytes, Segment] | None] = lambda: None
        self.sent: list[bytes] = []

    async def create(self, key: str, data: bytes) -> Outcome:
        """Create it, with what was arranged."""
        if not key.startswith("journal/") or not self.answers:
            return await super().create(key, data)
        self.sent.append(data)
        first = self.before()
        if first is not None:
            await super().create(segment_key(first[1].header.seq), first[0])
        answer = self.answers.pop(0)
        if answer is Outcome.UNKNOWN:
            return answer  # lost on its way
        outcome = await super().create(key, data)
        return outcome if answer is None else Outcome.UNKNOWN  # done, and its answer lost


async def arranged(*answers: Outcome | None) -> tuple[Interrupted, Journal]:
    objects = Interrupted([])
    journal = await begun(objects)
    objects.answers = list(answers)
    return objects, journal


async def test_a_late_append_of_the_dead_node_comes_first(lock: InstanceLock) -> None:
    objects, journal = await arranged(None)
    late = journal.make("commit", nonce="late")
    objects.before = lambda: late
    assert (await release(objects, lock, FakeClock(), system_entropy)).done
    assert await journal.at(3) == late[1]
    found = await journal.at(4)
    assert found is not None
    assert (found.header.kind, found.header.prev) == ("resign", late[1].hash)


async def test_an_election_that_came_first_ends_it(lock: InstanceLock) -> None:
    objects, journal = await arranged(None)
    other = journal.make("elect", "next", in_office=False)
    objects.before = lambda: other
    done = await release(objects, lock, FakeClock(), system_entropy)
    assert (done.done, await journal.at(4)) == (False, None)


@pytest.mark.parametrize("fate", [Outcome.UNKNOWN, Outcome.DONE], ids=["lost", "answer lost"])
async def test_an_answer_that_is_missing(lock: InstanceLock, fate: Outcome) -> None:
    objects, journal = await arranged(fate)
    assert (await release(objects, lock, FakeClock(), system_entropy)).done
    found = await journal.at(3)
    assert found is not None
    assert found.header.kind == "resign"
    assert await journal.at(4) is None
    assert len(set(objects.sent)) == 1


async def test_a_journal_that_goes_on_is_given_up(lock: InstanceLock) -> None:
    objects, journal = await arranged(*[None] * LOOKS)

    def goes_on() -> tuple[bytes, Segment]:
        made = journal.make("commit", nonce=f"late {len(objects.sent)}")
        journal.last = made[1]
        return made

    objects.before = goes_on
    with pytest.raises(Unavailable, match="does not stand still"):
        await release(objects, lock, FakeClock(), system_entropy)
    assert len(objects.sent) == LOOKS


async def test_it_begins_behind_the_newest_snapshot(objects: Objects, lock: InstanceLock) -> None:
    journal = await begun(objects)
    await journal.add("commit")
    await snapshot(objects, journal)
    await journal.add("commit")
    for seq in (1, 2, 3):
        await objects.delete(segment_key(seq))
    await objects.create(boundary_key(3), seal(Boundary(journal.plane, 3, 1, "dead"), b"")[0])
    done = await release(objects, lock, FakeClock(), system_entropy)
    assert (done.done, done.successor) == (True, "next")
    found = await journal.at(5)
    assert found is not None
    assert found.header.prev == journal.end.hash


async def snapshot(objects: Objects, journal: Journal) -> None:
    head = journal.end
    made = Snapshot(journal.plane, head.header.seq, head.header, head.hash, members=MEMBERS)
    await objects.create(snapshot_key(head.header.seq), seal(made, b"")[0])


async def test_an_end_below_the_boundary_is_none(lock: InstanceLock) -> None:
    """A slot whose segment was deleted is not the end of the journal, however empty it is."""
    objects = MemoryObjects()
    journal = await begun(objects)
    await objects.create(boundary_key(5), seal(Boundary(journal.plane, 5, 1, "dead"), b"")[0])
    with pytest.raises(Unavailable):
        await release(objects, lock, FakeClock(), system_entropy)
    assert await journal.at(3) is None
