"""`amp ha drill`: a rehearsal of a switch-over on a plane that is in use, with what clients saw of it.

The rule: it looks first, and begins only when the plane can do without one node; it goes the way of `amp ha promote`,
which never takes the office from one before another can have it; and whatever comes of it, it ends by saying who leads.
"""

from __future__ import annotations

import sys
import time
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any

from cyclopts import Parameter

from amp.cli.access import ANYWHERE, Access, Output
from amp.cli.client import Client
from amp.cli.exits import OK, UNHEALTHY
from amp.cli.operate import promote
from amp.cli.output import show_json
from amp.cli.plane import plane_of
from amp.cli.rehearsal import PROBE, Figures, Reads, Writes, until
from amp.ha.modes import NodeState
from amp.kit.clock import Clock, SystemClock
from amp.kit.durations import format_duration
from amp.kit.errors import AmpError, Conflict, Invalid, Unavailable
from amp.plane.views import HaStatus, NodeView

_MASTER, _HOT = NodeState.MASTER.value, NodeState.HOT_STANDBY.value
#: So many writes and reads must have worked before, and after, the change.
_WARM_UP = 10
#: A plane that is not fit is looked at again for so long, in seconds.
_SETTLES = 2.0
#: A standby may be this many segments behind when it is looked at: the master writes meanwhile.
_LAG = 20


@dataclass(frozen=True, slots=True)
class Leg:
    """One change of the master, as a client saw it."""

    to: str
    term_before: int
    term_after: int
    took_s: float
    writes: Figures
    reads: Figures


def ha_drill(
    *,
    to: str | None = None,
    back: Annotated[bool, Parameter(negative="")] = False,
    yes: Annotated[bool, Parameter(name=["--yes", "-y"], negative="")] = False,
    output: Output = "table",
    access: Access = ANYWHERE,
) -> int:
    """Rehearse a switch-over: make a hot standby the master, and measure what clients see of it.

    Parameters
    ----------
    to: str
        the id of the standby; default: the one that is preferred
    back: bool
        afterwards make the old master the master again
    yes: bool
        do not ask
    """
    client, clock = access.client(), SystemClock()
    master, standby, took = _look(client, to, clock)
    clients: dict[str, Client] = {each.id: replace(client, url=_address(each), others=()) for each in (master, standby)}
    said = [
        f"node {master.id} at {master.uri} leads term {master.term}; a write takes {_ms(took)}",
        f"node {standby.id} at {standby.uri} is a hot standby and has read what the master wrote",
    ]
    if output == "table":
        print("\n".join(f"ok  {line}" for line in said), flush=True)
    if not yes:
        _ask(master, standby)
    legs = [_leg(clients, master.id, standby.id, clock)]
    if back:
        legs.append(_leg(clients, standby.id, master.id, clock))
    return _report(clients[legs[-1].to], legs, output)


def _look(client: Client, to: str | None, clock: Clock) -> tuple[NodeView, NodeView, float]:
    """Find master and standby, and how long a write takes. Raises: Conflict, when that is not fit and stays so."""
    end = clock.read().raw + _SETTLES
    while True:
        try:
            master, standby = _pair(plane_of(client)[1], to)
            asked, other = (replace(client, url=_address(each), others=()) for each in (master, standby))
            return master, standby, _check(asked, other, master, standby, clock)
        except Conflict:
            if clock.read().raw >= end:  # who has just changed its state may not be seen by all as what it is
                raise
            time.sleep(0.1)


def _pair(status: HaStatus, to: str | None) -> tuple[NodeView, NodeView]:
    """Choose who hands over to whom. Raises: Conflict, when the plane cannot do without one node."""
    masters = [each for each in status.nodes if each.state == _MASTER]
    if len(masters) != 1:
        raise _unfit(f"the plane has {len(masters)} masters at this moment, as {status.node} sees it")
    hot = sorted((each for each in status.nodes if each.state == _HOT), key=lambda each: (-each.priority, each.id))
    chosen = [each for each in hot if to in (None, each.id)]
    if not chosen:
        known = ", ".join(each.id for each in hot)
        raise _unfit(
            "there is no hot standby"
            if to is None
            else f"{to} is no hot standby{f': there is {known}' if known else ''}"
        )
    return masters[0], chosen[0]


def _address(node: NodeView) -> str:
    if not node.uri:
        raise _unfit(f"node {node.id} publishes no address")
    return node.uri


