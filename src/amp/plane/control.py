"""What an operator may ask of this node itself: mode, priority, forgetting nodes, the end. Implements HaControl.

It tells the machine and waits until that has come to pass; it decides nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from amp.ha.events import AskHeard, ModeAsked, PrioritySet
from amp.ha.founding import Founding
from amp.ha.members import record_key
from amp.ha.modes import HaMode, NodeState, PersistMode
from amp.ha.node import Phase
from amp.ha.records import read_records
from amp.kit.clock import Clock
from amp.kit.errors import Conflict, Invalid, Unavailable
from amp.plane.hearsay import Hearsay
from amp.plane.node import PlaneNode
from amp.plane.status import master_of
from amp.store.objects import Objects

_LOOK_EVERY = 0.02

#: The states in which a mode that was asked for has come to pass.
_REACHED = {
    HaMode.MASTER: {NodeState.MASTER},
    HaMode.DISABLED: {NodeState.FAILED},
    HaMode.AUTO: {NodeState.MASTER, NodeState.HOT_STANDBY, NodeState.STANDBY},
    HaMode.STANDBY: {NodeState.STANDBY, NodeState.MASTER},
    HaMode.HOT_STANDBY: {NodeState.HOT_STANDBY, NodeState.MASTER},
    HaMode.HOT_BACKUP: {NodeState.HOT_BACKUP},
}


_Chooser = Callable[[str, int], bool]


class Control:
    """An operator's hands on one node."""

    def __init__(
        self,
        node: PlaneNode,
        objects: Objects,
        clock: Clock,
        find: Callable[[], Awaitable[Founding]] | None = None,
        hearsay: Hearsay | None = None,
    ) -> None:
        self._node, self._objects, self._clock, self._find, self._hearsay = node, objects, clock, find, hearsay

    async def set_mode(self, mode: str, *, force: bool = False) -> str:
        """Change the mode at run time, and wait until it is so; answers the state before.

        `force`, with MASTER: the operator vouches that whoever led is dead.
        """
        try:
            wanted = HaMode(mode.upper())
        except ValueError:
            raise Invalid(f"unknown mode {mode!r}: one of {', '.join(HaMode)}") from None
        machine = self._node.machine
        if self._node.persist_mode is PersistMode.DISABLED and wanted not in (HaMode.MASTER, HaMode.AUTO):
            raise Conflict(
                f"persistMode=DISABLED: this node has no store that another could share, so it cannot be {wanted}"
            )
        before = machine.state(self._clock.read())
        if wanted is HaMode.MASTER and before is NodeState.MASTER:
            return before.value
        if not machine.identity.plane and self._find is not None:
            # It came up without a plane, because its store could not be used: perhaps it can now.
            self._node.join(await self._find())
        self._node.elector.tell(ModeAsked(wanted, force))
        limit = machine.identity.timeout * 2 + machine.identity.poll * 5 + 5.0
        try:
            async with asyncio.timeout(limit), asyncio.TaskGroup() as group:
                call = self._hearsay.ask_leader() if self._hearsay and wanted is HaMode.MASTER else None
                asking = group.create_task(call, name="ask the leader") if call is not None else None
                while not self._has_become(wanted):  # noqa: ASYNC110  # many things end the wait; none is an event
                    await asyncio.sleep(_LOOK_EVERY)
                if asking is not None:
                    asking.cancel()
        except TimeoutError:
            raise Unavailable(
                f"{wanted} was asked for and has not come to pass within {limit:g} s: this node is "
                f"{machine.state(self._clock.read())}; look at the plane, then ask again",
                retry_after=machine.identity.timeout,
            ) from None
        return before.value

    def _has_become(self, wanted: HaMode) -> bool:
        machine = self._node.machine
        if machine.phase in (Phase.RESIGNING, Phase.ENDED) or machine.after_resigning is not None:
            return machine.phase is Phase.ENDED
        return machine.state(self._clock.read()) in _REACHED[wanted]

    def asked_to_yield(self, node: str, term: int) -> bool:
        """Let the machine hear that a node asks for the office of a term; answers whether this node hands over."""
        self._node.elector.tell(AskHeard(node, term))
        return self._node.machine.phase is Phase.RESIGNING and self._node.machine.heir == node

    async def set_priority(self, priority: int) -> int:
        """Change the election priority; answers the one before."""
        before = self._node.machine.priority
        self._node.elector.tell(PrioritySet(priority))
        return before

    async def clear_nodes(self, node: str | None = None) -> None:
        """Delete records of nodes that are gone; the master's and this node's are kept."""
        await self._forget(lambda id, _: node in (None, id))

    async def prune(self, limit: float) -> None:
        """Delete records of nodes that were not heard of for `limit` seconds, by the wall clocks."""
        oldest = self._clock.read().wall_ms - limit * 1000
        await self._forget(lambda _, at: at < oldest)

    async def _forget(self, chosen: _Chooser) -> None:
        kept = {self._node.machine.identity.node, master_of(self._node.machine, self._clock.read())}
        for record in await read_records(self._objects, {}):
            if record.id not in kept and chosen(record.id, record.at):
                await self._objects.delete(record_key(record.id))

    def shut_down(self, delay_s: float) -> None:
        """Begin a clean stop after `delay_s` seconds."""
        if delay_s > 0:
            asyncio.get_running_loop().call_later(delay_s, self._node.stop)
        else:
            self._node.stop()
