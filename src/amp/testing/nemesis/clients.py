"""The clients of a campaign: they write, read, look and restart, all the time, and record what they were told.

Those who deploy are in `deployments`. Each is one coroutine that ends when it is cancelled. What a status means for the
fate of a write is decided in `outcome_of` and nowhere else.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from amp.kit.clock import Clock
from amp.testing.nemesis.history import DONE, FAILED, PREFIX, UNKNOWN, Odd, Read, Recorder, Sample, Write
from amp.testing.nemesis.servers import Server
from amp.testing.nemesis.wire import Answer, Link, Lost, Unsent

_WRITE_PAUSE, _READ_PAUSE, _LOOK_PAUSE, _RETRY_PAUSE = 0.1, 0.15, 0.05, 0.05
_RESTART_PAUSE, _RESTARTED = 0.5, 30.0
_PATIENCE = 1.0  # seconds that a client waits for an answer
_SENSORS = 4

BLUEPRINT = """\
name: {name}
location: localhost
services:
- type: VanillaSoftwareProcess
  name: {name}
  brooklyn.config:
    onbox.base.dir: {box}
    install.command: |
      echo "install {name} ${{TMPDIR##*/}} $(date +%s.%N)" >> {acts}
    customize.command: |
      echo "customize {name} ${{TMPDIR##*/}} $(date +%s.%N)" >> {acts}
    launch.command: |
      echo "launch {name} ${{TMPDIR##*/}} $(date +%s.%N)" >> {acts}
      nohup sleep 1000 > /dev/null 2>&1 < /dev/null &
      echo $! > $PID_FILE
    checkRunning.command: |
      echo "check {name} ${{TMPDIR##*/}} $(date +%s.%N)" >> {acts}
      kill -0 "$(cat $PID_FILE)"
    softwareProcess.serviceProcessIsRunningPollPeriod: {period}
