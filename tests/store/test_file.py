"""A directory store: what survives, what is cleaned up, what people are told, and that a hung mount starves nobody."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from amp.kit.errors import Unavailable
from amp.store import disk
from amp.store.file import DirectoryObjects
from amp.store.objects import ObjectInfo, Outcome


def failing(number: int, path: str | None = None) -> Callable[..., int]:
    """Make a stand-in for a system call that always fails."""

    def fail(*arguments: object, **more: object) -> int:
        raise OSError(number, os.strerror(number), path)

    return fail


async def test_modes_and_no_leftovers(tmp_path: Path) -> None:
    objects = DirectoryObjects(tmp_path / "a" / "store")
    await objects.create("journal/1", b"x")
    await objects.create("journal/1", b"y")
    await objects.put("plane", b"z")
    root = tmp_path / "a" / "store"
    assert os.listdir(root / "tmp") == []
    for folder in (tmp_path / "a", root, root / "journal", root / "tmp"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder
    for file in (root / "journal" / "1", root / "plane"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
        assert file.stat().st_nlink == 1
    await objects.close()


async def test_reading_makes_nothing(tmp_path: Path) -> None:
    objects = DirectoryObjects(tmp_path / "store")
    assert await objects.get("plane") is None
    assert await objects.list("") == []
    await objects.delete("plane")
    assert os.listdir(tmp_path) == []
    await objects.close()


async def test_what_is_done_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is fsynced before it has its name; its folder, and each new folder's own parent, before the answer."""
    root = tmp_path / "new" / "store"
    events: list[str] = []
    real_sync, real_link = os.fsync, os.link

    def sync(handle: int) -> None:
        real_sync(handle)
        path = os.readlink(f"/proc/self/fd/{handle}")
        events.append("file" if path.startswith(f"{root}/tmp/") else os.path.relpath(path, tmp_path))

    def link(source: str, target: str) -> None:
        real_link(source, target)
        events.append("link")

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "link", link)
    objects = DirectoryObjects(root)
    assert await objects.create("journal/1", b"x") is Outcome.DONE
    assert events == [".", "new", "new/store", "file", "new/store", "link", "new/store/journal"]
    events.clear()
    assert await objects.create("journal/2", b"x") is Outcome.DONE
    assert events == ["file", "link", "new/store/journal"]
    events.clear()
    assert await objects.create("journal/2", b"y") is Outcome.EXISTS
    assert events == ["file", "new/store/journal"], "another's object may not be durable yet when we say EXISTS"
    events.clear()
    await objects.put("plane", b"x")
    assert events == ["file", "new/store"]
    await objects.close()


async def test_a_create_that_could_not_sync_its_folder_is_made_durable_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = DirectoryObjects(tmp_path / "store")
    await objects.create("journal/1", b"x")
    broken = True
    synced: list[str] = []
    real_sync = disk._sync_folder

    def sync(path: str) -> None:
        if broken:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real_sync(path)
        synced.append(path)

    monkeypatch.setattr(disk, "_sync_folder", sync)
    assert await objects.create("journal/2", b"mine") is Outcome.UNKNOWN
    with pytest.raises(Unavailable, match="Input/output error"):
        await objects.get("journal/2")
    broken = False
    assert await objects.get("journal/2") == b"mine"
    assert synced == [str(tmp_path / "store" / "journal")]
    await objects.close()


async def test_a_lost_answer_to_link_is_seen_by_the_link_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.link

    def link(source: str, target: str) -> None:
        real(source, target)
        real(source, target)  # as a network file system sends it again: the name is there now

    objects = DirectoryObjects(tmp_path / "store")
    monkeypatch.setattr(os, "link", link)
    assert await objects.create("journal/1", b"mine") is Outcome.DONE
    monkeypatch.setattr(os, "link", real)
    assert await objects.create("journal/1", b"mine") is Outcome.EXISTS
    await objects.close()


RACER = """
import asyncio, pathlib, sys
from amp.store.file import DirectoryObjects
from amp.store.objects import Outcome

async def race(path, me):
    objects = DirectoryObjects(pathlib.Path(path), timeout=60)
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(150):
        if await objects.create(f"journal/{number:016d}", me.encode()) is Outcome.DONE:
            print(number)

asyncio.run(race(*sys.argv[1:]))
"""


