"""What a seed means: the machines of a plane, their clocks, and the troubles to come, drawn in advance. Pure.

Each trouble has a number and a chance of its own, so that a story can be told again without some of them: what remains
is as it was. A `Case` says which story is told; the smallest that still breaks is what `shrink` looks for.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from amp.ha.modes import HaMode

#: True seconds with troubles.
STORM = 40.0


@dataclass(frozen=True, slots=True)
class Case:
    """Which story: that of a seed, `without` some troubles and machines, with a storm of so many seconds."""

    seed: int
    without: frozenset[int] = frozenset()
    absent: frozenset[int] = frozenset()
    storm: float = STORM

    @property
    def options(self) -> str:
        """The options of the player that tell it."""
        said = [f"--seeds 1 --first {self.seed}"]
        if self.without:
            said.append(f"--without {','.join(map(str, sorted(self.without)))}")
        if self.absent:
            said.append(f"--absent {','.join(map(str, sorted(self.absent)))}")
        if self.storm != STORM:
            said.append(f"--storm {self.storm:g}")
        return " ".join(said)


@dataclass(frozen=True, slots=True)
class Home:
    """One machine and what its nodes are told. `timeout`: its T in seconds; `rate`, `offset`: of its clocks."""

    number: int
    timeout: float
    mode: HaMode
    rate: float
    offset: float
    starts_at: float


@dataclass(frozen=True, slots=True)
class Trouble:
    """What happens when; `chance` is the seed of all that is left to chance in it."""

    number: int
    at: float
    kind: str
    chance: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole story in advance. `poll`: seconds; `timeouts`: what a machine may be given at a later start."""

    poll: float
    timeouts: tuple[float, ...]
    homes: tuple[Home, ...]
    troubles: tuple[Trouble, ...]


def draw(case: Case) -> Plan:
    """Draw the plan of a seed, and leave out what the case leaves out."""
    rng = random.Random(case.seed)
    count = rng.choice([2, 2, 3, 3, 4, 5])
    timeouts = rng.choice(_TIMEOUTS)
    homes = tuple(
        Home(
            number,
            rng.choice(timeouts),
            HaMode.AUTO if number == 0 else rng.choice(_MODES),  # somebody can always lead
            rng.choice(_RATES) or rng.uniform(0.92, 1.09),
            rng.uniform(0, 1e5),
            rng.uniform(0, 3),
        )
        for number in range(count)
    )
    poll = rng.choice([0.5, 1.0])
    troubles: list[Trouble] = []
    at = 1.0
    while at < STORM:
        troubles.append(Trouble(len(troubles) + 1, at, rng.choice(_TROUBLES), rng.getrandbits(32)))
        at += rng.expovariate(1 / 3.0)
    return Plan(
        poll,
        timeouts,
        tuple(home for home in homes if home.number not in case.absent),
        tuple(each for each in troubles if each.number not in case.without and each.at < case.storm),
    )


def without_troubles(case: Case, numbers: frozenset[int]) -> Case:
    """Leave more troubles out."""
    return replace(case, without=case.without | numbers)


#: The time-outs of one plane: all alike, or up to four times apart.
_TIMEOUTS = ((3.0,), (6.0,), (3.0, 3.0, 6.0), (3.0, 6.0, 9.0), (3.0, 3.0, 9.0), (3.0, 12.0), (3.0, 3.0, 12.0))
#: The slowest and the fastest clock allowed (19 % apart), or (0) something between.
_RATES = (0.917, 1.091, 0.917, 1.091, 0.0)
_MODES = [HaMode.AUTO] * 6 + [HaMode.STANDBY, HaMode.HOT_STANDBY, HaMode.HOT_BACKUP, HaMode.MASTER, HaMode.DISABLED]
_TROUBLES = (
    *("crash", "crash", "pause", "pause", "cut", "cut", "stall", "behind", "usurp", "usurp", "usurp"),
    *("mute", "echo", "mode", "stop", "stop", "store", "store", "wall"),
)
