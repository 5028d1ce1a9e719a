"""What a node does that does not lead: load, follow, and decide to stand. Pure.

R1: it loads, then reads segment n+1 until that is absent, then once a poll. A candidate stands only on an absence that
it has just read, with all before it applied (E1).
"""

from __future__ import annotations

from math import inf

from amp.ha import events as ev
from amp.ha.election import Plane, condition, wait_to_stand
from amp.ha.lease import standby_elapsed
from amp.ha.modes import HaMode
from amp.ha.node import Check, Hole, Node, Phase
from amp.kit.clock import Reading
from amp.store.segment import Segment, segment_key


def loaded(node: Node, event: ev.Loaded) -> None:
    """The snapshot is in place: read on from there."""
    if node.phase is Phase.LOADING:
        node.log.restart(event.snapshot)
        node.loaded = True
        node.get(node.log.seq + 1)


def got(node: Node, event: ev.Got) -> None:
    """The next slot was read."""
    _note_outage(node)
    node.read_at = node.now
    if event.segment is not None:
        follow(node, event.segment)
    elif node.phase is Phase.LOADING:
        node.read_boundary(Check.END)
    elif _may_stand(node) and _stand_left(node, node.now) <= 0:
        node.read_boundary(Check.STAND)
    elif _is_quiet(node):
        node.checked_at = node.now
        node.read_boundary(Check.QUIET)


def get_failed(node: Node, event: ev.GetFailed) -> None:
    """The next slot could not be read: now, or ever."""
    if event.reason is not None:
        node.fail(event.reason)
    else:
        # The next try comes a poll later; what counts as an outage is measured between answers.
        node.retry_at = node.now


def follow(node: Node, segment: Segment) -> None:
    """Take in the segment that came next, and read on."""
    if not node.extend(segment):
        return
    if segment.header.kind in ("elect", "resign"):
        node.read_boundary(Check.POST)
    else:
        _go_on(node)


def leader_answered(node: Node, event: ev.LeaderAnswered) -> None:
    """The leader was called and lives: as good a sign as a new segment, for the mode at start."""
    head = node.log.head
    if node.phase is Phase.FOLLOWING and head is not None and node.log.term == event.term:
        node.news = node.news or head.header.node == event.node
        _decide_mode(node)


def _go_on(node: Node) -> None:
    """The head is proven: let it count, and read the next."""
    if node.promotion is not None and node.log.term > node.promotion.term:
        node.promotion = None  # somebody else was elected since: the ask is void
    if node.phase is Phase.FOLLOWING:
        node.news = True
        _decide_mode(node)
    if node.phase in (Phase.LOADING, Phase.FOLLOWING):
        node.get(node.log.seq + 1)


def boundary_read(node: Node, check: Check, boundary: int, doubt: ev.Doubt | None) -> None:
    """The boundary is known: what was read, or found absent, counts only above it (R2, R3)."""
    first_that_counts = node.log.seq if check is Check.POST else node.log.seq + 1
    if boundary >= first_that_counts:
        node.start_load()
    elif check is Check.POST:
        _go_on(node)
    elif check is Check.END:
        _weigh(node, doubt)
        _reached_end(node)
    elif check is Check.STAND:
        _weigh(node, doubt)
        _consider_standing(node)


def _weigh(node: Node, doubt: ev.Doubt | None) -> None:
    """R4: where the store itself says that the journal goes on, wait two beats, then look again, then fail."""
    if doubt is None:
        node.hole = None
    elif node.hole is None or node.hole.seq != node.log.seq:
        node.hole = Hole(node.log.seq, node.now)
    elif _hole_left(node, node.now) <= 0:
        term = max(doubt.term, node.log.term)
        node.fail(
            f"{segment_key(node.log.seq + 1)} is not there, but {doubt.what}: the store has a hole or went back in "
            f"time; run: amp store verify; to go on without what is missing: amp store adopt --above {term}"
        )


def _is_doubted(node: Node) -> bool:
    return node.hole is not None and node.hole.seq == node.log.seq


def _hole_left(node: Node, now: Reading) -> float:
    """Answer the seconds for which a hole keeps this node from standing; 0 where there is none at this seq."""
    if node.hole is None or node.hole.seq != node.log.seq:
        return 0.0
    return max(0.0, 2 * node.identity.beat - standby_elapsed(node.hole.since, now))


def _is_quiet(node: Node) -> bool:
    """Tell whether nothing has come for two beats, and the boundary was not read since as long."""
    seen, pause = node.log.seen, 2 * node.identity.beat
    if seen is None or standby_elapsed(seen.at, node.now) < pause:
        return False
    return node.checked_at is None or standby_elapsed(node.checked_at, node.now) >= pause


