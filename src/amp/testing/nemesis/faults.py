"""Which faults there are, and which one each round gets: drawn from the seed, evenly, never two rows alike.

The rule: one seed and one store give one list, whatever happens to the plane; the targets are named by role (the
leader, a standby), since who has which role is the plane's own doing.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from amp.testing.nemesis.proxy import MOODS

#: What can be done to processes and their clocks, whatever the store is. With a comma or `and`: two at once.
PROCESS = (
    "kill", "freeze", "blink", "stop", "promote", "kill and freeze", "kill two", "kill all", "stop, freeze",
    "clock forward", "clock back", "clock forward, kill",
)  # fmt: skip
#: What can be done to a store behind a proxy.
STORE = tuple(f"store {mood}" for mood in MOODS)
CUT_AND_FREEZE = "store cut, freeze"  # the leader goes on, and cannot learn that it was replaced
MIXED = ("store drop, kill", "store late, stop", "store full, kill", "store error, freeze", CUT_AND_FREEZE)
#: What can be done to a directory that lies on a file system of its own: it strikes all nodes.
DISK = ("disk full", "disk read-only", "disk full, kill")
#: How far a wall clock is stepped, in seconds: within a lease, past it, past any time-out.
_STEPS = (1.0, 5.0, 60.0, 3600.0)


@dataclass(frozen=True, slots=True)
class Fault:
    """One round's fault. `hold`: as a multiple of the time-out; `back`: seconds until what was killed is started again.

    `share`: of the requests that a mood strikes; `widely`: it strikes all nodes' proxies or clocks, not the leader's
    alone; `step`: how far wall clocks go forward, in seconds.
    """

    kind: str
    hold: float
    back: float
    share: float = 1.0
    widely: bool = False
    step: float = 0.0

    @property
    def mood(self) -> str | None:
        """The mood that proxies get; None for other faults."""
        return self.kind.split(",")[0].removeprefix("store ") if self.kind.startswith("store ") else None

    @property
    def strikes_store(self) -> bool:
        """Tell whether the store errs while the fault lasts."""
        return self.kind.startswith(("store ", "disk "))

    @property
    def holds(self) -> bool:
        """Tell whether the fault lasts for `hold`, and not just until who ended is back."""
        return self.kind not in ("kill", "stop", "promote", "kill two", "kill all")

    def __str__(self) -> str:
        whom = "all" if self.widely else "leader"
        if self.step:
            return f"{self.kind} ({whom}, {self.step:+g} s)"
        return self.kind if self.mood is None else f"{self.kind} ({whom}, {self.share:.0%})"


def kinds_of(store: str, can_fill: bool) -> tuple[str, ...]:
    """Answer the faults that a store allows."""
    if store == "s3":
        return PROCESS + STORE + MIXED
    return PROCESS + (DISK if can_fill else ())


def draw_faults(kinds: Sequence[str], rounds: int | None, seed: int) -> Iterator[Fault]:
    """Draw a fault for each round (None: without end): all kinds once, in any order, then again."""
    draw = random.Random(seed)
    bag: list[str] = []
    for _ in itertools.count() if rounds is None else range(rounds):
        if not bag:
            bag = list(kinds)
            draw.shuffle(bag)
        kind = bag.pop()
        yield Fault(
            kind,
            hold=draw.uniform(0.5, 1.1) if kind == "blink" else draw.uniform(1.2, 2.2),
            back=draw.choice((0.0, draw.uniform(0.0, 4.0))),
            share=draw.choice((1.0, 1.0, 0.5)),
            widely=draw.random() < 0.4 and kind != CUT_AND_FREEZE,
            step=draw.choice(_STEPS) * (-1 if "back" in kind else 1) if "clock" in kind else 0.0,
        )
