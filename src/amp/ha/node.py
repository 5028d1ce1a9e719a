"""What a node is at a moment, in all its roles, and what the roles share. Pure.

`following` and `leading` hold what each role does with it, `machine` puts them together.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from amp.ha import events as ev
from amp.ha.appender import Append
from amp.ha.election import Ground, Outlook
from amp.ha.lease import BEATS, Lease, standby_elapsed
from amp.ha.log import Log
from amp.ha.members import LAST_FOR, Record, Roster
from amp.ha.modes import HaMode, NodeState
from amp.kit.clock import Reading
from amp.kit.errors import Invalid
from amp.store.segment import FORMAT, Segment


class Phase(enum.StrEnum):
    """Where a node is in its life."""

    LOADING = "loading"  # reads until it has reached the end of the journal
    FOLLOWING = "following"
    STANDING = "standing"  # its election is under way
    LEADING = "leading"  # has won; in office or waiting for it
    DEPOSED = "deposed"  # another leads; what acted is being stopped
    RESIGNING = "resigning"
    FAILED = "failed"
    ENDED = "ended"


#: In these a node writes no records.
_KEEP_NONE = (Phase.ENDED, Phase.LOADING)


class Check(enum.StrEnum):
    """Why the boundary of deletion is being read (R2, R3)."""

    END = "end"  # the end of the journal was reached for the first time
    STAND = "stand"  # about to stand
    QUIET = "quiet"  # nothing has come for two beats
    POST = "post"  # an election or resignation was read
    WON = "won"  # its own election has succeeded


@dataclass(frozen=True, slots=True)
class Promotion:
    """An operator asked this node to lead, when `term` was the newest."""

    term: int
    since: Reading
    force: bool


@dataclass(frozen=True, slots=True)
class Hole:
    """The store says that the journal goes on behind `seq`, where it seems to end (R4). `since`: found then."""

    seq: int
    since: Reading


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this node is and what it was told. `timeout`, `poll`: seconds. `local`: listing the store costs nothing."""

    node: str
    instance: str
    plane: str
    name: str
    address: str
    version: str
    mode: HaMode
    timeout: float
    poll: float
    hot: bool = True  # an AUTO standby follows the state
    clean: bool = False  # persistMode=CLEAN
    rebind: bool = False  # persistMode=REBIND
    exit_on_failure: bool = True
    local: bool = False
    priority: int = 0
    max_format: int = FORMAT
    started_ms: int = 0
    dead: frozenset[str] = frozenset()  # earlier runs of this instance that are proven dead (E8)
    unlucky: bool = False  # earlier runs of this instance died of leading (E9)

    @property
    def beat(self) -> float:
        """Seconds between an idle leader's appends."""
        return self.timeout / BEATS

    @property
    def claims(self) -> bool:
        """True where the node wants to lead or to fail."""
        return self.clean or self.mode in (HaMode.MASTER, HaMode.DISABLED)


