"""Which faults there are, and which one each round gets: drawn from the seed, evenly, never two rows alike.

The rule: one seed and one store give one list, whatever happens to the plane; the targets are named by role (the
leader, a standby), since who has which role is the plane's own doing.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from amp.testing.nemesis.proxy import MOODS

#: What can be done to processes, whatever the store is.
PROCESS = ("kill", "freeze", "blink", "stop", "kill and freeze", "kill all", "stop, freeze")
#: What can be done to a store behind a proxy.
STORE = tuple(f"store {mood}" for mood in MOODS)
#: Two at once.
CUT_AND_FREEZE = "store cut, freeze"  # the leader goes on, and cannot learn that it was replaced
MIXED = ("store drop, kill", "store late, stop", CUT_AND_FREEZE)
FULL = "disk full"


@dataclass(frozen=True, slots=True)
class Fault:
    """One round's fault. `hold`: as a multiple of the time-out; `back`: seconds until what was killed is started again.

    `share`: of the requests that a mood strikes; `widely`: it strikes all nodes' proxies, not the leader's alone.
    """

    kind: str
    hold: float
    back: float
    share: float = 1.0
    widely: bool = False

    @property
    def mood(self) -> str | None:
        """The mood that proxies get; None for other faults."""
        return self.kind.split(",")[0].removeprefix("store ") if self.kind.startswith("store ") else None

    def __str__(self) -> str:
        if self.mood is None:
            return self.kind
        return f"{self.kind} ({'all' if self.widely else 'leader'}, {self.share:.0%})"


def kinds_of(store: str, can_fill: bool) -> tuple[str, ...]:
    """Answer the faults that a store allows."""
    if store == "s3":
        return PROCESS + STORE + MIXED
    return PROCESS + ((FULL,) if can_fill else ())


def draw_faults(kinds: Sequence[str], rounds: int, seed: int) -> Iterator[Fault]:
    """Draw a fault for each round: all kinds once, in any order, then again."""
    draw = random.Random(seed)
    bag: list[str] = []
    for _ in range(rounds):
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
        )
