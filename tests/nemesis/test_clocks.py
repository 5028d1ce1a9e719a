"""A wall clock that is stepped from outside: what a process reads of the time of day goes along, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from amp.kit.clock import Reading, SystemClock
from amp.testing.nemesis.clocks import VARIABLE, WallClock, stepped


def test_only_the_time_of_day_is_stepped(tmp_path: Path) -> None:
    ours, theirs = WallClock(tmp_path / "clock"), WallClock(tmp_path / "clock")
    read = stepped(lambda _: Reading(1.0, 2.0, 3.0), theirs)
    assert read(SystemClock()) == Reading(1.0, 2.0, 3.0)
    ours.step(-3600.0)
    assert read(SystemClock()) == Reading(1.0, 2.0, 3.0 - 3600)
    assert theirs.ahead == -3600.0


@pytest.mark.process
def test_a_process_follows_the_clock_that_its_environment_names(tmp_path: Path) -> None:
    wall = WallClock(tmp_path / "clock")
    script = (
        "from amp.testing.nemesis import clocks; from amp.kit.clock import SystemClock; import sys; clocks.follow()\n"
        "for _ in sys.stdin: print(SystemClock().read().wall, flush=True)"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", script], env={**os.environ, VARIABLE: str(tmp_path / "clock")},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stdin is not None
    assert child.stdout is not None
    with child, child.stdin as asked, child.stdout as told:
        for ahead in (0.0, 3600.0, -60.0):
            wall.step(ahead)
            asked.write("now\n")
            asked.flush()
            assert float(told.readline()) - SystemClock().read().wall == pytest.approx(ahead, abs=10)
