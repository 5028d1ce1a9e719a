"""A leader of 10,000 entities is killed: writes are back in time, reads of the standby never stop."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from amp.testing.nemesis.takeover import SLOW, Kill


def test_what_a_kill_may_cost() -> None:
    assert Kill(1, 3.9, 200, 0.04, ()).broken(4.0) == []


@pytest.mark.parametrize(
    ("kill", "said"),
    [
        (Kill(1, 4.1, 200, 0.04, ()), "writes were away for 4.10 s, and 4.00 s were promised"),
        (Kill(1, 3.9, 200, SLOW + 0.1, ()), "a read of the standby took 0.60 s"),
        (Kill(1, 3.9, 200, 0.04, ("answered 403 b''",)), "a read of the standby was answered 403"),
        (Kill(1, 3.9, 0, 0.0, ()), "nobody read"),
    ],
)
def test_what_it_may_not_cost(kill: Kill, said: str) -> None:
    (told,) = kill.broken(4.0)
    assert told.startswith(f"round 1: {said}")


@pytest.mark.process
@pytest.mark.parametrize("store", ["directory", pytest.param("s3", marks=pytest.mark.s3)])
def test_kill_9_of_a_leader_of_10_000_entities(tmp_path: Path, store: str) -> None:
    command = [
        sys.executable, "-m", "amp.testing.nemesis", "--folder", str(tmp_path), "--store", store,
        "--entities", "10000", "--rounds", "1", "--timeout", "3", "--poll", "0.5",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (kill,) = json.loads((tmp_path / "verdict.json").read_bytes())["kills"]
    assert kill["away"] <= 3 + 0.5 + 0.5
    assert kill["reads"] > 50
    assert kill["slowest"] <= SLOW
    assert kill["failed"] == []
