"""What must hold: S1 to S5, T5 and T6 after each step, L1 at the end. It looks from above, as no node can."""

from __future__ import annotations

from collections.abc import Sequence

from amp.ha.machine import Phase
from amp.ha.modes import NodeState
from amp.ha.node import Check
from amp.ha.parts import Parts
from amp.testing.sim.node import SimNode, Tally, operations
from amp.testing.sim.store import SimStore
from amp.testing.sim.world import World

#: A leader with nothing in its way renews its lease within a beat, and so many seconds for requests.
_GRACE = 2.0
#: Who is in these has won an election; what is read while these are checked may be litter in a deleted slot.
_LEAD, _UNPROVEN = (Phase.LEADING, Phase.RESIGNING), (Check.POST, Check.WON)


class Broken(AssertionError):
    """A property does not hold. `rule`: which; the message says how."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.rule = what.partition(":")[0]


class Properties:
    """Asserts on the nodes that run now. `history`: hashes of the one history, as first seen by anybody."""

    def __init__(self, world: World, store: SimStore, tally: Tally, nodes: Sequence[SimNode]) -> None:
        self.history: list[str] = []
        self.store_fair_since = 0.0
        self._world, self._store, self._tally, self._nodes = world, store, tally, nodes
        self._acked_seq = 0
        self._half_way: dict[str, int] = {}  # what each node had read when half of the calm was over

    def check(self) -> None:
        """Look at who has moved: while a node rests it does not begin to act, so nothing else can have become wrong.

        Raises: Broken.
        """
        moved, self._world.moved = self._world.moved, []
        for node in moved:
            if node.may_act():
                self._check_alone(node)
            if node.alive:
                self._check_node(node)
        if self._tally.wrongs:
            raise Broken(self._tally.wrongs[0])
        if self._tally.acked_seq != self._acked_seq:
            self._acked_seq = self._tally.acked_seq
            for node in self._nodes:
                self._check_reads(node)

    def _check_alone(self, node: SimNode) -> None:
        for other in self._nodes:
            if other is not node and other.may_act():
                raise Broken(f"S4: {other.name} and {node.name} hold a lease at once")

    def _check_node(self, node: SimNode) -> None:
        machine = node.machine
        head = machine.log.head
        if head is not None and machine.phase in _LEAD and machine.proven:
            leader = self._tally.led.setdefault(head.header.term, node.identity.node)
            if leader != node.identity.node:
                raise Broken(f"S2: {leader} and {node.name} both led term {head.header.term}")
            self._check_lease(node)
        # A post counts for its reader once the boundary is known to be below it (R3).
        if head is not node.checked and machine.loaded and machine.check not in _UNPROVEN:
            node.checked = head
            if head is not None:
                self._check_history(node, head.seq, head.hash)
        self._check_reads(node)

    def _check_lease(self, node: SimNode) -> None:
        since = node.leads_unharmed_since
        if since is None or not self._store.is_fair:
            return
        left = node.machine.lease_left(node.now())
        fair = self._world.time - max(since, self.store_fair_since)
        if left is not None and left < 0 and fair > node.clock.true_delay(2 * node.identity.beat) + _GRACE:
            raise Broken(f"T5: {node.name} leads, and lets its lease lapse though nothing is in its way")

    def _check_reads(self, node: SimNode) -> None:
        # One history (S1) makes a seq say all: who has applied it has every write up to it.
        if node.applied < self._tally.acked_seq and node.may_act():
            raise Broken(f"S5: {node.name} says MASTER at {node.applied}, not {self._tally.acked_seq}")

    def _check_history(self, node: SimNode, seq: int, digest: str) -> None:
        while len(self.history) < seq:
            data = self._store.first.get(len(self.history) + 1)
            if data is None:
                raise Broken(f"S1: {node.name} has read {seq}, but {len(self.history) + 1} is not there")
            self.history.append(self._store.segment(data, len(self.history) + 1).hash)
        if self.history[seq - 1] != digest:
            raise Broken(f"S1: {node.name} has another segment {seq} than the others")

    # ---- at the end

    def note_half_way(self) -> None:
        """Remember how far each node has come."""
        self._half_way = {node.identity.node: node.machine.log.seq for node in self._nodes}

    def check_recovered(self) -> None:
        """L1, and S1 and S3 over the whole journal. Raises: Broken."""
        masters = [node for node in self._nodes if node.alive and node.machine.state(node.now()) is NodeState.MASTER]
        if len(masters) != 1:
            states = {n.identity.node: f"{n.machine.state(n.now())} {n.machine.phase}" for n in self._nodes}
            raise Broken(f"L1: {len(masters)} masters after the calm: {states}")
        for node in self._nodes:
            rests = node.machine.log.seq == self._half_way.get(node.identity.node)
            if node.alive and node.machine.phase is Phase.FOLLOWING and rests:
                raise Broken(f"L1: {node.name} rests at {node.machine.log.seq} of {len(self.history)}")
        durable: list[str] = []
        state: list[str] = []  # what of it no reset has emptied
        sizes = {0: 0}  # how much of the state there was after each seq since
        parts = Parts[str]()
        for seq in range(1, len(self.history) + 1):
            segment = self._store.segment(self._store.first[seq], seq)
            taken = parts.take(segment.header, operations(segment.body))
            durable += taken
            if segment.header.kind == "reset":
                state, sizes = [], {}
            state += taken
            sizes[seq] = len(state)
        self._check_states(state, sizes)
        self._check_writes(durable)

    def _check_states(self, state: list[str], sizes: dict[int, int]) -> None:
        for node in self._nodes:
            loaded = node.alive and node.machine.applies and node.machine.phase is not Phase.LOADING
            if loaded and node.applied in sizes and node.ops != state[: sizes[node.applied]]:
                raise Broken(f"S1: {node.name} has another state at {node.applied} than the journal makes")

    def _check_writes(self, durable: list[str]) -> None:
        lost = self._tally.acked - set(durable)
        if lost:
            raise Broken(f"S3: acknowledged, and not in the journal: {sorted(lost)[:3]}")
        wrong = self._tally.failed & set(durable)
        if wrong:
            raise Broken(f"S3: said not to have happened, and in the journal: {sorted(wrong)[:3]}")
        if len(durable) != len(set(durable)):
            raise Broken("S3: an operation is in the journal twice")
