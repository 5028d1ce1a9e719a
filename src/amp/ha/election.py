"""When to stand, and when a winner may take office. Pure decisions over values; `machine` acts by them.

Standing too early costs nothing but a lost race: whoever creates the next segment has it. Taking office too early
would let two nodes act at once, so that rests on a proof about the segment before one's election (E5).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from amp.ha.lease import Sighting, standby_elapsed
from amp.ha.members import Roster, rank_of
from amp.kit.clock import Reading
from amp.store.segment import Member, Position

#: A candidate of any rank waits at most so many polls for those before it (E2).
MOST_POLLS = 3


class Plane(enum.Enum):
    """What the end of the journal says about a leader."""

    NONE = "none"  # empty, or ends in a resignation: nobody leads
    UNDECIDED = "undecided"  # somebody led; alive or dead is not known yet
    ALIVE = "alive"  # a new segment was seen


def condition(head: Position | None, news: bool, dead: frozenset[str] = frozenset()) -> Plane:
    """Tell what the journal's end says. `news`: a segment came after this node had once reached the end."""
    if head is None or head.header.kind == "resign" or is_proven_dead(head, dead):
        return Plane.NONE
    return Plane.ALIVE if news else Plane.UNDECIDED


def is_proven_dead(head: Position, dead: frozenset[str]) -> bool:
    """Tell whether the leader that wrote the head is proven dead, and was the one to hand down a proof (E5 d)."""
    return head.header.in_office and head.header.node in dead


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a candidate knows when it has just read the next segment absent."""

    node: str
    head: Position | None
    seen: Sighting | None
    members: tuple[Member, ...]
    timeout: float
    poll: float
    dead: frozenset[str] = frozenset()
    last: bool = False  # this node lets all others go first (E9)


def wait_to_stand(outlook: Outlook, now: Reading) -> float:
    """Answer the seconds until this candidate should stand; zero or less: now (E2, E3)."""
    head, seen = outlook.head, outlook.seen
    if head is None or seen is None:
        return 0.0
    last = head.header
    rank = rank_of(outlook.node, outlook.members, last.node)
    polls = min(rank, MOST_POLLS)
    if last.kind != "resign":
        if last.node in outlook.dead and not (outlook.last and rank):
            return 0.0  # E3: an earlier run of this very instance led, and is dead
        return seen.left(now, outlook.timeout, polls * outlook.poll)
    if last.successor in (None, outlook.node):
        # Where a resigning leader knew of no candidate, nobody needs to be waited for.
        return 0.0
    return (1 + polls) * outlook.poll - standby_elapsed(seen.at, now)


@dataclass(frozen=True, slots=True)
class Ground:
    """The segment before one's own election, by which a winner proves that nobody else may act any more."""

    before: Position | None
    seen: Sighting | None
    dead: frozenset[str] = frozenset()

    def is_clear(self, now: Reading, own_timeout: float, roster: Roster) -> bool:
        """Tell whether the winner's wait is over: E5 (a) to (e)."""
        if self.before is None or self.seen is None:
            return True  # (e) the plane was empty
        last = self.before.header
        if last.kind == "resign" and last.clean:
            return True  # (b) the leader before gave its lease up first
        if last.in_office and roster.over(last.node) == last.term:
            return True  # (c) it says that it has ceased, and it was the one who could say so
        if is_proven_dead(self.before, self.dead):
            return True  # (d)
        return self.seen.over(now, own_timeout)  # (a)

    def wait(self, now: Reading, own_timeout: float) -> float:
        """Answer the seconds until (a) holds."""
        return self.seen.left(now, own_timeout) if self.seen else 0.0
