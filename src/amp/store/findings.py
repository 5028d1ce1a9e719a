"""What an audit says: findings, each about one key, and the verdict that follows from them. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Level = Literal["damaged", "missing", "newer", "note"]
Verdict = Literal["whole", "damaged", "unreadable"]

RESTORE = "restore a backup (amp store restore) into an empty store"
PUT_BACK = "stop all nodes and copy this one object from a backup"
COPY = "amp store backup, and amp store restore of that copy into an empty store: it begins at the snapshot"
REPAIR = "run: amp store repair"

#: What a lost or damaged elect or resign below the boundary breaks (C3).
FENCE = "the proof of who led, which stops an old leader that wakes: it could go on writing in this slot"


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a key: what is so, what that breaks, what to do.

    `level`: `newer` is what a newer version wrote, `note` is no damage. `deletable`: nothing needs it.
    """

    key: str
    level: Level
    what: str
    breaks: str
    remedy: str
    deletable: bool = False

    @property
    def is_damage(self) -> bool:
        """True for what is damaged or missing."""
        return self.level in ("damaged", "missing")


@dataclass(slots=True)
class Report:
    """The verdict on a store. `findings`: by key; `base`: where a node can begin to load, 0 for the very beginning,
    None when no node can load the state."""

    findings: list[Finding] = field(default_factory=list)
    base: int | None = None

    @property
    def verdict(self) -> Verdict:
        """Say whole, damaged, or unreadable: a newer version wrote what this one cannot judge."""
        if any(finding.is_damage for finding in self.findings):
            return "damaged"
        return "unreadable" if any(finding.level == "newer" for finding in self.findings) else "whole"
