"""What a node does while it is in office: it runs effectors, looks at processes, and keeps parents as their children.

`run` is a task that lasts as long as the office; its cancellation ends all of this and leaves what is managed alone.
On entry it goes on with the tasks whose node is gone (`takeover`). The Door brings requests here; nothing here talks to
the store.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

from amp.entities import config, lifecycle, process, state
from amp.entities.surroundings import Machines, Surroundings, machine_of
from amp.feeds.process import ProcessFeeds
from amp.feeds.scheduler import Scheduler
from amp.kit.clock import Clock
from amp.kit.durations import parse_duration
from amp.kit.errors import Fenced, Missing
from amp.kit.ids import EntityId, Entropy, NodeId, TaskId, Term
from amp.locations.localhost import local_machines
from amp.model import changes as c
from amp.model.model import Model
from amp.model.registry import Registry
from amp.plane.forgetting import forget_old
from amp.plane.recorder import Recorder
from amp.plane.takeover import Takeover, reserve, tidy
from amp.plane.views import Views
from amp.tasks.runner import Body, Runner, Whole
from amp.tasks.task import Order

_LOG = logging.getLogger(__name__)

_POLL_PERIOD = "softwareProcess.serviceProcessIsRunningPollPeriod"
_MONITORED = "sshMonitoring.enabled"
#: So many entities are looked at before others have their turn on the event loop.
_SLICE = 200


class Leader:
    """One office of one node. `run` it once, and cancel it when the office ends."""

    def __init__(
        self,
        recorder: Recorder,
        views: Views,
        registry: Registry,
        clock: Clock,
        entropy: Entropy,
        node_id: NodeId,
        term: Term,
        *,
        plane: str = "plane",
        keep: Callable[[bytes], Awaitable[str]] | None = None,
        machines: Machines = local_machines,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._recorder = recorder
        self._views = views
        self._clock = clock
        self._entropy = entropy
        self._node = node_id
        self._term = term
        self._around = Surroundings(
            lambda: views.model, registry, clock, entropy, machines, sleep, plane=plane, term=term, keep=keep
        )
        self._scheduler = Scheduler(clock, sleep)
        self._feeds = ProcessFeeds(self._scheduler, self._look)
        self._runner: Runner | None = None
        self._ready = asyncio.Event()
        self._unswept = asyncio.Event()
        self._unswept.set()

    @property
    def around(self) -> Surroundings:
        """What behaviour of entities is given here."""
        return self._around

    async def run(self) -> None:
        """Lead until cancelled. Raises: Fenced, Unavailable, when the office is lost before it has begun."""
        events = self._views.events()  # from here on nothing is missed
        try:
            async with asyncio.TaskGroup() as group:
                self._runner = Runner(
                    self._recorder,
                    self._clock,
                    self._entropy,
                    group,
                    node=self._node,
                    term=self._term,
                    model=lambda: self._views.model,
                    ended=self._around.turns.forget,
                    reserve=lambda tasks: reserve(self._around, tasks),
                    sleep=self._around.sleep,
                )
                await Takeover(self._around, self._recorder, self._runner, self._node, self._term).done()
                group.create_task(tidy(self._around), name="tidy up")
                forgetting = forget_old(self._recorder, self._around.model, self._clock, self._around.sleep)
                group.create_task(forgetting, name="forget old answers")
                group.create_task(self._sweeping(), name="sweep")
                self._ready.set()
                group.create_task(self._scheduler.run(), name="feeds")
                async for event in events:
                    if event.topic == "model":
                        self._heed(event.data)
        finally:
            if self._runner is not None:
                self._runner.close()
            self._runner = None
            self._ready.set()  # who waits learns that nobody leads here

    async def begin(self, order: Order, body: Body | None = None, whole: Whole = lambda started: [started]) -> TaskId:
        """Start a task in the background; without `body` it is the effector that the order names.

        `whole`: given its beginning, answers all that is committed with it, itself included.
        Raises: Missing, Invalid, Fenced, Unavailable.
        """
        runner = await self._office()
        if body is None:
            body = lifecycle.body(self._around, order)
            if order.effector == "stop":
                below = [each.id for each in self._views.model.descendants(order.entity)]
                await self.recall(below, lifecycle.BRINGING_UP)
        return await runner.begin(order, body, whole)

    async def recall(self, entities: Iterable[EntityId], effectors: frozenset[str] | None = None) -> None:
        """Cancel what runs on these entities (`effectors` None: everything), and wait until it has ended."""
        await (await self._office()).recall(entities, effectors)

    async def wait(self, task: TaskId, timeout: float | None) -> bool:
        """Wait until a task that runs here has ended; False after `timeout` seconds."""
        runner = await self._office()
        return await runner.wait(task, timeout)

    async def cancel(self, task: TaskId) -> bool:
        """Cancel a task; False when it does not run here."""
        return (await self._office()).cancel(task)

    async def recalled(self, task: TaskId) -> bool:
        """True for a task that runs here and is being cancelled."""
        return (await self._office()).recalled(task)

    def streams(self, task: TaskId) -> Mapping[str, str]:
        """Answer what a task that runs here has written until now."""
        return self._runner.streams(task) if self._runner is not None else {}

    async def _office(self) -> Runner:
        await self._ready.wait()
        if self._runner is None:
            raise Fenced("this node does not lead any more")
        return self._runner

    def _heed(self, changes: Sequence[c.AnyChange] | None) -> None:
        try:
            self._follow(changes)
        except Exception:  # noqa: BLE001 - told with its traceback
            # What is in the model comes to every next leader too: it must not cost the plane all its masters.
            _LOG.exception("what follows from a change could not be worked out")

    def _follow(self, changes: Sequence[c.AnyChange] | None) -> None:
        if changes is None:  # a gap: all may have changed
            self._unswept.set()
            if self._runner is not None:
                self._runner.heard(None)
            return
        model = self._views.model
        polled: list[EntityId] = []
        parents: set[EntityId | None] = set()
        removed = False
        for each in changes:
            if isinstance(each, c.SensorsSet | c.PlaneReset):
                self._unswept.set()
            if isinstance(each, c.StepEnded) and self._runner is not None:
                self._runner.heard(each.task)
            removed = removed or isinstance(each, c.EntityRemoved)
            polled += _maybe_polled(model, each)
            parents.add(_parent_of(model, each))
        for id in polled:
            self._feeds.watch(id, self._period(model, id))
        self._settle(id for id in parents if id is not None)
        if removed and self._runner is not None:
            self._runner.cancel_gone()

    async def _sweeping(self) -> None:
        """Look at all entities, on entry and after each gap, while others have their turns."""
        while True:
            await self._unswept.wait()
            self._unswept.clear()
            ids = [*self._feeds.watched(), *self._views.model.entities]
            for start in range(0, len(ids), _SLICE):
                try:
                    self._sweep(ids[start : start + _SLICE])
                except Exception:  # noqa: BLE001 - as in `_heed`
                    _LOG.exception("how some entities are could not be worked out")
                await asyncio.sleep(0)

    def _sweep(self, ids: Sequence[EntityId]) -> None:
        model = self._views.model
        for id in ids:
            self._feeds.watch(id, self._period(model, id))
        self._settle(ids)

    def _settle(self, parents: Iterable[EntityId]) -> None:
        # A parent that is being started or stopped is told by its own task.
        model, now = self._views.model, self._clock.read().wall_ms
        for id in parents:
            entity = model.entities.get(id)
            if entity is None or state.expected(entity.sensors) != "RUNNING":
                continue
            if not entity.children and not state.blames_children(entity.sensors):
                continue
            kind = self._around.registry.find(entity.type)
            if kind is None or not kind.lifecycle or kind.sensor(process.RUNNING):
                continue
            children = [model.entities[child] for child in entity.children]
            if changed := state.from_children(entity.sensors, children):
                self._recorder.observe(state.as_changes(entity, changed, now))

    def _period(self, model: Model, id: EntityId) -> float | None:
        """Answer how often to look at an entity's process, in seconds; None: not at all."""
        entity = model.entities.get(id)
        kind = self._around.registry.find(entity.type) if entity is not None else None
        if entity is None or kind is None or not kind.sensor(process.RUNNING):
            return None
        if state.expected(entity.sensors) != "RUNNING" or not machine_of(model, entity):
            return None
        # An inherited value was checked by nobody: one that cannot be read must not end the watch, or the office.
        if not config.usable(model, entity, kind, _MONITORED):
            return None
        return parse_duration(config.usable(model, entity, kind, _POLL_PERIOD))

    async def _look(self, id: EntityId) -> None:
        entity = self._views.model.entities.get(id)
        if entity is None:
            self._feeds.watch(id, None)  # it went with what it was a part of
        at = process.home(self._around, entity) if entity is not None else None
        if entity is None or at is None or not self._recorder.may_act():
            return
        sight = await process.look(self._around, entity, at)
        try:
            now = self._around.entity(id)
        except Missing:
            return
        # A stop or restart that began meanwhile knows better than this look.
        if now.sensors.get(state.EXPECTED) == entity.sensors.get(state.EXPECTED) and self._recorder.may_act():
            changed = process.sighted(now.sensors, sight)
            if changed:
                self._recorder.observe(state.as_changes(now, changed, self._around.now_ms()))


def _maybe_polled(model: Model, change: c.AnyChange) -> Iterable[EntityId]:
    """Answer the entities of which a Change may say that they are looked at, or are not any more."""
    match change:
        case c.SensorSet(entity=id, name=name) | c.SensorCleared(entity=id, name=name):
            return (id,) if name == state.EXPECTED else ()
        case c.EntityLocated(id=id) | c.EntityRemoved(id=id):
            return (id,)
        case c.ConfigSet(entity=id, key=key):
            return [each.id for each in model.descendants(id)] if key in (_MONITORED, _POLL_PERIOD) else ()
    return ()


def _parent_of(model: Model, change: c.AnyChange) -> EntityId | None:
    """Answer the parent that may be otherwise than before since a Change of a child; None for none."""
    match change:
        case c.SensorSet(entity=id, name=name) | c.SensorCleared(entity=id, name=name):
            known = model.entities.get(id) if name in (state.IS_UP, state.STATE) else None
            return known.parent if known is not None else None
        case c.EntityAdded(parent=parent):
            return parent
        case c.EntityRemoved(id=id):
            return model.left.get(id)
    return None
