"""A simulated node: the real machine, a driver that obeys it, and a state made of the operations it has applied."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from amp.ha import events as ev
from amp.ha.lease import BEATS
from amp.ha.machine import Identity, Phase
from amp.ha.members import Record
from amp.ha.parts import Parts
from amp.kit.clock import Reading
from amp.kit.errors import Invalid
from amp.store.objects import Outcome
from amp.store.segment import Position, Segment, Snapshot
from amp.testing.sim.make import Make
from amp.testing.sim.store import Fate, SimStore
from amp.testing.sim.world import SimClock, World

#: Snapshots that a simulated leader keeps.
KEPT = 1
#: Segments between its snapshots.
BETWEEN = 7
#: The part of writes that are spread over segments.
SPREAD = 0.3

#: A wake-up that is nearer than this, in seconds, has come.
_SOON = 0.002
_WOKEN = ev.Woken()

#: Given the node, the seq and the attempt of an append: what befalls this request; None: nothing special.
Interference = Callable[["SimNode", int, int], Fate | None]
#: A condition, and what is to happen once it holds.
Watch = tuple[Callable[[], bool], Callable[[], None]]


@dataclass(slots=True)
class Tally:
    """What really happened, as nobody inside the plane could know it."""

    acked: set[str] = field(default_factory=set)  # operations that were said to be done
    acked_seq: int = 0  # the newest segment that holds one of them
    failed: set[str] = field(default_factory=set)  # operations that were said not to have happened
    led: dict[int, str] = field(default_factory=dict)  # term -> the node that believed to lead it
    snapshots: list[tuple[Snapshot, tuple[str, ...]]] = field(default_factory=list)  # with the operations up to it
    offices: int = 0
    collected: int = 0  # the newest boundary that anybody chose
    wrongs: list[str] = field(default_factory=list)  # what a node did that it may not


def operations(body: bytes) -> list[str]:
    """Take apart the body of a simulated commit: a line an operation, not packed, for nobody stores it for long."""
    return body.decode().split("\n") if body else []


class SimNode:
    """One run of a node. A crash abandons it: nothing of it runs any more, its requests may still land."""

    def __init__(
        self,
        world: World,
        store: SimStore,
        clock: SimClock,
        identity: Identity,
        tally: Tally,
        make: Make,
        stands: Callable[[SimNode], None],
        takes_office: Callable[[SimNode], None],
    ) -> None:
        self.world, self.store, self.clock, self.tally = world, store, clock, tally
        self.identity = identity
        self._make, self._stands, self._takes_office = make, stands, takes_office
        self._nonces = 0
        self.machine = make.machine(identity, self._nonce)
        self.alive = True
        self.paused = False
        self.held_up = 0.0  # how long its requests take to leave the machine
        self.cut = False  # its requests do not reach the store
        self.interferes: Interference | None = None  # what befalls its next appends
        self.watched: list[Watch] = []  # what waits for this node to be in a certain condition
        self.fair_since = 0.0  # nothing has kept it from its work since then
        self.checked: Position | None = None  # what it had read when that was last compared with the one history
        self.ops: list[str] = []  # applied, in order
        self.applied = 0
        self._inbox: list[ev.Event] = []
        self._waiting: list[str] = []  # operations of clients
        self._batches: dict[int, list[str]] = {}
        self._spread: list[str] = []  # what was sent of a write whose last part was not
        self._parts = Parts[str]()
        self._unsaved = 0
        self._acts_in: int | None = None  # the term of an office whose actions have not ended
        self._phase = self.machine.phase
        self._wake_at: float | None = None
        self._limit = identity.timeout / BEATS

    def feed(self, event: ev.Event) -> None:
        """Let an event reach the machine, later if it is frozen."""
        if not self.alive:
            return
        if self.paused:
            self._inbox.append(event)
            return
        now = self.clock.read()
        for action in self.machine.handle(event, now):
            self._do(action)
        if self.machine.phase is not self._phase:
            self._tell_phase()
        self._offer(now)
        self._plan_wake(now)
        self.world.moved.append(self)

    def _tell_phase(self) -> None:
        self._phase, log = self.machine.phase, self.machine.log
        why = f": {self.machine.problem}" if self.machine.phase is Phase.FAILED else ""
        at = f"at segment {log.seq} of term {log.term}" if log.head is not None else "of an empty journal"
        self.world.tell(f"{self.name} is {self._phase} {at}{why}")

    def let_go(self) -> None:
        """Let its requests leave the machine as usual again."""
        self.interferes, self.held_up, self.fair_since = None, 0.0, self.world.time

    def freeze(self, seconds: float) -> None:
        """Let it stand still for so long, unless it does already."""
        if self.alive and not self.paused:
            self.world.tell(f"{self.name} freezes for {seconds:.2f} s")
            self.paused = True
            self.world.after(seconds, self.resume)

    def cut_off(self, seconds: float) -> None:
        """Keep its requests from the store for so long."""
        self.world.tell(f"{self.name} is cut off for {seconds:.2f} s")
        self.cut = True
        self.world.after(seconds, self.reconnect)

    def reconnect(self) -> None:
        """Let its requests reach the store again."""
        if self.cut:
            self.world.tell(f"{self.name} is connected again")
            self.cut, self.fair_since = False, self.world.time

    def crash(self) -> None:
        """Kill it."""
        self.world.tell(f"{self.name} is killed")
        self.alive = False

    def resume(self) -> None:
        """Thaw: everything that came meanwhile arrives now."""
        if not self.paused:
            return
        if self.alive:
            self.world.tell(f"{self.name} thaws")
        self.paused, self.fair_since = False, self.world.time
        inbox, self._inbox = [*self._inbox, _WOKEN], []
        for event in inbox:
            self.feed(event)

    def submit(self, op: str) -> None:
        """A client asks for an operation; it is written at once if nothing else is being written."""
        self._waiting.append(op)
        if self.alive and not self.paused:
            now = self.clock.read()
            self._offer(now)
            self._plan_wake(now)

    def may_act(self) -> bool:
        """Tell whether this node would start an outside action right now, also if it is frozen and thaws now."""
        machine = self.machine
        return self.alive and machine.in_office and machine.may_act(self.clock.read())

    def now(self) -> Reading:
        """Read this node's clock."""
        return self.clock.read()

    @property
    def name(self) -> str:
        """How the story calls it."""
        return f"{self.identity.node} on {self.identity.instance}"

    @property
    def leads_unharmed_since(self) -> float | None:
        """Answer since when it has led with nothing in its way; None where it does not, or something is."""
        harmed = self.paused or self.cut or self.held_up or self.interferes is not None
        return None if harmed or self.machine.phase is not Phase.LEADING else self.fair_since

    def _nonce(self) -> str:
        self._nonces += 1
        return f"{self.identity.node}.{self._nonces}"

    def _plan_wake(self, now: Reading) -> None:
        if not self.alive:
            return
        due = self.world.time + self.clock.true_delay(self.machine.wake_in(now)) + 1e-4
        if self._wake_at is not None and self._wake_at <= due:
            return  # an earlier call comes anyway, and plans the next
        self._wake_at = due
        self.world.after(due - self.world.time, partial(self._wake, due))

    def _wake(self, due: float) -> None:
        if self._wake_at != due:
            return
        self._wake_at = None
        if not self.alive or self.paused:
            return  # `resume` wakes it
        now = self.clock.read()
        if self.machine.wake_in(now) > _SOON:
            self._plan_wake(now)  # something has happened since: there is nothing to do yet
        else:
            self.feed(_WOKEN)

    def _offer(self, now: Reading) -> None:
        if self._waiting and self.machine.wants_batch(now):
            number = len(self._batches) + 1
            # Now and then a write is spread over segments: nothing of it counts before the last.
            more = len(self._waiting) > 1 and self.world.rng.random() < SPREAD
            sent, self._waiting = (self._waiting[:1], self._waiting[1:]) if more else (self._waiting, [])
            self._spread.extend(sent)
            self._batches[number] = [] if more else self._spread
            if not more:
                self._spread = []
            body = "\n".join(sent).encode()
            for action in self.machine.handle(ev.Offered(body, number, more), now):
                self._do(action)
            self.world.moved.append(self)

    def _do(self, action: ev.Action) -> None:  # noqa: C901 - one branch per kind of action reads best
        world, store = self.world, self.store
        limit = self.clock.true_delay(self._limit)
        match action:
            case ev.Get(seq, ticket):
                store.get(seq, limit, lambda ok, data: self._read(seq, ticket, ok, data), self.cut)
            case ev.Create(seq, attempt, data):
                self._create(seq, attempt, data, limit)
            case ev.Apply(segment, batch):
                self._apply(segment, batch)
            case ev.ReadBoundary(ticket, end, doubts):
                store.boundary(limit, partial(self._boundary_read, ticket, end, doubts), self.cut)
            case ev.ListNodes() if not self.cut:
                store.list(self._listed)
            case ev.WriteRecord(record):
                self._write(record)
            case ev.Load():
                self._load()
            case ev.Drop(batch, unknown):
                if not unknown:
                    self.tally.failed.update(self._batches[batch])
            case ev.TakeOffice(term):
                world.tell(f"{self.name} takes office in term {term}")
                self.tally.offices += 1
                self._acts_in = term
                self._takes_office(self)
            case ev.LeaveOffice():
                self._waiting.clear()
                self._spread = []
                world.after(world.rng.uniform(0.0, 0.2), self._rest)
            case ev.Exit(reason):
                world.tell(f"{self.name} has ended{': ' + reason if reason else ''}")
                self.alive = False

    def _rest(self) -> None:
        """What acted has ended. In a frozen process it goes on until that thaws."""
        if self.paused:
            self.world.after(0.1, self._rest)
        else:
            self._acts_in = None
            self.feed(ev.Quiet())

    def _write(self, record: Record) -> None:
        if record.over is not None and record.over == self._acts_in:
            self.tally.wrongs.append(f"T6: {self.name} says that term {record.over} is over, and still acts")
        if not self.cut:
            self.store.put(record)

    def _create(self, seq: int, attempt: int, data: bytes, limit: float) -> None:
        if self.machine.phase is Phase.STANDING and attempt == 1:
            self._stands(self)
        fate = self.interferes(self, seq, attempt) if self.interferes is not None else None
        answer = partial(self._created, seq, attempt)
        self.world.after(self.held_up, lambda: self.store.create(seq, data, limit, answer, self.cut, fate))

    def _boundary_read(self, ticket: int, end: Position | None, doubts: bool, ok: bool, boundary: int | None) -> None:
        doubt = self.store.doubt(end, boundary) if doubts and boundary is not None else None
        self.feed(ev.BoundaryRead(ticket, boundary, doubt))

    def _created(self, seq: int, attempt: int, outcome: Outcome) -> None:
        self.feed(ev.Created(seq, attempt, outcome))

    def _load(self) -> None:
        chosen, ops = self.tally.snapshots[-1] if self.tally.snapshots else (None, ())
        self.ops, self.applied = list(ops), chosen.seq if chosen else 0
        self._parts = Parts()
        rng = self.world.rng
        takes = rng.uniform(0.0, 0.3) if rng.random() < 0.9 else rng.uniform(0.3, 5.0)
        self.world.after(takes, lambda: self.feed(ev.Loaded(chosen)))

    def _read(self, seq: int, ticket: int, ok: bool, data: bytes | None) -> None:
        if not ok:
            self.feed(ev.GetFailed(ticket))
            return
        try:
            self.feed(ev.Got(ticket, self.store.segment(data, seq) if data is not None else None))
        except Invalid as problem:
            self.feed(ev.GetFailed(ticket, problem.message))

    def _listed(self, found: tuple[Record, ...]) -> None:
        self.feed(ev.Listed(found))

    def _apply(self, segment: Segment, batch: int | None) -> None:
        if segment.header.kind == "reset":
            self.ops.clear()
        self.ops.extend(self._parts.take(segment.header, operations(segment.body)))
        self.applied = segment.header.seq
        if batch is not None:
            self.tally.acked.update(self._batches[batch])
            self.tally.acked_seq = max(self.tally.acked_seq, self.applied)
        log = self.machine.log
        self._unsaved += 1
        due = batch is not None and self._unsaved >= BETWEEN and not self._parts
        if due and log.head is not None and log.head.seq == self.applied:
            saved = Snapshot(
                plane=log.plane,
                seq=self.applied,
                position=log.head.header,
                hash=log.head.hash,
                posts=list(log.posts),
                members=list(log.members),
                has_state=log.has_state,
            )
            self._unsaved = 0
            self.tally.snapshots.append((saved, tuple(self.ops)))
            # The newest is the one with the largest seq: a leader that slept may save one that others have overtaken.
            self.tally.snapshots.sort(key=lambda kept: kept[0].seq)
            self._collect()

    def _collect(self) -> None:
        """Delete what only old snapshots need: the boundary first, then segments, lowest first, never posts (C2)."""
        if len(self.tally.snapshots) <= KEPT:
            return
        del self.tally.snapshots[:-KEPT]
        chosen = self._make.collect(self.tally.snapshots[0][0])
        doomed = [seq for seq in range(self.tally.collected + 1, chosen.boundary + 1) if seq not in chosen.posts]
        self.tally.collected = max(self.tally.collected, chosen.boundary)
        if chosen.delete_first:
            self._delete(doomed, Outcome.DONE)
            doomed = []
        delay = self.world.rng.uniform(0, 5) if chosen.delete_first else 0.0
        marked = partial(self._delete, doomed)
        self.world.after(delay, lambda: self.store.mark(chosen.boundary, marked, self.cut))

    def _delete(self, doomed: list[int], outcome: Outcome) -> None:
        # Only a boundary that is certain allows to delete; a node that has died deletes nothing more.
        if doomed and self.alive and not self.paused and outcome is not Outcome.UNKNOWN:
            self.store.delete(doomed[0])
            self.world.after(0.01, lambda: self._delete(doomed[1:], outcome))