"""


@dataclass(slots=True)
class Scene:
    """What clients share. `master`: the server that last said MASTER; `acked`: when writes were acknowledged;
    `closing`: no deployment is begun any more.
    """

    servers: Sequence[Server]
    recorder: Recorder
    draw: random.Random
    clock: Clock
    entities: list[tuple[str, str]] = field(default_factory=list)  # application, entity: of the sensors
    master: Server | None = None
    acked: list[float] = field(default_factory=list)
    states: dict[str, tuple[str, int]] = field(default_factory=dict)  # run: state, term
    terms: set[int] = field(default_factory=set)  # in which somebody said MASTER
    deployed: int = 0
    closing: bool = False
    last_value: int = 0

    def next_value(self) -> int:
        """Answer a number that no write had."""
        self.last_value += 1
        return self.last_value

    def odd(self, what: str, at: float) -> None:
        """Record what no fault explains."""
        self.recorder.add(Odd(what, at))


def outcome_of(answer: Answer) -> str:
    """Tell what an answer says of the fate of a write."""
    if 200 <= answer.status < 300:
        return DONE
    # A node that does not lead says so before, or says that nothing was changed; 503 may be either.
    return FAILED if answer.status == 403 else UNKNOWN


async def write(scene: Scene) -> None:
    """Set sensors on whoever takes them."""
    links = [server.link() for server in scene.servers]
    at = 0
    while True:
        server, link = scene.servers[at], links[at]
        (app, entity), value = scene.draw.choice(scene.entities), scene.next_value()
        sensor = f"{PREFIX}{scene.draw.randrange(_SENSORS)}"
        body = json.dumps({sensor: value}).encode()
        run, began, answer = server.run, link.now(), None
        try:
            answer = await link.ask("POST", f"applications/{app}/entities/{entity}/sensors", body, limit=_PATIENCE)
            outcome = outcome_of(answer)
        except Unsent:
            outcome = FAILED
        except Lost:
            outcome = UNKNOWN
        ended = link.now()
        status, seq, term = (answer.status, answer.seq, answer.term) if answer is not None else (0, 0, 0)
        scene.recorder.add(Write(value, entity, sensor, run, began, ended, outcome, status, seq, term))
        if outcome == DONE:
            scene.acked.append(ended)
        elif status not in (0, 403, 503):
            scene.odd(f"{run} answered a write with {status} {answer.body[:200] if answer else ''!r}", ended)
        # Stay with the one that takes writes; now and then try another, that it may refuse.
        if outcome != DONE or scene.draw.random() < 0.02:
            known = scene.servers.index(scene.master) if scene.master is not None else at
            others = [each for each in range(len(links)) if each != at]
            at = known if known != at else scene.draw.choice(others or [at])
        await asyncio.sleep(_WRITE_PAUSE if outcome == DONE else _RETRY_PAUSE)


async def read(scene: Scene, server: Server) -> None:
    """Read the sensors on one server, asking for its state before and after on the same connection."""
    link = server.link()
    while True:
        await asyncio.sleep(_READ_PAUSE)
        (app, entity), run = scene.draw.choice(scene.entities), server.run
        try:
            before = await link.ask("GET", "server/ha/state", limit=_PATIENCE)
            answer = await link.ask("GET", f"applications/{app}/entities/{entity}/sensors/current-state")
            after = await link.ask("GET", "server/ha/state", limit=_PATIENCE)
        except (Unsent, Lost):
            continue
        says_master = all(each.status == 200 and each.body == b'"MASTER"' for each in (before, after))
        leads = says_master and before.connection == after.connection and before.term == after.term
        if answer.status == 200:
            found: dict[str, object] = json.loads(answer.body)
            values = {k: v for k, v in found.items() if k.startswith(PREFIX) and isinstance(v, int)}
            scene.recorder.add(Read(entity, values, run, answer.began, answer.ended, leads, answer.term, answer.seq))
        elif answer.status not in (403, 404, 503) or (answer.status == 404 and leads):
            scene.odd(f"{run} answered a read with {answer.status} {answer.body[:200]!r}", answer.ended)


async def look(scene: Scene, server: Server) -> None:
    """Ask one server for its state, all the time."""
    link = server.link()
    while True:
        await _look_once(scene, server, link, 0.5)
        await asyncio.sleep(_LOOK_PAUSE)


async def knock(scene: Scene, server: Server, ready: asyncio.Event) -> None:
    """Ask a server that stands still, so that this is the first thing it finds when it goes on. Sets `ready` once sent.

    It is then that an ex-leader would say or do what it must not.
    """
    link = server.link()
    asking = asyncio.ensure_future(_look_once(scene, server, link, 5.0))
    await asyncio.sleep(0.02)
    ready.set()
    await asking
    link.close()


async def _look_once(scene: Scene, server: Server, link: Link, limit: float) -> None:
    run = server.run
    try:
        answer = await link.ask("GET", "server/ha/state", limit=limit)
    except (Unsent, Lost):
        scene.states.pop(run, None)
        return
    if answer.status != 200:
        scene.odd(f"{run} answered the question for its state with {answer.status}", answer.ended)
        return
    state = json.loads(answer.body)
    scene.recorder.add(Sample(run, state, answer.term, answer.began, answer.ended))
    scene.states[run] = (state, answer.term)
    if state == "MASTER":
        scene.master = server
        scene.terms.add(answer.term)


async def restart(scene: Scene, app: str, entity: str) -> None:
    """Have a process restarted again and again, one after the other, so that the master's hands are never still."""
    while True:
        if scene.master is not None:
            path = f"applications/{app}/entities/{entity}/effectors/restart?timeout=0"
            answer = await tell(scene.master.link(), path, b"{}")
            if answer is not None and answer.status in (200, 202):
                await _ended(scene, json.loads(answer.body)["id"])
        await asyncio.sleep(_RESTART_PAUSE)


async def _ended(scene: Scene, task: str) -> None:
    """Wait for the end of a task on whoever leads, for a while: what comes faster than it is done would pile up."""
    end = scene.clock.read().raw + _RESTARTED
    while scene.master is not None and scene.clock.read().raw < end:
        answer = await tell(scene.master.link(), f"activities/{task}", b"", method="GET")
        if answer is not None and (
            answer.status == 404 or (answer.status == 200 and "endTimeUtc" in json.loads(answer.body))
        ):
            return
        await asyncio.sleep(_RESTART_PAUSE)


async def tell(
    link: Link, path: str, body: bytes, kind: str = "application/json", *, method: str = "POST"
) -> Answer | None:
    """Send one request on a connection of its own; None when no answer came."""
    try:
        return await link.ask(method, path, body, kind=kind, limit=5.0)
    except (Unsent, Lost):
        return None
    finally:
        link.close()
