"""One server that is stopped, killed and started again; and stops that come while it starts."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from homes import Home, Town, alive, s3_options, serving_fake, until

from amp.cli.claim import running
from amp.testing.fakes3 import Fault

pytestmark = pytest.mark.process


def test_state_and_process_survive_a_stop_and_a_start(town: Town) -> None:
    home = town.home().start("MASTER")
    app, entity, pid = town.manage(home)
    before = home.get("applications")
    started = home.sensor(app, entity, "pid.started")
    serving = home.pid
    home.stop()
    assert home.is_gone()
    assert not alive(serving)
    assert alive(pid)

    home.start("MASTER")
    assert home.get("applications") == before
    assert (int(home.sensor(app, entity, "pid")), home.sensor(app, entity, "pid.started")) == (pid, started)
    until(lambda: home.sensor(app, entity, "service.isUp") is True)
    os.kill(pid, signal.SIGKILL)
    until(lambda: home.sensor(app, entity, "service.isUp") is False, 5)


def test_what_stopped_while_nobody_watched_is_seen_after_the_start(town: Town) -> None:
    home = town.home().start("MASTER")
    app, entity, pid = town.manage(home)
    home.stop()
    os.kill(pid, signal.SIGKILL)
    home.start("MASTER")
    until(lambda: home.sensor(app, entity, "service.isUp") is False, 5)
    until(lambda: home.sensor(app, app, "service.state") == "ON_FIRE", 5)


def test_after_a_kill_a_lone_node_leads_at_once_and_loads_everything(town: Town) -> None:
    long = {"brooklyn.ha.heartbeatTimeout": "30s"}
    home = town.home({"highAvailabilityMode": "MASTER"}, long).start("MASTER")
    app, entity, pid = town.manage(home)
    before = home.get("applications")
    killed_pid = home.pid
    home.kill()
    killed = time.time()

    done = home.script("start", "amp")
    took = time.time()
    assert done.returncode == 0, done.stderr
    assert f"left over by pid {killed_pid}" in done.stderr
    assert "AMP is running as MASTER" in done.stdout
    # Its home proves that the run before is dead, so the time-out is not waited for.
    assert took - killed < 20
    assert home.get("applications") == before
    assert int(home.sensor(app, entity, "pid")) == pid
    assert alive(pid)


def test_a_home_that_dies_of_leading_again_and_again_lets_others_go_first(town: Town) -> None:
    """E9: its start would win by the proof of its own death each time, and the plane would die with it each time."""
    long = {"brooklyn.ha.heartbeatTimeout": "10s"}
    ill = town.home({}, long).start("MASTER")
    well = town.home({}, long).start("HOT_STANDBY")
    listed = well.node_id()
    until(lambda: any(listed in {each.id for each in one.header.members or []} for one in town.journal()))
    for _ in range(2):
        ill.kill()
        ill.start("MASTER")
    ill.kill()
    ill.start("HOT_STANDBY")
    assert "died within a minute of leading" in ill.log()
    well.becomes("MASTER", 20)


@contextmanager
def starting(home: Home) -> Iterator[subprocess.Popen[str]]:
    """Begin a start, and go on while it is under way."""
    child = subprocess.Popen(
        [home.path / "bin" / "start", "amp"],
        env=home.environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def test_a_stop_during_the_wait_for_the_timeout_ends_the_start(town: Town, orphaned: Path) -> None:
    town.use(orphaned)
    before = town.journal()
    home = town.home({"highAvailabilityMode": "MASTER"}, {"brooklyn.ha.heartbeatTimeout": "60s"})
    with starting(home) as child:
        until(lambda: home.state() == "INITIALIZING")
        home.stop()
        out, err = child.communicate(timeout=10)
    assert (child.returncode, out) == (2, "")
    assert "not started: it was stopped before it served" in err
    assert home.is_gone()
    assert "exit code 0" in home.log()
    assert town.journal() == before


def test_a_stop_while_the_store_does_not_answer_ends_the_start(town: Town) -> None:
    with serving_fake(ignore_conditions=False) as (fake, server):
        fake.faults["GET"].extend([Fault(hang=True)] * 20)
        launcher, brooklyn = s3_options(server, "state")
        home = town.home(launcher, brooklyn | {"brooklyn.ha.heartbeatTimeout": "60s"})
        with starting(home) as child:
            until(lambda: fake.requests)
            home.stop()
            out, err = child.communicate(timeout=10)
    assert (child.returncode, out) == (2, "")
    assert "not started: it was stopped before it served" in err
    assert home.is_gone()


def test_bin_start_that_is_given_up_leaves_nothing_running(town: Town, orphaned: Path) -> None:
    town.use(orphaned)
    home = town.home({"highAvailabilityMode": "MASTER"}, {"brooklyn.ha.heartbeatTimeout": "60s"})
    done = home.script("start", "--timeout", "2s")
    assert done.returncode == 6
    assert "did not get to serve within 2s" in done.stderr
    assert running(home.path) is None
    assert home.is_gone()
