"""One seed, one story: faults by chance, the properties asserted after every step, quiet at the end."""

from __future__ import annotations

from dataclasses import dataclass

from amp.ha import events as ev
from amp.ha.machine import Identity, Machine, Phase
from amp.ha.modes import HaMode, NodeState
from amp.ha.node import Check
from amp.ha.parts import Parts
from amp.testing.sim.node import Collect, MachineFactory, SimNode, Tally, collection, operations
from amp.testing.sim.world import Faults, SimClock, SimStore, World

#: True seconds with faults, then true seconds to recover in.
STORM, CALM_POLLS = 40.0, 12.0


class Broken(AssertionError):
    """A property does not hold. The message names it; the seed replays it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a story came to."""

    seed: int
    segments: int
    acked: int
    offices: int
    steps: int


class Story:
    """A plane of three to five machines, its clients, and its bad luck."""

    def __init__(
        self, seed: int, make: MachineFactory = Machine, *, overwrites: bool = False, collect: Collect = collection
    ) -> None:
        self.seed = seed
        self.world = World(seed)
        self.rng = self.world.rng
        self.store = SimStore(self.world, overwrites=overwrites)
        self.tally = Tally()
        self.make, self.collect = make, collect
        self.nodes: list[SimNode] = []  # the current run on each machine
        self.storming = True
        self.poll = 1.0
        self.history: list[str] = []  # hashes of the one history, as first seen by anybody
        self.ops = 0
        self._leaves_behind = False
        self._half_way: dict[str, int] = {}  # what each node had read when half of the calm was over
        self._acked_seq = 0
        rng = self.rng
        count = rng.choice([2, 2, 3, 3, 4, 5])
        self.timeouts = [rng.choice([3.0, 3.0, 6.0, 9.0]) for _ in range(count)]
        self.modes = [rng.choice(_MODES) for _ in range(count)]
        self.modes[0] = HaMode.AUTO  # somebody can always lead
        self.clocks = [SimClock(self.world, self._rate(), rng.uniform(0, 1e5)) for _ in range(count)]
        self.runs = 0

    def play(self) -> Outcome:
        """Live through it. Raises: Broken."""
        steps = 0
        for machine in range(len(self.clocks)):
            self.nodes.append(self._new(machine))
            self.world.after(self.rng.uniform(0, 3), self._starter(machine))
        self.world.after(0.5, self._client)
        self.world.after(1.0, self._trouble)
        while self.world.step(STORM):
            steps += 1
            if self.world.moved:
                self._check()
        self._clear_up()
        calm = self._calm()
        self.world.after(calm / 2, self._note_half_way)
        while self.world.step(STORM + calm):
            steps += 1
            if self.world.moved:
                self._check()
        self._check_recovered()
        return Outcome(self.seed, len(self.store.first), len(self.tally.acked), self.tally.offices, steps)

    # ---- what happens

    def _rate(self) -> float:
        """A clock's rate: the slowest and the fastest allowed (19 % apart), or something between."""
        return self.rng.choice([0.917, 1.091, 0.917, 1.091, self.rng.uniform(0.92, 1.09)])

    def _new(self, machine: int) -> SimNode:
        self.runs += 1
        before = self.nodes[machine] if machine < len(self.nodes) else None
        # The next start of the same home may have proof that the run before is dead (E8).
        dead = {before.identity.node} if before is not None and not before.alive and self.rng.random() < 0.5 else set()
        identity = Identity(
            node=f"n{self.runs}",
            instance=f"m{machine}",
            plane="p",
            name=f"m{machine}",
            address=f"m{machine}",
            version="1.0.0",
            mode=self.modes[machine],
            timeout=self.timeouts[machine],
            poll=self.poll,
            hot=self.rng.random() < 0.8,
            local=self.rng.random() < 0.5,
            dead=frozenset(dead),
        )
        node = SimNode(self.world, self.store, self.clocks[machine], identity, self.tally, self.make, self.collect)
        node.stalls = self._stall
        return node

    def _usurp(self, leader: int) -> None:
        """The leader freezes with a lease that still runs; another is asked to lead, wins, waits - and goes, too."""
        rng, frozen = self.rng, self.nodes[leader]
        heirs = [i for i, node in enumerate(self.nodes) if i != leader and node.alive and not node.paused]
        if not heirs:
            return
        machine = rng.choice(heirs)
        heir = self.nodes[machine]
        self.store.faults = Faults()
        frozen.paused = True
        self.world.after(rng.uniform(4.0, 9.0), frozen.resume)
        heir.feed(ev.ModeAsked(HaMode.MASTER))
        fate = rng.choice(["stop", "crash", "lost answers"])
        self.world.after(rng.uniform(2.2, 5.0), lambda: self._befall(machine, heir, fate))

    def _befall(self, machine: int, node: SimNode, fate: str) -> None:
        if not self.storming or not node.alive or node.paused:
            return
        if fate == "stop":
            node.feed(_STOP)
        elif fate == "crash":
            node.alive = False
        else:
            self.store.faults = Faults(lost_answer=0.8)
            return
        self.world.after(self.rng.uniform(2.0, 8.0), lambda: self._return(machine, node))

    def _victim(self) -> int:
        """Choose a machine: anyone, but the leader's more often than not."""
        leading = [i for i, node in enumerate(self.nodes) if node.alive and node.machine.phase is Phase.LEADING]
        return leading[0] if leading and self.rng.random() < 0.5 else self.rng.randrange(len(self.nodes))

    def _stall(self, node: SimNode) -> None:
        """Let a candidate freeze just as it stands, and its election leave the machine when that is over; sometimes
        others sleep as long. A leader that was only cut off may have come back by then, and gone far ahead."""
        rng = self.rng
        if not self.storming or (rng.random() > 0.2 and not self._leaves_behind):
            return
        others = [each for each in self.nodes if each.machine.phase is not Phase.LEADING]
        sleepers = others if self._leaves_behind or rng.random() < 0.5 else [node]
        self._leaves_behind = False
        length = rng.uniform(6.0, 15.0)
        node.held_up = length
        for sleeper in {id(each): each for each in [node, *sleepers]}.values():
            if sleeper.alive and not sleeper.paused:
                sleeper.paused = True
                self.world.after(length + rng.uniform(0.0, 2.0), sleeper.resume)
        self.world.after(length / 20, self._reconnect)
        self.world.after(length, lambda: setattr(node, "held_up", 0.0))

    def _reconnect(self) -> None:
        self.store.faults = Faults()
        for node in self.nodes:
            node.cut = False

    def _starter(self, machine: int) -> _Starter:
        return _Starter(self.nodes[machine])

    def _restart(self, machine: int) -> None:
        self.nodes[machine] = self._new(machine)
        _Starter(self.nodes[machine])()

    def _client(self) -> None:
        masters = [n for n in self.nodes if n.alive and not n.paused and n.machine.state(n.now()) is NodeState.MASTER]
        for node in masters:
            self.ops += 1
            node.submit(f"op{self.ops}")
        self.world.after(self.rng.expovariate(3.0), self._client)

    def _trouble(self) -> None:  # noqa: C901 - a list of troubles
        if not self.storming:
            return
        rng = self.rng
        machine = self._victim()
        node = self.nodes[machine]
        match rng.choice(_TROUBLES):
            case "crash" if node.alive:
                node.alive = False
                self.world.after(rng.expovariate(1 / 4.0), lambda: self._return(machine, node))
            case "pause" if node.alive and not node.paused:
                node.paused = True
                self.world.after(rng.choice([0.5, 3.0, 12.0, 20.0]) * rng.random(), node.resume)
            case "cut" if node.alive:
                if rng.random() < 0.6:  # it alone has trouble: the others take over as soon as they may
                    self.store.faults = Faults()
                node.cut = True
                self.world.after(rng.choice([2.0, 15.0]) * rng.random(), lambda: setattr(node, "cut", False))
            case "behind" if node.machine.phase is Phase.LEADING:
                node.cut = self._leaves_behind = True  # until a candidate freezes as it stands
                self.store.faults = Faults()
            case "usurp" if node.machine.phase is Phase.LEADING and not node.paused:
                self._usurp(machine)
            case "mode" if node.alive:
                node.feed(ev.ModeAsked(rng.choice([HaMode.MASTER, HaMode.MASTER, *HaMode])))
            case "stop" if node.alive and not node.paused:
                if rng.random() < 0.4:  # the answer to a resignation matters more than most
                    self.store.faults = Faults(lost_answer=0.7)
                node.feed(_STOP)
                self.world.after(rng.uniform(2.0, 8.0), lambda: self._return(machine, node))
            case "store":
                self.store.faults = self._faults()
            case "wall":
                node.clock.shift_wall(rng.choice([-3600.0, -5.0, 0.5, 5.0, 3600.0]))
                self.world.moved.append(node)
            case _:
                pass
        self.world.after(rng.expovariate(1 / 3.0), self._trouble)

    def _return(self, machine: int, node: SimNode) -> None:
        if self.nodes[machine] is node and not node.alive:
            self._restart(machine)

    def _faults(self) -> Faults:
        rng = self.rng
        kind = rng.random()
        if kind < 0.35:
            return Faults()
        if kind < 0.45:
            return Faults(down=True)
        return Faults(
            lost_request=rng.random() * 0.3,
            lost_answer=rng.random() * 0.6,
            late=rng.random() * 0.2,
            failed_read=rng.random() * 0.2,
            slow=rng.random() * 0.3,
            latency=rng.choice([0.01, 0.05, 0.2]),
        )

    def _clear_up(self) -> None:
        self.storming = False
        self.store.faults = Faults()
        for machine, node in enumerate(self.nodes):
            node.cut = False
            if node.paused:
                node.resume()
            if not node.alive:
                self.modes[machine] = HaMode.AUTO
                self._restart(machine)
            elif node.machine.identity.mode is not HaMode.DISABLED and node.machine.mode is not HaMode.HOT_BACKUP:
                node.feed(ev.ModeAsked(HaMode.AUTO))
        if not any(node.machine.mode.may_lead for node in self.nodes):
            self.nodes[0].feed(ev.ModeAsked(HaMode.AUTO))

    def _calm(self) -> float:
        """L1, with slow clocks and the two beats that a candidate waits after an outage: twice where a winner dies."""
        slowest = max(self.timeouts) / 0.92
        return 2 * (slowest + slowest / 3) + CALM_POLLS * self.poll

    def _note_half_way(self) -> None:
        self._half_way = {node.identity.node: node.machine.log.seq for node in self.nodes}

    # ---- what must hold

    def _check(self) -> None:
        """Look at who has moved. While a node rests it does not begin to act, so nothing else can have become wrong."""
        moved, self.world.moved = self.world.moved, []
        for node in moved:
            if node.may_act():
                self._check_alone(node)
            if node.alive:
                self._check_node(node)
        if self.tally.acked_seq != self._acked_seq:
            self._acked_seq = self.tally.acked_seq
            for node in self.nodes:
                self._check_reads(node)

    def _check_alone(self, node: SimNode) -> None:
        for other in self.nodes:
            if other is not node and other.may_act():
                self._broken(f"S4: {node.identity.node} and {other.identity.node} hold a lease at once")

    def _check_node(self, node: SimNode) -> None:
        machine = node.machine
        head = machine.log.head
        if head is not None and machine.phase in _LEAD and machine.proven:
            leader = self.tally.led.setdefault(head.header.term, node.identity.node)
            if leader != node.identity.node:
                self._broken(f"S2: {leader} and {node.identity.node} both led term {head.header.term}")
        # A post counts for its reader once the boundary is known to be below it (R3).
        if head is not node.checked and machine.loaded and machine.check not in _UNPROVEN:
            node.checked = head
            if head is not None:
                self._check_history(node, head.seq, head.hash)
        self._check_reads(node)

    def _check_reads(self, node: SimNode) -> None:
        # One history (S1) makes a seq say all: who has applied it has every write up to it.
        if node.applied < self.tally.acked_seq and node.may_act():
            self._broken(f"S5: {node.identity.node} says MASTER at {node.applied}, not {self.tally.acked_seq}")

    def _check_history(self, node: SimNode, seq: int, digest: str) -> None:
        while len(self.history) < seq:
            data = self.store.first.get(len(self.history) + 1)
            if data is None:
                self._broken(f"S1: {node.identity.node} has read {seq}, but {len(self.history) + 1} is not there")
                return
            self.history.append(self.store.segment(data, len(self.history) + 1).hash)
        if self.history[seq - 1] != digest:
            self._broken(f"S1: {node.identity.node} has another segment {seq} than the others")

    def _check_recovered(self) -> None:
        masters = [node for node in self.nodes if node.alive and node.machine.state(node.now()) is NodeState.MASTER]
        if len(masters) != 1:
            states = {n.identity.node: f"{n.machine.state(n.now())} {n.machine.phase}" for n in self.nodes}
            self._broken(f"L1: {len(masters)} masters after the calm: {states}")
        for node in self.nodes:
            rests = node.machine.log.seq == self._half_way.get(node.identity.node)
            if node.alive and node.machine.phase is Phase.FOLLOWING and rests:
                self._broken(f"L1: {node.identity.node} rests at {node.machine.log.seq} of {len(self.history)}")
        durable: list[str] = []
        state: list[str] = []  # what of it no reset has emptied
        sizes = {0: 0}  # how much of the state there was after each seq since
        parts = Parts[str]()
        for seq in range(1, len(self.history) + 1):
            segment = self.store.segment(self.store.first[seq], seq)
            taken = parts.take(segment.header, operations(segment.body))
            durable += taken
            if segment.header.kind == "reset":
                state, sizes = [], {}
            state += taken
            sizes[seq] = len(state)
        for node in self.nodes:
            loaded = node.alive and node.machine.applies and node.machine.phase is not Phase.LOADING
            if loaded and node.applied in sizes and node.ops != state[: sizes[node.applied]]:
                self._broken(f"S1: {node.identity.node} has another state at {node.applied} than the journal makes")
        lost = self.tally.acked - set(durable)
        if lost:
            self._broken(f"S3: acknowledged, and not in the journal: {sorted(lost)[:3]}")
        wrong = self.tally.failed & set(durable)
        if wrong:
            self._broken(f"S3: said not to have happened, and in the journal: {sorted(wrong)[:3]}")
        if len(durable) != len(set(durable)):
            self._broken("S3: an operation is in the journal twice")

    def _broken(self, what: str) -> None:
        raise Broken(f"seed {self.seed}, at {self.world.time:.3f} s: {what}")


class _Starter:
    """Starts a node unless it has gone already."""

    def __init__(self, node: SimNode) -> None:
        self._node = node

    def __call__(self) -> None:
        self._node.feed(_START)


#: Who is in these has won an election; what is read while these are checked may be litter in a deleted slot.
_LEAD, _UNPROVEN = (Phase.LEADING, Phase.RESIGNING), (Check.POST, Check.WON)
_START, _STOP = ev.Started(), ev.StopAsked()
_MODES = [HaMode.AUTO] * 6 + [HaMode.STANDBY, HaMode.HOT_STANDBY, HaMode.HOT_BACKUP, HaMode.MASTER, HaMode.DISABLED]
_TROUBLES = [
    *("crash", "pause", "pause", "cut", "cut", "cut", "behind", "usurp", "usurp"),
    *("mode", "stop", "stop", "store", "store", "wall"),
]
