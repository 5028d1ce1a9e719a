"""Changes of mode at run time, asked for by an operator (E7). Pure.

A leader that is asked to be something else resigns first, like one that stops. A node that is asked to lead tells the
leader so by `ask` in its record; the leader yields to it, if the ask names its own term; and after two polls the node
stands in any case. When it may act is decided as ever (E5), but for `force`, by which the operator vouches for the
death of the other.
"""

from __future__ import annotations

from collections.abc import Callable

from amp.ha import events as ev
from amp.ha.modes import HaMode
from amp.ha.node import Node, Phase, Promotion

_HOT = {HaMode.STANDBY: False, HaMode.HOT_STANDBY: True, HaMode.HOT_BACKUP: True}


def mode_asked(node: Node, event: ev.ModeAsked, resign: Callable[[Node], None]) -> None:
    """Take an operator's wish in. `resign`: how a leader begins to."""
    if node.stopping_since is not None:
        return
    wanted = event.mode
    if node.phase in (Phase.STANDING, Phase.LEADING, Phase.RESIGNING):
        if wanted in (HaMode.MASTER, HaMode.AUTO):
            node.after_resigning = None if node.phase is not Phase.RESIGNING else wanted
            return
        node.after_resigning = wanted
        if node.phase is Phase.LEADING:
            resign(node)
        return
    become(node, wanted)
    if wanted is HaMode.MASTER:
        node.promotion = Promotion(node.log.term, node.now, event.force)
        if node.phase is Phase.FOLLOWING and not node.applies:
            # A warm node loads before it asks: the leader's office should not wait for that.
            node.applies = node.warming = True
            node.start_load()


def become(node: Node, wanted: HaMode) -> None:
    """Give a node that does not lead another mode."""
    failed = node.phase is Phase.FAILED
    node.decided, node.promotion = True, None
    if wanted is HaMode.DISABLED:
        node.mode, node.phase = wanted, Phase.FAILED
        node.problem = "it was disabled by an operator: give it another mode to bring it back"
        return
    if wanted is HaMode.MASTER:
        # Who is asked to lead is a candidate from now on, also one that was a backup; and hot, where it was.
        node.mode = node.mode if node.mode in (HaMode.AUTO, HaMode.STANDBY, HaMode.HOT_STANDBY) else HaMode.HOT_STANDBY
    else:
        node.mode = wanted
    node.hot = _HOT.get(node.mode, node.hot)
    node.problem, node.is_taken = None, False
    if failed or (node.hot and not node.applies):
        node.applies = node.hot
        node.start_load()
    elif node.phase is Phase.FOLLOWING:
        node.applies = node.hot


def yields_to(node: Node) -> str | None:
    """Answer the node that asks this leader to hand over, None where nobody does. An ask of another term is old."""
    if node.phase is not Phase.LEADING or not node.in_office:
        return None
    own, term = node.identity.node, node.log.term
    if node.heard is not None and node.heard[1] == term and node.heard[0] != own:
        return node.heard[0]
    return min((id for id, seen in node.roster.seen.items() if seen.record.ask == term and id != own), default=None)
