"""What nodes tell one another about who leads, beside the journal: hints that make things quicker and never decide.

`Hearsay.of_leader` runs while a start has not decided its mode: a node that must lead or fail asks the leader's address
whether it leads still, and fails at once when it does, instead of waiting for its next segment. `Hearsay.ask_leader`
tells the leader of a wish that stands in this node's record as well. Where the other cannot be reached, nothing comes
of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from amp.ha import events as ev
from amp.ha.machine import Machine
from amp.ha.modes import NodeState
from amp.ha.node import Phase
from amp.kit.errors import Unavailable
from amp.plane.peers import Peers

_LOG = logging.getLogger(__name__)
_LOOK_EVERY = 0.02


class Hearsay:
    """Calls of one node about its plane's leader. `tell`: lets the machine hear of an event."""

    def __init__(self, machine: Machine, peers: Peers, tell: Callable[[ev.Event], None]) -> None:
        self._machine, self._peers, self._tell = machine, peers, tell

    async def of_leader(self) -> None:
        """Ask the leader whether it leads, once a poll, until the mode at start is decided."""
        machine = self._machine
        while not machine.decided and machine.identity.claims:
            leader = self._leader()
            if leader is not None:
                address, node, term = leader
                try:
                    said = await self._peers.standing(address, node, 2 * machine.identity.poll + 1)
                except Unavailable as problem:
                    _LOG.debug("the leader does not answer: %s", problem.message)
                else:
                    if said.state == NodeState.MASTER and said.term == term:
                        self._tell(ev.LeaderAnswered(node, term))
            await asyncio.sleep(machine.identity.poll)

    async def ask_leader(self) -> None:
        """Once this node is ready to lead, as an operator wants it to, ask the leader to hand over."""
        machine = self._machine
        while True:
            promotion, leader = machine.promotion, self._leader()
            if promotion is not None and leader is not None and machine.applies:
                address, node, term = leader
                if term == promotion.term:
                    try:
                        yields = await self._peers.ask(address, node, term, 2 * machine.identity.poll + 1)
                        _LOG.info("node %s %s to hand over", node, "agrees" if yields else "does not agree")
                    except Unavailable as problem:
                        _LOG.info("the leader could not be asked, so it has to read it: %s", problem.message)
                return
            await asyncio.sleep(_LOOK_EVERY)

    def _leader(self) -> tuple[str, str, int] | None:
        """Answer address, id and term of who led last, as far as this follower knows; None where nobody does."""
        head = self._machine.log.head
        if self._machine.phase is not Phase.FOLLOWING or head is None or head.header.kind == "resign":
            return None
        address = self._machine.log.address_of(head.header.node)
        own = head.header.node == self._machine.identity.node
        return (address, head.header.node, head.header.term) if address and not own else None
