"""What commands and deployments prove: planted violations, each condemned by its rule alone, and innocent twins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from amp.testing.nemesis.checker import judge
from amp.testing.nemesis.deeds import DOOR, END, true_time
from amp.testing.nemesis.deployments import PHASES, blueprint, whole_output
from amp.testing.nemesis.history import Act, AnyRecord, Deployment, Journal, Life, Post, Step, Thaw
from amp.testing.nemesis.verdict import Verdict

A, B = "n1.1", "n2.1"
#: n1 leads terms 1 and 3, n2 leads term 2.
OFFICES = [Post(1, 1, "elect", "id1", 100.0), Post(5, 2, "elect", "id2", 200.0), Post(9, 3, "elect", "id1", 300.0)]
LIVES = [Life(A, "id1", 1.0), Life(B, "id2", 1.0)]
NAME = "deployed-1-1"


def judged(records: Sequence[AnyRecord], posts: Sequence[Post] = tuple(OFFICES)) -> Verdict:
    return judge([*LIVES, *records], Journal(list(posts), []))


def rules(records: Sequence[AnyRecord]) -> list[str]:
    return [each.rule for each in judged(records).violations]


# ---- who acted when


def test_commands_that_follow_the_office() -> None:
    assert rules([Act("check", "x", A, 101.0), Act("launch", "x", B, 201.0), Act("check", "x", A, 301.0)]) == []


@pytest.mark.parametrize("first", ["check", "launch"])
@pytest.mark.parametrize("then", ["check", "launch"])
def test_a_command_of_a_leader_after_its_successor_acted(first: str, then: str) -> None:
    assert rules([Act("check", "x", A, 101.0), Act(first, "x", B, 201.0), Act(then, "x", A, 202.0)]) == ["acted"]


def test_a_command_that_ends_later_began_under_its_own_term() -> None:
    assert rules([Act("launch", "x", A, 101.0), Act("launch", "y", B, 201.0), Act("launch" + END, "x", A, 202.0)]) == []


def test_a_look_at_the_door_is_told_apart() -> None:
    acts = [Act("launch", "x", B, 201.0), Act("check", "x", A, 205.0 + DOOR / 2)]
    verdict = judged([Thaw(A, 205.0), *acts])
    assert (verdict.violations, verdict.counts["commands at the door"]) == ([], 1)
    late = [Act("launch", "x", B, 201.0), Act("check", "x", A, 205.0 + 2 * DOOR)]
    assert rules([Thaw(A, 205.0), *late]) == ["acted"]
    assert rules([Thaw(B, 205.0), *acts]) == ["acted"]


def test_no_thaw_excuses_what_the_fence_on_the_machine_stops() -> None:
    late = Act("launch", "x", A, 205.01)
    assert rules([Thaw(A, 205.0), Act("customize", "y", B, 201.0), late]) == ["acted"]
    # Its successor had looked only, which raises no fence.
    verdict = judged([Thaw(A, 205.0), Act("check", "y", B, 201.0), late])
    assert (verdict.violations, verdict.counts["commands at the door"]) == ([], 1)


def test_a_command_of_one_who_never_led() -> None:
    assert rules([Act("check", "x", "n3.1", 101.0)]) == ["acted"]
    nameless = [*OFFICES, Post(12, 4, "elect", "id9", 400.0)]
    assert not judged([Act("check", "x", "n3.1", 101.0)], nameless).violations


def test_terms_are_told_by_the_true_time_of_an_election() -> None:
    # n1 was elected in term 3 at 300, by a clock that was an hour behind.
    offices = [*OFFICES[:2], Post(9, 3, "elect", "id1", 300.0 - 3600)]
    acts = [Act("check", "x", B, 201.0), Act("check", "x", A, 202.0)]
    steps = [Step("n1", 250.0, -3600.0), Step("n1", 310.0, 0.0)]
    assert [each.rule for each in judged([*steps, *acts], offices).violations] == ["acted"]
    assert not judged([*steps, Act("check", "x", B, 201.0), Act("check", "x", A, 301.0)], offices).violations


def test_the_earliest_moment_at_which_a_clock_showed_a_time() -> None:
    steps = [Step("n1", 100.0, 60.0), Step("n1", 200.0, 0.0)]
    assert true_time(50.0, []) == 50.0
    assert true_time(50.0, steps) == 50.0
    assert true_time(170.0, steps) == 110.0
    assert true_time(230.0, steps) == 170.0  # and again at 230
    assert true_time(230.0, steps, floor=180.0) == 230.0
    assert true_time(300.0, steps) == 300.0


# ---- deployments


@dataclass(frozen=True)
class Story:
    """One deployment: what its phases said, and what was told of it."""

    begun: Sequence[str] = tuple(word for phase in PHASES for word in (phase, phase + END))
    state: str = "RUNNING"
    cut: str = ""
    app: str = "a"

    def rules(self) -> list[str]:
        acts = [Act(phase, NAME, A, 101.0 + place) for place, phase in enumerate(self.begun)]
        output = {phase: whole_output(phase, NAME)[: -5 if phase == self.cut else None] for phase in PHASES}
        return rules([*acts, Deployment(NAME, self.app, self.state, output, 1.0, 9.0)])


def test_a_whole_deployment() -> None:
    assert Story().rules() == []


@pytest.mark.parametrize("state", ["ON_FIRE", "STARTING", ""])
def test_a_deployment_that_does_not_run_in_the_end(state: str) -> None:
    assert Story(state=state).rules() == ["deployment"]
    assert Story(state=state, app="").rules() == []  # nobody ever said that it was accepted


def test_a_phase_that_did_not_come_to_its_end() -> None:
    whole = list(Story().begun)
    assert Story(begun=[each for each in whole if each != "install-end"]).rules() == ["deployment"]
    assert Story(begun=whole[:4]).rules() == ["deployment"]
    assert Story(begun=[*whole[2:4], *whole[:2], *whole[4:]]).rules() == ["deployment"]  # customized, then installed


@pytest.mark.parametrize("phase", PHASES)
def test_an_output_that_is_not_whole(phase: str) -> None:
    assert Story(cut=phase).rules() == ["deployment"]


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("end", ["", END])
def test_a_phase_that_ran_twice(phase: str, end: str) -> None:
    assert Story(begun=[*Story().begun, phase + end]).rules() == ["once"]


def test_restarts_and_looks_are_repeated_by_right() -> None:
    acts = [Act(phase, name, A, 101.0) for phase, name in (("launch", "loop"), ("check", NAME)) for _ in range(2)]
    assert rules(acts) == []


def test_a_blueprint_says_what_whole_is() -> None:
    text = blueprint(NAME, "/box", "/acts")
    for phase in PHASES:
        assert f"{phase}.command: |" in text
        assert f'echo "{phase}{END} {NAME} ${{TMPDIR##*/}} $(date +%s.%N)" >> /acts' in text
    assert whole_output("install", NAME).splitlines()[0] == f"install 1 of {NAME}"