class Node:
    """The mutable state of one node. `out`: the actions decided since the last event; `now`: when that came."""

    def __init__(self, identity: Identity, nonce: Callable[[], str]) -> None:
        self.identity = identity
        self.nonce = nonce
        self.log = Log(identity.plane)
        self.roster = Roster({})
        self.phase = Phase.LOADING
        self.mode = identity.mode  # an operator may change it
        self.priority = identity.priority
        self.hot = identity.hot if identity.mode is HaMode.AUTO else identity.mode is not HaMode.STANDBY
        self.applies = self.hot  # a warm node that is about to stand loads its state, too
        self.decided = False  # the mode at start
        self.began_at: Reading | None = None
        self.problem: str | None = None
        self.is_taken = False  # the problem is that another node leads
        # of a follower
        self.news = False  # a segment came after the end had been reached once
        self.loaded = False  # what `log` says belongs to the state; false from `Load` to `Loaded`
        self.ticket = 0
        self.reading = False
        self.read_at: Reading | None = None  # when the last read was answered
        self.retry_at: Reading | None = None  # a read failed then
        self.held_since: Reading | None = None  # E3: after an outage of its own
        self.hole: Hole | None = None  # R4: what speaks against standing
        self.check: Check | None = None  # why the boundary is being read
        self.checked_at: Reading | None = None  # when it was last read while nothing came
        self.stands = False  # decided to stand; `leading` does it
        self.warming = False  # a warm candidate loads the state, to stand
        # of a candidate and a leader
        self.append: Append | None = None
        self.lease: Lease | None = None
        self.ground: Ground | None = None
        self.proven = False  # its election is not litter in a deleted slot (R3)
        self.in_office = False
        self.took_office = False  # TakeOffice was said, LeaveOffice not yet
        self.clean_due = identity.clean
        self.failing: str | None = None  # why it resigns and is no candidate afterwards (E9)
        self.stopping_since: Reading | None = None
        self.after_resigning: HaMode | None = None  # what a leader becomes that is not stopping
        self.heir: str | None = None  # to whom it resigns, where that was asked for
        self.promotion: Promotion | None = None
        self.heard: tuple[str, int] | None = None  # who called to ask for the office of which term
        self.forced = False  # by an operator, who vouches for the death of the leader before
        self.over: int | None = None
        # records
        self.counter = 0
        self.written: tuple[Any, ...] | None = None
        self.record_at: Reading | None = None
        self.listed_at: Reading | None = None
        self.present: frozenset[str] = frozenset()  # nodes that are not over, at the last listing
        self.joined_at: Reading | None = None  # when that changed last (U1)
        self.now = Reading(0.0, 0.0, 0.0)
        self.out: list[ev.Action] = []

    # ---- what others ask

    def lease_left(self, now: Reading) -> float | None:
        """Answer the seconds left of the lease, None where there is none."""
        if self.lease is None:
            return None
        pending = self.append.segment.header.timeout_ms / 1000 if self.append else None
        return self.lease.left(now, pending)

    def may_act(self, now: Reading) -> bool:
        """Tell whether an outside action may start at this moment (S4)."""
        if not self.in_office or self.phase is not Phase.LEADING:
            return False
        left = self.lease_left(now)
        return left is not None and left > 0

    def wants_batch(self, now: Reading) -> bool:
        """Tell whether `Offered` would be taken now."""
        return self.append is None and self.took_office and self.may_act(now)

    def state(self, now: Reading) -> NodeState:
        """Answer what the node says of itself at this moment."""
        if self.may_act(now):
            return NodeState.MASTER
        if self.phase is Phase.ENDED:
            return NodeState.TERMINATED
        if self.phase is Phase.FAILED:
            return NodeState.FAILED
        loads = self.phase is Phase.LOADING and not self.warming
        if not self.decided or loads or self.phase is Phase.DEPOSED:
            return NodeState.INITIALIZING
        if self.mode is HaMode.HOT_BACKUP:
            return NodeState.HOT_BACKUP
        return NodeState.HOT_STANDBY if self.hot or self.phase is Phase.LEADING else NodeState.STANDBY

    def is_fenced(self, now: Reading) -> bool:
        """Tell whether the node leads, but its lease is over (T4)."""
        return self.phase is Phase.LEADING and self.in_office and not self.may_act(now)

    def ranks_last(self, now: Reading) -> bool:
        """Tell whether this node lets all others go first, because earlier runs of its home died of leading (E9)."""
        began = self.began_at
        return self.identity.unlucky and (began is None or standby_elapsed(began, now) < LAST_FOR)

    def join(self, plane: str) -> None:
        """Take part in a plane that was found late."""
        self.identity = replace(self.identity, plane=plane)
        self.log = Log(plane)

    # ---- what the roles share

    def start_load(self) -> None:
        """Throw the state away and read from the newest snapshot on."""
        self.phase, self.reading, self.check, self.retry_at = Phase.LOADING, False, None, None
        self.loaded = False
        self.ticket += 1
        self.out.append(ev.Load())

    def get(self, seq: int) -> None:
        """Ask for a segment; answers of earlier questions no longer count."""
        self.ticket += 1
        self.reading = True
        self.out.append(ev.Get(seq, self.ticket))

    def read_boundary(self, check: Check) -> None:
        """Ask up to where segments may have been deleted; before a stand also what speaks against one (R4)."""
        self.ticket += 1
        self.reading, self.check = True, check
        self.out.append(ev.ReadBoundary(self.ticket, self.log.head, check in (Check.END, Check.STAND)))

    def fail(self, reason: str, *, is_taken: bool = False) -> None:
        """Give up: this node leads no more and says why (`is_taken`: another one leads). At start the process ends."""
        self.problem, self.is_taken = reason, is_taken
        at_start = not self.decided
        self.phase, self.lease, self.in_office = Phase.FAILED, None, False
        if self.append is not None and self.append.batch is not None:
            self.out.append(ev.Drop(self.append.batch, unknown=True))
        self.append = None
        if self.took_office:
            self.took_office = False
            self.out.append(ev.LeaveOffice())
        self.decided = True
        if at_start and self.identity.exit_on_failure:
            self.end(reason)

    def end(self, reason: str | None = None) -> None:
        """The node is over; its record says so."""
        self.phase, self.lease, self.in_office = Phase.ENDED, None, False
        if self.written is not None:
            self.out.append(ev.WriteRecord(self._record(NodeState.TERMINATED)))
        self.out.append(ev.Exit(reason))

    def extend(self, segment: Segment, batch: int | None = None) -> bool:
        """Take a segment into the log and let it take effect; False when it does not fit and the node has failed."""
        try:
            self.log.extend(segment, self.now)
        except Invalid as problem:
            self.fail(f"{problem.message}; run: amp store verify")
            return False
        if self.applies:
            self.out.append(ev.Apply(segment, batch))
        return True

    # ---- membership records

    def keeps_records(self) -> bool:
        if not self.identity.plane:
            return False  # it has not found a plane to take part in
        if self.phase in _KEEP_NONE:
            return False
        if not self.decided and self.phase is Phase.FOLLOWING and self.identity.claims:
            return False  # it may be about to fail, and a start that fails leaves nothing
        return self.mode is not HaMode.DISABLED or self.identity.mode is not HaMode.DISABLED

    def record_period(self) -> float:
        return self.identity.poll if self.identity.local else self.identity.timeout / 3

    def tend_records(self) -> None:
        if not self.keeps_records():
            return
        state = self.state(self.now)
        ask = self.promotion.term if self.promotion else None
        facts = (state, self.mode, self.priority, self.ranks_last(self.now), self.over, ask)
        due = self.record_at is None or standby_elapsed(self.record_at, self.now) >= self.record_period()
        leads, local = self.phase is Phase.LEADING, self.identity.local
        if self.written != facts or (due and (local or not leads)):
            self.written = facts
            self.out.append(ev.WriteRecord(self._record(state)))
        elif due:
            self.record_at = self.now
        if not (leads or local):
            return
        waits_for_office = leads and not self.in_office
        period = self.identity.poll if waits_for_office else self.record_period()
        if self.listed_at is None or standby_elapsed(self.listed_at, self.now) >= period:
            self.listed_at = self.now
            self.out.append(ev.ListNodes())

    def _record(self, state: NodeState) -> Record:
        own = self.identity
        self.counter += 1
        self.record_at = self.now
        return Record(
            id=own.node,
            instance=own.instance,
            plane=own.plane,
            name=own.name,
            address=own.address,
            mode=self.mode.value,
            state=state.value,
            priority=self.priority,
            max_format=own.max_format,
            last=self.ranks_last(self.now),
            version=own.version,
            counter=self.counter,
            seq=self.log.seq,
            term=self.log.term,
            hash=self.log.head.hash if self.log.head else "",
            over=self.over,
            ask=self.promotion.term if self.promotion else None,
            started=own.started_ms,
            at=self.now.wall_ms,
        )

    def outlook(self) -> Outlook:
        """Gather what the decision to stand is made of."""
        own, log = self.identity, self.log
        last = self.ranks_last(self.now)
        return Outlook(own.node, log.head, log.seen, log.members, own.timeout, own.poll, own.dead, last)
