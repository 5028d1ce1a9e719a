"""Proves that a leader knows all that is acknowledged, for those who ask with `AMP-Read: strict`. Acts: it reads.

The log is the lock: while the slot after the newest segment is empty, nobody has been elected there. So the leader
reads that slot, after it was asked, and answers only when it is absent. An append of its own that begins after it was
asked proves as much once it is durable. No clock and no lease has a part in this. It changes nothing: that somebody
else was elected is for the machine to find out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from amp.ha.machine import Machine
from amp.kit.clock import Clock
from amp.kit.errors import Fenced, Unavailable
from amp.store.objects import Objects
from amp.store.segment import segment_key

WaitFor = Callable[[int, float], Awaitable[bool]]


async def confirm(machine: Machine, objects: Objects, clock: Clock, wait_for: WaitFor, timeout: float) -> None:
    """Return once this node has proven that nobody has led after it, until it was asked.

    `wait_for`: waits until a segment is applied, with a limit in seconds. Raises: Fenced, where this node does not
    lead; Unavailable, where that could not be found out within `timeout` seconds.
    """
    term = machine.log.term
    try:
        async with asyncio.timeout(timeout):
            await _prove(machine, objects, clock, wait_for, timeout)
    except TimeoutError:
        raise _unproven(machine, f"the store did not answer within {timeout:g} s") from None
    except Unavailable as problem:
        raise _unproven(machine, problem.message) from None
    if machine.log.term != term or not machine.may_act(clock.read()):
        raise Fenced("this node does not lead any more")


async def _prove(machine: Machine, objects: Objects, clock: Clock, wait_for: WaitFor, timeout: float) -> None:
    if not machine.may_act(clock.read()):
        raise Fenced("this node does not lead")
    if machine.append is not None:
        # It was sent before the question came: its own success may be older than somebody else's election.
        await _applied(machine.append.segment.header.seq, wait_for, timeout)
    if machine.append is None:
        following = machine.log.seq + 1
        if await objects.get(segment_key(following)) is None:
            return
        if machine.append is None and machine.log.seq < following:
            raise Unavailable("another node may have been elected, and this one has not read yet what it wrote")
    else:
        following = machine.append.segment.header.seq
    await _applied(following, wait_for, timeout)  # of its own, begun after the question: as good as the read


async def _applied(seq: int, wait_for: WaitFor, timeout: float) -> None:
    if not await wait_for(seq, timeout):
        raise Unavailable(f"segment {seq} is under way, and its fate is not known yet")


def _unproven(machine: Machine, why: str) -> Unavailable:
    return Unavailable(
        f"this node could not prove that it leads still: {why}", retry_after=max(1.0, machine.identity.poll)
    )
