"""What a node does that stands, leads, or resigns. Pure.

A1-A4: one append at a time; its fate decides. T1-T5: each append renews the lease from its first attempt on; an idle
leader appends a beat. E4-E6: a winner acts only when it has proof that nobody else may.
"""

from __future__ import annotations

from math import inf

from amp.ha import events as ev
from amp.ha import following, switching
from amp.ha.appender import Append, Need
from amp.ha.election import Ground
from amp.ha.formats import raised
from amp.ha.lease import Lease, leader_elapsed, standby_elapsed
from amp.ha.members import ranked, successor_of
from amp.ha.modes import HaMode, NodeState
from amp.ha.node import Check, Node, Phase
from amp.ha.switching import become, yields_to
from amp.kit.clock import Reading
from amp.store.segment import NO_HASH, Header, Member, Segment, build

_APPENDS = (Phase.STANDING, Phase.LEADING, Phase.RESIGNING)


# ---- appending


def _append(node: Node, kind: str, body: bytes = b"", batch: int | None = None, more: bool = False) -> None:
    own, before = node.identity, node.log.head
    in_office = node.in_office or _is_clear(node)
    members = _members(node, kind)
    changed = kind == "elect" or tuple(members) != node.log.members
    timeout_ms = round(own.timeout * 1000)
    if not in_office and before is not None:
        # A winner that still waits may not shorten the wait of those who watch it.
        timeout_ms = max(timeout_ms, before.header.timeout_ms)
    header = Header(
        plane=own.plane,
        seq=node.log.seq + 1,
        term=node.log.term + 1 if kind == "elect" else node.log.term,
        kind=kind,
        node=own.node,
        nonce=node.nonce(),
        prev=before.hash if before else NO_HASH,
        timeout_ms=timeout_ms,
        in_office=in_office,
        members=members if changed else None,
        clean=kind == "resign" and node.in_office,
        successor=node.heir or successor_of(own.node, members) if kind == "resign" else None,
        to=0 if kind == "reset" else None,
        at=node.now.wall_ms,
        more=more,
        format=_format(node),
    )
    data, segment = build(header, body)
    node.append = Append(segment, data, node.now, batch)
    node.out.append(ev.Create(header.seq, 1, data))


def _format(node: Node) -> int:
    """U1: the format that is written next; only a leader in office raises it."""
    newest, before = node.identity.max_format, node.log.head
    if before is None:
        return newest
    active = before.header.format
    return raised(active, newest, node.roster, node.joined_at, node.now) if node.in_office else active


def _members(node: Node, kind: str) -> list[Member]:
    own = node.identity
    entry = Member(
        id=own.node,
        instance=own.instance,
        address=own.address,
        mode=node.mode.value,
        state=NodeState.MASTER.value,
        priority=node.priority,
        version=own.version,
        max_format=own.max_format,
        last=node.ranks_last(node.now),
    )
    if kind != "elect" and node.listed_at is not None and node.roster.seen:
        return node.roster.members(entry, node.now, own.timeout)
    gone = {own.node}
    if kind == "elect" and node.log.head is not None:
        gone.add(node.log.head.header.node)
    return ranked([entry, *(member for member in node.log.members if member.id not in gone)])


def created(node: Node, event: ev.Created) -> None:
    """An attempt was answered."""
    append = node.append
    if append is None or append.segment.header.seq != event.seq:
        return
    if append.answered(event.attempt, event.outcome):
        _appended(node, append)


def slot_read(node: Node, append: Append, found: Segment | None) -> None:
    """The slot of the append that is under way was read."""
    if found is None:
        append.slot_is_empty(node.now)
    elif append.is_ours(found):
        _appended(node, append)
    else:
        _lost(node, append, found)


