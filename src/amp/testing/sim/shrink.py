"""Looks for the smallest story that still breaks the same rule. Pure, but for the telling.

It leaves out troubles, in halves and then one by one, then machines, then the end of the storm; and begins again until
nothing more can go. A story told without something is another story: only those count that break the same rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from amp.testing.sim.plan import Case, draw

#: Answers the rule that a case breaks and when it does, in true seconds; None where all is well.
Tell = Callable[[Case], tuple[str, float] | None]
#: So many stories are told at most.
BUDGET = 250


class _Search:
    def __init__(self, case: Case, tell: Tell, rule: str, at: float, budget: int) -> None:
        self.smallest, self._tell, self._rule, self._left = case, tell, rule, budget
        self._forget_what_came_after(at)

    def take(self, case: Case) -> bool:
        """Tell a smaller story; it counts if it breaks the same rule."""
        if self._left <= 0:
            return False
        self._left -= 1
        broken = self._tell(case)
        if broken is None or broken[0] != self._rule:
            return False
        self.smallest = case
        self._forget_what_came_after(broken[1])
        return True

    def _forget_what_came_after(self, at: float) -> None:
        late = {each.number for each in draw(self.smallest).troubles if each.at > at}
        self.smallest = replace(self.smallest, without=self.smallest.without | late)

    def leave_out_troubles(self) -> bool:
        """Try without halves, quarters, and so on, of the troubles."""
        before = self.smallest
        size = len(draw(self.smallest).troubles)
        while size := size // 2 or (1 if size > 1 else 0):
            for chunk in _chunks([each.number for each in draw(self.smallest).troubles], size):
                self.take(replace(self.smallest, without=self.smallest.without | set(chunk)))
            if size == 1:
                break
        return self.smallest != before

    def leave_out_machines(self) -> bool:
        """Try without each machine, as long as one is left."""
        before = self.smallest
        for home in draw(self.smallest).homes:
            if len(draw(self.smallest).homes) > 1:
                self.take(replace(self.smallest, absent=self.smallest.absent | {home.number}))
        return self.smallest != before

    def shorten(self) -> bool:
        """Try a storm that ends soon after the last trouble."""
        before = self.smallest
        last = max((each.at for each in draw(self.smallest).troubles), default=0.0)
        for more in (0.5, 5.0, 10.0, 20.0):
            storm = float(round(last + more))
            if last < storm < self.smallest.storm and self.take(replace(self.smallest, storm=storm)):
                break
        return self.smallest != before


def _chunks(numbers: list[int], size: int) -> Iterable[list[int]]:
    return (numbers[start : start + size] for start in range(0, len(numbers), size))


def shrink(case: Case, tell: Tell, budget: int = BUDGET) -> Case:
    """Answer the smallest case found that breaks the rule that `case` breaks; `case` itself must break one."""
    broken = tell(case)
    if broken is None:
        return case
    search = _Search(case, tell, *broken, budget)
    while search.leave_out_troubles() | search.leave_out_machines() | search.shorten():
        pass
    return search.smallest
