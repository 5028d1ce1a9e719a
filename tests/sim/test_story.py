"""The plane under bad luck: a few dozen seeds here, thousands by `make sim`."""

import re
from pathlib import Path

import pytest

from amp.testing.sim.__main__ import main
from amp.testing.sim.plan import Case, draw
from amp.testing.sim.planted import PLANTED, Planted
from amp.testing.sim.shrink import shrink
from amp.testing.sim.story import Broken, Story

#: Seeds within which each planted bug must be caught.
BUDGET = 200
#: The rule by which each is caught first. A change of the stories may move a verdict: then look whether it still fits.
VERDICTS = {
    "1": "S4",
    "2": "S1",
    "3": "S3",
    "4": "S1",
    "5": "S1",
    "6": "S4",
    "7": "S2",
    "8": "S1",
    "9": "L1",
    "10": "L1",
    "11": "S4",
    "12": "S4",
    "13": "S4",
    "14": "S4",
    "15a": "S4",
    "15b": "S4",
    "16a": "S4",
    "16b": "T6",
    "17": "S4",
    "18": "S4",
    "19": "S4",
    "20": "S4",
    "21": "S4",
    "22": "S4",
    "23": "S4",
    "24": "L1",
    "25": "L1",
}


@pytest.mark.parametrize("seed", range(1, 31))
def test_the_properties_hold(seed: int) -> None:
    outcome = Story(Case(seed)).play()
    assert outcome.offices >= 1
    assert outcome.acked > 0


def test_a_seed_replays_exactly() -> None:
    first, second = Story(Case(7)), Story(Case(7))
    assert first.play() == second.play()
    assert first.world.told == second.world.told


def test_what_is_left_out_changes_nothing_else_of_the_plan() -> None:
    whole, part = draw(Case(3)), draw(Case(3, without=frozenset({2}), absent=frozenset({1}), storm=20.0))
    assert part.homes == tuple(home for home in whole.homes if home.number != 1)
    assert part.troubles == tuple(each for each in whole.troubles if each.number != 2 and each.at < 20)


@pytest.mark.parametrize("bug", PLANTED, ids=lambda bug: bug.name)
def test_planted_bugs_are_caught(bug: Planted) -> None:
    """Each within the seeds that CI can afford, and by the rule that it breaks."""
    assert _first_verdict(bug)[1] == VERDICTS[bug.name]


def test_every_planted_bug_has_one_verdict_and_the_page_says_it() -> None:
    assert sorted(VERDICTS) == sorted(bug.name for bug in PLANTED)
    page = (Path(__file__).parents[2] / "docs" / "reference" / "simulator.md").read_text()
    rows = re.findall(r"^\| (\d+) \| (\w?) ?\| .* \| (\w+) \|$", page, re.MULTILINE)
    assert {number + form: verdict for number, form, verdict in rows} == VERDICTS


def test_a_broken_story_shrinks_to_one_that_breaks_the_same_rule() -> None:
    """Of a release that resigns for a winner that waited, three machines and a trouble or two remain."""
    bug = _planted("15b")
    case, rule = _first_verdict(bug)
    smallest = shrink(case, lambda each: _verdict(bug, each), budget=120)

    assert _verdict(bug, smallest)[0] == rule  # type: ignore[index]
    before, after = draw(case), draw(smallest)
    assert set(after.troubles) < set(before.troubles)
    assert len(after.troubles) <= 3 < len(before.troubles)
    assert len(after.homes) <= 3


def test_the_player_tells_the_smallest_story_and_how_to_replay_it(capsys: pytest.CaptureFixture[str]) -> None:
    bug = _planted("16b")
    case, rule = _first_verdict(bug)
    assert main(["--seeds", "1", "--first", str(case.seed), "--planted", bug.name, "--jobs", "1"]) == 1
    lines = capsys.readouterr().out.splitlines()

    assert f"BROKEN {rule}:" in lines[-2]
    assert lines[-1].startswith(f"replay: python -m amp.testing.sim --seeds 1 --first {case.seed} ")
    words = lines[-1].split()[4:]
    assert main([*words, "--jobs", "1"]) == 1
    again = capsys.readouterr().out.splitlines()
    assert again[-2] == lines[-2]


def test_a_player_without_a_broken_rule_says_what_was_lived_through(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seeds", "2", "--jobs", "1"]) == 0
    assert capsys.readouterr().out.startswith("2 seeds in ")


def _planted(name: str) -> Planted:
    return next(bug for bug in PLANTED if bug.name == name)


def _verdict(bug: Planted, case: Case) -> tuple[str, float] | None:
    story = Story(case, bug.make)
    try:
        story.play()
    except Broken as broken:
        return broken.rule, story.world.time
    return None


def _first_verdict(bug: Planted) -> tuple[Case, str]:
    for seed in range(1, BUDGET + 1):
        verdict = _verdict(bug, Case(seed))
        if verdict is not None:
            return Case(seed), verdict[0]
    pytest.fail(f"planted bug {bug.name} ({bug.what}) was not caught in {BUDGET} seeds")
