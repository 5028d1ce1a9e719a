"""Bugs to plant. Each breaks one rule of the protocol; a simulator that does not notice one cannot be trusted.

The numbers are those of the protocol's list. `tests/sim/test_planted.py` pins how many seeds each may take.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import msgspec

from amp.ha import events as ev
from amp.ha.appender import Append
from amp.ha.election import Ground
from amp.ha.lease import Lease, Sighting
from amp.ha.log import Log
from amp.ha.machine import Identity, Machine, Phase
from amp.ha.members import Roster
from amp.ha.modes import HaMode
from amp.ha.node import Check
from amp.ha.release import objection
from amp.kit.clock import Reading
from amp.store.objects import Outcome
from amp.store.segment import Header, Position, Segment, Snapshot, build
from amp.testing.sim.make import Collection, Make, collection


class _OursByNode(Append):
    """2: bytes in the slot count as ours by the node's name alone."""

    def is_ours(self, found: Segment) -> bool:
        return found.header.node == self.segment.header.node


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


class _OursByNodeMachine(_Appending):
    kind = _OursByNode


class _TimeoutIsFailureMachine(_Appending):
    kind = _TimeoutIsFailure


class _AnswersTooEarlyMachine(_Appending):
    kind = _AnswersTooEarly


class _LeaseFromAnswer(Machine):
    """12: the lease counts from the answer."""

    def handle(self, event: ev.Event, now: Reading) -> list[ev.Action]:
        before = self.lease
        actions = super().handle(event, now)
        if self.lease is not None and self.lease is not before:
            self.lease = Lease(now, self.lease.timeout)
        return actions


class _StandsEarly(Log):
    """18: the standby uses its own time-out alone, though the leader's is longer."""

    def extend(self, segment: Segment, now: Reading) -> None:
        super().extend(segment, now)
        if self.seen is not None:
            self.seen = replace(self.seen, timeout=0.0)


class _OwnTimeoutAlone(Machine):
    def __init__(self, identity: Identity, nonce: Callable[[], str]) -> None:
        super().__init__(identity, nonce)
        self.log = _StandsEarly(identity.plane)


class _LongLease(Lease):
    """21: the lease is as long as the time-out, and more."""

    def left(self, now: Reading, bound: float | None = None) -> float:
        return super().left(now, bound) + 0.2 * self.timeout


class _WholeLease(Machine):
    def handle(self, event: ev.Event, now: Reading) -> list[ev.Action]:
        actions = super().handle(event, now)
        if self.lease is not None and type(self.lease) is Lease:
            self.lease = _LongLease(self.lease.start, self.lease.timeout)
        return actions


class _ActsUntilAcknowledged(Machine):
    """17: the resigning leader acts until its resignation is acknowledged."""

    def may_act(self, now: Reading) -> bool:
        if self.phase is Phase.RESIGNING and self.in_office and self._kept is not None:
            return self._kept.left(now) > 0
        self._kept = self.lease
        return super().may_act(now)

    _kept: Lease | None = None


class _TimerFromStart(Log):
    """13: the standby's timer counts from the start of its read, or sooner."""

    def extend(self, segment: Segment, now: Reading) -> None:
        super().extend(segment, now)
        if self.seen is not None and self.seen.at is now:
            early = Reading(now.boot - 1.0, now.raw - 1.0, now.wall - 1.0)
            self.seen = Sighting(self.seen.seq, early, self.seen.timeout)


class _EarlyTimer(Machine):
    def __init__(self, identity: Identity, nonce: Callable[[], str]) -> None:
        super().__init__(identity, nonce)
        self.log = _TimerFromStart(identity.plane)


class _GivesUp(Machine):
    """3: an attempt without an answer counts as a failure: its writers are told so, and the next append begins."""

    def handle(self, event: ev.Event, now: Reading) -> list[ev.Action]:
        lost = isinstance(event, ev.Created) and event.outcome is Outcome.UNKNOWN
        append = self.append
        if lost and self.phase is Phase.LEADING and append is not None and append.batch is not None:
            self.append = None
            return [ev.Drop(append.batch, unknown=False), *super().handle(ev.Woken(), now)]
        return super().handle(event, now)


class _RecordRenews(Machine):
    """11: a heartbeat in `nodes/` renews the lease."""

    def handle(self, event: ev.Event, now: Reading) -> list[ev.Action]:
        actions = super().handle(event, now)
        if self.lease is not None and any(isinstance(action, ev.WriteRecord) for action in actions):
            self.lease = Lease(now, self.lease.timeout)
        return actions


class _ClearGround(Ground):
    def is_clear(self, now: Reading, own_timeout: float, roster: Roster) -> bool:
        return True


class _ActsAtOnce(Machine):
    """14: a winner acts at once."""

    def handle(self, event: ev.Event, now: Reading) -> list[ev.Action]:
        if self.ground is not None:
            self.ground = _ClearGround(self.ground.before, self.ground.seen, self.ground.dead)
        return super().handle(event, now)


class _Flag(Machine):
    """22: the lease is a flag that a timer sets."""

    flag = False

    def handle(self, event: ev.Event, now: Reading) -> list[ev.Action]:
        actions = super().handle(event, now)
        self.flag = super().may_act(now)
        return actions

    def may_act(self, now: Reading) -> bool:
        return self.flag


