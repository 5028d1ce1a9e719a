"""What a checker found: proofs of broken promises, and how much was looked at. Values only."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Violation:
    """A proof of a broken promise: the rule, a sentence, and the records that it rests on."""

    rule: str
    text: str
    evidence: tuple[object, ...] = ()

    def __str__(self) -> str:
        return f"{self.rule}: {self.text}"


@dataclass(slots=True)
class Verdict:
    """What the checker found. `counts`: how much was looked at, so that a verdict on nothing is seen as such."""

    violations: list[Violation] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, rule: str, text: str, *evidence: object) -> None:
        """Note a proof."""
        self.violations.append(Violation(rule, text, evidence))
