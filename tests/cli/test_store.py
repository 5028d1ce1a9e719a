"""`amp store`: what each command prints, which exit code it gives, and what it leaves alone."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from amp.cli.main import run
from amp.cli.store_place import HERE, Where, place_of, progress
from amp.kit.secret import Secret
from amp.store import mounts
from amp.store.place import CloudStore
from amp.store.segment import segment_key, snapshot_key
from amp.testing.journals import small_plane

Amp = Callable[..., tuple[int, str, str]]


@pytest.fixture
def plane(tmp_path: Path) -> Path:
    """A whole plane in a directory."""
    small_plane().write_to(tmp_path / "plane")
    return tmp_path / "plane"


@pytest.fixture
def amp(capsys: pytest.CaptureFixture[str]) -> Amp:
    """Run a command; answers exit code, stdout and stderr."""

    def command(*words: object) -> tuple[int, str, str]:
        code = run([str(word) for word in words])
        return code, *capsys.readouterr()

    return command


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def break_one(folder: Path, key: str) -> None:
    data = bytearray((folder / key).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / key).write_bytes(data)


def age(path: Path, hours: float) -> None:
    """Make a file older."""
    then = path.stat().st_mtime - hours * 3600
    os.utime(path, (then, then))


# ---- verify


def test_verify_says_whole_and_changes_nothing(plane: Path, amp: Amp) -> None:
    before = contents(plane)
    code, out, err = amp("store", "verify", plane, "--deep")
    assert (code, err) == (0, "")
    assert out == f"directory {plane} is whole: 25 objects, segments 1 to 26, boundary 14, 2 snapshots\n"
    assert contents(plane) == before


def test_verify_names_key_consequence_and_remedy(plane: Path, amp: Amp) -> None:
    break_one(plane, segment_key(23))
    (plane / segment_key(16)).unlink()
    code, out, _ = amp("store", "verify", plane)
    missing, damaged, last = out.splitlines()
    assert code == 1
    assert missing.startswith(f"missing  {segment_key(16)}: it is not there. Breaks: the history: nodes load snap")
    assert damaged.startswith(f"damaged  {segment_key(23)}: its content has the hash")
    assert damaged.endswith("Remedy: restore a backup (amp store restore) into an empty store.")
    assert last.endswith("2 snapshots); no node can load its state")


@pytest.mark.parametrize("key", small_plane().objects)
def test_verify_ends_with_1_whatever_object_is_damaged(key: str, plane: Path, amp: Amp) -> None:
    (plane / key).write_bytes(b"AMP1" + (plane / key).read_bytes()[4:-2])
    code, out, _ = amp("store", "verify", plane, "-o", "json")
    said = json.loads(out)
    assert (code, said["verdict"]) == (1, "damaged")
    assert [finding["key"] for finding in said["findings"] if finding["level"] != "note"] == [key]


def test_verify_as_json(plane: Path, amp: Amp) -> None:
    (plane / segment_key(7)).unlink()
    code, out, _ = amp("store", "verify", plane, "-o", "json")
    said = json.loads(out)
    assert code == 1
    assert {key: said[key] for key in ("plane", "verdict", "first", "last", "boundary", "snapshots", "loadsFrom")} == {
        "plane": "testplan", "verdict": "damaged", "first": 1, "last": 26, "boundary": 14, "snapshots": [14, 21],
        "loadsFrom": 21,
    }  # fmt: skip
    (finding,) = said["findings"]
    assert (finding["key"], finding["level"]) == (segment_key(7), "missing")
    assert finding.keys() == {"key", "level", "what", "breaks", "remedy"}
    assert said["warnings"] == []


def test_verify_warns_of_a_mount_that_breaks_the_rules(
    plane: Path, amp: Amp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "table").write_text(f"1 0 0:1 / {plane} rw - nfs4 filer:/amp rw,soft,lookupcache=pos\n")
    monkeypatch.setattr(mounts, "_TABLE", tmp_path / "table")
    code, out, _ = amp("store", "verify", plane)
    first, last = out.splitlines()
    assert (code, first) == (
        0,
        f"warning  {plane} (NFS, filer:/amp) is mounted soft: while the server is slow, writes end with an error that "
        "may have been done; mount it hard.",
    )
    assert " is whole: " in last
    assert len(json.loads(amp("store", "verify", plane, "-o", "json")[1])["warnings"]) == 1


def test_verify_of_what_is_no_plane_is_unreadable(tmp_path: Path, amp: Amp) -> None:
    (tmp_path / "empty").mkdir()
    for store, why in (
        (tmp_path / "empty", "holds no plane"),
        (tmp_path / "nowhere", "there is no directory"),
        ("ftp://host/path", "stores begin with s3://"),
        ("s3://x", "not the name of a bucket"),
    ):
        code, out, err = amp("store", "verify", store)
        assert (code, out) == (2, "")
        assert why in err
    assert not (tmp_path / "nowhere").exists()


def test_a_home_names_its_store(home: Path, plane: Path, amp: Amp) -> None:
    launcher = home / "etc/org.apache.brooklyn.osgilauncher.cfg"
    launcher.write_text(f"persistenceDir={plane}\n")
    assert amp("store", "verify", "--home", home)[0] == 0
    assert amp("store", "cat", "--home", home, "plane")[0] == 0
    assert amp("store", "backup", "--home", home, home / "copy")[0] == 0
    code, _, err = amp("store", "verify", plane, "--home", home)
    assert (code, "name one store" in err) == (2, True)
    launcher.write_text("persistMode=DISABLED\n")
    code, _, err = amp("store", "ls", "--home", home)
    assert (code, "has no store" in err) == (1, True)


# ---- ls and cat


def test_ls_counts_and_tells_who_led(plane: Path, amp: Amp) -> None:
    code, out, _ = amp("store", "ls", plane)
    kinds, _, terms = out.partition("\n\n")
    assert code == 0
    assert [row.split()[:2] for row in kinds.splitlines()[1:]] == [
        ["plane", "1"], ["journal", "18"], ["snapshots", "2"], ["gc", "1"], ["nodes", "2"], ["blobs", "1"],
    ]  # fmt: skip
    assert kinds.splitlines()[2].split()[3:] == ["1", "26"]
    assert [row.split() for row in terms.splitlines()[1:]] == [
        ["1", "n1", "1", "2025-06-15T15:07:40Z", "7", "2025-06-15T15:13:40Z"],
        ["2", "n2", "8", "2025-06-15T15:14:40Z", "19", "2025-06-15T15:25:40Z"],
        ["3", "n1", "20", "2025-06-15T15:26:40Z", "-", "-"],
    ]


def test_ls_passes_over_what_is_damaged(plane: Path, amp: Amp) -> None:
    for key in (snapshot_key(21), segment_key(1), "plane"):
        break_one(plane, key)
    code, out, _ = amp("store", "ls", plane, "-o", "json")
    said = json.loads(out)
    assert code == 0
    assert [term["term"] for term in said["terms"]] == [2, 3]
    assert said["kinds"][1] == {"kind": "journal", "objects": 18, "bytes": 6446, "first": 1, "last": 26}


def test_ls_of_a_kind(plane: Path, amp: Amp) -> None:
    code, out, _ = amp("store", "ls", plane, "--kind", "snapshots", "-o", "json")
    assert code == 0
    assert [json.loads(line)["key"] for line in out.splitlines()] == [snapshot_key(14), snapshot_key(21)]
    assert snapshot_key(14) in amp("store", "ls", plane, "--kind", "snapshots")[1]


def test_cat_shows_header_and_changes_without_secrets(plane: Path, amp: Amp) -> None:
    code, out, _ = amp("store", "cat", plane, segment_key(18))
    header, change = map(json.loads, out.splitlines())
    assert (code, header["seq"], header["kind"], len(header["sha256"])) == (0, 18, "commit", 64)
    assert (change["key"], change["value"]) == ("db.password", "<suppressed> (MD5 hash: 2AB96390)")
    for key in small_plane().objects:
        code, out, _ = amp("store", "cat", plane, key)
        assert (code, bool(out)) == (0, True)
        assert "hunter2" not in out
        assert "5ec2e7" not in out


def test_cat_says_why_not(plane: Path, amp: Amp) -> None:
    assert amp("store", "cat", plane, segment_key(99))[0] == 3
    assert amp("store", "cat", plane, "../secret")[0] == 1
    assert amp("store", "cat", plane)[0] == 1
    break_one(plane, segment_key(18))
    code, _, err = amp("store", "cat", plane, segment_key(18))
    assert (code, f"{segment_key(18)} is damaged" in err) == (1, True)


# ---- backup and restore


def test_a_backup_is_complete_and_comes_back_exactly(plane: Path, tmp_path: Path, amp: Amp) -> None:
    code, out, _ = amp("store", "backup", plane, tmp_path / "copy")
    assert code == 0
    assert out.startswith("Copied up to segment 26. ")
    assert (tmp_path / "copy" / segment_key(7)).exists()
    assert not (tmp_path / "copy" / snapshot_key(14)).exists()
    code, out, _ = amp("store", "restore", tmp_path / "copy", tmp_path / "again")
    assert code == 0
    assert out.startswith("Restored up to segment 26. ")
    restored = contents(tmp_path / "again")
    assert restored == contents(tmp_path / "copy")
    assert {key: data for key, data in restored.items() if key != "gc/0000000000000021"}.items() <= contents(
        plane
    ).items()


def test_all_that_is_kept_can_be_copied(plane: Path, tmp_path: Path, amp: Amp) -> None:
    assert amp("store", "backup", plane, tmp_path / "copy", "--all")[0] == 0
    kept = {key: data for key, data in contents(plane).items() if not key.startswith("nodes/")}
    for seq in (12, 13):
        del kept[segment_key(seq)]  # below the boundary
    assert contents(tmp_path / "copy") == kept


@pytest.mark.parametrize(
    ("to", "last"),
    [("14", 14), ("20", 20), ("2025-06-15T15:23:00Z", 16), ("2025-06-15 17:23:00+02:00", 16), ("2030-01-01", 26)],
)
def test_restore_cuts_where_it_is_told(to: str, last: int, plane: Path, tmp_path: Path, amp: Amp) -> None:
    amp("store", "backup", plane, tmp_path / "copy", "--all")
    code, out, _ = amp("store", "restore", tmp_path / "copy", tmp_path / "cut", "--to", to)
    assert code == 0
    assert out.startswith(f"Restored up to segment {last}. ")
    assert sorted(contents(tmp_path / "cut")) == sorted(
        key
        for key in contents(tmp_path / "copy")
        if key.partition("/")[0] in ("plane", "gc", "blobs") or int(key.rpartition("/")[2]) <= last
    )


@pytest.mark.parametrize(
    ("to", "why"),
    [
        ("13", "It can be restored as of each segment from 14 to 26."),
        ("27", "It can be restored as of each segment from 14 to 26."),
        ("2020-01-01", "begins later than that time"),
        ("yesterday", "neither a segment nor a time"),
    ],
)
def test_restore_says_where_it_can_be_cut(to: str, why: str, plane: Path, tmp_path: Path, amp: Amp) -> None:
    amp("store", "backup", plane, tmp_path / "copy", "--all")
    code, _, err = amp("store", "restore", tmp_path / "copy", tmp_path / "cut", "--to", to)
    assert (code, why in err) == (1, True)
    assert not (tmp_path / "cut").exists()


def test_nothing_is_ever_overwritten(plane: Path, tmp_path: Path, amp: Amp) -> None:
    amp("store", "backup", plane, tmp_path / "copy")
    before = contents(plane)
    code, _, err = amp("store", "restore", tmp_path / "copy", plane)
    assert (code, "is not empty" in err) == (5, True)
    assert contents(plane) == before
    (tmp_path / "dest").mkdir()
    (tmp_path / "dest/mine").write_text("mine")
    assert amp("store", "backup", plane, tmp_path / "dest")[0] == 5
    assert contents(tmp_path / "dest") == {"mine": b"mine"}


def test_a_damaged_backup_is_restored_only_up_to_the_damage(plane: Path, tmp_path: Path, amp: Amp) -> None:
    amp("store", "backup", plane, tmp_path / "copy")
    break_one(tmp_path / "copy", segment_key(24))
    code, _, err = amp("store", "restore", tmp_path / "copy", tmp_path / "again")
    assert (code, segment_key(24) in err) == (1, True)
    assert not (tmp_path / "again").exists()
    assert amp("store", "restore", tmp_path / "copy", tmp_path / "again", "--to", 23)[0] == 0


def test_a_copy_of_a_damaged_plane_says_so(plane: Path, tmp_path: Path, amp: Amp) -> None:
    break_one(plane, segment_key(24))
    code, out, _ = amp("store", "backup", plane, tmp_path / "copy")
    assert (code, segment_key(24) in out) == (1, True)
    (plane / segment_key(24)).unlink()
    assert amp("store", "backup", plane, tmp_path / "other")[0] == 2
    assert not (tmp_path / "other/plane").exists()  # what was broken off is no plane
    assert amp("store", "backup", tmp_path / "nowhere", tmp_path / "third")[0] == 3


@pytest.mark.parametrize("seq", [15, 17, 21])
@pytest.mark.parametrize("gone", [True, False])
def test_a_copy_begins_behind_what_a_snapshot_covers(
    seq: int, gone: bool, plane: Path, tmp_path: Path, amp: Amp
) -> None:
    (plane / segment_key(seq)).unlink() if gone else break_one(plane, segment_key(seq))
    code, out, _ = amp("store", "verify", plane)
    assert (code, "Remedy: amp store backup, and amp store restore of that copy" in out) == (1, True)
    assert amp("store", "backup", plane, tmp_path / "copy")[0] == 0
    assert amp("store", "restore", tmp_path / "copy", tmp_path / "again")[0] == 0


def test_an_election_is_put_back(plane: Path, tmp_path: Path, amp: Amp) -> None:
    (plane / segment_key(20)).unlink()
    assert "Remedy: stop all nodes and copy this one object from a backup" in amp("store", "verify", plane)[1]
    code, _, err = amp("store", "backup", plane, tmp_path / "copy")
    assert (code, segment_key(20) in err) == (2, True)


def test_places_that_are_missing(plane: Path, amp: Amp) -> None:
    for words in (("backup", plane), ("restore", plane), ("backup",), ("verify", "a", "b")):
        assert amp("store", *words)[0] == 1


# ---- repair


def test_repair_deletes_what_is_useless_for_certain(plane: Path, amp: Amp) -> None:
    whole = contents(plane)
    journal = small_plane()
    journal.litter(5, "n1")
    (plane / segment_key(5)).write_bytes(journal.objects[segment_key(5)])
    break_one(plane, snapshot_key(21))
    break_one(plane, segment_key(12))
    for name in ("tmp/old", "tmp/new", "probe/old-one", "probe/new-one"):
        (plane / name).parent.mkdir(exist_ok=True)
        (plane / name).write_bytes(b"left")
        if "old" in name:
            age(plane / name, 2)
    useless = {segment_key(5), segment_key(12), snapshot_key(21), "tmp/old", "probe/old-one"}
    before = contents(plane)

    code, out, _ = amp("store", "repair", plane, "--dry-run")
    assert (code, contents(plane) == before) == (1, True)
    assert {line.split()[2].rstrip(":") for line in out.splitlines()[:-1]} == useless
    code, out, err = amp("store", "repair", plane)
    assert (code, "no terminal to ask on" in err, contents(plane) == before) == (1, True, True)
    code, out, _ = amp("store", "repair", plane, "--yes")
    assert (code, out.splitlines()[-1]) == (0, "5 deleted, 0 that cannot be repaired here")
    left = whole.keys() - {segment_key(12), snapshot_key(21)}
    assert contents(plane).keys() == left | {"tmp/new", "probe/new-one"}
    assert amp("store", "verify", plane)[0] == 0


def test_repair_says_what_it_cannot_do(plane: Path, amp: Amp) -> None:
    break_one(plane, segment_key(24))
    before = contents(plane)
    code, out, _ = amp("store", "repair", plane, "--yes")
    first, last = out.splitlines()
    assert code == 1
    assert first.startswith(f"cannot repair {segment_key(24)}: ")
    assert last == "0 deleted, 1 that cannot be repaired here"
    assert contents(plane) == before


def test_what_node_errors_tell_people_to_run_is_a_command(amp: Amp) -> None:
    root = Path(__file__).parents[2] / "src/amp"
    said = [path for path in root.rglob("*.py") if "run: amp store verify" in path.read_text()]
    assert said
    assert amp("store", "verify", "--help")[0] == 0


def test_a_file_of_any_name_is_one_line(plane: Path, amp: Amp) -> None:
    (plane / "a\nb").write_text("")
    os.close(os.open(os.fsencode(plane) + b"/c\xff", os.O_CREAT | os.O_WRONLY))
    code, out, _ = amp("store", "verify", plane)
    assert (code, len(out.splitlines())) == (0, 3)
    assert r"note     a\nb: AMP writes no such key" in out
    assert json.loads(amp("store", "verify", plane, "-o", "json")[1])["verdict"] == "whole"
    assert len(amp("store", "ls", plane, "--kind", "other")[1].splitlines()) == 3


def test_progress_is_shown_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    for is_terminal in (False, True):
        stream = io.StringIO()
        monkeypatch.setattr(stream, "isatty", lambda answer=is_terminal: answer)
        monkeypatch.setattr("sys.stderr", stream)
        show = progress("reading")
        for done in range(1, 1001):
            show(done, 1000)
        said = stream.getvalue()
        assert ("reading: 500 of 1000" in said) is is_terminal
        assert said.count("reading") == (101 if is_terminal else 0)
        assert said.endswith("\x1b[K" if is_terminal else "")


def test_other_clouds_have_their_own_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMP_STORE_IDENTITY", "account")
    monkeypatch.setenv("AMP_STORE_CREDENTIAL", "key")
    assert place_of("azure://container/blue/", HERE) == CloudStore(
        "azure", "container", "blue", None, None, "account", Secret("key")
    )
    place = place_of("gs://bucket", Where(endpoint="http://127.0.0.1:4443"))
    assert isinstance(place, CloudStore)
    assert (place.provider, place.prefix, place.endpoint) == ("gcs", "", "http://127.0.0.1:4443")


# ---- adopt


def test_adopt_goes_on_over_a_hole_and_the_store_is_whole_again(plane: Path, amp: Amp) -> None:
    (plane / segment_key(24)).unlink()
    for record in (plane / "nodes").iterdir():
        record.unlink()
    before = contents(plane)
    code, _, err = amp("store", "adopt", plane, "--above", 9)
    assert (code, "no terminal to ask on" in err, contents(plane) == before) == (1, True, True)
    code, out, err = amp("store", "adopt", plane, "--above", 1, "--yes")
    assert (code, "was in use; write --above" in err, contents(plane) == before) == (1, True, True)
    code, out, _ = amp("store", "adopt", plane, "--above", 9, "--yes")
    assert code == 0
    assert "2 segments from journal/0000000000000025 to journal/0000000000000026 will be deleted" in out
    assert "Term 10 goes on from segment 23" in out
    assert amp("store", "verify", plane)[0] == 0


def test_adopt_leaves_a_whole_store_alone(plane: Path, amp: Amp) -> None:
    before = contents(plane)
    code, _, err = amp("store", "adopt", plane, "--above", 9, "--yes")
    assert (code, "there is nothing to adopt" in err, contents(plane) == before) == (1, True, True)


# ---- raise


def test_raise_says_when_there_is_nothing_to_raise(plane: Path, amp: Amp) -> None:
    before = contents(plane)
    code, out, err = amp("store", "raise", plane)
    assert (code, err, contents(plane) == before) == (0, "", True)
    assert out == "The plane writes format 1, the newest that this version knows: nothing to raise.\n"