class _SilentAlone(Machine):
    """23: a node with HA disabled holds no lease and appends no beats."""

    def lease_left(self, now: Reading) -> float | None:
        if self.identity.mode is HaMode.DISABLED and self.in_office and self.lease is not None:
            self.lease = Lease(now, self.identity.timeout)
        return super().lease_left(now)


class _YieldsToOld(Machine):
    """24: an old ask deposes a later term."""

    def handle(self, event: ev.Event, now: Reading) -> list[ev.Action]:
        for id, seen in self.roster.seen.items():
            if seen.record.ask is not None:
                self.roster.seen[id] = replace(seen, record=msgspec.structs.replace(seen.record, ask=self.log.term))
        if self.heard is not None:
            self.heard = (self.heard[0], self.log.term)
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


class _Rewriting(Machine):
    """A machine whose segments say something else than they should."""

    def said(self, header: Header) -> Header:
        return header

    def handle(self, event: ev.Event, now: Reading) -> list[ev.Action]:
        before, actions = self.append, super().handle(event, now)
        one = self.append
        if one is None or one is before or (header := self.said(one.segment.header)) == one.segment.header:
            return actions
        one.data, one.segment = build(header, one.segment.body)
        return [replace(each, data=one.data) if isinstance(each, ev.Create) else each for each in actions]


class _ResignsClean(_Rewriting):
    """15: a winner that waits for office resigns as if it had been in it."""

    def said(self, header: Header) -> Header:
        return msgspec.structs.replace(header, clean=True) if header.kind == "resign" else header


class _LowElect(_Rewriting):
    """19: an elect carries the winner's own time-out, though the segment before carries a longer one."""

    def said(self, header: Header) -> Header:
        if header.kind != "elect":
            return header
        return msgspec.structs.replace(header, timeout_ms=round(self.identity.timeout * 1000))


def _objects_less(head: Position | None, dead: str) -> str | None:
    """15: a release resigns for one that was elected and not in office yet."""
    if head is not None and head.header.kind != "resign":
        return objection(Position(msgspec.structs.replace(head.header, in_office=True), head.hash), dead)
    return objection(head, dead)


class _CredulousGround(Ground):
    def is_clear(self, now: Reading, own_timeout: float, roster: Roster) -> bool:
        last = self.before.header if self.before is not None else None
        said = last is not None and roster.over(last.node) == last.term
        return said or super().is_clear(now, own_timeout, roster)


class _BelievesOver(Machine):
    """16: `over` is believed of one that was never in office."""

    def handle(self, event: ev.Event, now: Reading) -> list[ev.Action]:
        if type(self.ground) is Ground:
            self.ground = _CredulousGround(self.ground.before, self.ground.seen, self.ground.dead)
        return super().handle(event, now)


class _OverTooEarly(Machine):
    """16: a deposed leader writes `over` before what acts has stopped."""

    def handle(self, event: ev.Event, now: Reading) -> list[ev.Action]:
        actions = super().handle(event, now)
        if self.phase is Phase.DEPOSED and self.over != self.log.term:
            self.over = self.log.term
            actions += super().handle(ev.Woken(), now)
        return actions


class _BindsOnceAcknowledged(Machine):
    """20: a lowered time-out binds only once its segment is acknowledged."""

    def lease_left(self, now: Reading) -> float | None:
        return self.lease.left(now) if self.lease is not None else None


class _SilentWinner(Machine):
    """25: the winner does not beat while it waits or loads."""

    def handle(self, event: ev.Event, now: Reading) -> list[ev.Action]:
        before, actions = self.append, super().handle(event, now)
        one = self.append
        if one is not None and one is not before and self._waits() and one.segment.header.kind == "commit":
            self.append = None
            return [each for each in actions if not isinstance(each, ev.Create)]
        return actions

    def wake_in(self, now: Reading) -> float:
        wait = super().wake_in(now)
        return max(wait, 0.2) if self._waits() else wait

    def _waits(self) -> bool:
        return self.phase is Phase.LEADING and not self.in_office


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
    Planted(11, "a heartbeat in nodes/ renews the lease", Make(_RecordRenews)),
    Planted(12, "the lease counts from the answer", Make(_LeaseFromAnswer)),
    Planted(13, "the standby's timer counts from before its read", Make(_EarlyTimer)),
    Planted(14, "a winner acts at once", Make(_ActsAtOnce)),
    Planted(15, "a winner that waits resigns clean", Make(_ResignsClean), "a"),
    Planted(15, "a release resigns for a winner that waited", Make(objection=_objects_less), "b"),
    Planted(16, "over is believed of one never in office", Make(_BelievesOver), "a"),
    Planted(16, "over is written before what acts has stopped", Make(_OverTooEarly), "b"),
    Planted(17, "the resigning leader acts until acknowledged", Make(_ActsUntilAcknowledged)),
    Planted(18, "the standby uses its own time-out alone", Make(_OwnTimeoutAlone)),
    Planted(19, "an elect carries a lower time-out than the segment before", Make(_LowElect)),
    Planted(20, "a lowered time-out binds only once acknowledged", Make(_BindsOnceAcknowledged)),
    Planted(21, "the lease is as long as the time-out", Make(_WholeLease)),
    Planted(22, "the lease is a flag set by a timer", Make(_Flag)),
    Planted(23, "a node with HA disabled does not beat", Make(_SilentAlone)),
    Planted(24, "an old ask deposes a later term", Make(_YieldsToOld)),
    Planted(25, "the winner does not beat while it waits", Make(_SilentWinner)),
)