def _appended(node: Node, append: Append) -> None:
    node.append = None
    node.reading = False
    ground = Ground(node.log.head, node.log.seen, node.identity.dead)
    if not node.extend(append.segment, append.batch):
        return
    header = append.segment.header
    node.lease = Lease(append.started, header.timeout_ms / 1000)
    if header.kind == "elect":
        node.ground = ground
        node.phase, node.proven = Phase.LEADING, False
        node.read_boundary(Check.WON)
        node.promotion = None
        if node.stopping_since is not None or node.after_resigning is not None:
            _begin_resigning(node)
    elif header.kind == "reset":
        node.clean_due = False
    elif header.kind == "resign":
        _resigned(node)


def _resigned(node: Node) -> None:
    """The resignation is durable: end, or be what was asked for."""
    if node.stopping_since is not None:
        node.end()
        return
    node.phase, node.lease, node.in_office, node.ground = Phase.FOLLOWING, None, False, None
    node.news, node.forced, node.heir = True, False, None
    _be_after(node)


def _be_after(node: Node) -> None:
    wanted, node.after_resigning = node.after_resigning, None
    failing, node.failing = node.failing, None
    if failing is not None and wanted is None:
        node.fail(failing)
    elif wanted is not None:
        become(node, wanted)
    elif node.mode is HaMode.MASTER or node.mode is HaMode.DISABLED:
        node.mode = HaMode.AUTO  # as standby, once deposed


def won(node: Node, boundary: int) -> None:
    """R3: an election in a slot that had been deleted is litter, and so is what this node has read before it."""
    if boundary >= node.log.seq and node.append is None:
        node.lease, node.ground, node.in_office = None, None, False
        if node.stopping_since is not None:
            node.end()
        else:
            node.start_load()
    else:
        node.proven = True
        if not _is_clear(node) and not node.identity.claims:
            node.decided = True  # it goes on as a standby until its wait is over


def _lost(node: Node, append: Append, found: Segment) -> None:
    """Other bytes have the slot: somebody else was elected there (A4)."""
    node.append, node.ground, node.forced = None, None, False
    stood = node.phase is Phase.STANDING
    if append.batch is not None:
        node.out.append(ev.Drop(append.batch, unknown=True))
    if node.stopping_since is not None:
        node.end()
    elif stood:
        # A warm node holds no state for longer than it takes to stand.
        node.phase, node.news, node.applies = Phase.FOLLOWING, True, node.hot
        if node.after_resigning is not None:
            _be_after(node)
        if node.phase is Phase.FOLLOWING:
            following.follow(node, found)
    else:
        _depose(node)


def _depose(node: Node) -> None:
    node.phase, node.lease, node.in_office = Phase.DEPOSED, None, False
    if node.took_office:
        node.took_office = False
        node.out.append(ev.LeaveOffice())
    else:
        _deposed_and_quiet(node)


def _deposed_and_quiet(node: Node) -> None:
    node.over = node.log.term
    node.decided, node.heir, node.forced = True, None, False
    node.applies = node.hot
    node.tend_records()
    _be_after(node)
    if node.phase is Phase.DEPOSED:
        node.start_load()


# ---- standing and office


def _stand(node: Node) -> None:
    """Create the next segment as an election (E4)."""
    node.stands, node.phase = False, Phase.STANDING
    # What would be its ground if it won: an election sent when that is clear already may say `in_office`.
    node.ground = Ground(node.log.head, node.log.seen, node.identity.dead)
    node.forced = node.promotion is not None and node.promotion.force
    _append(node, "elect")


def offered(node: Node, event: ev.Offered) -> None:
    """Changes wait to be written: they go into the next segment, which is this one."""
    if node.wants_batch(node.now):
        _append(node, "commit", event.body, event.batch, event.more)
    else:
        node.out.append(ev.Drop(event.batch, unknown=False))


def advance(node: Node) -> None:
    """Do what has been decided, and what time has made due."""
    if node.stands:
        _stand(node)
    _drive_append(node)
    if node.phase is Phase.LEADING:
        heir = yields_to(node)
        if heir is not None:
            node.heir = heir
            _begin_resigning(node)
        else:
            _lead(node)
    elif node.phase is Phase.RESIGNING:
        _resign(node)
    if node.stopping_since is not None and node.phase in _APPENDS and _stop_left(node, node.now) <= 0:
        # The fate of the last append cannot be learnt: the timers of the others do the rest (E6).
        node.end()


