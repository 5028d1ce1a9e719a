"""Carries out what the machine decides: store requests, loads, office. The thin shell around `machine`.

It decides nothing. Events are handled one after another on the loop; requests run beside it, each with a bound of a
beat, and come back as events. `Holder` is whoever has the state: it applies segments, and begins and ends to act.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Protocol

from amp.ha import events as ev
from amp.ha.doubts import look
from amp.ha.machine import Machine
from amp.ha.members import Record, record_key
from amp.ha.readahead import ReadAhead
from amp.ha.records import read_records
from amp.kit.clock import Clock
from amp.kit.errors import AmpError, Invalid, Unavailable
from amp.store.objects import Objects, Outcome
from amp.store.segment import Position, Segment, Snapshot, parse, seal, segment_key, seq_of

_LOG = logging.getLogger(__name__)

#: No attempt is bounded tighter than this, in seconds.
_SHORTEST_LIMIT = 0.25


class Holder(Protocol):
    """Has the state that the journal is about."""

    async def load(self) -> Snapshot | None:
        """Throw the state away and load the newest snapshot. Raises: Unavailable, Invalid."""
        ...

    def apply(self, segment: Segment, batch: int | None) -> None:
        """Let a segment take effect; `batch`: these are our own Changes, whose writers are now answered.
        Raises: Invalid, when its body cannot be read."""
        ...

    def drop(self, batch: int, unknown: bool) -> None:
        """Tell the writers of a batch that it will not be written here (or that this is not known)."""
        ...

    def next_batch(self) -> tuple[bytes, int, bool] | None:
        """Answer what waits to be written, packed, its number, and whether it is a part that the next batch goes on
        with; None when nothing waits."""
        ...

    def take_office(self, term: int) -> None:
        """Begin to act."""
        ...

    async def leave_office(self) -> None:
        """End all that acts."""
        ...

    def moved(self) -> None:
        """Something about the node may have changed."""
        ...


class Traffic:
    """Counts what was asked of the store. Durations in seconds, times in wall-clock ms."""

    def __init__(self) -> None:
        self.count = self.failures = 0
        self.last_ms: int | None = None
        self.last_s: float | None = None
        self.last_failure_ms: int | None = None

    def note(self, ok: bool, seconds: float, now_ms: int) -> None:
        """Count one request."""
        if ok:
            self.count, self.last_s, self.last_ms = self.count + 1, seconds, now_ms
        else:
            self.failures, self.last_failure_ms = self.failures + 1, now_ms


class Elector:
    """Runs one machine on a real store, by a real clock."""

    def __init__(self, machine: Machine, objects: Objects, clock: Clock, holder: Holder) -> None:
        self.machine = machine
        self.reads, self.writes = Traffic(), Traffic()
        self._objects, self._clock, self._holder = objects, clock, holder
        self._inbox: asyncio.Queue[ev.Event] = asyncio.Queue()
        self._limit = max(_SHORTEST_LIMIT, machine.identity.beat)
        self._tasks: set[asyncio.Task[None]] = set()
        self._group: asyncio.TaskGroup | None = None
        self._ended = False
        self._ahead = ReadAhead(self._fetch)
        self._gone: dict[str, Record] = {}  # records of nodes that are over
        self._last_write: asyncio.Task[None] | None = None
        self.reason: str | None = None  # why it ended; None: cleanly

    async def run(self, problem: str | None = None) -> None:
        """Run until the machine has ended; `reason` then says why. `problem`: with it the node begins, as FAILED."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            self.feed(ev.Started() if problem is None else ev.LoadFailed(problem))
            while not self._ended:
                try:
                    async with asyncio.timeout(self.machine.wake_in(self._clock.read())):
                        event = await self._inbox.get()
                except TimeoutError:
                    event = ev.Woken()
                self._handle(event)
            if self._last_write is not None:
                await asyncio.wait([self._last_write])  # the record that says TERMINATED
            self._ahead.forget()
            for task in self._tasks:
                task.cancel()

    def feed(self, event: ev.Event) -> None:
        """Let an event come, soon."""
        self._inbox.put_nowait(event)

    def tell(self, event: ev.Event) -> None:
        """Let an event take effect at once."""
        self._handle(event)

    def nudge(self) -> None:
        """Changes wait: write them now if nothing else is being written."""
        self._offer()

    def _handle(self, event: ev.Event) -> None:
        self._do(self.machine.handle(event, self._clock.read()))
        self._offer()
        self._holder.moved()

    def _offer(self) -> None:
        now = self._clock.read()
        if self.machine.wants_batch(now):
            batch = self._holder.next_batch()
            if batch is not None:
                self._do(self.machine.handle(ev.Offered(*batch), now))

    def _do(self, actions: list[ev.Action]) -> None:
        for action in actions:
            match action:
                case ev.Get(seq, ticket):
                    self._spawn(self._get(seq, ticket))
                case ev.ReadBoundary(ticket, end, doubts):
                    self._spawn(self._read_boundary(ticket, end, doubts))
                case ev.Create(seq, attempt, data):
                    self._spawn(self._create(seq, attempt, data))
                case ev.Apply(segment, batch):
                    self._apply(segment, batch)
                case ev.WriteRecord(record):
                    self._last_write = self._spawn(self._write_record(record, self._last_write))
                case ev.ListNodes():
                    self._spawn(self._list_nodes())
                case ev.Drop(batch, unknown):
                    self._holder.drop(batch, unknown)
                case _:
                    self._change_role(action)

    def _change_role(self, action: ev.Action) -> None:
        match action:
            case ev.Load():
                self._ahead.forget()
                self._spawn(self._load())
            case ev.TakeOffice(term):
                _LOG.info("in office: this node is the master of term %d", term)
                self._holder.take_office(term)
            case ev.LeaveOffice():
                _LOG.info("leaving office")
                self._spawn(self._leave())
            case ev.Exit(reason):
                self._ended, self.reason = True, reason or self.reason
                self.feed(ev.Woken())  # the loop may be waiting for something else

    def _apply(self, segment: Segment, batch: int | None) -> None:
        try:
            self._holder.apply(segment, batch)
        except Invalid as problem:
            self.feed(ev.LoadFailed(f"{problem.message}; run: amp store verify"))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        assert self._group is not None  # noqa: S101 - actions only come from `run`, which made it
        task = self._group.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _get(self, seq: int, ticket: int) -> None:
        try:
            data = await self._ahead.get(seq)
        except Unavailable as problem:
            _LOG.debug("segment %d could not be read: %s", seq, problem)
            self.feed(ev.GetFailed(ticket))
            return
        try:
            self.feed(ev.Got(ticket, parse(data, seq) if data is not None else None))
        except Invalid as problem:
            self.feed(ev.GetFailed(ticket, f"{problem.message}; run: amp store verify"))

    async def _fetch(self, seq: int) -> bytes | None:
        """Read a segment's slot once. Raises: Unavailable."""
        began = self._clock.read()
        try:
            async with asyncio.timeout(self._limit):
                data = await self._objects.get(segment_key(seq))
        except TimeoutError:
            self._note(self.reads, False, began.raw)
            raise Unavailable(f"no answer within {self._limit:g} s") from None
        except Unavailable:
            self._note(self.reads, False, began.raw)
            raise
        self._note(self.reads, True, began.raw)
        return data

    async def _read_boundary(self, ticket: int, end: Position | None, doubts: bool) -> None:
        try:
            async with asyncio.timeout(self._limit * 2):
                boundary, doubt = await (self._look(end) if doubts else self._boundary())
        except (Unavailable, TimeoutError) as problem:
            _LOG.debug("the boundary of deletion could not be read: %s", problem)
            self.feed(ev.BoundaryRead(ticket, None))
        except Invalid as problem:
            self.feed(ev.LoadFailed(f"{problem.message}; run: amp store verify"))
        else:
            self.feed(ev.BoundaryRead(ticket, boundary, doubt))

    async def _boundary(self) -> tuple[int, None]:
        found = await self._objects.list("gc/")
        return max((seq_of(info.key) for info in found), default=0), None

    async def _look(self, end: Position | None) -> tuple[int, ev.Doubt | None]:
        records = read_records(self._objects, self._gone)
        return await look(self._objects, self.machine.identity.plane, end, records)

    async def _create(self, seq: int, attempt: int, data: bytes) -> None:
        began = self._clock.read()
        try:
            async with asyncio.timeout(self._limit):
                outcome = await self._objects.create(segment_key(seq), data)
        except TimeoutError:
            outcome = Outcome.UNKNOWN
        self._note(self.writes, outcome is not Outcome.UNKNOWN, began.raw)
        if outcome is Outcome.UNKNOWN:
            _LOG.warning("segment %d: attempt %d has no answer; reading it back", seq, attempt)
        # Handled here and not by the inbox: whoever waits for this write should not wait for the queue.
        self._handle(ev.Created(seq, attempt, outcome))

    async def _write_record(self, record: Record, before: asyncio.Task[None] | None) -> None:
        if before is not None and not before.done():
            await asyncio.wait([before])  # an older record must not come last
        try:
            async with asyncio.timeout(self._limit * 2):
                await self._objects.put(record_key(record.id), seal(record, b"")[0])
        except (Unavailable, TimeoutError) as problem:
            _LOG.debug("the membership record could not be written: %s", problem)

    async def _list_nodes(self) -> None:
        try:
            async with asyncio.timeout(self._limit * 2):
                records = await read_records(self._objects, self._gone)
        except (Unavailable, TimeoutError) as problem:
            _LOG.debug("the membership records could not be read: %s", problem)
            return
        self.feed(ev.Listed(records))

    async def _load(self) -> None:
        while True:
            try:
                self.feed(ev.Loaded(await self._holder.load()))
                return
            except Unavailable as problem:
                _LOG.warning("the state could not be loaded, trying again: %s", problem.message)
                await asyncio.sleep(self.machine.identity.poll)
            except AmpError as problem:
                self.feed(ev.LoadFailed(f"{problem.message}; run: amp store verify"))
                return

    async def _leave(self) -> None:
        await self._holder.leave_office()
        self.feed(ev.Quiet())

    def _note(self, traffic: Traffic, ok: bool, began: float) -> None:
        now = self._clock.read()
        traffic.note(ok, now.raw - began, now.wall_ms)
