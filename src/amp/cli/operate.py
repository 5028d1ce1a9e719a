"""What an operator changes about the plane: `amp ha promote`, `demote`, `priority` and `remove`.

The rule: each concerns the one node at --url, and shows how that was before and is now. What may take a proof away is
asked for twice. Whether it may be done is decided by the node; only `remove` looks first, for it is about others.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Annotated, Literal

from cyclopts import Parameter

from amp.cli.access import ANYWHERE, Access, Output
from amp.cli.client import Client
from amp.cli.exits import OK
from amp.cli.output import show_json
from amp.cli.plane import plane_of
from amp.ha.modes import NodeState
from amp.kit.errors import Conflict, Invalid, Missing, Unavailable
from amp.plane.views import HaStatus, NodeView

_MASTER = NodeState.MASTER.value
_GONE = (NodeState.TERMINATED.value, NodeState.FAILED.value)
_PRIORITY = "/v1/server/ha/priority"


def ha_promote(
    *,
    force: Annotated[bool, Parameter(negative="")] = False,
    yes: Annotated[bool, Parameter(name=["--yes", "-y"], negative="")] = False,
    output: Output = "table",
    access: Access = ANYWHERE,
) -> int:
    """Make the node at --url the master; the one that leads now hands over.

    Parameters
    ----------
    force: bool
        do not wait until the old master's time has run out: you vouch that it is dead
    yes: bool
        with --force: do not ask
    """
    client = access.client()
    before = plane_of(client)[1]
    if force and before.state != _MASTER and not yes:
        _vouch(before)
    after = _set_mode(client, before, {"mode": _MASTER, **({"force": "true"} if force else {})})
    if after.state != _MASTER:
        raise Conflict(f"node {after.node} is {after.state}, and not the master", details="See amp ha status.")
    _show_change(before, after, output)
    return OK


def ha_demote(
    *,
    to: Literal["HOT_STANDBY", "STANDBY", "HOT_BACKUP", "AUTO", "DISABLED"] = "HOT_STANDBY",
    output: Output = "table",
    access: Access = ANYWHERE,
) -> int:
    """Give the node at --url another mode; a master resigns first, and a standby takes over at once.

    Parameters
    ----------
    to: str
        the mode that it is to have
    """
    client = access.client()
    before = plane_of(client)[1]
    after = _set_mode(client, before, {"mode": to})
    _show_change(before, after, output)
    if after.state == before.state == _MASTER:
        print(f"amp: node {after.node} leads still or again: no other node could", file=sys.stderr)
    return OK


def _vouch(status: HaStatus) -> None:
    """Let the operator vouch for the old master's death. Raises: Invalid."""
    old = f"node {status.master}" if status.master else "the node that led last"
    if not sys.stdin.isatty():
        raise Invalid(
            f"nothing was changed: --force vouches that {old} is dead, and there is no terminal to ask on",
            details="Add --yes, if you know that it is dead.",
        )
    where = f" at {status.master_uri}" if status.master_uri else ""
    print(
        f"With --force node {status.node} acts as master at once, without proof that nobody else does.\n"
        f"You vouch that {old}{where} is dead. If it lives, both act at the same time: what is managed may be started\n"
        "twice, and stopped by one while the other runs it.\n"
        "Type yes if it is dead: ",
        end="",
        file=sys.stderr,
        flush=True,
    )
    if sys.stdin.readline().strip().lower() != "yes":
        raise Invalid("nothing was changed")


def promote(client: Client, before: HaStatus) -> HaStatus:
    """Make a node the master and wait until it is; answers how it is then. Raises: AmpError."""
    return _set_mode(client, before, {"mode": _MASTER})


def _set_mode(client: Client, before: HaStatus, fields: dict[str, str]) -> HaStatus:
    """Ask the node to change; it answers when it has. Raises: AmpError."""
    # The node itself gives up after about two time-outs of the plane; its answer is worth waiting for.
    limit = max(client.timeout, 2 * before.heartbeat_timeout_s + 5 * before.poll_period_s + 15)
    try:
        replace(client, timeout=limit).tell_node("/v1/server/ha/state", fields)
    except Unavailable as error:
        if not error.unknown:
            raise
        raise Unavailable(error.message, unknown=True, details="See what it is now, with amp ha status.") from None
    return plane_of(client)[1]


def _show_change(before: HaStatus, after: HaStatus, output: str) -> None:
    if output == "json":
        show_json({"node": after.node, "before": before.state, "after": after.state, "mode": after.mode})
    else:
        print(f"Node {after.node}: {before.state} before, {after.state} now (mode {after.mode})")


def ha_priority(
    priority: Annotated[int | None, Parameter(allow_leading_hyphen=True)] = None,
    /,
    *,
    output: Output = "table",
    access: Access = ANYWHERE,
) -> int:
    """Show the election priority of the node at --url, or change it until its next start.

    Parameters
    ----------
    priority: int
        the new priority; of several standbys the highest takes over
    """
    client = access.client()
    if priority is None:
        now = client.get(_PRIORITY)
        show_json({"priority": now}) if output == "json" else print(now)
        return OK
    before = client.tell_node(_PRIORITY, {"priority": str(priority)})
    if output == "json":
        show_json({"before": before, "priority": priority})
    else:
        print(f"Priority: {before} before, {priority} now")
    return OK


def ha_remove(
    node: str | None = None,
    /,
    *,
    dead: Annotated[bool, Parameter(negative="")] = False,
    output: Output = "table",
    access: Access = ANYWHERE,
) -> int:
    """Forget a node that is gone, so that it is listed no more. A node that lives is refused.

    Parameters
    ----------
    node: str
        the id of the node
    dead: bool
        forget all that are TERMINATED or FAILED instead
    """
    if (node is None) is not dead:
        raise Invalid("name one node, or all that are gone with --dead", details="See amp ha status for their ids.")
    client = access.client()
    status = plane_of(client)[1]
    chosen = [each for each in status.nodes if (_is_gone(each) if dead else each.id == node)]
    if node is not None and not chosen:
        raise Missing(f"the plane knows no node {node}", details="See amp ha status for the ids.")
    for each in chosen:
        _refuse_live(each)
    for each in chosen:
        client.tell_node("/v1/server/ha/states/clear/node", {"nodeId": each.id})
    if output == "json":
        show_json({"removed": [each.id for each in chosen]})
    else:
        print("\n".join(f"Removed {each.id} ({each.state})" for each in chosen) or "No node is gone")
    return OK


def _is_gone(node: NodeView) -> bool:
    return node.state in _GONE and not node.is_self and not node.is_master


def _refuse_live(node: NodeView) -> None:
    if _is_gone(node):
        return
    if node.is_self:
        raise Conflict(f"node {node.id} is the one that is asked, so it lives: nothing was removed")
    raise Conflict(f"node {node.id} is {node.state}, so it may live: nothing was removed", details="Stop it first.")
