"""A store's disk that can be full, or read-only: where one can be mounted."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from amp.testing.nemesis.stage import Disk


def test_a_full_disk_takes_nothing_until_there_is_room_again(tmp_path: Path) -> None:
    disk = Disk(tmp_path / "store")
    if disk.why_not:
        disk.clear(None)
        pytest.skip(disk.why_not)
    try:
        (disk.path / "one").write_bytes(b"1" * 5000)
        disk.fill()
        with pytest.raises(OSError) as problem:  # noqa: PT011 -- the number tells
            (disk.path / "two").write_bytes(b"2" * 5000)
        assert problem.value.errno == errno.ENOSPC
        disk.free()
        (disk.path / "two").write_bytes(b"2" * 5000)
        disk.close()
        with pytest.raises(OSError) as problem:  # noqa: PT011 -- the number tells
            (disk.path / "three").write_bytes(b"3")
        assert problem.value.errno == errno.EROFS
        assert (disk.path / "two").read_bytes() == b"2" * 5000
        disk.free()
        (disk.path / "three").write_bytes(b"3")
    finally:
        disk.clear(tmp_path / "kept")
    assert (tmp_path / "kept/one").read_bytes() == b"1" * 5000
    assert list(disk.path.iterdir()) == []
