"""Who takes part: membership records, and the list in rank order that the leader publishes. Pure.

A record is what a node says of itself in `nodes/<node id>`; no safety rests on it but by `over` (T6). The leader turns
records into `members` of a segment header, by which all nodes rank themselves alike (E2).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import msgspec

from amp.ha.lease import standby_elapsed
from amp.ha.modes import HaMode, NodeState
from amp.kit.clock import Reading
from amp.store.segment import FIRST_FORMAT, Member

#: So long a node of an instance that died of leading again and again ranks last, in seconds (E9).
LAST_FOR = 600.0


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a node says of itself. `counter` grows with each writing; `seq`, `term`, `hash`: what it has read last;
    `over`: the term it led and has ceased to; `ask`: the term whose leader it asks to hand over; `raise_to`: the format
    that an operator asks for (U1); `last`: it lets all others go first (E9); `at`, `started`: by its own wall clock,
    ms, for people."""

    id: str
    instance: str
    plane: str
    name: str
    address: str
    mode: str
    state: str
    priority: int
    version: str
    counter: int
    seq: int = 0
    term: int = 0
    hash: str = ""
    over: int | None = None
    ask: int | None = None
    last: bool = False
    max_format: int = FIRST_FORMAT
    raise_to: int = 0
    started: int = 0
    at: int = 0


def record_key(node: str) -> str:
    """Name the object that holds a node's record."""
    return f"nodes/{node}"


@dataclass(frozen=True, slots=True)
class Seen:
    """A record, when its counter was first seen to be so, and the head of the journal one listing earlier.

    A node that had read less than that when it wrote the record lags.
    """

    record: Record
    at: Reading
    head: int


@dataclass(frozen=True, slots=True)
class Roster:
    """All records that a node knows; `head`: the journal's at the newest listing."""

    seen: dict[str, Seen]
    head: int = 0

    def updated(self, records: Iterable[Record], now: Reading, head: int) -> Roster:
        """Take a new listing in; a record whose counter rests keeps its time of first sight."""
        fresh: dict[str, Seen] = {}
        for record in records:
            known = self.seen.get(record.id)
            rests = known is not None and known.record.counter == record.counter
            fresh[record.id] = known if known is not None and rests else Seen(record, now, self.head)
        return Roster(fresh, head)

    def is_silent(self, node: str, now: Reading, timeout: float) -> bool:
        """Tell whether a node's record has rested for the time-out."""
        seen = self.seen.get(node)
        return seen is not None and standby_elapsed(seen.at, now) >= timeout

    def over(self, node: str) -> int | None:
        """Answer the term that a node says it has ceased to lead."""
        seen = self.seen.get(node)
        return seen.record.over if seen else None

    def members(self, own: Member, now: Reading, timeout: float) -> list[Member]:
        """Answer all members in rank order: the leader's own entry, and one for each record that is not over."""
        found = [own]
        for node, seen in self.seen.items():
            record = seen.record
            if node == own.id or record.state == NodeState.TERMINATED:
                continue
            state = NodeState.FAILED.value if self.is_silent(node, now, timeout) else record.state
            found.append(_member(record, state))
        return ranked(found)


def _member(record: Record, state: str) -> Member:
    return Member(
        id=record.id,
        instance=record.instance,
        address=record.address,
        mode=record.mode,
        state=state,
        priority=record.priority,
        version=record.version,
        max_format=record.max_format,
        last=record.last,
        hot=record.state == NodeState.HOT_STANDBY,
    )


def ranked(members: Iterable[Member]) -> list[Member]:
    """Sort by E2: higher priority, release before snapshot version, higher version, hot before warm, lower id.

    Who died of leading again and again comes behind all of them (E9).
    """
    return sorted(members, key=lambda m: (m.last, -m.priority, _version_rank(m.version), not m.hot, m.id))


@cache
def _version_rank(version: str) -> tuple[bool, tuple[int, ...]]:
    core, _, suffix = version.partition("-")
    numbers = [int(part) if part.isdigit() else 0 for part in core.split(".")]
    return ("SNAPSHOT" in suffix.upper(), tuple(-number for number in numbers))


def is_candidate(member: Member) -> bool:
    """Tell whether a member may stand (E1)."""
    return member.mode in _MAY_LEAD and member.state in (NodeState.STANDBY, NodeState.HOT_STANDBY)


_MAY_LEAD = frozenset(mode.value for mode in HaMode if mode.may_lead and mode is not HaMode.DISABLED)


def rank_of(node: str, members: Iterable[Member], gone: str | None) -> int:
    """Answer how many candidates stand before `node`; those not listed come last. `gone`: the leader that is dead."""
    before = 0
    for member in members:
        if member.id == node:
            return before
        if member.id != gone and is_candidate(member):
            before += 1
    return before


def successor_of(node: str, members: Iterable[Member]) -> str | None:
    """Answer the best candidate other than `node`, None where there is none."""
    return next((member.id for member in members if member.id != node and is_candidate(member)), None)
