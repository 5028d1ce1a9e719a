"""Bugs of leases, elections and offices, to plant: numbers 11 to 25. `planted` has the table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import msgspec

from amp.ha import events as ev
from amp.ha.election import Ground
from amp.ha.lease import Lease, Sighting
from amp.ha.log import Log
from amp.ha.machine import Identity, Machine, Phase
from amp.ha.members import Roster
from amp.ha.modes import HaMode
from amp.ha.release import objection
from amp.kit.clock import Reading
from amp.store.segment import Header, Position, Segment, build


class LeaseFromAnswer(Machine):
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


class OwnTimeoutAlone(Machine):
    def __init__(self, identity: Identity, nonce: Callable[[], str]) -> None:
        super().__init__(identity, nonce)
        self.log = _StandsEarly(identity.plane)


class _LongLease(Lease):
    """21: the lease is as long as the time-out, and more."""

    def left(self, now: Reading, bound: float | None = None) -> float:
        return super().left(now, bound) + 0.2 * self.timeout


class WholeLease(Machine):
    def handle(self, event: ev.Event, now: Reading) -> list[ev.Action]:
        actions = super().handle(event, now)
        if self.lease is not None and type(self.lease) is Lease:
            self.lease = _LongLease(self.lease.start, self.lease.timeout)
        return actions


class ActsUntilAcknowledged(Machine):
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


class EarlyTimer(Machine):
    def __init__(self, identity: Identity, nonce: Callable[[], str]) -> None:
        super().__init__(identity, nonce)
        self.log = _TimerFromStart(identity.plane)


class RecordRenews(Machine):
    """11: a heartbeat in `nodes/` renews the lease."""

    def handle(self, event: ev.Event, now: Reading) -> list[ev.Action]:
        actions = super().handle(event, now)
        if self.lease is not None and any(isinstance(action, ev.WriteRecord) for action in actions):
            self.lease = Lease(now, self.lease.timeout)
        return actions


class _ClearGround(Ground):
    def is_clear(self, now: Reading, own_timeout: float, roster: Roster) -> bool:
        return True


class ActsAtOnce(Machine):
    """14: a winner acts at once."""

    def handle(self, event: ev.Event, now: Reading) -> list[ev.Action]:
        if self.ground is not None:
            self.ground = _ClearGround(self.ground.before, self.ground.seen, self.ground.dead)
        return super().handle(event, now)


class Flag(Machine):
    """22: the lease is a flag that a timer sets."""

    flag = False

    def handle(self, event: ev.Event, now: Reading) -> list[ev.Action]:
        actions = super().handle(event, now)
        self.flag = super().may_act(now)
        return actions

    def may_act(self, now: Reading) -> bool:
        return self.flag


class SilentAlone(Machine):
    """23: a node with HA disabled holds no lease and appends no beats."""

    def lease_left(self, now: Reading) -> float | None:
        if self.identity.mode is HaMode.DISABLED and self.in_office and self.lease is not None:
            self.lease = Lease(now, self.identity.timeout)
        return super().lease_left(now)


class YieldsToOld(Machine):
    """24: an old ask deposes a later term."""

    def handle(self, event: ev.Event, now: Reading) -> list[ev.Action]:
        for id, seen in self.roster.seen.items():
            if seen.record.ask is not None:
                self.roster.seen[id] = replace(seen, record=msgspec.structs.replace(seen.record, ask=self.log.term))
        if self.heard is not None:
            self.heard = (self.heard[0], self.log.term)
        return super().handle(event, now)


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


class ResignsClean(_Rewriting):
    """15: a winner that waits for office resigns as if it had been in it."""

    def said(self, header: Header) -> Header:
        return msgspec.structs.replace(header, clean=True) if header.kind == "resign" else header


class LowElect(_Rewriting):
    """19: an elect carries the winner's own time-out, though the segment before carries a longer one."""

    def said(self, header: Header) -> Header:
        if header.kind != "elect":
            return header
        return msgspec.structs.replace(header, timeout_ms=round(self.identity.timeout * 1000))


def objects_less(head: Position | None, dead: str) -> str | None:
    """15: a release resigns for one that was elected and not in office yet."""
    if head is not None and head.header.kind != "resign":
        return objection(Position(msgspec.structs.replace(head.header, in_office=True), head.hash), dead)
    return objection(head, dead)


class _CredulousGround(Ground):
    def is_clear(self, now: Reading, own_timeout: float, roster: Roster) -> bool:
        last = self.before.header if self.before is not None else None
        said = last is not None and roster.over(last.node) == last.term
        return said or super().is_clear(now, own_timeout, roster)


class BelievesOver(Machine):
    """16: `over` is believed of one that was never in office."""

    def handle(self, event: ev.Event, now: Reading) -> list[ev.Action]:
        if type(self.ground) is Ground:
            self.ground = _CredulousGround(self.ground.before, self.ground.seen, self.ground.dead)
        return super().handle(event, now)


class OverTooEarly(Machine):
    """16: a deposed leader writes `over` before what acts has stopped."""

    def handle(self, event: ev.Event, now: Reading) -> list[ev.Action]:
        actions = super().handle(event, now)
        if self.phase is Phase.DEPOSED and self.over != self.log.term:
            self.over = self.log.term
            actions += super().handle(ev.Woken(), now)
        return actions


class BindsOnceAcknowledged(Machine):
    """20: a lowered time-out binds only once its segment is acknowledged."""

    def lease_left(self, now: Reading) -> float | None:
        return self.lease.left(now) if self.lease is not None else None


class SilentWinner(Machine):
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
