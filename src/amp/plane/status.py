"""How the plane looks from this node, in values for people and clients. Reads the machine; decides nothing."""

from __future__ import annotations

from dataclasses import dataclass

from amp.ha.lease import standby_elapsed
from amp.ha.machine import Machine, Phase
from amp.ha.members import Seen
from amp.ha.modes import NodeState
from amp.kit.clock import Reading
from amp.kit.durations import format_duration
from amp.kit.ids import NodeId
from amp.plane.views import NodeView
from amp.store.segment import Member

_STANDBYS = (NodeState.STANDBY.value, NodeState.HOT_STANDBY.value)


def master_of(machine: Machine, now: Reading) -> NodeId | None:
    """Answer who is in office as far as this node knows; None while nobody is known to be."""
    if machine.may_act(now):
        return NodeId(machine.identity.node)
    head, seen = machine.log.head, machine.log.seen
    if head is None or seen is None or head.header.kind == "resign" or not head.header.in_office:
        return None
    if head.header.node == machine.identity.node or seen.over(now, machine.identity.timeout):
        return None
    return NodeId(head.header.node)


@dataclass(frozen=True, slots=True)
class Roll:
    """All nodes that this node knows of, at one moment."""

    machine: Machine
    now: Reading
    master: NodeId | None

    def nodes(self) -> tuple[NodeView, ...]:
        """Answer a view of each node: this one first, then the master, then by id."""
        own = self.machine.identity.node
        views = {own: self._own()}
        for member in self.machine.log.members:
            if member.id != own:
                views[member.id] = self._member(member)
        for id, seen in self.machine.roster.seen.items():
            if id != own:
                views[id] = self._recorded(id, seen)
        return tuple(sorted(views.values(), key=lambda view: (not view.is_self, not view.is_master, view.id)))

    def _own(self) -> NodeView:
        machine, own = self.machine, self.machine.identity
        return NodeView(
            id=NodeId(own.node),
            instance=own.instance,
            uri=own.address,
            state=machine.state(self.now).value,
            mode=machine.mode.value,
            priority=machine.priority,
            version=own.version,
            term=machine.log.term or None,
            seq=machine.log.seq,
            lag=0 if machine.phase not in (Phase.LOADING, Phase.FAILED) else None,
            seen_ms=self.now.wall_ms,
            age_s=0.0,
            started_ms=own.started_ms,
            is_self=True,
            is_master=own.node == self.master,
        )

    def _state(self, id: str, said: str) -> str:
        """Correct what a node said of itself by what the journal says of it."""
        head = self.machine.log.head
        if id == self.master:
            return NodeState.MASTER.value
        if head is not None and head.header.node == id:
            if head.header.kind == "resign":
                return NodeState.TERMINATED.value
            if said in (NodeState.MASTER, NodeState.TERMINATED):
                return said if said == NodeState.TERMINATED else NodeState.FAILED.value
        elif said == NodeState.MASTER:
            return NodeState.FAILED.value  # it led an earlier term, and has not said anything since
        return said

    def _member(self, member: Member) -> NodeView:
        head, seen = self.machine.log.head, self.machine.log.seen
        leads = head is not None and head.header.node == member.id
        return NodeView(
            id=NodeId(member.id),
            instance=member.instance,
            uri=member.address or None,
            state=self._state(member.id, member.state),
            mode=member.mode,
            priority=member.priority,
            version=member.version,
            term=head.header.term if leads and head else None,
            seq=head.seq if leads and head else None,
            lag=0 if leads else None,
            seen_ms=head.header.at if leads and head else None,
            age_s=standby_elapsed(seen.at, self.now) if leads and seen else None,
            started_ms=None,
            is_self=False,
            is_master=member.id == self.master,
        )

    def _recorded(self, id: str, seen: Seen) -> NodeView:
        record, head, sighting = seen.record, self.machine.log.head, self.machine.log.seen
        said = record.state
        if said != NodeState.TERMINATED and self.machine.roster.is_silent(id, self.now, self.machine.identity.timeout):
            said = NodeState.FAILED.value if said != NodeState.MASTER else said
        leads = head is not None and head.header.node == id
        # The leader's sign of life is the journal, not its record.
        at, age = (head.header.at, sighting.at) if leads and head and sighting else (record.at, seen.at)
        live = said in _STANDBYS or said == NodeState.HOT_BACKUP
        return NodeView(
            id=NodeId(id),
            instance=record.instance,
            uri=record.address or None,
            state=self._state(id, said),
            mode=record.mode,
            priority=record.priority,
            version=record.version,
            term=head.header.term if leads and head else None,
            seq=head.seq if leads and head else record.seq,
            lag=0 if leads else max(0, seen.head - record.seq) if live else None,
            seen_ms=at,
            age_s=standby_elapsed(age, self.now),
            started_ms=record.started or None,
            is_self=False,
            is_master=id == self.master,
        )


def verdict(nodes: tuple[NodeView, ...], fenced: bool, timeout: float) -> str:
    """Say in one sentence whether the plane is safe. `timeout`: seconds of silence after which a master is given up."""
    count = {state: sum(node.state == state for node in nodes) for state in {node.state for node in nodes}}
    hot, warm = count.get("HOT_STANDBY", 0), count.get("STANDBY", 0)
    standbys = _counted(hot, "hot standby", "hot standbys") + _counted(warm, "standby", "standbys")
    spare = hot + warm
    if fenced:
        return "This node led and has lost touch with the store: it does nothing until it knows who leads"
    if not count.get("MASTER"):
        return f"No master: {' and '.join(standbys) or 'nobody'} can be elected"
    silent = next((node.age_s for node in nodes if node.is_master and node.age_s is not None), 0.0)
    if silent > timeout / 2:
        # Three beats have not come: it may be dead, and is not given up yet.
        left = format_duration(max(0.0, timeout - silent))
        return f"The master has been silent for {format_duration(silent)}: {_succession(standbys, left)}"
    if not spare:
        return "1 master, no standby: a failure stops the management of everything until it is started again"
    loss = "one node" if spare == 1 else f"{spare} nodes"
    return f"1 master, {' and '.join(standbys)}: can lose {loss}"


def _succession(standbys: list[str], left: str) -> str:
    return f"{' and '.join(standbys)} can take over in {left}" if standbys else "nobody can take over"


def _counted(count: int, one: str, many: str) -> list[str]:
    return [f"{count} {one if count == 1 else many}"] if count else []
