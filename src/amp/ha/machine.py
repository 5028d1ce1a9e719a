"""One node of the plane as a state machine: events in, actions out. Pure; no clock, no I/O, no asyncio.

It reads the journal, stands when its leader is gone, leads, resigns, and steps down, by the rules of the protocol
(their numbers stand in the comments of `following` and `leading`). `elector` carries the actions out on real things,
`amp.testing.sim` on simulated ones.

Whoever creates segment n+1 after reading segment n leads; everything here only decides when to try, and when one that
has won may act.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from amp.ha import events as ev
from amp.ha import following, leading
from amp.ha.formats import present
from amp.ha.lease import standby_elapsed
from amp.ha.node import Check, Identity, Node, Phase
from amp.kit.clock import Reading

__all__ = ["Identity", "Machine", "Phase"]

#: How long an idle machine sleeps at most, in seconds.
LONGEST_SLEEP = 5.0


class Machine(Node):
    """Events in by `handle`, actions out; `wake_in` says when to call again at the latest."""

    def handle(self, event: ev.Event, now: Reading) -> list[ev.Action]:
        """Take an event in; answers what is to be done, in this order."""
        self.now = now
        if self.phase is not Phase.ENDED:
            _HANDLERS[type(event)](self, event)
            following.advance(self)
            leading.advance(self)
            self.tend_records()
        out, self.out = self.out, []
        return out

    def wake_in(self, now: Reading) -> float:
        """Answer the seconds after which `Woken` is due at the latest."""
        wait = min(LONGEST_SLEEP, following.wait(self, now), leading.wait(self, now))
        if self.record_at is not None and self.keeps_records():
            wait = min(wait, self.record_period() - standby_elapsed(self.record_at, now))
        return max(0.001, wait)

    def stands_in(self, now: Reading) -> float | None:
        """Answer the seconds until this node would stand; None where it would not."""
        return following.stand_left(self, now)


def _started(node: Node, _: ev.Started) -> None:
    node.began_at = node.now
    node.start_load()


def _woken(_: Node, __: ev.Woken) -> None:
    """Only time has passed; `advance` looks at the clock."""


def _priority_set(node: Node, event: ev.PrioritySet) -> None:
    node.priority = event.priority


def _ask_heard(node: Node, event: ev.AskHeard) -> None:
    node.heard = (event.node, event.term)  # `yields_to` looks whether it is of this term


def _listed(node: Node, event: ev.Listed) -> None:
    node.roster = node.roster.updated(event.records, node.now, node.log.seq)
    there = present(event.records)
    if there != node.present or node.joined_at is None:
        node.present, node.joined_at = there, node.now


def _load_failed(node: Node, event: ev.LoadFailed) -> None:
    node.fail(event.reason)


def _got(node: Node, event: ev.Got) -> None:
    if not _awaited(node, event.ticket):
        return
    if node.append is not None:
        leading.slot_read(node, node.append, event.segment)
    else:
        following.got(node, event)


def _boundary_read(node: Node, event: ev.BoundaryRead) -> None:
    if not _awaited(node, event.ticket) or node.check is None:
        return
    if event.seq is None:
        node.retry_at = node.now  # `check` stays: the question is asked again a poll later
        return
    check, node.check = node.check, None
    if check is Check.WON:
        leading.won(node, event.seq)
    else:
        following.boundary_read(node, check, event.seq, event.doubt)


def _get_failed(node: Node, event: ev.GetFailed) -> None:
    if not _awaited(node, event.ticket):
        return
    if node.append is not None and event.reason is None:
        node.append.slot_is_unreadable(node.now)
    else:
        following.get_failed(node, event)


def _awaited(node: Node, ticket: int) -> bool:
    """Tell whether this is the answer to the last question; answers to earlier ones count no more."""
    awaited = node.reading and ticket == node.ticket
    if awaited:
        node.reading = False
    return awaited


_HANDLERS: dict[type[Any], Callable[[Node, Any], None]] = {
    ev.Started: _started,
    ev.Woken: _woken,
    ev.PrioritySet: _priority_set,
    ev.Listed: _listed,
    ev.LoadFailed: _load_failed,
    ev.Loaded: following.loaded,
    ev.Got: _got,
    ev.GetFailed: _get_failed,
    ev.BoundaryRead: _boundary_read,
    ev.Created: leading.created,
    ev.Offered: leading.offered,
    ev.ModeAsked: leading.mode_asked,
    ev.AskHeard: _ask_heard,
    ev.LeaderAnswered: following.leader_answered,
    ev.OfficeFailed: leading.office_failed,
    ev.StopAsked: leading.stop_asked,
    ev.Quiet: leading.quiet,
}