def _drive_append(node: Node) -> None:
    append = node.append
    if append is None or append.need is Need.NOTHING or _pause_left(append, node.now) > 0:
        return
    seq = append.segment.header.seq
    if append.take_need() is Need.READ:
        node.get(seq)
    else:
        node.out.append(ev.Create(seq, append.attempt, append.data))


def _lead(node: Node) -> None:
    if not node.proven:
        return
    left = node.lease_left(node.now)
    if not node.in_office and left is not None and left > 0 and _is_clear(node):
        if not node.clean_due:
            node.in_office = node.took_office = node.decided = True
            node.out.append(ev.TakeOffice(node.log.term))
        elif node.append is None:
            _append(node, "reset")
    if node.append is None and (_beat_left(node, node.now) <= 0 or _is_fenced(node)):
        _append(node, "commit")


def _is_clear(node: Node) -> bool:
    if node.ground is None:
        return False
    return node.forced or node.ground.is_clear(node.now, node.identity.timeout, node.roster)


def _is_fenced(node: Node) -> bool:
    left = node.lease_left(node.now)
    return left is None or left <= 0


def _beat_left(node: Node, now: Reading) -> float:
    return node.identity.beat - leader_elapsed(node.lease.start, now) if node.lease else 0.0


def _pause_left(append: Append, now: Reading) -> float:
    return append.pause() - standby_elapsed(append.retry_at, now) if append.retry_at else 0.0


# ---- resigning


def stop_asked(node: Node, _: ev.StopAsked) -> None:
    """Stop cleanly: a leader resigns first (E6)."""
    if node.stopping_since is not None:
        return
    node.stopping_since = node.now
    if node.phase is Phase.LEADING:
        _begin_resigning(node)
    elif node.phase is not Phase.STANDING:
        node.end()


def mode_asked(node: Node, event: ev.ModeAsked) -> None:
    """Another mode is asked for; a leader resigns first (E7)."""
    switching.mode_asked(node, event, _begin_resigning)


def office_failed(node: Node, event: ev.OfficeFailed) -> None:
    """E9: who cannot lead resigns, and is no candidate until an operator or a restart."""
    if node.phase is Phase.LEADING and node.stopping_since is None:
        node.failing = event.reason
        _begin_resigning(node)


def _begin_resigning(node: Node) -> None:
    node.phase = Phase.RESIGNING
    if node.took_office:
        node.out.append(ev.LeaveOffice())
    else:
        node.lease = None


def quiet(node: Node, _: ev.Quiet) -> None:
    """Nothing acts any more."""
    if node.phase is Phase.RESIGNING:
        node.took_office, node.lease = False, None
    elif node.phase is Phase.DEPOSED:
        _deposed_and_quiet(node)


def _resign(node: Node) -> None:
    """Send the resignation once nothing acts and the append before it is decided; the lease is given up first."""
    if not node.took_office and node.append is None and node.proven:
        node.lease = None
        _append(node, "resign")


def _stop_left(node: Node, now: Reading) -> float:
    limit = max(2.0, node.identity.beat * 2)
    return limit - standby_elapsed(node.stopping_since, now) if node.stopping_since else limit


def wait(node: Node, now: Reading) -> float:
    """Answer the seconds until a leader or candidate has something to do; infinity where it waits for an event."""
    least = inf
    if node.append is not None and node.append.need is not Need.NOTHING:
        least = _pause_left(node.append, now)
    if node.phase is Phase.LEADING:
        if node.append is None and node.proven:
            least = min(least, _beat_left(node, now))
        left = node.lease_left(now)
        if left is not None and left > 0:
            least = min(least, left)
        if not node.in_office and node.ground is not None:
            # Once this is over, an answer of the store is what office waits for: the boundary, or a beat.
            clear = node.ground.wait(now, node.identity.timeout)
            least = min(least, clear if 0 < clear < node.identity.poll else node.identity.poll)
    if node.stopping_since is not None and node.phase in _APPENDS:
        least = min(least, _stop_left(node, now))
    return least