def _check(ask: Client, other: Client, master: NodeView, standby: NodeView, clock: Clock) -> float:
    """Ask both nodes themselves; answers how long a write takes now. Raises: Conflict, when one is not fit."""
    try:
        own, theirs = plane_of(ask)[1], plane_of(other)[1]
        begun = clock.read().raw
        position = ask.call("POST", PROBE)["seq"]
        took = clock.read().raw - begun
    except Unavailable as error:
        raise _unfit(error.message) from None
    for status, wanted, node in ((own, _MASTER, master), (theirs, _HOT, standby)):
        if status.node != node.id:
            raise _unfit(f"{node.uri} is the address of node {status.node}, not of {node.id}")
        if status.state != wanted or status.problem or status.shutting_down:
            raise _unfit(
                f"node {node.id} says that it is {status.state}{f': {status.problem}' if status.problem else ''}"
            )
    wait = 3 * theirs.poll_period_s + 2
    if not until(lambda: plane_of(other)[1].seq >= position - _LAG, wait, clock, time.sleep):
        raise _unfit(f"node {standby.id} is behind: it had not read segment {position} after {wait:g} s")
    return took


def _unfit(why: str) -> Conflict:
    return Conflict(f"the plane is not fit for a drill: {why}", details="Nothing was changed. See amp ha status.")


def _ask(master: NodeView, standby: NodeView) -> None:
    if not sys.stdin.isatty():
        raise Invalid("nothing was changed: there is no terminal to ask on", details="Add --yes to switch over.")
    print(
        f"Node {standby.id} becomes the master in place of {master.id}. Writes stop for a moment, reads do not.\n"
        "Work under way goes on under the new master.\nType yes to begin: ",
        end="",
        file=sys.stderr,
        flush=True,
    )
    if sys.stdin.readline().strip().lower() != "yes":
        raise Invalid("nothing was changed")


def _leg(clients: dict[str, Client], old: str, new: str, clock: Clock) -> Leg:
    """Switch over once, with clients at work. Raises: AmpError, saying who leads."""
    before = plane_of(clients[new])[1]
    writes, reads = Writes([clients[old], clients[new]], clock), Reads(clients[new], clock)
    patience = 2 * before.heartbeat_timeout_s + 10
    for each in (writes, reads):
        each.start()
    try:
        ready = until(lambda: writes.has_done(_WARM_UP) and reads.has_done(_WARM_UP), patience, clock, time.sleep)
        if not ready:
            raise _unfit(f"a client could not work: {writes.tally.why or reads.tally.why}")
        begun = clock.read().raw
        after = promote(clients[new], before)
        took = clock.read().raw - begun
        if after.state != _MASTER:
            raise Conflict(f"node {new} was told to lead and is {after.state}")
        done = len(writes.tally.ended)
        worked = until(lambda: writes.has_done(done + _WARM_UP), patience, clock, time.sleep)
        settled = until(lambda: _is_hot(clients[old]), patience, clock, time.sleep)
        if not worked or not settled:
            raise Unavailable(f"node {new} leads, but {'clients cannot write' if not worked else f'{old} is not back'}")
    except AmpError as error:
        raise type(error)(error.message, details=_who_leads(clients.values())) from None
    finally:
        seen = writes.stop(), reads.stop()
    return Leg(new, before.term, after.term, took, *seen)


def _is_hot(client: Client) -> bool:
    try:
        return plane_of(client)[1].state == _HOT
    except Unavailable:
        return False


def _who_leads(clients: Any) -> str:
    """Say who leads, as far as these nodes know."""
    for client in clients:
        try:
            status = plane_of(client)[1]
        except AmpError:
            continue
        if status.master:
            return f"Node {status.master} leads{f' at {status.master_uri}' if status.master_uri else ''}."
    return "Neither node knows of a master at this moment: see amp ha status."


def _report(client: Client, legs: list[Leg], output: str) -> int:
    status = plane_of(client)[1]
    if output == "json":
        show_json({"legs": [asdict(leg) for leg in legs], "master": status.master, "verdict": status.verdict})
    else:
        for leg in legs:
            print("\n".join(_lines(leg)))
        print(f"Now: {status.verdict}")
    return OK if status.master else UNHEALTHY


def _lines(leg: Leg) -> list[str]:
    terms = f"term {leg.term_before} before, {leg.term_after} now"
    return [
        f"Node {leg.to} leads, {_ms(leg.took_s)} after it was told: {terms}",
        f"    writes: {_line(leg.writes, 'refused')}",
        f"    reads on it: {_line(leg.reads, 'failed')}",
    ]


def _line(seen: Figures, failed: str) -> str:
    unknown = f", the fate of {seen.unknown} not known" if seen.unknown else ""
    usual = f"(one usually takes {_ms(seen.usual_s)})"
    return f"none for {_ms(seen.away_s)} {usual}; {seen.done} done, {seen.failed} {failed}{unknown}"


def _ms(seconds: float) -> str:
    return format_duration(round(seconds, 3))
