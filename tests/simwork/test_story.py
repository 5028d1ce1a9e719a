"""Work under bad luck: a few seeds here, more by `make sim`. Each run is a process whose hash seed is fixed."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from amp.testing.simwork.planted import PLANTED


def play(*options: str, hash_seed: str = "random") -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "amp.testing.simwork", *options],
        capture_output=True, text=True, timeout=110, env={**os.environ, "PYTHONHASHSEED": hash_seed}, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout


def figures(said: str) -> dict[str, int]:
    return {name: int(number) for number, name in re.findall(r"(\d+) (\w+)", said.partition("): ")[2])}


def test_the_properties_hold_and_the_stories_are_rich() -> None:
    code, said = play("--seeds", "16")
    assert code == 0, said
    count = figures(said)
    assert count["terms"] > 32
    assert count["commands"] > 150
    assert all(count[name] > 0 for name in ("resumed", "voided", "reruns", "acked", "completed"))


def test_a_seed_replays_exactly() -> None:
    one, other = (play("--seeds", "2", "--first", "21", hash_seed=seed) for seed in ("1", "2"))
    assert figures(one[1]) == figures(other[1]) != {}


@pytest.mark.parametrize("name", sorted(PLANTED))
def test_planted_bugs_are_caught(name: str) -> None:
    bug = PLANTED[name]
    code, said = play("--seeds", str(bug.seeds), "--first", str(bug.first), "--planted", name)
    assert code == 1, f"{bug.what}: not caught in {bug.seeds} seeds from {bug.first} on"
    replay = re.search(r"^replay: python -m amp.testing.simwork --seeds 1 --first (\d+) --planted [a-z-]+$", said, re.M)
    assert replay is not None, said
    assert said.startswith(f"seed {replay[1]}, ")
