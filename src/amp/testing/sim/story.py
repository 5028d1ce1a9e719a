"""One story: the troubles of its plan, the properties asserted after every step, quiet at the end."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from amp.ha import events as ev
from amp.ha.machine import Identity, Phase
from amp.ha.modes import HaMode
from amp.store.segment import Snapshot
from amp.testing.sim import troubles
from amp.testing.sim.make import Make
from amp.testing.sim.node import SimNode, Tally
from amp.testing.sim.plan import Case, draw
from amp.testing.sim.properties import Broken, Properties
from amp.testing.sim.release import SimRelease
from amp.testing.sim.store import Faults, SimStore
from amp.testing.sim.world import SimClock, World

__all__ = ["Broken", "Case", "Outcome", "Story"]

#: Polls to recover in, beside time-outs.
CALM_POLLS = 12.0
#: How often a run has proof that the one before is dead, and another time-out than that.
_PROVEN, _RETIMED = 0.5, 0.25

_RIGHT = Make()
_STARTED, _STOP = ev.Started(), ev.StopAsked()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a story came to."""

    seed: int
    segments: int
    acked: int
    offices: int
    steps: int


class Story:
    """A plane of two to five machines, its clients, and its bad luck."""

    def __init__(self, case: Case, make: Make = _RIGHT) -> None:
        self.case, self.plan, self.make = case, draw(case), make
        self.world = World(case.seed)
        self.store = SimStore(self.world, overwrites=make.overwrites)
        self.tally = Tally()
        self.nodes: list[SimNode] = []  # the current run on each machine
        self.storming = True
        self.quiet_until = 0.0
        self.at_stand: list[Callable[[SimNode], None]] = []
        self.at_office: list[Callable[[SimNode], None]] = []
        self.properties = Properties(self.world, self.store, self.tally, self.nodes)
        self._clients = random.Random(case.seed + 1)
        self._clocks = [SimClock(self.world, home.rate, home.offset) for home in self.plan.homes]
        self._timeouts = [home.timeout for home in self.plan.homes]
        self._modes = [home.mode for home in self.plan.homes]
        self._releasing: set[str] = set()  # nodes for which that is under way
        self._runs = self._ops = self.steps = 0

    def play(self) -> Outcome:
        """Live through it. Raises: Broken."""
        world, storm, calm = self.world, self.case.storm, self._calm()
        for place, home in enumerate(self.plan.homes):
            self.nodes.append(self._new(place))
            world.after(home.starts_at, partial(self.nodes[place].feed, _STARTED))
        world.after(0.5, self._client)
        for trouble in self.plan.troubles:
            world.after(trouble.at, partial(troubles.befall, self, trouble))
        self._run(storm)
        self._clear_up()
        world.after(calm / 2, self.properties.note_half_way)
        self._run(storm + calm)
        self.properties.check_recovered()
        return Outcome(self.case.seed, len(self.store.first), len(self.tally.acked), self.tally.offices, self.steps)

    def _run(self, until: float) -> None:
        world, check = self.world, self.properties.check
        while world.step(until):
            self.steps += 1
            if world.moved:
                self._notice()
                check()

    def _notice(self) -> None:
        """Let happen what waited for a node to be as it is now."""
        for node in self.world.moved:
            if node.watched:
                due = [do for holds, do in node.watched if holds()]
                node.watched = [watch for watch in node.watched if watch[1] not in due]
                for do in due:
                    do()

    # ---- nodes

    def _new(self, place: int) -> SimNode:
        self._runs += 1
        rng = random.Random(self.case.seed * 1000 + self._runs)
        home = self.plan.homes[place]
        before = self.nodes[place].identity.node if place < len(self.nodes) else None
        if before is not None and rng.random() < _RETIMED:
            self._timeouts[place] = rng.choice(self.plan.timeouts)
        # The next start of a home may have proof that the run before is dead (E8), unless a release has the lock.
        proven = before is not None and before not in self._releasing and rng.random() < _PROVEN
        identity = Identity(
            node=f"n{self._runs}",
            instance=f"m{home.number}",
            plane="p",
            name=f"m{home.number}",
            address=f"m{home.number}",
            version="1.0.0",
            mode=self._modes[place],
            timeout=self._timeouts[place],
            poll=self.plan.poll,
            hot=rng.random() < 0.8,
            local=rng.random() < 0.5,
            dead=frozenset({before} if before is not None and proven else ()),
        )
        node = SimNode(
            self.world, self.store, self._clocks[place], identity, self.tally, self.make, self._stands, self._in_office
        )
        self.world.tell(
            f"{node.name} is there: {identity.mode}, T {identity.timeout:g} s, poll {identity.poll:g} s, "
            f"{'hot' if identity.hot else 'warm'}, clock rate {home.rate:.3f}"
            + (f", has proof that {before} is dead" if proven else "")
        )
        return node

    def _stands(self, node: SimNode) -> None:
        if self.storming and self.at_stand:
            self.at_stand.pop(0)(node)

    def _in_office(self, node: SimNode) -> None:
        if self.storming and self.at_office:
            self.at_office.pop(0)(node)

    def crash(self, node: SimNode, rng: random.Random, away: float, released: float) -> None:
        """Kill a node; its machine starts another after `away` seconds. `released`: how likely a release runs."""
        node.crash()
        if rng.random() < released:
            self.world.after(rng.uniform(0.02, 0.5), partial(self._release, node))
        self.world.after(away, partial(self._return, node))

    def stop(self, node: SimNode, rng: random.Random, away: float) -> None:
        """Stop a node cleanly; its machine starts another `away` seconds later, unless it has not ended by then."""
        self.world.tell(f"{node.name} is asked to stop")
        node.feed(_STOP)
        self.world.after(away, partial(self._return, node))

    def _release(self, node: SimNode) -> None:
        name = node.identity.node
        if node not in self.nodes:
            return  # the next run has the lock
        self._releasing.add(name)
        release = SimRelease(
            self.world,
            self.store,
            node.clock,
            name,
            self._newest_snapshot,
            self.make.objection,
            lambda: self._releasing.discard(name),
        )
        release.begin()

    def _newest_snapshot(self) -> Snapshot | None:
        return self.tally.snapshots[-1][0] if self.tally.snapshots else None

    def _return(self, node: SimNode) -> None:
        if node in self.nodes and not node.alive:
            self._restart(self.nodes.index(node))

    def _restart(self, place: int) -> None:
        self.nodes[place] = self._new(place)
        self.nodes[place].feed(_STARTED)

    # ---- the world around them

    def set_faults(self, faults: Faults) -> None:
        """Let the store be as bad as this."""
        if not self.store.is_fair:
            self.properties.store_fair_since = self.world.time
        self.store.faults = faults
        self.world.tell(f"the store: {faults}" if not self.store.is_fair else "the store is well")

    def _client(self) -> None:
        for node in self.nodes:
            if not node.paused and node.may_act():  # it says MASTER
                self._ops += 1
                node.submit(f"op{self._ops}")
        self.world.after(self._clients.expovariate(3.0 if self.storming else 1.0), self._client)

    def _clear_up(self) -> None:
        self.storming = False
        self.world.tell("the troubles are over")
        self.set_faults(Faults())
        for place, node in enumerate(self.nodes):
            node.let_go()
            node.watched.clear()
            node.reconnect()
            node.resume()
            if not node.alive:
                self._modes[place] = HaMode.AUTO
                self._restart(place)
            elif node.machine.identity.mode is not HaMode.DISABLED and node.machine.mode is not HaMode.HOT_BACKUP:
                node.feed(ev.ModeAsked(HaMode.AUTO))
        if not any(node.machine.mode.may_lead and node.machine.phase is not Phase.FAILED for node in self.nodes):
            self.nodes[0].feed(ev.ModeAsked(HaMode.AUTO))

    def _calm(self) -> float:
        """L1: a time-out, the two beats that a candidate waits after an outage, both by slow clocks; and as much again
        as two beats for an election of the storm that arrives late."""
        slowest = max(self.plan.timeouts) / 0.917
        return slowest * 5 / 3 + CALM_POLLS * self.plan.poll
