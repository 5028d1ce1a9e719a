"""Journals that releases have written stay readable: each is loaded, compared, led over and written to."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import pytest

from amp import __version__
from amp.cli.main import run
from amp.model import changes as c
from amp.model.changes import AnyChange
from amp.model.model import built
from amp.plane import codec
from amp.store.file import DirectoryObjects
from amp.store.segment import pack, parse
from amp.testing.planes import living, node, until
from amp.testing.recording import APP, BETWEEN, record

RELEASES = sorted(path for path in Path(__file__).parent.iterdir() if (path / "state.jsonl").exists())
STORES = [path / kind for path in RELEASES for kind in ("whole", "collected")]


def kinds_in(store: Path) -> set[type]:
    """The kinds of Change in the segments of a store."""
    bodies = ((path.name, parse(path.read_bytes(), int(path.name)).body) for path in (store / "journal").iterdir())
    return {type(change) for name, body in bodies for change in codec.decode(body, name)}


def test_the_releases_were_found() -> None:
    assert [path.name for path in RELEASES][:1] == ["0.1.0"]
    assert __version__ in [path.name for path in RELEASES]


@pytest.mark.parametrize("recorded", STORES, ids=lambda path: f"{path.parent.name}-{path.name}")
async def test_a_release_is_read_led_over_and_written_to(
    recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "store"
    shutil.copytree(recorded, store)
    objects = DirectoryObjects(store)
    said = (recorded.parent / "state.jsonl").read_bytes().rstrip(b"\n")
    expected = sorted(codec.encode(built(codec.stream(pack(said.split(b"\n")), "state.jsonl")).as_changes()))
    async with living(node(objects, "now")) as now:
        await until(lambda: now.decided.is_set())
        assert sorted(codec.encode(now.model.as_changes())) == expected
        await until(lambda: now.ha().in_office)
        assert now.machine.log.term == 3
        await now.journaling.commit([c.EntityRenamed(APP, "by this version")])
    await objects.close()


@pytest.mark.parametrize("recorded", STORES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_release_is_whole(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["store", "verify", "--deep", str(recorded)]) == 0
    assert "is whole" in capsys.readouterr().out


def test_this_versions_recording_has_every_kind_of_change() -> None:
    """A kind that is new since the release is in no recording of it: it belongs to the next format (U1)."""
    known: Sequence[type] = get_args(AnyChange)
    assert {kind.__name__ for kind in known} == {kind.__name__ for kind in kinds_in(RELEASES[-1] / "whole")}


async def test_a_recording_can_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from amp.plane import snapshots

    monkeypatch.setattr(snapshots, "SEGMENTS", BETWEEN)  # and put back afterwards: a recording sets it
    await record(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"whole", "collected", "state.jsonl"}
    segments = [parse(path.read_bytes(), int(path.name)) for path in (tmp_path / "whole" / "journal").iterdir()]
    assert any(segment.header.more for segment in segments)
    assert list((tmp_path / "collected" / "gc").iterdir())
