"""Bugs to plant. Each breaks one rule of the protocol; a simulator that does not notice one cannot be trusted.

The numbers are those of the protocol's list. `tests/sim` pins how many seeds each may take, and which rule catches it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec

from amp.ha import events as ev
from amp.ha.appender import Append
from amp.ha.machine import Machine, Phase
from amp.ha.node import Check
from amp.kit.clock import Reading
from amp.store.objects import Outcome
from amp.store.segment import Header, Segment, Snapshot, build
from amp.testing.sim.make import Collection, Make, collection
from amp.testing.sim.planted_leases import (
    ActsAtOnce,
    ActsUntilAcknowledged,
    BelievesOver,
    BindsOnceAcknowledged,
    EarlyTimer,
    Flag,
    LeaseFromAnswer,
    LowElect,
    OverTooEarly,
    OwnTimeoutAlone,
    RecordRenews,
    ResignsClean,
    SilentAlone,
    SilentWinner,
    WholeLease,
    YieldsToOld,
    objects_less,
)


class _TimeoutIsFailure(Append):
    """3: an attempt without an answer counts as one that failed: the slot is free for other bytes."""

    def answered(self, attempt: int, outcome: Outcome) -> bool:
        if outcome is Outcome.UNKNOWN and self.segment.header.kind == "commit" and self.batch is None:
            again = replace_header(self.segment, nonce=f"again{attempt}{self.segment.header.nonce}")
            self.data, self.segment = again
        return Append.answered(self, attempt, outcome)

    def is_ours(self, found: Segment) -> bool:
        # With other bytes for the same seq, only the name is left to tell one's own by.
        return found.header.node == self.segment.header.node


class _AnswersTooEarly(Append):
    """5: an answer does not wait for the decision."""

    def answered(self, attempt: int, outcome: Outcome) -> bool:
        return outcome is not Outcome.EXISTS or Append.answered(self, attempt, outcome)


def replace_header(segment: Segment, **fields: str) -> tuple[bytes, Segment]:
    """Build a segment again with another header field."""
    header: Header = msgspec.structs.replace(segment.header, **fields)
    return build(header, segment.body)


class _Appending(Machine):
    """A machine whose appends are of another kind."""

    kind: type[Append] = Append

    def handle(self, event: ev.Event, now: Reading) -> list[ev.Action]:
        actions = super().handle(event, now)
        one = self.append
        if one is not None and type(one) is Append:
            self.append = self.kind(one.segment, one.data, one.started, one.batch, one.attempt, one.need, one.retry_at)
        return actions


class _TimeoutIsFailureMachine(_Appending):
    kind = _TimeoutIsFailure


class _AnswersTooEarlyMachine(_Appending):
    kind = _AnswersTooEarly


class _GivesUp(Machine):
    """3: an attempt without an answer counts as a failure: its writers are told so, and the next append begins."""

    def handle(self, event: ev.Event, now: Reading) -> list[ev.Action]:
        lost = isinstance(event, ev.Created) and event.outcome is Outcome.UNKNOWN
        append = self.append
        if lost and self.phase is Phase.LEADING and append is not None and append.batch is not None:
            self.append = None
            return [ev.Drop(append.batch, unknown=False), *super().handle(ev.Woken(), now)]
        return super().handle(event, now)


class _Unchecked(Machine):
    """7, 8, 9: what the boundary says is not heeded."""

    blind: tuple[Check, ...] = ()

    def handle(self, event: ev.Event, now: Reading) -> list[ev.Action]:
        if isinstance(event, ev.BoundaryRead) and self.check in self.blind:
            event = replace(event, seq=0)
        return super().handle(event, now)


class _WinnerSkips(_Unchecked):
    blind = (Check.WON,)


class _ReaderSkips(_Unchecked):
    blind = (Check.POST,)


class _TakesAbsentForHead(_Unchecked):
    blind = (Check.END, Check.STAND, Check.QUIET)


def _deletes_posts(oldest: Snapshot) -> Collection:
    """6: elections and resignations are deleted with the rest."""
    return replace(collection(oldest), posts=frozenset())


def _deletes_first(oldest: Snapshot) -> Collection:
    """10: segments are deleted before the boundary is written, or up to beyond the oldest snapshot."""
    return replace(collection(oldest), delete_first=True)


class _RetrySendsNew(Append):
    """4: a retry sends new bytes."""

    def answered(self, attempt: int, outcome: Outcome) -> bool:
        if outcome is Outcome.UNKNOWN:
            self.data, self.segment = replace_header(self.segment, nonce=f"again{attempt}{self.segment.header.nonce}")
        return Append.answered(self, attempt, outcome)


class _RetrySendsNewMachine(_Appending):
    kind = _RetrySendsNew


@dataclass(frozen=True, slots=True)
class Planted:
    """A bug by its number in the protocol's list, and what has it. `form`: tells two forms of one bug apart."""

    number: int
    what: str
    make: Make
    form: str = ""

    @property
    def name(self) -> str:
        """What the player calls it."""
        return f"{self.number}{self.form}"


PLANTED = (
    Planted(1, "segments are overwritten", Make(overwrites=True)),
    Planted(
        2, "bytes in the slot count as ours by node id alone, and retries send new ones", Make(_TimeoutIsFailureMachine)
    ),
    Planted(3, "an attempt without an answer counts as failed", Make(_GivesUp)),
    Planted(4, "a retry sends new bytes", Make(_RetrySendsNewMachine)),
    Planted(5, "an answer does not wait for the decision", Make(_AnswersTooEarlyMachine)),
    Planted(6, "elections are deleted with the rest", Make(collect=_deletes_posts)),
    Planted(7, "a winner does not look at the boundary", Make(_WinnerSkips)),
    Planted(8, "a reader does not look at the boundary", Make(_ReaderSkips)),
    Planted(9, "absent below the boundary is taken for the end", Make(_TakesAbsentForHead)),
    Planted(10, "segments are deleted before the boundary is written", Make(collect=_deletes_first)),
    Planted(11, "a heartbeat in nodes/ renews the lease", Make(RecordRenews)),
    Planted(12, "the lease counts from the answer", Make(LeaseFromAnswer)),
    Planted(13, "the standby's timer counts from before its read", Make(EarlyTimer)),
    Planted(14, "a winner acts at once", Make(ActsAtOnce)),
    Planted(15, "a winner that waits resigns clean", Make(ResignsClean), "a"),
    Planted(15, "a release resigns for a winner that waited", Make(objection=objects_less), "b"),
    Planted(16, "over is believed of one never in office", Make(BelievesOver), "a"),
    Planted(16, "over is written before what acts has stopped", Make(OverTooEarly), "b"),
    Planted(17, "the resigning leader acts until acknowledged", Make(ActsUntilAcknowledged)),
    Planted(18, "the standby uses its own time-out alone", Make(OwnTimeoutAlone)),
    Planted(19, "an elect carries a lower time-out than the segment before", Make(LowElect)),
    Planted(20, "a lowered time-out binds only once acknowledged", Make(BindsOnceAcknowledged)),
    Planted(21, "the lease is as long as the time-out", Make(WholeLease)),
    Planted(22, "the lease is a flag set by a timer", Make(Flag)),
    Planted(23, "a node with HA disabled does not beat", Make(SilentAlone)),
    Planted(24, "an old ask deposes a later term", Make(YieldsToOld)),
    Planted(25, "the winner does not beat while it waits", Make(SilentWinner)),
)
