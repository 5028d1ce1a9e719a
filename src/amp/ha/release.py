"""Resigns in the name of a node that died, so that a standby need not wait for its timer. Acts on the store.

The rule: it appends only while the home's `instance.lock` is held and proves that death (E5 d), and only behind a
segment which that node wrote in office. Then nobody else may act, and the resignation may say `clean`: whoever is
elected next acts at once. A late append of the dead node has the same slot to win; whatever it leaves is read, and
judged again. It stands for no election itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from amp.ha import founding
from amp.ha.instance import InstanceLock
from amp.ha.members import successor_of
from amp.ha.reader import Reader, append
from amp.kit.clock import Clock
from amp.kit.errors import Unavailable
from amp.kit.ids import Entropy, nonce
from amp.store.objects import Objects
from amp.store.segment import Header, Position, build

#: So often the end of the journal is looked for before it is left to the timers.
LOOKS = 5


@dataclass(frozen=True, slots=True)
class Released:
    """What came of it. `done`: the resignation is durable; `why`: one sentence; `successor`: who is named in it."""

    done: bool
    why: str
    successor: str | None = None


async def release(objects: Objects, lock: InstanceLock, clock: Clock, entropy: Entropy) -> Released:
    """Append the resignation of the node that `lock` proves dead, where it led. The caller holds the lock throughout.

    Raises: Unavailable, when the store does not answer or the journal's end does not stand still; Damaged, TooNew.
    """
    dead = lock.dead
    if not lock.held or dead is None:
        return Released(False, "nothing proves that the last run of this home is dead")
    plane = await founding.read(objects)
    if plane is None:
        return Released(False, f"{objects.name} holds no plane")
    reader: Reader | None = None
    for _ in range(LOOKS):
        reader = reader or await Reader.behind_snapshot(objects, plane.id, clock)
        if not await reader.reach_end():
            reader = None
            continue
        head = reader.log.head
        reason = objection(head, dead)
        if head is None or reason is not None:
            return Released(False, reason or "the journal is empty")
        successor = successor_of(dead, reader.log.members)
        data, segment = build(resignation(head, dead, successor, nonce(entropy), clock.read().wall_ms), b"")
        if await append(objects, segment.header.seq, data):
            return Released(True, f"node {dead} led term {head.header.term} and has resigned now", successor)
    raise Unavailable(f"{objects.name}: the end of the journal does not stand still, so others are at work there")


def objection(head: Position | None, dead: str) -> str | None:
    """Say why there is nothing to resign from; None where there is."""
    if head is None:
        return "the journal is empty"
    last = head.header
    if last.node != dead:
        return f"node {dead}, which died, was not the last to lead: node {last.node} was"
    if last.kind == "resign":
        return f"node {dead} has resigned already"
    if not last.in_office:
        return f"node {dead} was elected and not in office yet, so its death proves nothing of the one before"
    return None


def resignation(head: Position, dead: str, successor: str | None, nonce: str, at: int) -> Header:
    """Make the header by which a dead leader resigns behind its own last segment. `at`: wall-clock ms."""
    last = head.header
    return Header(
        plane=last.plane,
        seq=last.seq + 1,
        term=last.term,
        kind="resign",
        node=dead,
        nonce=nonce,
        prev=head.hash,
        timeout_ms=last.timeout_ms,
        in_office=True,
        clean=True,
        successor=successor,
        at=at,
        format=last.format,
        released=True,
    )
