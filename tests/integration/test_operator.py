"""What an operator and a service manager do by `amp ha`, on real servers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from homes import Home, Town, until

pytestmark = pytest.mark.process


def amp(home: Home, *words: str) -> subprocess.CompletedProcess[str]:
    """Ask a home's server by the command line, as its admin."""
    user, password = home._login
    environ = {**home.environ, "AMP_URL": home.url, "AMP_USER": user, "AMP_PASSWORD": password}
    return subprocess.run(
        [sys.executable, "-P", "-m", "amp.cli.main", "ha", *words],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_promote_and_demote(town: Town) -> None:
    first, second = town.home().start("MASTER"), town.home().start("HOT_STANDBY")
    until(lambda: len(first.get("server/ha/states")["nodes"]) == 2)

    done = amp(second, "promote")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"Node {second.node_id()}: HOT_STANDBY before, MASTER now (mode AUTO)\n"
    assert second.state() == "MASTER"
    first.becomes("HOT_STANDBY")

    done = amp(second, "demote", "--to", "HOT_BACKUP", "-o", "json")
    assert done.returncode == 0, done.stderr
    assert '"before":"MASTER","after":"HOT_BACKUP"' in done.stdout
    first.becomes("MASTER")

    refused = amp(first, "remove", second.node_id())
    assert (refused.returncode, refused.stdout) == (5, "")
    assert amp(first, "priority", "-3").stdout == "Priority: 0 before, -3 now\n"
    assert amp(first, "priority").stdout == "-3\n"

    second_id = second.node_id()
    second.stop()
    until(lambda: first.get("server/ha/states")["nodes"].get(second_id, {}).get("status") == "TERMINATED")
    assert amp(first, "remove", "--dead").stdout == f"Removed {second_id} (TERMINATED)\n"
    until(lambda: second_id not in first.get("server/ha/states")["nodes"])


def test_drill(town: Town) -> None:
    first = town.home().admit("driller", "one for all").start("MASTER")
    second = town.home().admit("driller", "one for all").start("HOT_STANDBY")
    until(lambda: len(first.get("server/ha/states")["nodes"]) == 2)

    refused = amp(second, "drill")
    assert (refused.returncode, refused.stdout.count("ok  ")) == (1, 2), refused.stderr
    assert "nothing was changed: there is no terminal to ask on" in refused.stderr
    assert (first.state(), second.state()) == ("MASTER", "HOT_STANDBY")

    done = amp(first, "drill", "--yes", "--back", "-o", "json")
    assert (done.returncode, done.stderr) == (0, "")
    said = json.loads(done.stdout)
    there, back = said["legs"]
    assert (there["to"], back["to"], said["master"]) == (second.node_id(), first.node_id(), first.node_id())
    assert there["term_before"] < there["term_after"] == back["term_before"] < back["term_after"]
    for leg in (there, back):
        assert leg["writes"]["done"] >= 20
        assert leg["reads"]["failed"] == 0, "a hot standby answers reads all the time"
        assert 0 < leg["writes"]["usual_s"] <= leg["writes"]["away_s"] < leg["took_s"] + 15
    assert (first.state(), second.state()) == ("MASTER", "HOT_STANDBY")
    assert first.get("applications") == []

    done = amp(second, "drill", "--yes", "--to", second.node_id())
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line[:12] for line in lines[:2]] == ["ok  node " + first.node_id()[:3], "ok  node " + second.node_id()[:3]]
    assert lines[2].startswith(f"Node {second.node_id()} leads, ")
    assert lines[-1].startswith("Now: 1 master, 1 hot standby")
    assert second.state() == "MASTER"

    assert "is no hot standby" in amp(first, "drill", "--yes", "--to", "nobody").stderr
    first.stop()
    alone = amp(second, "drill", "--yes")
    assert (alone.returncode, "there is no hot standby" in alone.stderr) == (5, True)
    assert "Nothing was changed" in alone.stderr
    assert second.state() == "MASTER"


SLOW = {"brooklyn.ha.heartbeatTimeout": "10s"}


def test_a_standby_takes_over_at_once_when_a_dead_master_is_released(town: Town) -> None:
    master, standby = town.home(brooklyn=SLOW).start("MASTER"), town.home(brooklyn=SLOW).start("HOT_STANDBY")
    dead, heir = master.node_id(), standby.node_id()
    listed = lambda: {member.id for each in town.journal() for member in each.header.members or ()}  # noqa: E731
    until(lambda: heir in listed())
    proof = (master.path / "data/instance.lock").read_bytes()

    alive = release(master)
    assert (alive.returncode, alive.stderr) == (0, "")
    assert alive.stdout.startswith("nothing to do: a node of ")
    assert release(standby).returncode == 0
    assert all(segment.header.kind != "resign" for segment in town.journal())

    master.kill()
    began = time.monotonic()
    done = release(master)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"node {dead} led term 1 and has resigned now: node {heir} is to take over\n"
    standby.becomes("MASTER", 3 - (time.monotonic() - began))
    assert (master.path / "data/instance.lock").read_bytes() == proof

    (resigned,) = [segment.header for segment in town.journal() if segment.header.kind == "resign"]
    assert (resigned.node, resigned.released, resigned.clean) == (dead, True, True)
    again = release(master)
    assert (again.returncode, again.stderr) == (0, "")
    assert f"node {heir} was" in again.stdout
    master.start("HOT_STANDBY")
    verified = subprocess.run(
        [sys.executable, "-P", "-m", "amp.cli.main", "store", "verify", town.store, "--deep"],
        env=master.environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert verified.returncode == 0, verified.stdout


def test_a_release_that_cannot_reach_the_store_or_has_no_proof(town: Town, tmp_path: Path) -> None:
    home = town.home()
    assert release(home).stdout.endswith("has run yet\n")
    home.start("MASTER").kill()
    away = tmp_path / "away"
    town.store.rename(away)
    town.store.write_text("in the way")
    failed = release(home)
    assert failed.returncode == 2, failed.stdout
    assert failed.stderr.startswith("amp: ")
    assert "Traceback" not in failed.stderr
    os.unlink(town.store)
    away.rename(town.store)
    (home.path / "data/instance.lock").write_text("")
    unproven = release(home)
    assert unproven.returncode == 0
    assert "does not prove" in unproven.stdout
    assert all(segment.header.kind != "resign" for segment in town.journal())


def release(home: Home) -> subprocess.CompletedProcess[str]:
    """Do what a service manager does after a node of the home has ended."""
    return home.script("release")