def test_processes_that_race_have_one_winner_a_key(tmp_path: Path) -> None:
    names = ("red", "green", "blue", "grey")
    racers = {
        name: subprocess.Popen(
            [sys.executable, "-c", RACER, str(tmp_path), name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for name in names
    }
    won: dict[int, str] = {}
    try:
        for racer in racers.values():
            assert racer.stdout is not None
            assert racer.stdout.readline() == "ready\n"
        for racer in racers.values():
            assert racer.stdin is not None
            racer.stdin.write("go\n")
            racer.stdin.flush()
        for name, racer in racers.items():
            output, _ = racer.communicate(timeout=60)
            assert racer.returncode == 0
            for number in map(int, output.split()):
                assert number not in won, f"{name} and {won[number]} both won {number}"
                won[number] = name
    finally:
        for racer in racers.values():
            racer.kill()
            racer.wait()
    assert sorted(won) == list(range(150))
    for number, name in won.items():
        assert (tmp_path / "journal" / f"{number:016d}").read_text() == name


async def test_listings_show_no_unfinished_files_and_old_ones_are_swept(tmp_path: Path) -> None:
    unfinished = tmp_path / "tmp"
    unfinished.mkdir()
    (unfinished / "old").write_bytes(b"killed long ago")
    (unfinished / "young").write_bytes(b"under way")
    os.utime(unfinished / "old", (1_600_000_000, 1_600_000_000))
    objects = DirectoryObjects(tmp_path)
    await objects.put("plane", b"x")
    assert [info.key for info in await objects.list("")] == ["plane"]
    assert await objects.list("tmp/") == []
    assert await objects.list("tm") == []
    assert os.listdir(unfinished) == ["young"]
    await objects.close()


async def test_many_may_be_the_first_to_use_a_store(tmp_path: Path) -> None:
    """Readers that look while the directory is being made see an empty store, not one that vanished."""
    for number in range(40):
        objects = DirectoryObjects(tmp_path / str(number))
        outcomes = await asyncio.gather(
            *(objects.get("plane") for _ in range(4)),
            objects.create("plane", b"x"),
            *(objects.list("") for _ in range(4)),
        )
        assert outcomes[4] is Outcome.DONE
        await objects.close()


async def test_a_folder_removed_meanwhile_is_made_again(tmp_path: Path) -> None:
    objects = DirectoryObjects(tmp_path)
    await objects.create("journal/1", b"x")
    await objects.delete("journal/1")
    (tmp_path / "journal").rmdir()
    (tmp_path / "tmp").rmdir()
    assert await objects.create("journal/1", b"y") is Outcome.DONE
    assert await objects.get("journal/1") == b"y"
    await objects.close()


async def test_a_store_that_vanishes_is_not_an_empty_store(tmp_path: Path) -> None:
    root, away = tmp_path / "store", tmp_path / "away"
    objects = DirectoryObjects(root)
    await objects.create("plane", b"x")
    root.rename(away)
    for call in (objects.get("plane"), objects.list(""), objects.put("plane", b"y"), objects.delete("plane")):
        with pytest.raises(Unavailable, match="is gone: mount it again"):
            await call
    assert await objects.create("journal/1", b"x") is Outcome.UNKNOWN
    assert not root.exists(), "an unmounted store must not be begun anew in its mount point"
    root.mkdir()
    with pytest.raises(Unavailable, match="is another one than before"):
        await objects.get("plane")
    assert await objects.create("plane", b"y") is Outcome.UNKNOWN
    root.rmdir()
    away.rename(root)
    assert await objects.get("plane") == b"x"
    assert objects.trouble is not None, "it was read again, but no write has shown yet that it takes them"
    await objects.put("plane", b"y")
    assert objects.trouble is None
    await objects.close()


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (errno.ENOSPC, "is full .*: free space there or raise the quota"),
        (errno.EDQUOT, "is full .*: free space there or raise the quota"),
        (errno.EACCES, "no permission for .*: give it to the user that runs AMP"),
        (errno.EROFS, "read-only file system: mount it writable"),
        (errno.ESTALE, "the mount is stale: mount it again"),
        (errno.EIO, "Input/output error .*: check the disk"),
    ],
)
async def test_failed_writes_say_why(
    number: int, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    objects = DirectoryObjects(tmp_path)
    await objects.create("journal/1", b"x")
    with monkeypatch.context() as patch, caplog.at_level(logging.INFO, "amp.store"):
        patch.setattr(os, "write", failing(number))
        assert await objects.create("journal/2", b"x") is Outcome.UNKNOWN
        assert await objects.create("journal/2", b"x") is Outcome.UNKNOWN
        with pytest.raises(Unavailable, match=f"^directory {tmp_path}.*{says}") as refused:
            await objects.put("nodes/a", b"x")
        assert refused.value.unknown
        assert objects.trouble == refused.value.message
        assert await objects.get("journal/1") == b"x"
        assert objects.trouble == refused.value.message, "reads succeed on a full disk"
    assert len([record for record in caplog.records if record.levelno == logging.WARNING]) == 1
    assert os.listdir(tmp_path / "tmp") == []
    assert [info.key for info in await objects.list("")] == ["journal/1"]
    assert await objects.create("journal/2", b"x") is Outcome.DONE
    assert objects.trouble is None
    await objects.close()


async def test_a_file_system_without_hard_links_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = DirectoryObjects(tmp_path)
    monkeypatch.setattr(os, "link", failing(errno.EOPNOTSUPP))
    assert await objects.create("journal/1", b"x") is Outcome.UNKNOWN
    assert objects.trouble is not None
    assert "takes no hard links" in objects.trouble
    await objects.close()


async def test_a_file_in_the_way_of_a_folder(tmp_path: Path) -> None:
    objects = DirectoryObjects(tmp_path)
    await objects.put("journal", b"a file")
    with pytest.raises(Unavailable, match="journal is a file, not a directory"):
        await objects.put("journal/1", b"x")
    assert await objects.create("journal/1", b"x") is Outcome.UNKNOWN
    assert await objects.get("journal") == b"a file"
    await objects.close()


async def test_a_hung_call_ends_in_time_and_may_still_land(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = DirectoryObjects(tmp_path, timeout=0.2)
    await objects.create("journal/1", b"x")
    release, landed = threading.Event(), threading.Event()
    real_sync, real_remove = os.fsync, disk._remove

    def hang(handle: int) -> None:
        release.wait(30)
        real_sync(handle)

    def remove(path: str) -> None:
        real_remove(path)
        landed.set()

    monkeypatch.setattr(os, "fsync", hang)
    monkeypatch.setattr(disk, "_remove", remove)
    start = time.monotonic()
    assert await objects.create("journal/2", b"late") is Outcome.UNKNOWN
    assert time.monotonic() - start < 5
    assert objects.trouble is not None
    assert "create journal/2 took longer than 0.2 s" in objects.trouble
    assert await objects.get("journal/2") is None
    assert await objects.get("journal/1") == b"x", "one hung call leaves threads for others"
    release.set()
    assert landed.wait(30)
    assert await objects.get("journal/2") == b"late"
    await objects.close()


async def test_a_list_of_a_long_journal_has_more_time_than_other_calls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = DirectoryObjects(tmp_path, timeout=0.1)
    await objects.put("journal/1", b"x")
    await objects.put("nodes/1", b"x")
    real = disk.Disk.list

    def slow(self: disk.Disk, folder: str, start: str, after: str = "") -> list[ObjectInfo]:
        threading.Event().wait(0.4)
        return real(self, folder, start, after)

    monkeypatch.setattr(disk.Disk, "list", slow)
    assert [info.key for info in await objects.list("journal/")] == ["journal/1"]
    assert len(await objects.list("")) == 2
    with pytest.raises(Unavailable, match=r"list nodes/ took longer than 0\.1 s"):
        await objects.list("nodes/")
    await objects.close()


async def test_when_all_threads_hang_calls_end_in_time_pile_up_nothing_and_recover(tmp_path: Path) -> None:
    pipe = tmp_path / "nodes" / "pipe"
    pipe.parent.mkdir()
    os.mkfifo(pipe)  # opening it to read hangs until somebody writes
    objects = DirectoryObjects(tmp_path, timeout=0.2)
    for _ in range(12):
        with pytest.raises(Unavailable, match=r"read nodes/pipe took longer than 0\.2 s"):
            await objects.get("nodes/pipe")
    assert await objects.create("journal/1", b"x") is Outcome.UNKNOWN
    assert not (tmp_path / "journal").exists(), "a call that never had a thread must leave no trace"
    assert objects._threads._work_queue.qsize() == 0, "what waits behind a hung mount must not fill the memory"
    patient = DirectoryObjects(tmp_path, timeout=30)
    assert await patient.create("journal/2", b"y") is Outcome.DONE, "each store has threads of its own"
    with pipe.open("wb"):
        pass
    for _ in range(100):
        if await objects.create("journal/1", b"x") is not Outcome.UNKNOWN:
            break
    assert await objects.get("journal/1") == b"x"
    await objects.close()
    await patient.close()


async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    objects = DirectoryObjects(tmp_path)
    await objects.close()
    with pytest.raises(Unavailable, match="is closed"):
        await objects.get("plane")
    assert await objects.create("plane", b"x") is Outcome.UNKNOWN
    assert objects.name == f"directory {tmp_path}"
