"""One seed, one story: nodes that die, freeze and come back, machines that restart, clients, and work under way.

All the while deployments run. When the trouble is over everything must come to its end; then the judge has the word.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable
from dataclasses import dataclass

from amp.ha.events import ModeAsked
from amp.ha.modes import HaMode
from amp.plane import snapshots
from amp.testing.simwork.clients import Clients
from amp.testing.simwork.judge import Broken, Judge
from amp.testing.simwork.node import Host, Node
from amp.testing.simwork.objects import Faults, Store
from amp.testing.simwork.target import Target
from amp.testing.simwork.world import HostClock, World

#: True seconds with trouble, and the longest that the work may take to end after them.
STORM, CALM = 40.0, 150.0
#: Seconds in which nothing is under way, before it is believed.
QUIET = 4.0
#: Segments after which a leader saves its state, in some stories: so few that standbys come to load one.
SOON = 40
_KINDS = (
    "kill", "kill", "freeze", "freeze", "stop", "promote", "lapse", "cut", "store", "store", "down", "reboot", "lose",
    "unreached",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a story came to."""

    seed: int
    count: dict[str, int]


class Story:
    """A plane of two or three nodes, two targets, clients, and their bad luck. `checks_first`: see `Target`."""

    def __init__(self, seed: int, *, checks_first: bool = False) -> None:
        self.seed = seed
        self.world = World(seed)
        self.rng = rng = self.world.rng
        self.nodes: list[Node] = []  # the current run on each host
        self.runs: list[Node] = []  # all of them
        self.judge = Judge(self.runs)
        self.store = Store(self.world, self.judge.landed)
        self.targets = {
            name: Target(
                self.world, name, began=self.judge.began, ended=self.judge.ended, voided=self.judge.voided,
                checks_first=checks_first,
            )
            for name in ("/m1", "/m2")
        }  # fmt: skip
        poll = rng.choice([0.2, 0.5, 1.0])
        self.hosts = [
            Host(f"host{i}", HostClock(self.world, rng.uniform(0.92, 1.09), rng.uniform(1e3, 1e5)),
                 rng.choice([2.0, 3.0, 4.0]), poll)
            for i in range(rng.choice([2, 2, 3]))
        ]  # fmt: skip
        self.storming = True
        self.clients = Clients(self.world, self.judge, list(self.targets), self._leader)
        self.wild = rng.choice([0.0, 0.004, 0.02])  # how often a node is struck just as it acts

    def play(self) -> Outcome:
        """Live through it. Raises: Broken."""
        watch = _Watch(self.judge)
        logger = logging.getLogger("amp")
        before, logger.propagate = logger.propagate, False
        logger.addHandler(watch)
        segments = snapshots.SEGMENTS
        try:
            snapshots.SEGMENTS = self.rng.choice([segments, SOON])
            self._play()
        finally:
            snapshots.SEGMENTS = segments
            logger.removeHandler(watch)
            logger.propagate = before
            self.world.over = True
            for node in self.runs:
                node.loop.bury()
            gc.unfreeze()  # a state that is loaded is taken from the collector's sight; a process plays many stories
        return Outcome(self.seed, dict(self.judge.count))

    def _play(self) -> None:
        for host in range(len(self.hosts)):
            self.nodes.append(self._run_of(host))
            self.world.after(self.rng.uniform(0.0, 1.0), self.nodes[host].start)
        for number in range(self.rng.choice([2, 3, 4])):
            self.clients.deploy(f"app{number}", self.rng.uniform(1.0, STORM * 0.7))
        self.world.after(2.0, self.clients.write)
        self.world.after(3.0, self.clients.act)
        self.world.after(3.5, self.clients.answer)
        if self.world.asks:
            self.world.after(4.0, self._raise_a_question)
        self.world.after(self.rng.uniform(2.0, 6.0), self._trouble)
        self._until(STORM)
        self._clear_up()
        quiet_since = self.world.time
        while self.world.time < STORM + CALM and self.world.time - quiet_since < QUIET:
            self._until(self.world.time + 1.0)
            if self.clients.waiting or self._leader() is None or self.judge.unfinished():
                quiet_since = self.world.time
        if self.clients.waiting:
            self._broken(f"{self.clients.waiting} requests are not answered {CALM:g} s after the trouble")
        if self.judge.unfinished():
            self._broken(f"still under way {CALM:g} s after the trouble: {', '.join(self.judge.unfinished()[:5])}")
        self._judge_nodes()
        self.judge.verdict()
        self._check()

    def _until(self, time: float) -> None:
        while self.world.step(time):
            self._check()

    def _check(self) -> None:
        if self.judge.broken is not None:
            self._broken(self.judge.broken)

    def _broken(self, what: str) -> None:
        raise Broken(f"seed {self.seed}, {self.world.time:.3f} s: {what}")

    def _judge_nodes(self) -> None:
        for node in self.runs:
            for problem in node.problems():
                self.judge.fail(f"{node.name}: {problem}")
        leaders = [node for node in self.nodes if node.leads]
        if len(leaders) != 1:
            self.judge.fail(f"{len(leaders)} nodes lead when all is quiet")

    # ---- nodes

    def _run_of(self, host: int) -> Node:
        name = f"n{len(self.runs) + 1}"
        hot = self.rng.random() < 0.8
        node = Node(self.world, self.hosts[host], name, self.store, self.targets, self._about_to, hot=hot)
        self.runs.append(node)
        return node

    def _return(self, host: int) -> None:
        if not self.nodes[host].alive:
            self.nodes[host] = self._run_of(host)
            self.nodes[host].start()

    def _kill(self, node: Node) -> None:
        node.kill()
        host = self.hosts.index(node.host)
        self.world.after(self.rng.uniform(0.3, 8.0), lambda: self._return(host))

    def _freeze(self, node: Node, seconds: float | None = None) -> None:
        if node.loop.frozen or not node.alive:
            return
        node.loop.freeze()
        if seconds is None:
            seconds = self.rng.choice([self.rng.uniform(0.1, 3.0), self.rng.uniform(2.0, 15.0)])

        def thaw() -> None:
            if node.alive:
                node.thaw()

        self.world.after(seconds, thaw)

    def _stop(self, node: Node) -> None:
        node.plane.stop()
        host = self.hosts.index(node.host)

        def look() -> None:
            if node.alive:
                self.world.after(0.5, look)
            else:
                self._return(host)

        self.world.after(self.rng.uniform(0.5, 6.0), look)

    def _leader(self) -> Node | None:
        return next((node for node in self.nodes if node.leads), None)

    # ---- what befalls them

    def _about_to(self, node: Node, target: Target | None, name: str, what: str, send: Callable[[], None]) -> None:
        if self.world.over:
            return
        if target is not None:
            self.judge.about_to(node, target, name, what)
        if not self.storming or self.rng.random() >= self.wild or not node.may_act():
            send()
        elif self.rng.random() < 0.5:
            self._kill(node)
            if self.rng.random() < 0.5:
                send()
        else:
            self._freeze(node)
            if self.rng.random() < 0.5:
                send()
            else:
                node.held.append(send)  # it goes out with the first breath after the thaw

    def _trouble(self) -> None:
        if not self.storming:
            return
        self.world.after(self.rng.uniform(1.0, 9.0), self._trouble)
        victim = self.rng.choice(self.nodes)
        leader = self._leader()
        if leader is not None and self.rng.random() < 0.7:
            victim = leader
        kind = self.rng.choice(_KINDS)
        self.judge.count[f"trouble {kind}"] += 1
        if kind == "store":
            self.store.faults = self.rng.choice(
                [
                    Faults(),
                    Faults(lost_request=0.3),
                    Faults(lost_answer=0.4),
                    Faults(latency=0.2),
                    Faults(lost_answer=0.2, late=0.3, latency=0.05),
                ]
            )
        elif kind == "down":
            self.store.faults = Faults(down=True)
            self.world.after(self.rng.uniform(0.5, 8.0), lambda: setattr(self.store, "faults", Faults()))
        elif kind in ("reboot", "lose"):
            self._break_off(kind)
        elif kind == "unreached":
            self._unreached(victim, self.rng.choice(list(self.targets)))
        elif victim.alive:
            self._befall(victim, kind)

    def _befall(self, victim: Node, kind: str) -> None:
        if kind == "kill":
            self._kill(victim)
        elif kind == "freeze":
            self._freeze(victim)
        elif kind == "stop":
            if not victim.loop.frozen:
                self._stop(victim)
        elif kind == "promote":
            heir = self.rng.choice(self.nodes)
            heir.loop.call_soon(heir.plane.elector.tell, ModeAsked(HaMode.MASTER))
        elif kind == "lapse":
            # Nobody is there to take over: its lease runs out, and is renewed.
            for other in self.nodes:
                if other is not victim and other.alive:
                    self._freeze(other, 1.5 * victim.host.timeout)
            victim.link.cut = True
            cut = self.rng.uniform(0.7, 1.3) * victim.host.timeout
            self.world.after(cut, lambda: setattr(victim.link, "cut", False))
        elif kind == "cut":
            victim.link.cut = True
            self.world.after(self.rng.uniform(0.5, 8.0), lambda: setattr(victim.link, "cut", False))

    def _break_off(self, kind: str) -> None:
        """Let a machine restart, or the processes of a command be killed; sooner where something runs."""
        trouble, running = self.judge.trouble, sorted(self.judge.running)
        if not running:
            return
        id = self.rng.choice(running)
        target = self.targets[self.judge.begun[id].target]
        if kind == "lose":
            trouble.lost.add(id)
            target.lose(id)
        elif target.up:
            trouble.reboots.setdefault(target.name, []).append(self.world.time)
            target.reboot(self.rng.uniform(0.2, 8.0))

    def _raise_a_question(self) -> None:
        """Let a command be killed, now and then, about which it is asked then."""
        if not self.storming:
            return
        aside, asking = self.world.aside, self.judge.would_ask()
        self.world.after(aside.uniform(1.0, 6.0), self._raise_a_question)
        if asking and aside.random() < 0.7:
            id = aside.choice(asking)
            self.judge.trouble.lost.add(id)
            self.targets[self.judge.begun[id].target].lose(id)

    def _unreached(self, node: Node, target: str) -> None:
        """Let a node not reach a machine for a while."""
        seconds = self.rng.uniform(0.5, 15.0)
        self.judge.trouble.cuts.setdefault(target, []).append(self.world.time + seconds)
        node.cut_off.add(target)
        self.world.after(seconds, lambda: node.cut_off.discard(target))

    def _clear_up(self) -> None:
        self.storming = self.clients.busy = False
        self.store.faults = Faults()
        for node in self.nodes:
            node.link.cut = False
            if node.alive and node.loop.frozen:
                node.thaw()


class _Watch(logging.Handler):
    """What a node says of its own bugs is not overheard."""

    def __init__(self, judge: Judge) -> None:
        super().__init__(logging.ERROR)
        self._judge = judge

    def emit(self, record: logging.LogRecord) -> None:
        """Note an error that was logged."""
        why = f": {record.exc_info[1]!r}" if record.exc_info else ""
        self._judge.fail(f"logged: {record.getMessage()}{why}")
