"""The clients of a campaign that deploy, so that deployments are always under way, and what a whole one is.

Each follows its deployment to its end on whoever leads, asks for what its phases wrote, and deletes it. What is wrong
with a deployment is `deeds`'s business.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import Any

from amp.testing.nemesis.clients import Scene, tell
from amp.testing.nemesis.history import Deployment
from amp.testing.nemesis.wire import Answer

PHASES = ("install", "customize", "launch")
_WORDS = 3  # lines that each phase writes, one at a time
_LIMIT = 120.0  # seconds until a deployment has to be at its end, whatever happens meanwhile
_MISSED = 3.0  # seconds after which an application of which no master knows is none
_BEHIND = 20.0  # seconds for which an output may be incomplete after its application runs
_PAUSE = 0.1

_HEAD = """\
name: {name}
location: localhost
services:
- type: VanillaSoftwareProcess
  name: {name}
  brooklyn.config:
    onbox.base.dir: {box}
    softwareProcess.serviceProcessIsRunningPollPeriod: 1s
"""
_PHASE = """\
    {phase}.command: |
      echo "{phase} {name} ${{TMPDIR##*/}} $(date +%s.%N)" >> {acts}
      for each in {words}; do echo "{phase} $each of {name}"; sleep 0.15; done
      {deed}
      echo "{phase}-end {name} ${{TMPDIR##*/}} $(date +%s.%N)" >> {acts}
"""
_DEEDS = {"launch": "nohup sleep 1000 > /dev/null 2>&1 < /dev/null & echo $! > $PID_FILE"}


def blueprint(name: str, box: str, acts: str) -> str:
    """Write an application whose phases take a while, talk, and say when they began and ended."""
    words = " ".join(str(each) for each in range(1, _WORDS + 1))
    phases = (
        _PHASE.format(phase=phase, name=name, acts=acts, words=words, deed=_DEEDS.get(phase, ":")) for phase in PHASES
    )
    return _HEAD.format(name=name, box=box) + "".join(phases)


def whole_output(phase: str, name: str) -> str:
    """Answer what a phase writes."""
    return "".join(f"{phase} {each} of {name}\n" for each in range(1, _WORDS + 1))


async def deploy(scene: Scene, who: int, box: str, acts: str) -> None:
    """Deploy an application, follow it, delete it, and so on, until the scene closes."""
    for number in itertools.count(1):
        if scene.closing:
            return
        server = scene.master
        if server is not None:
            await _deploy_one(scene, f"deployed-{who}-{number}", box, acts)
        await asyncio.sleep(_PAUSE)


async def _deploy_one(scene: Scene, name: str, box: str, acts: str) -> None:
    assert scene.master is not None
    link = scene.master.link()
    began = link.now()
    answer = await tell(link, "applications", blueprint(name, box, acts).encode(), "application/x-yaml")
    if answer is not None and answer.status == 201:
        app = json.loads(answer.body)["entityId"]
    elif answer is not None and answer.status == 403:
        return
    else:
        app = await _found(scene, name)
    state, output = "", dict[str, str]()
    if app:
        scene.deployed += 1
        state = await _settled(scene, app, began + _LIMIT)
        output = await _whole_output(scene, app, name, link.now() + _BEHIND) if state == "RUNNING" else {}
    scene.recorder.add(Deployment(name, app, state, output, began, link.now()))
    if app and await _ask(scene, "DELETE", f"applications/{app}", (200, 202, 204, 404), link.now() + 30.0) is None:
        scene.odd(f"{name} ({app}) could not be deleted within 30 s", link.now())


async def _found(scene: Scene, name: str) -> str:
    """Look for an application of whose acceptance nothing was heard; answers an empty text when nobody knows it."""
    end = scene.clock.read().raw + _MISSED
    while scene.clock.read().raw < end:
        answer = await tell(scene.master.link(), "applications", b"", method="GET") if scene.master else None
        if answer is not None and answer.status == 200:
            for each in json.loads(answer.body):
                if each["spec"]["name"] == name:
                    return str(each["id"])
        await asyncio.sleep(_PAUSE)
    return ""


async def _settled(scene: Scene, app: str, end: float) -> str:
    """Wait until an application runs or burns; answers its last state."""
    state = ""
    while True:
        answer = await _ask(scene, "GET", f"applications/{app}/entities/{app}/sensors/service.state", (200, 204), end)
        if answer is None:
            return state
        state = json.loads(answer.body) if answer.status == 200 else ""
        if state in ("RUNNING", "ON_FIRE", "STOPPED"):
            return state
        await asyncio.sleep(_PAUSE)


async def _whole_output(scene: Scene, app: str, name: str, end: float) -> dict[str, str]:
    """Answer what each phase wrote; asks again for a while if that is not all, since who is asked may be behind."""
    while True:
        found = await _output(scene, app, end)
        late = scene.clock.read().raw > end
        if late or found == {phase: whole_output(phase, name) for phase in PHASES}:
            return found
        await asyncio.sleep(_PAUSE)


async def _output(scene: Scene, app: str, end: float) -> dict[str, str]:
    """Answer what each phase of an application's start wrote, as its tasks tell."""
    found = dict[str, str]()
    begun = await _get(scene, f"applications/{app}/entities/{app}/activities", end)
    for task in begun or ():
        below = await _get(scene, f"activities/{task['id']}/children/recurse?limit=-1", end) or {}
        for each in below.values():
            size = each["streams"].get("stdout", {}).get("metadata", {}).get("size")
            path = f"activities/{each['id']}/stream/stdout"
            if size and (answer := await _ask(scene, "GET", path, (200,), end)) is not None:
                text = answer.body.decode(errors="replace")
                phase = text.partition(" ")[0]
                found[phase] = found.get(phase, "") + text
    return found


async def _get(scene: Scene, path: str, end: float) -> Any:
    answer = await _ask(scene, "GET", path, (200,), end)
    return None if answer is None else json.loads(answer.body)


async def _ask(scene: Scene, method: str, path: str, wanted: tuple[int, ...], end: float) -> Answer | None:
    """Ask whoever leads, again and again, until the answer has a status that is wanted; None when the time was up."""
    while True:
        server = scene.master
        if server is not None:
            link = server.link()
            answer = await tell(link, path, b"", method=method)
            if answer is not None and answer.status in wanted:
                return answer
        if scene.clock.read().raw > end:
            return None
        await asyncio.sleep(_PAUSE)
