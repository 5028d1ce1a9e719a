"""Short campaigns on real processes: the plane holds, and with a bug planted in its nodes the campaign says so."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from amp.testing.nemesis.checker import judge
from amp.testing.nemesis.history import Journal, load
from amp.testing.nemesis.planted import PLANTED

pytestmark = pytest.mark.process

_ROUND = re.compile(r"^ +\d+  .+ unavailable +([\d.]+) s   term \d+")


def campaign(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "amp.testing.nemesis", "--folder", str(folder), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)


def gaps(done: subprocess.CompletedProcess[str]) -> list[float]:
    """Answer the seconds without service, a round each, of a campaign that found nothing."""
    assert done.returncode == 0, done.stdout + done.stderr
    assert "verdict: no promise was broken" in done.stdout
    return [float(found[1]) for line in done.stdout.splitlines() if (found := _ROUND.match(line))]


def counts(folder: Path) -> Counter[str]:
    """Judge again what was kept; answers how much there was to look at."""
    journal = msgspec.json.decode((folder / "journal.json").read_bytes(), type=Journal)
    verdict = judge(load(folder / "history.jsonl"), journal)
    assert not verdict.violations
    return verdict.counts


def test_six_faults_on_a_directory(tmp_path: Path) -> None:
    assert len(gaps(campaign(tmp_path, "--rounds", "6", "--seed", "3"))) == 6
    seen = counts(tmp_path)
    # A verdict on nothing is none.
    assert seen["done"] > 100
    assert seen["answers MASTER"] > 100
    assert seen["commands"] > 20
    assert seen["reads of a master"] > 10
    assert seen["terms"] >= 4


def test_a_campaign_that_is_ended_judges_what_was_played(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "amp.testing.nemesis", "--folder", str(tmp_path), "--nodes", "2", "--rounds", "99"]
    with subprocess.Popen([*command, "--only", "stop"], stdout=subprocess.PIPE, text=True) as playing:
        assert playing.stdout is not None
        lines = []
        for line in playing.stdout:
            lines.append(line)
            if _ROUND.match(line) and len(lines) < 4:
                playing.send_signal(signal.SIGTERM)
        assert playing.wait(60) == 0, "".join(lines)
    assert "ending after this round\n" in lines
    verdict = json.loads((tmp_path / "verdict.json").read_bytes())
    assert 1 <= verdict["rounds"] < 10
    assert verdict["verdict"] == "verdict: no promise was broken"


@pytest.mark.s3
def test_four_faults_on_s3(tmp_path: Path) -> None:
    words = ["--store", "s3", "--nodes", "2", "--rounds", "4", "--seed", "5"]
    for fault in ("kill", "store cut", "store drop", "store late"):
        words += ["--only", fault]
    assert len(gaps(campaign(tmp_path, *words))) == 4
    seen = counts(tmp_path)
    assert seen["done"] > 50
    assert seen["unknown"] > 0


@pytest.mark.parametrize(
    ("bug", "rule", "words"),
    [
        ("early", "ahead", ("--only", "kill")),
        pytest.param("lease", "two masters", ("--store", "s3", "--only", "store cut, freeze"), marks=pytest.mark.s3),
    ],
)
def test_a_planted_bug_is_found(tmp_path: Path, bug: str, rule: str, words: tuple[str, ...]) -> None:
    assert bug in PLANTED
    done = campaign(tmp_path, "--planted", bug, "--nodes", "2", "--rounds", "1", *words)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"BROKEN {rule}" in done.stdout
    assert f"everything is in {tmp_path}" in done.stdout
    kept = {each.name for each in tmp_path.iterdir()}
    assert {"history.jsonl", "journal.json", "acts", "n1", "n2"} <= kept
    again = subprocess.run(
        [sys.executable, "-m", "amp.testing.nemesis", "--judge", str(tmp_path)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert again.returncode == 1
    assert f"BROKEN {rule}" in again.stdout