def advance(node: Node) -> None:
    """Read again when it is time to."""
    if node.reading or node.stands:
        return
    if node.check is not None:
        if _retry_left(node, node.now) <= 0:
            node.read_boundary(node.check)
    elif node.phase is Phase.FOLLOWING and _poll_left(node, node.now) <= 0:
        node.get(node.log.seq + 1)
    elif node.phase is Phase.LOADING and node.retry_at is not None and _retry_left(node, node.now) <= 0:
        node.retry_at = None
        node.get(node.log.seq + 1)


def wait(node: Node, now: Reading) -> float:
    """Answer the seconds until a follower has something to do; infinity where it waits for an event."""
    if node.reading:
        return inf
    if node.check is not None:
        return _retry_left(node, now)
    if node.phase is Phase.FOLLOWING:
        return _poll_left(node, now)
    if node.phase is Phase.LOADING and node.retry_at is not None:
        return _retry_left(node, now)
    return inf


def _retry_left(node: Node, now: Reading) -> float:
    return node.identity.poll - standby_elapsed(node.retry_at, now) if node.retry_at else 0.0


def _poll_left(node: Node, now: Reading) -> float:
    """A poll after the last answer; sooner when this node may then stand, so that no time-out waits for a poll."""
    if node.retry_at is not None:
        return _retry_left(node, now)
    if node.read_at is None:
        return 0.0
    poll = node.identity.poll - standby_elapsed(node.read_at, now)
    return min(poll, _stand_left(node, now)) if _may_stand(node) else poll


def _note_outage(node: Node) -> None:
    """E3: a candidate that could not read for longer than a beat lets the leader be heard first."""
    node.retry_at = None
    if node.read_at is not None and node.phase is Phase.FOLLOWING:
        limit = node.identity.beat + 2 * node.identity.poll
        if standby_elapsed(node.read_at, node.now) > limit:
            node.held_since = node.now


def _stand_left(node: Node, now: Reading) -> float:
    hole = _hole_left(node, now)
    left = wait_to_stand(node.outlook(), now)
    if node.promotion is not None:
        return max(hole, min(left, 2 * node.identity.poll - standby_elapsed(node.promotion.since, now)))
    if node.held_since is not None and node.log.head is not None and node.log.head.header.kind != "resign":
        left = max(left, 2 * node.identity.beat - standby_elapsed(node.held_since, now))
    return max(left, hole) if hole else left


def stand_left(node: Node, now: Reading) -> float | None:
    """Answer the seconds until this candidate stands; None for one that is none."""
    return max(0.0, _stand_left(node, now)) if _may_stand(node) else None


def _may_stand(node: Node) -> bool:
    return node.phase is Phase.FOLLOWING and node.mode.may_lead and node.stopping_since is None


def _reached_end(node: Node) -> None:
    if node.phase is not Phase.LOADING:
        return  # it has failed
    node.log.sight_head(node.now)
    node.phase, node.warming = Phase.FOLLOWING, False
    if not node.decided and node.identity.rebind and not node.log.has_state:
        node.fail("persistMode=REBIND, but there is no state to rebind to: set persistMode=AUTO to start fresh")
        return
    _decide_mode(node)
    if node.phase is Phase.FOLLOWING:
        _consider_standing(node)


def _decide_mode(node: Node) -> None:
    """Decide the mode at start, as far as the journal's end allows."""
    if node.decided:
        return
    own, plane = node.identity, condition(node.log.head, node.news, node.identity.dead)
    if own.claims:
        if plane is Plane.ALIVE and node.log.head is not None:
            leader = node.log.head.header.node
            asked = "persistMode=CLEAN" if own.clean else f"highAvailabilityMode={own.mode}"
            at = node.log.address_of(leader)
            node.fail(f"{asked}, but node {leader} is master already{' at ' + at if at else ''}", is_taken=True)
    elif own.mode.needs_master and plane is Plane.NONE:
        node.fail(f"highAvailabilityMode={own.mode}, but there is no master: start one first, or set AUTO")
    elif own.mode is not HaMode.AUTO or plane is not Plane.NONE:
        node.decided = True


def _consider_standing(node: Node) -> None:
    """The next slot has just been read empty: stand, if it is time (E1-E4)."""
    if not _may_stand(node) or _is_doubted(node) or _stand_left(node, node.now) > 0:
        return
    if not node.applies:
        node.applies = node.warming = True
        node.start_load()
        return
    node.stands = True
