"""Records: to a file and back; what commands said; what of a journal counts; which faults a seed draws."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from amp.kit.ids import EntityId
from amp.model.changes import SensorSet
from amp.plane import codec
from amp.store.memory import MemoryObjects
from amp.store.segment import NO_HASH, Header, build, pack, segment_key
from amp.testing.nemesis.clients import outcome_of
from amp.testing.nemesis.faults import DISK, MIXED, PROCESS, STORE, draw_faults, kinds_of
from amp.testing.nemesis.history import (
    DONE,
    FAILED,
    PREFIX,
    UNKNOWN,
    Act,
    Deployment,
    Life,
    Placed,
    Post,
    Read,
    Recorder,
    Step,
    Write,
    load,
    parse_acts,
    read_journal,
)
from amp.testing.nemesis.wire import Answer


def test_a_history_survives_its_file(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "history.jsonl")
    records = [
        Write(1, "e", "s", "n1.1", 1.0, 2.0, UNKNOWN),
        Read("e", {"s": 1}, "n1.1", 1.0, 2.0, True, 3, 4),
        Life("n1.1", "abc", 1.0),
        Step("n1", 1.0, -3600.0),
        Deployment("deployed-1-1", "a", "RUNNING", {"install": "x\n"}, 1.0, 2.0),
    ]
    for each in records:
        recorder.add(each)
    recorder.close()
    assert load(tmp_path / "history.jsonl") == records == recorder.records


def test_what_commands_said_is_read_without_half_lines() -> None:
    text = "check loop n1.2 1700000000.25\nlaunch loop n2.1\ninstall deployed-1 n1.2 1700000001.5\ncheck loop n1.2 x\n"
    assert list(parse_acts(text)) == [
        Act("check", "loop", "n1.2", 1700000000.25),
        Act("install", "deployed-1", "n1.2", 1700000001.5),
    ]


async def store(*bodies: list[SensorSet], prev: str | None = None) -> MemoryObjects:
    """Write segments; `prev`: what the last one falsely says that it follows."""
    objects, before = MemoryObjects(), NO_HASH
    for seq, changes in enumerate(bodies, 1):
        kind = "elect" if seq == 1 else "commit"
        follows = prev if prev is not None and seq == len(bodies) else before
        header = Header("plane", seq, 1, kind, "node", f"{seq}", follows, 2000, at=1500)
        data, segment = build(header, pack(codec.encode(changes)))
        before = segment.hash
        await objects.create(segment_key(seq), data)
    return objects


async def test_a_journal_is_its_posts_and_the_clients_writes_in_order() -> None:
    e = EntityId("e")
    own, other = SensorSet(e, f"{PREFIX}1", 5), SensorSet(e, "service.isUp", True)
    journal = await read_journal(await store([], [own, other, SensorSet(e, f"{PREFIX}2", 4)]))
    assert journal.posts == [Post(1, 1, "elect", "node", 1.5), Post(2, 1, "commit", "node", 1.5)]
    assert journal.writes == [Placed(2, "e", f"{PREFIX}1", 5), Placed(2, "e", f"{PREFIX}2", 4)]
    assert journal.damage == []


async def test_a_journal_with_a_hole_or_another_history_is_damaged() -> None:
    holed = await store([], [], [], [])
    await holed.delete(segment_key(2))
    await holed.create("journal/0000000000000009", b"")
    damage = (await read_journal(holed)).damage
    assert "journal/0000000000000002 is missing" in damage
    (damaged,) = (await read_journal(await store([], [], prev="f" * 64))).damage
    assert "journal/0000000000000002" in damaged


@pytest.mark.parametrize(
    ("status", "outcome"), [(200, DONE), (204, DONE), (403, FAILED), (503, UNKNOWN), (500, UNKNOWN), (404, UNKNOWN)]
)
def test_what_an_answer_says_of_a_write(status: int, outcome: str) -> None:
    assert outcome_of(Answer(status, {}, b"", 1.0, 2.0, 1)) == outcome


def test_a_seed_draws_the_same_faults_and_all_of_them() -> None:
    kinds = kinds_of("s3", can_fill=True)
    assert set(kinds) == {*PROCESS, *STORE, *MIXED}
    assert kinds_of("directory", can_fill=False) == PROCESS
    assert kinds_of("directory", can_fill=True) == PROCESS + DISK
    drawn = list(draw_faults(kinds, 2 * len(kinds), 7))
    assert drawn == list(draw_faults(kinds, 2 * len(kinds), 7))
    assert drawn != list(draw_faults(kinds, 2 * len(kinds), 8))
    for half in (drawn[: len(kinds)], drawn[len(kinds) :]):
        assert sorted(fault.kind for fault in half) == sorted(kinds)
    assert all(("clock" in fault.kind) == (fault.step != 0) for fault in drawn)
    assert list(itertools.islice(draw_faults(kinds, None, 7), 2 * len(kinds))) == drawn
    assert {fault.mood for fault in drawn if fault.mood} == {kind.split()[1].strip(",") for kind in (*STORE, *MIXED)}
