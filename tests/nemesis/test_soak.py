"""Memory over time: what is flat, what is not, and a short soak of real processes that all live through it."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from amp.testing.nemesis.soak import LEEWAY, SHARE, Sample, as_values, read_memory, table, trend


def samples(resident: Callable[[float], float], pid: Callable[[float], int] = lambda _: 7) -> list[Sample]:
    """Make an hour of samples, one a minute; `resident` is told the minute."""
    return [Sample(60.0 * each, pid(each), resident(each), 200.0) for each in range(60)]


@pytest.mark.parametrize(
    ("resident", "flat"),
    [
        (lambda _: 100.0, True),
        (lambda minute: 100.0 + 2 * math.sin(minute), True),
        (lambda minute: 60.0 + 40.0 * min(1.0, minute / 15), True),  # a warm-up
        (lambda minute: 100.0 + minute / 2, False),  # 30 MiB an hour
        (lambda minute: 100.0 + 2 * math.sin(minute) + minute / 4, False),
        (lambda minute: 100.0 if minute < 45 else 120.0, False),
    ],
)
def test_what_is_flat(resident: Callable[[float], float], flat: bool) -> None:
    assert trend(samples(resident)).flat is flat


def test_the_bound_is_a_share_or_a_leeway() -> None:
    assert trend(samples(lambda minute: 50.0 if minute < 40 else 50.0 + LEEWAY)).flat
    assert not trend(samples(lambda minute: 50.0 if minute < 40 else 50.1 + LEEWAY)).flat
    assert trend(samples(lambda minute: 1000.0 if minute < 40 else 1000.0 * (1 + SHARE))).flat


def test_a_process_that_was_started_anew_has_no_trend() -> None:
    assert not trend(samples(lambda _: 100.0, pid=lambda minute: 7 if minute < 50 else 8)).flat


def test_the_slope_is_told_by_the_hour() -> None:
    assert trend(samples(lambda minute: 100.0 + minute / 2)).slope == pytest.approx(30.0)
    with pytest.raises(ValueError, match="too few"):
        trend(samples(lambda _: 1.0)[:5])


def test_the_table_says_what_is_not_flat() -> None:
    found = {"n1": samples(lambda _: 100.0), "n2": samples(lambda minute: 100.0 + minute)}
    lines = list(table(found))
    assert any(line.startswith("n1: 100.0 then 100.0 MiB") and line.endswith(": flat") for line in lines)
    assert any(line.startswith("n2: ") and line.endswith("NOT FLAT") for line in lines)
    told = as_values(found)
    assert (told["n1"]["flat"], told["n2"]["flat"], len(told["n2"]["samples"])) == (True, False, 60)


def test_our_own_memory() -> None:
    held = read_memory(os.getpid())
    assert held is not None
    assert 1 < held[0] <= held[1] < 10_000
    assert read_memory(2**22 + 1) is None


@pytest.mark.process
def test_a_short_soak(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "amp.testing.nemesis", "--folder", str(tmp_path), "--soak", "0.3", "--nodes", "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    verdict = json.loads((tmp_path / "verdict.json").read_bytes())
    # Half a minute tells nothing of memory; but nobody has ended, and nothing else is broken.
    assert [each for each in verdict["violations"] if not each.startswith("memory")] == [], done.stdout
    assert set(verdict["memory"]) == {"n1", "n2"}
    assert "processes" not in done.stdout
    assert verdict["failovers"] >= 2, done.stdout
