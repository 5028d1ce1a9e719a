"""One table for all that is measured: what, the figures with their spread, the goal, and whether it is met."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line. `met` None: there is no goal, or nothing to compare with."""

    measure: str
    figures: str
    goal: str = "reported"
    met: bool | None = None

    def line(self) -> str:
        """Write the line as a row of a Markdown table."""
        said = {True: "met", False: "**not met**", None: ""}[self.met]
        return f"| {self.measure} | {self.figures} | {self.goal} | {said} |"


HEAD = "| measure | measured: median (min-max, n) | goal | |\n|---|---|---|---|"


def spread(values: Sequence[float], unit: str = "", digits: int = 2) -> str:
    """Write a median with its spread."""
    shown = f"{statistics.median(values):,.{digits}f}{unit}"
    if len(values) > 1:
        shown += f" ({min(values):,.{digits}f}-{max(values):,.{digits}f}, n={len(values)})"
    return shown


def judged(
    measure: str,
    values: Sequence[float],
    goal: str,
    meets: Callable[[float], bool],
    *,
    unit: str = "",
    digits: int = 2,
    more: str = "",
) -> Row:
    """Make a row whose median is judged; `more` is said after the figures."""
    figures = spread(values, unit, digits) + (f"; {more}" if more else "")
    return Row(measure, figures, goal, meets(statistics.median(values)))
