"""One node of the plane, alive: its model follows the journal, and while it is in office a Leader acts on it.

Holds the state for `ha.elector` (its Holder), and is what the server reads (Views) and controls (HaControl). Order, in
`apply` and nowhere else: the segment is durable, the model changes, readers hear of it, writers are answered.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence

from amp.ha.elector import Elector, Holder
from amp.ha.events import OfficeFailed, StopAsked
from amp.ha.founding import Founding
from amp.ha.machine import Machine
from amp.ha.modes import NodeState, PersistMode
from amp.ha.offices import SETTLED, Offices
from amp.ha.parts import Parts
from amp.kit.clock import Clock
from amp.kit.errors import Fenced, Unavailable
from amp.kit.ids import NodeId, PlaneId
from amp.model import changes as c
from amp.model.model import Model
from amp.plane import codec, snapshots
from amp.plane.journaling import Journaling
from amp.plane.leader import Leader
from amp.plane.status import Roll, master_of, verdict
from amp.plane.strict import confirm
from amp.plane.subscriptions import Subscriptions
from amp.plane.upkeep import Upkeep
from amp.plane.views import Event, HaState, HaStatus, StoreMetrics
from amp.store import blobs
from amp.store.objects import Objects
from amp.store.segment import Segment, Snapshot, segment_key

_LOG = logging.getLogger(__name__)

#: Makes what acts while in office: given the term.
MakeLeader = Callable[[int], Leader]


class PlaneNode(Holder):
    """Wires a machine to a model. `make_leader` is set by `app` before `run`."""

    def __init__(
        self,
        machine: Machine,
        objects: Objects,
        clock: Clock,
        *,
        persist_mode: PersistMode,
        persist_period: float,
        problem: str | None = None,
    ) -> None:
        self.machine, self._objects, self._clock = machine, objects, clock
        self.persist_mode, self._problem = persist_mode, problem
        self.plane: Founding | None = None
        self._plane_name: str | None = None
        self.elector = Elector(machine, objects, clock, self)
        self.journaling = Journaling(self._may_act, self.elector.nudge, persist_period)
        self.make_leader: MakeLeader | None = None
        self.offices: Offices | None = None
        self.leader: Leader | None = None
        self._office: asyncio.Task[None] | None = None
        self._model = Model()
        self._parts = Parts[c.AnyChange]()
        self._applied = 0
        self._subscriptions = Subscriptions()
        self._waiters: list[tuple[int, asyncio.Future[bool]]] = []
        persists = persist_mode is not PersistMode.DISABLED
        self.upkeep = Upkeep(machine, objects, clock, self._whole_model, self._may_act, persists=persists)
        self._history: list[tuple[str, int]] = []
        self._shown: object = None
        self._loads: list[float] = []
        self._first_load: tuple[int, int, int] | None = None
        self._stopping = False
        self.decided = asyncio.Event()

    def join(self, plane: Founding) -> None:
        """Take part in this plane: at once, or when a node that came up without one has found it."""
        self.plane, self._plane_name = plane, plane.name
        if self.machine.identity.plane != plane.id:
            self.machine.join(plane.id)

    # ---- life

    async def run(self) -> None:
        """Run until the machine has ended; `elector.reason` says why. Raises: what a bug in the leader raised."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._tick(), name="ha events")
                try:
                    await self.elector.run(self._problem)
                finally:
                    await self.leave_office()
                    self.upkeep.cancel()
                raise _Ended
        except* _Ended:
            pass
        finally:
            self._subscriptions.close()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(self.machine.identity.poll)
            self._publish_ha()

    # ---- Holder: what the elector drives

    async def load(self) -> Snapshot | None:
        """Throw the state away and load the newest snapshot."""
        began = self._clock.read().raw
        self._model, self._applied, self._parts = Model(), 0, Parts()
        self._subscriptions.publish_model(Event("model", 0, None))
        snapshot, self._model = await snapshots.load(self._objects, self.machine.log.plane)
        self._applied = snapshot.seq if snapshot else 0
        self.upkeep.loaded()
        self._loads.append(self._clock.read().raw - began)
        self._subscriptions.publish_model(Event("model", self._applied, None))
        return snapshot

    def apply(self, segment: Segment, batch: int | None) -> None:
        """Let a segment take effect, then tell readers, then answer writers."""
        seq = segment.header.seq
        own = self.journaling.take(batch) if batch is not None else None
        if own is not None:
            changes: Sequence[c.AnyChange] = own.changes()
        elif segment.header.kind == "reset":
            changes = [c.PlaneReset()]
        else:
            changes = codec.decode(segment.body, segment_key(seq))
        changes = self._parts.take(segment.header, changes)
        self._model.apply_all(changes)
        self._applied = seq
        if changes:
            self._subscriptions.publish_model(Event("model", seq, changes))
        if own is not None:
            self.journaling.answer(own, seq)
        if self._waiters:
            self._tell_waiters()
        self.upkeep.written(len(segment.body), leads=self.leader is not None)

    def drop(self, batch: int, unknown: bool) -> None:
        """Tell the writers of a batch that this node will not write it."""
        self.journaling.drop(batch, unknown)

    def next_batch(self) -> tuple[bytes, int, bool] | None:
        """Answer what waits to be written."""
        return self.journaling.next_batch()

    def take_office(self, term: int) -> None:
        """Begin to act."""
        if self.make_leader is None or self._stopping:
            return
        if self.offices is not None:
            # A line in a small file, written here and now: whatever comes next may be what kills this process.
            self.offices.taken(self.machine.identity.node, self._clock.read().wall_ms)
        self.leader = self.make_leader(term)
        self._office = asyncio.get_running_loop().create_task(
            self._lead(self.leader, self.make_leader, term), name=f"office of term {term}"
        )

    async def leave_office(self) -> None:
        """End all that acts; what was not sent is refused."""
        office, self._office, self.leader = self._office, None, None
        self.journaling.close()
        if office is not None:
            office.cancel()
            # What cannot end at once is told by `may_act` to start nothing; a stop does not wait for it (E6).
            await asyncio.wait([office], timeout=max(1.0, self.machine.identity.poll))
            if self.offices is not None:
                await asyncio.to_thread(self.offices.settled)

    async def _lead(self, leader: Leader, make: MakeLeader, term: int) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                lasting = group.create_task(self._last(), name="office lasts")
                while await self._is_lost(leader):
                    leader = self.leader = make(term)
                lasting.cancel()
        except* Exception:  # noqa: BLE001 - a bug in office must not leave a plane that beats and does nothing
            _LOG.exception("the leader failed: this node gives its office up")
            self.elector.feed(OfficeFailed("it failed as the leader, see the log: then give it a mode again"))

    async def _is_lost(self, leader: Leader) -> bool:
        """Let a leader act; True when it ended because the lease ran out, once the lease is valid again.

        In office again, this node must not be one that beats and does nothing.
        """
        lost = False
        try:
            await leader.run()
        except* (Fenced, Unavailable) as problem:
            _LOG.info("the office was interrupted: %s", problem.exceptions[0])
            lost = True
        while lost and not self._may_act():  # noqa: ASYNC110  # the machine tells of its lease when it is asked
            await asyncio.sleep(self.machine.identity.poll)
        return lost

    async def _last(self) -> None:
        """Note when this office has lasted (E9)."""
        await asyncio.sleep(SETTLED)
        if self.offices is not None:
            await asyncio.to_thread(self.offices.settled)

    def moved(self) -> None:
        """Something about the node may have changed: note its state, and tell readers."""
        now = self._clock.read()
        state = self.machine.state(now)
        if not self._history or self._history[0][0] != state:
            _LOG.info("state %s, term %d, segment %d", state, self.machine.log.term, self.machine.log.seq)
            self._history.insert(0, (state.value, now.wall_ms))
            del self._history[200:]
        if state is not NodeState.INITIALIZING:
            if self._first_load is None:
                model = self._model
                count = len(model.roots)
                self._first_load = (count, len(model.entities), len(model.entities) + len(model.locations))
            self.decided.set()
        shown = (
            state,
            self.machine.log.term,
            self.machine.in_office,
            self.machine.log.members,
            master_of(self.machine, now),
        )
        if shown != self._shown:
            self._shown = shown
            self._publish_ha()

    def _may_act(self) -> bool:
        return self.machine.may_act(self._clock.read())

    def _publish_ha(self) -> None:
        self._subscriptions.publish_ha(lambda: Event("ha", self._applied, self.ha()))

    def _whole_model(self) -> Model | None:
        return None if self._parts else self._model

    def _tell_waiters(self) -> None:
        ready = [waiter for waiter in self._waiters if waiter[0] <= self._applied]
        self._waiters = [waiter for waiter in self._waiters if waiter[0] > self._applied]
        for _, future in ready:
            if not future.done():
                future.set_result(True)

    # ---- Views: what readers see

    @property
    def model(self) -> Model:
        """The model as of `seq`."""
        return self._model

    @property
    def seq(self) -> int:
        """The last segment that is applied."""
        return self._applied

    @property
    def term(self) -> int:
        """The term of the newest segment."""
        return self.machine.log.term

    async def confirm(self, timeout: float) -> None:
        """Prove that this node knows all that is acknowledged."""
        await confirm(self.machine, self._objects, self._clock, self.wait_for, timeout)

    def ha(self) -> HaStatus:
        """The plane at this very moment."""
        now, machine, own = self._clock.read(), self.machine, self.machine.identity
        master = master_of(machine, now)
        nodes = Roll(machine, now, master).nodes()
        lease = machine.lease_left(now)
        return HaStatus(
            node=NodeId(own.node),
            instance=own.instance,
            plane=PlaneId(own.plane) if own.plane else None,
            plane_name=self._plane_name,
            state=machine.state(now).value,
            mode=machine.mode.value,
            persist_mode=self.persist_mode.value,
            term=machine.log.term,
            seq=self._applied if machine.applies else machine.log.seq,
            in_office=machine.may_act(now),
            fenced=machine.is_fenced(now),
            loaded=machine.applies and self.decided.is_set(),
            lease_s=lease if lease is not None and lease > 0 else None,
            candidate_at_s=machine.stands_in(now),
            master=master,
            master_uri=next((node.uri for node in nodes if node.is_master), None),
            priority=machine.priority,
            heartbeat_timeout_s=own.timeout,
            poll_period_s=own.poll,
            store=self._objects.name,
            nodes=nodes,
            history=tuple(self._history),
            problem=machine.problem,
            verdict=verdict(nodes, machine.is_fenced(now), own.timeout),
            now_ms=now.wall_ms,
            started_ms=own.started_ms,
            shutting_down=self._stopping,
            version=own.version,
        )

    def ha_state(self) -> HaState:
        """What every request is checked against, at this very moment."""
        now, machine = self._clock.read(), self.machine
        return HaState(
            state=machine.state(now).value,
            loaded=machine.applies and self.decided.is_set(),
            fenced=machine.is_fenced(now),
            poll_period_s=machine.identity.poll,
        )

    async def blob(self, sha: str) -> bytes | None:
        """Read a file that a Change names."""
        return await blobs.read(self._objects, sha)

    def store_metrics(self) -> StoreMetrics:
        """What this node did with the store."""
        reads, writes = self.elector.reads, self.elector.writes
        applications, entities, items = self._first_load or (0, 0, 0)
        return StoreMetrics(
            writes=writes.count,
            write_failures=writes.failures,
            last_write_ms=writes.last_ms,
            last_write_s=writes.last_s,
            last_write_failure_ms=writes.last_failure_ms,
            reads=reads.count,
            read_failures=reads.failures,
            last_read_ms=reads.last_ms,
            last_read_s=reads.last_s,
            last_read_failure_ms=reads.last_failure_ms,
            loads=len(self._loads),
            last_load_s=self._loads[-1] if self._loads else None,
            loaded_applications=applications,
            loaded_entities=entities,
            loaded_items=items,
        )

    def events(self) -> AsyncIterator[Event]:
        """Follow what changes, from now on."""
        return self._subscriptions.follow()

    async def wait_for(self, seq: int, timeout: float) -> bool:
        """Wait until `seq` is applied; False after `timeout` seconds."""
        if seq <= self._applied:
            return True
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiters.append((seq, future))
        try:
            async with asyncio.timeout(timeout):
                return await future
        except TimeoutError:
            return False

    def stop(self) -> None:
        """Begin a clean stop."""
        if not self._stopping:
            self._stopping = True
            self.elector.feed(StopAsked())


class _Ended(Exception):
    """The elector has ended; it ends what runs beside it."""
