"""Where a directory lies, by the kernel's table, and which options of an NFS mount break a rule."""

from __future__ import annotations

from pathlib import Path

import pytest

from amp.store import mounts
from amp.store.mounts import above, broken_rules, mount_of, parse, warnings

TABLE = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro
25 22 0:5 / /dev rw,nosuid shared:2 - devtmpfs udev rw,size=4096k
80 22 0:44 / /srv/amp\\040state rw,relatime shared:40 - nfs4 filer:/srv/amp-state {options}
81 22 8:2 / /srv/amp rw,relatime - xfs /dev/sdb1 rw
82 22 0:45 /a /mnt/two rw - nfs filer:/old rw,soft
83 22 8:3 / /mnt/two rw,relatime - ext4 /dev/sdc1 rw
no line of a table
"""
GOOD = (
    "rw,vers=4.2,rsize=1048576,hard,proto=tcp,timeo=600,retrans=2,sec=sys,lookupcache=pos,local_lock=none,addr=10.0.0.2"
)


def table(options: str = GOOD) -> str:
    return TABLE.format(options=options)


@pytest.mark.parametrize(
    ("place", "point", "kind"),
    [
        ("/srv/amp state", "/srv/amp state", "nfs4"),
        ("/srv/amp state/plane/journal", "/srv/amp state", "nfs4"),
        ("/srv/amp/state", "/srv/amp", "xfs"),
        ("/srv/amp state2", "/", "ext4"),
        ("/", "/", "ext4"),
        ("/mnt/two/x", "/mnt/two", "ext4"),  # what was mounted last covers what was there
    ],
)
def test_the_mount_above_a_path(place: str, point: str, kind: str) -> None:
    mount = above(place, parse(table()))
    assert mount is not None
    assert (mount.point, mount.kind) == (point, kind)


def test_no_mount_above() -> None:
    assert above("/srv", []) is None
    assert len(parse(table())) == 6


def rules(options: str) -> list[str]:
    mount = above("/srv/amp state", parse(table(options)))
    assert mount is not None
    return list(broken_rules(mount))


@pytest.mark.parametrize(
    "options", [GOOD, GOOD.replace("=pos", "=none"), GOOD.replace("=pos", "=positive"), f"{GOOD},nolock,noac"]
)
def test_what_keeps_the_rules_is_not_told_of(options: str) -> None:
    assert rules(options) == []


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (GOOD.replace(",lookupcache=pos", ""), ["without lookupcache=positive"]),
        (GOOD.replace("=pos", "=all"), ["without lookupcache=positive"]),
        (GOOD.replace("hard", "soft"), ["is mounted soft"]),
        (GOOD.replace("hard", "softerr"), ["is mounted softerr"]),
        (f"{GOOD},nocto", ["is mounted nocto"]),
        ("rw,soft", ["without lookupcache=positive", "is mounted soft"]),
    ],
)
def test_what_breaks_a_rule_is_told_with_the_place_and_what_to_set(options: str, says: list[str]) -> None:
    told = rules(options)
    assert all(each.startswith("/srv/amp state (NFS, filer:/srv/amp-state) is mounted ") for each in told)
    assert len(told) == len(says)
    assert all(word in each and "; mount it " in each for word, each in zip(says, told, strict=True))


def test_a_local_file_system_has_no_rules() -> None:
    assert [each for mount in parse(table("rw,soft")) if not mount.is_nfs for each in broken_rules(mount)] == []


def test_this_machine_s_own_table(tmp_path: Path) -> None:
    mount = mount_of(tmp_path / "not" / "yet")
    assert mount is not None
    assert str(tmp_path).startswith(mount.point)


def test_a_link_is_followed_to_where_the_store_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real)
    (tmp_path / "table").write_text(f"1 0 0:1 / / rw - ext4 /dev/a rw\n2 1 0:2 / {real} rw - nfs filer:/x rw,hard\n")
    monkeypatch.setattr(mounts, "_TABLE", tmp_path / "table")
    assert len(warnings(link / "plane")) == 1
    assert warnings(tmp_path) == []
    monkeypatch.setattr(mounts, "_TABLE", tmp_path / "gone")
    assert mount_of(link) is None
    assert warnings(link) == []
