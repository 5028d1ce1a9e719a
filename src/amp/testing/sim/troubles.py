"""The troubles that come over a plane: what each does. All chance in one comes from its own seed.

Those that need a certain moment wait for it: a candidate that stands, a winner, a first append in office.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import Protocol

from amp.ha import events as ev
from amp.ha.machine import Phase
from amp.ha.modes import HaMode
from amp.testing.sim.node import SimNode
from amp.testing.sim.plan import Trouble
from amp.testing.sim.store import Fate, Faults
from amp.testing.sim.world import World

_STOP = ev.StopAsked()


class Stage(Protocol):
    """What troubles see of a story. `nodes`: the current run on each machine; `at_stand`, `at_office`: what befalls the
    next node that stands for election, or takes office; `quiet_until`: no other trouble begins before."""

    world: World
    nodes: list[SimNode]
    storming: bool
    quiet_until: float
    at_stand: list[Callable[[SimNode], None]]
    at_office: list[Callable[[SimNode], None]]

    def set_faults(self, faults: Faults) -> None:
        """Let the store have these."""
        ...

    def crash(self, node: SimNode, rng: random.Random, away: float, released: float) -> None:
        """Kill a node; its machine starts another after `away` seconds. `released`: how likely somebody releases it."""
        ...

    def stop(self, node: SimNode, rng: random.Random, away: float) -> None:
        """Stop a node cleanly; likewise."""
        ...


def befall(stage: Stage, trouble: Trouble) -> None:
    """Let a trouble come over the plane."""
    if stage.world.time < stage.quiet_until:
        return  # one that takes several steps is under way
    rng = random.Random(trouble.chance)
    stage.world.tell(f"trouble {trouble.number}: {trouble.kind}")
    _KINDS[trouble.kind](stage, _victim(stage, rng), rng)


def _victim(stage: Stage, rng: random.Random) -> SimNode:
    """Choose a node: any, but the leader more often than not."""
    leading = [node for node in stage.nodes if node.alive and node.machine.phase is Phase.LEADING]
    return leading[0] if leading and rng.random() < 0.5 else rng.choice(stage.nodes)


def _leads(node: SimNode) -> bool:
    return node.alive and not node.paused and node.machine.phase is Phase.LEADING


def _crash(stage: Stage, node: SimNode, rng: random.Random) -> None:
    if node.alive:
        stage.crash(node, rng, rng.expovariate(1 / 4.0), 0.4)


def _pause(_: Stage, node: SimNode, rng: random.Random) -> None:
    node.freeze(rng.choice([0.5, 3.0, 12.0, 20.0]) * rng.random())


def _cut(stage: Stage, node: SimNode, rng: random.Random) -> None:
    if node.alive:
        if rng.random() < 0.6:  # it alone has trouble: the others take over as soon as they may
            stage.set_faults(Faults())
        node.cut_off(rng.choice([2.0, 15.0]) * rng.random())


def _stall(stage: Stage, _: SimNode, rng: random.Random) -> None:
    """The next candidate freezes just as it stands, and its election leaves the machine when that is over."""
    everyone = rng.random() < 0.5
    stage.at_stand.append(lambda candidate: _hold_up(stage, candidate, rng.uniform(6.0, 15.0), everyone))


def _behind(stage: Stage, node: SimNode, rng: random.Random) -> None:
    """The leader is cut off until a candidate freezes as it stands, and all others with it; then it goes far ahead."""
    if not _leads(node):
        return
    length = rng.uniform(6.0, 15.0)

    def come_back() -> None:
        stage.set_faults(Faults())
        node.reconnect()

    def freeze(candidate: SimNode) -> None:
        _hold_up(stage, candidate, length, True)
        stage.world.after(length / 20, come_back)

    stage.set_faults(Faults())
    node.cut_off(30.0)
    stage.at_stand.append(freeze)


def _hold_up(stage: Stage, candidate: SimNode, length: float, everyone: bool) -> None:
    candidate.held_up = length
    stage.world.after(length, candidate.let_go)
    stage.world.tell(f"the election of {candidate.name} is held up for {length:.2f} s")
    for node in stage.nodes:
        if node is candidate or (everyone and node.machine.phase is not Phase.LEADING):
            node.freeze(length + stage.world.rng.uniform(0.0, 2.0))


def _usurp(stage: Stage, leader: SimNode, rng: random.Random) -> None:
    """The leader freezes with a lease that still runs; another is asked to lead, wins, and waits. Then that one goes,
    too, or a third is asked."""
    heirs = [node for node in stage.nodes if node is not leader and node.alive and not node.paused]
    if not _leads(leader) or not heirs:
        return
    heir = rng.choice(heirs)
    stage.set_faults(Faults())
    leader.freeze(rng.uniform(4.0, 12.0))
    _ask(stage, heir, HaMode.MASTER)
    stage.quiet_until = stage.world.time + _QUIET
    lease = leader.machine.lease_left(leader.now()) or 0.0
    fate = rng.choice(_LONG_STORIES if lease > _LONG else _SHORT_STORIES)
    delay = rng.choice([0.0, 0.0, rng.uniform(0.0, 2.0)])
    waits = partial(_waits_for_office, heir)
    heir.watched.append((waits, lambda: stage.world.after(delay, lambda: fate(stage, heir, rng))))


#: A lease of so many seconds gives time for more than one thing to happen; so long no other trouble interferes.
_LONG, _QUIET = 3.5, 6.0


def _waits_for_office(node: SimNode) -> bool:
    machine = node.machine
    return machine.phase is Phase.LEADING and machine.proven and not machine.in_office


def _fall_ill(stage: Stage, _: SimNode, __: random.Random) -> None:
    if stage.storming:
        stage.set_faults(Faults(lost_answer=0.8))


def _stop_waiting(stage: Stage, heir: SimNode, rng: random.Random) -> None:
    if stage.storming and heir.alive and not heir.paused:
        stage.stop(heir, rng, rng.uniform(2.0, 8.0))


def _die_waiting(stage: Stage, heir: SimNode, rng: random.Random) -> None:
    if stage.storming and heir.alive:
        stage.crash(heir, rng, rng.uniform(2.0, 8.0), 0.6)


def _usurped(stage: Stage, heir: SimNode, rng: random.Random) -> None:
    """As soon as another has read of the winner, that one is asked to lead instead of it."""
    others = [node for node in stage.nodes if node is not heir and node.alive and not node.paused]
    if not stage.storming or not heir.alive or not others:
        return
    second, term = rng.choice(others), heir.machine.log.term

    def has_read() -> bool:
        return second.machine.phase is Phase.FOLLOWING and second.machine.log.term == term

    second.watched.append((has_read, lambda: _ask(stage, second, HaMode.MASTER)))


_SHORT_STORIES = (_fall_ill, _stop_waiting, _die_waiting)
_LONG_STORIES = (_stop_waiting, _die_waiting, _die_waiting, _usurped, _usurped, _usurped)


def _mute(stage: Stage, _: SimNode, rng: random.Random) -> None:
    """The first append of the next node in office arrives, and nothing is heard of it: it freezes or is cut off."""
    length, frozen = rng.uniform(4.0, 12.0), rng.random() < 0.5

    def first_word(node: SimNode, _: int, __: int) -> Fate | None:
        node.let_go()
        stage.world.tell(f"the append of {node.name} arrives unanswered")
        stage.world.after(0.0, lambda: node.freeze(length) if frozen else node.cut_off(length))
        return Fate()

    def arm(node: SimNode) -> None:
        stage.set_faults(Faults())
        node.interferes = first_word

    stage.at_office.append(arm)


def _echo(stage: Stage, leader: SimNode, rng: random.Random) -> None:
    """An attempt of the leader arrives very late, after its slot was filled by the next one and deleted; all others
    have read up to it, and sleep till then."""
    if not _leads(leader):
        return
    late = rng.uniform(5.0, 9.0)
    first: list[tuple[int, float]] = []

    def sleep() -> None:
        leader.let_go()
        for node in stage.nodes:
            if node is not leader:
                node.freeze(first[0][1] + late - stage.world.time + rng.uniform(0.02, 0.5))

    def interfere(node: SimNode, seq: int, attempt: int) -> Fate | None:
        if not first and attempt == 1 and node.machine.phase is Phase.LEADING:
            first.append((seq, stage.world.time))
            stage.world.tell(f"an append of segment {seq} by {node.name} arrives {late:.2f} s later")
            return Fate(there=late)
        if first and seq == first[0][0]:  # all others read up to it before it is there
            node.let_go()
            node.held_up = 1.2 * node.identity.poll
            stage.world.after(node.held_up, sleep)
        return None

    stage.set_faults(Faults())
    leader.interferes = interfere


def _mode(stage: Stage, node: SimNode, rng: random.Random) -> None:
    if node.alive:
        wanted = rng.choice([HaMode.MASTER, HaMode.MASTER, *HaMode])
        _ask(stage, node, wanted)
        if wanted is HaMode.MASTER:
            _call(stage, node, rng)


def _call(stage: Stage, asker: SimNode, rng: random.Random) -> None:
    """The asker calls others: at once or late, once or again, the leader or somebody who knows nothing of it."""
    ask = ev.AskHeard(asker.machine.identity.node, asker.machine.log.term)

    def deliver(place: int) -> None:
        if stage.nodes[place].alive:
            stage.nodes[place].feed(ask)

    for _ in range(rng.choice([0, 1, 2])):
        late = rng.choice([0.1, 1.0, 20.0]) * rng.random()
        stage.world.after(late, partial(deliver, rng.randrange(len(stage.nodes))))


def _ask(stage: Stage, node: SimNode, mode: HaMode) -> None:
    stage.world.tell(f"{node.name} is asked to be {mode}")
    node.feed(ev.ModeAsked(mode))


def _stop(stage: Stage, node: SimNode, rng: random.Random) -> None:
    if node.alive and not node.paused:
        if rng.random() < 0.4:  # the answer to a resignation matters more than most
            stage.set_faults(Faults(lost_answer=0.7))
        stage.stop(node, rng, rng.uniform(2.0, 8.0))


def _store(stage: Stage, _: SimNode, rng: random.Random) -> None:
    kind = rng.random()
    if kind < 0.35:
        stage.set_faults(Faults())
    elif kind < 0.45:
        stage.set_faults(Faults(down=True))
    else:
        stage.set_faults(
            Faults(
                lost_request=rng.random() * 0.3,
                lost_answer=rng.random() * 0.6,
                late=rng.random() * 0.2,
                failed_read=rng.random() * 0.2,
                slow=rng.random() * 0.3,
                latency=rng.choice([0.01, 0.05, 0.2]),
            )
        )


def _wall(stage: Stage, node: SimNode, rng: random.Random) -> None:
    seconds = rng.choice([-3600.0, -5.0, 0.5, 5.0, 3600.0])
    stage.world.tell(f"the wall clock of {node.name} jumps by {seconds:g} s")
    node.clock.shift_wall(seconds)
    node.fair_since = stage.world.time
    stage.world.moved.append(node)


_KINDS: dict[str, Callable[[Stage, SimNode, random.Random], None]] = {
    "crash": _crash,
    "pause": _pause,
    "cut": _cut,
    "stall": _stall,
    "behind": _behind,
    "usurp": _usurp,
    "mute": _mute,
    "echo": _echo,
    "mode": _mode,
    "stop": _stop,
    "store": _store,
    "wall": _wall,
}
