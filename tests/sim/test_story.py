"""The plane under bad luck: a few dozen seeds here, thousands by `make sim`."""

import pytest

from amp.testing.sim.planted import PLANTED, Planted
from amp.testing.sim.story import Broken, Story

#: Seeds within which each planted bug must be caught.
BUDGET = 200


@pytest.mark.parametrize("seed", range(1, 31))
def test_the_properties_hold(seed: int) -> None:
    outcome = Story(seed).play()
    assert outcome.offices >= 1
    assert outcome.acked > 0


def test_a_seed_replays_exactly() -> None:
    assert Story(7).play() == Story(7).play()


@pytest.mark.parametrize("bug", PLANTED, ids=lambda bug: f"{bug.number}")
def test_planted_bugs_are_caught(bug: Planted) -> None:
    """Each within the seeds that CI can afford."""
    for seed in range(1, BUDGET + 1):
        try:
            Story(seed, bug.machine, overwrites=bug.overwrites, collect=bug.collect).play()
        except Broken:
            return
    pytest.fail(f"planted bug {bug.number} ({bug.what}) was not caught in {BUDGET} seeds")
