"""The figures of a campaign: percentiles, the histogram, what is written for machines."""

from __future__ import annotations

import json

import pytest

from amp.testing.nemesis import report
from amp.testing.nemesis.campaign import Round
from amp.testing.nemesis.faults import Fault
from amp.testing.nemesis.verdict import Verdict


def rounds(kind: str, *gaps: float, changed: bool = True) -> list[Round]:
    return [Round(number, Fault(kind, 1.0, 0.0), gap, 1.0, number, changed) for number, gap in enumerate(gaps, 1)]


@pytest.mark.parametrize(("share", "value"), [(0.5, 5.0), (0.9, 9.0), (0.91, 10.0), (1.0, 10.0), (0.0, 1.0)])
def test_a_percentile_is_a_value_that_was_seen(share: float, value: float) -> None:
    assert report.percentile([float(each) for each in range(10, 0, -1)], share) == value


def test_nothing_has_no_figures() -> None:
    assert report.percentile([], 0.5) == 0.0
    assert report.buckets([]) == []


def test_gaps_are_counted_between_edges() -> None:
    assert report.buckets([0.0, 0.1, 0.2, 2.0, 99.0]) == [
        (0.0, 0.1, 1), (0.1, 0.25, 2), (2.0, 3.0, 1), (20.0, float("inf"), 1),
    ]  # fmt: skip


def test_the_figures_of_a_campaign() -> None:
    played = [*rounds("kill", 1.0, 2.0, 3.0), *rounds("blink", 0.2, changed=False)]
    verdict = Verdict()
    verdict.counts["done"] = 7
    told = json.loads(report.as_json({"seed": 1}, played, 3, verdict))
    assert (told["seed"], told["rounds"], told["failovers"], told["counts"]) == (1, 4, 3, {"done": 7})
    assert told["unavailable"]["kill"] == {"n": 3, "failovers": 3, "p50": 2.0, "p90": 3.0, "max": 3.0}
    assert told["unavailable"]["blink"] == {"n": 1, "failovers": 0, "p50": 0.2, "p90": 0.2, "max": 0.2}
    assert told["unavailable"]["all"]["n"] == 4
    assert [each["n"] for each in told["histogram"]] == [1, 1, 1, 1]
    assert (told["violations"], told["verdict"]) == ([], "verdict: no promise was broken")
    shown = list(report.unavailability(played))
    assert sum("#" in line for line in shown) == 4
    assert any(line.split() == ["kill", "3", "3", "2.00", "3.00", "3.00"] for line in shown)


def test_proofs_are_told_by_rule_a_few_of_each() -> None:
    verdict = Verdict()
    for number in range(9):
        verdict.add("lost", f"write {number}", number)
    told = list(report.said(verdict))
    assert sum(line.startswith("BROKEN lost") for line in told) == 3
    assert report.conclusion(verdict) == "verdict: 9 proofs (9 lost) of broken promises"
    assert len(json.loads(report.as_json({}, [], 0, verdict))["violations"]) == 9
