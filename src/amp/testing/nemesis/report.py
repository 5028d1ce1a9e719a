"""What a campaign shows at its end: figures of unavailability, and the verdict, as text and as JSON. Pure.

Unavailable is the longest time in a round without an acknowledged write, as its clients saw it: their own patience with
a node that does not answer (1 s) is in it, and so is the time for which a fault took the store from everybody.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from amp.testing.nemesis.campaign import Round
from amp.testing.nemesis.verdict import Verdict

_EDGES = (0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 10.0, 20.0)
_SHOWN = 3  # proofs of each rule
_WIDTH = 60


def percentile(values: Sequence[float], share: float) -> float:
    """Answer the smallest value that at least this share of all does not exceed; 0 of none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0


def buckets(gaps: Sequence[float]) -> list[tuple[float, float, int]]:
    """Count gaps between edges: from, to (the last: infinite), how many; empty ones left out."""
    spans = zip((0.0, *_EDGES), (*_EDGES, math.inf), strict=True)
    counted = [(low, high, sum(low <= gap < high for gap in gaps)) for low, high in spans]
    return [each for each in counted if each[2]]


def by_kind(rounds: Sequence[Round]) -> dict[str, dict[str, float]]:
    """Answer n, p50, p90 and max of unavailability for each kind of fault, and for all; seconds."""
    found = dict[str, dict[str, float]]()
    for kind in [*sorted({each.fault.kind for each in rounds}), "all"]:
        gaps = [each.gap for each in rounds if kind in (each.fault.kind, "all")]
        found[kind] = {
            "n": len(gaps),
            "failovers": sum(each.changed for each in rounds if kind in (each.fault.kind, "all")),
            **{name: round(percentile(gaps, share), 3) for name, share in (("p50", 0.5), ("p90", 0.9), ("max", 1.0))},
        }
    return found


def unavailability(rounds: Sequence[Round]) -> Iterator[str]:
    """Write the histogram and the table of a campaign, line by line."""
    counted = buckets([each.gap for each in rounds])
    most = max((count for _, _, count in counted), default=1)
    yield "unavailable (longest time without an acknowledged write in a round):"
    for low, high, count in counted:
        yield f"  {low:5g} to {high:4g} s  {count:4}  {'#' * math.ceil(_WIDTH * count / max(most, _WIDTH))}"
    yield f"  {'fault':22} {'n':>4} {'terms':>6} {'p50':>7} {'p90':>7} {'max':>7}  s"
    for kind, of in by_kind(rounds).items():
        shown = f"{of['p50']:7.2f} {of['p90']:7.2f} {of['max']:7.2f}"
        yield f"  {kind:22} {of['n']:4} {of['failovers']:6} {shown}"


def said(verdict: Verdict) -> Iterator[str]:
    """Write a verdict, line by line, but for its last one."""
    yield "looked at: " + ", ".join(f"{count} {what}" for what, count in sorted(verdict.counts.items()))
    shown = Counter[str]()
    for violation in verdict.violations:
        shown[violation.rule] += 1
        if shown[violation.rule] > _SHOWN:
            continue
        yield f"BROKEN {violation}"
        yield from (f"       {each}" for each in violation.evidence)


def conclusion(verdict: Verdict) -> str:
    """Write the last line of a verdict."""
    if not verdict.violations:
        return "verdict: no promise was broken"
    rules = Counter(each.rule for each in verdict.violations)
    told = ", ".join(f"{count} {rule}" for rule, count in rules.items())
    return f"verdict: {len(verdict.violations)} proofs ({told}) of broken promises"


def as_json(conditions: dict[str, Any], rounds: Sequence[Round], failovers: int, verdict: Verdict) -> bytes:
    """Write all figures and the verdict for machines. `conditions`: under which the campaign ran."""
    gaps = [each.gap for each in rounds]
    document = {
        **conditions,
        "rounds": len(rounds),
        "failovers": failovers,
        "counts": dict(sorted(verdict.counts.items())),
        "unavailable": by_kind(rounds),
        "histogram": [
            {"from": low, "to": None if math.isinf(high) else high, "n": n} for low, high, n in buckets(gaps)
        ],
        "violations": [str(each) for each in verdict.violations],
        "verdict": conclusion(verdict),
    }
    return msgspec.json.format(msgspec.json.encode(document)) + b"\n"
