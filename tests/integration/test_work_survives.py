"""Deployments that are under way when their master is killed, frozen or stopped: they come to their end on the next.

Each phase runs once, and its output is whole.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from homes import POLL, QUICK, TIMEOUT, Home, Town, alive, until

pytestmark = pytest.mark.process

#: What two busy cores may add, in seconds.
SLACK = 20.0
PHASES = ("pre.install", "install", "post.install", "pre.customize", "customize", "post.customize", "pre.launch",
          "launch", "post.launch")  # fmt: skip
LONG = 3.0


@pytest.fixture
def left() -> Iterator[list[int]]:
    """Processes that were launched, ended by their ids."""
    found: list[int] = []
    yield found
    for pid in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def blueprint(folder: Path, long: str, diary: Path) -> str:
    """Write an application whose every phase adds a line to the diary; the phase `long` takes seconds and talks."""
    rows = []
    for phase in PHASES:
        script = [f"echo {phase} begins >> {diary}"]
        if phase == long:
            script += ["for each in 1 2 3 4 5 6; do echo word $each; echo aside $each >&2; sleep 0.5; done"]
        if phase == "launch":
            script += ["nohup sleep 300 > /dev/null 2>&1 < /dev/null &", "echo $! > $PID_FILE"]
        script += [f"echo {phase} ends >> {diary}"]
        rows += [f"    {phase}.command: |", *(f"      {line}" for line in script)]
    config = "\n".join(rows)
    return (
        f"name: survivor\nlocation:\n  localhost: {{onbox.base.dir: {folder / 'onbox'}}}\nservices:\n"
        f"- type: VanillaSoftwareProcess\n  name: v\n  brooklyn.config:\n{config}\n"
    )


def pair(town: Town) -> tuple[Home, Home]:
    options = QUICK | {"brooklyn.ha.pollPeriod": "200ms"}
    first = town.home(brooklyn=options).start()
    first.becomes("MASTER")
    return first, town.home(brooklyn=options).start("HOT_STANDBY")


def begin(home: Home, text: str) -> tuple[str, str]:
    """Deploy; answers the application and the task that starts it."""
    answer = home.ask("POST", "applications", content=text.encode(), headers={"Content-Type": "application/x-yaml"})
    assert answer.status_code == 201, answer.text
    return answer.json()["entityId"], answer.json()["id"]


def said(diary: Path) -> list[str]:
    return diary.read_text().splitlines() if diary.exists() else []


def members(diary: Path) -> list[int]:
    """Answer the shells that run a command of this test now."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (each / "cmdline").read_bytes().split(b"\0")
            if any(word.startswith(bytes(diary.parent)) and word.endswith(b"/script") for word in words):
                found.append(int(each.name))
    return found


def ended(home: Home, task: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        answer = home.ask("GET", f"activities/{task}")
        return answer.json() if answer.status_code == 200 else None

    found = until(look, LONG + TIMEOUT + SLACK, f"the end of task {task} (log: {home.log()[-1500:]})")
    assert found is not None
    return found


def disturb(how: str, first: Home, second: Home) -> None:
    if how == "kill":
        first.kill()
    elif how == "stop":
        first.stop()
    else:
        first.signal(signal.SIGSTOP)
    second.becomes("MASTER", TIMEOUT + 2 * POLL + SLACK)
    if how == "freeze":
        first.signal(signal.SIGCONT)
        first.becomes("HOT_STANDBY", SLACK)


@pytest.mark.parametrize(
    ("how", "phase"),
    [
        *(("kill", phase) for phase in PHASES),
        *((how, phase) for how in ("freeze", "stop") for phase in ("install", "customize", "launch", "post.launch")),
    ],
)
def test_a_deployment_comes_to_its_end_on_the_next_master(town: Town, left: list[int], how: str, phase: str) -> None:
    diary = town.folder / "diary"
    first, second = pair(town)
    old = first.node_id()
    app, task = begin(first, blueprint(town.folder, phase, diary))
    until(lambda: said(diary)[-1:] == [f"{phase} begins"], SLACK)
    began = time.monotonic()
    disturb(how, first, second)

    whole = ended(second, task)
    assert (whole["currentStatus"], whole["isError"]) == ("Completed", False), whole
    assert said(diary) == [f"{each} {word}" for each in PHASES for word in ("begins", "ends")]
    assert second.sensor(app, app, "service.state") == "RUNNING"
    (child,) = second.get(f"applications/{app}/entities/{app}/children")
    left.append(int(second.sensor(app, child["id"], "pid")))

    # Its output is whole, and it is told who ran what.
    below = second.get(f"activities/{task}/children/recurse?limit=-1").values()
    talkers = [each for each in below if each["streams"].get("stdout", {}).get("metadata", {}).get("size")]
    assert len(talkers) == 1
    words = second.ask("GET", f"activities/{talkers[0]['id']}/stream/stdout").text
    asides = second.ask("GET", f"activities/{talkers[0]['id']}/stream/stderr").text
    assert words == "".join(f"word {each}\n" for each in range(1, 7))
    assert asides == "".join(f"aside {each}\n" for each in range(1, 7))
    assert "failover: went on on node " + second.node_id() in whole["detailedStatus"]
    detail = second.get(f"activities/{talkers[0]['id']}")["detailedStatus"]
    assert f"begun on node {old}" in detail
    assert time.monotonic() - began < LONG + TIMEOUT + SLACK
    # Nothing is left of the commands but what was launched.
    until(lambda: not list((town.folder / "onbox/.amp/run").iterdir()), 10)


def test_a_lone_master_that_was_frozen_past_its_lease_goes_on_by_itself(town: Town, left: list[int]) -> None:
    diary = town.folder / "diary"
    home = town.home(brooklyn=QUICK).start()
    home.becomes("MASTER")
    app, task = begin(home, blueprint(town.folder, "customize", diary))
    until(lambda: said(diary)[-1:] == ["customize begins"], SLACK)
    home.signal(signal.SIGSTOP)
    # Its command goes on without it, and ends while nobody watches.
    until(lambda: said(diary)[-1:] == ["customize ends"], LONG + SLACK)
    home.signal(signal.SIGCONT)
    whole = ended(home, task)
    assert (whole["currentStatus"], whole["isError"]) == ("Completed", False), whole
    assert said(diary) == [f"{each} {word}" for each in PHASES for word in ("begins", "ends")]
    assert home.sensor(app, app, "service.state") == "RUNNING"
    (child,) = home.get(f"applications/{app}/entities/{app}/children")
    left.append(int(home.sensor(app, child["id"], "pid")))


def test_a_cancelled_deployment_ends_its_command_on_the_master_that_took_over(town: Town) -> None:
    diary = town.folder / "diary"
    first, second = pair(town)
    app, task = begin(first, blueprint(town.folder, "customize", diary))
    until(lambda: said(diary)[-1:] == ["customize begins"], SLACK)
    (diarist,) = until(lambda: members(diary), SLACK)
    first.stop()
    second.becomes("MASTER", SLACK)
    assert second.ask("POST", f"activities/{task}/cancel").json() is True
    assert ended(second, task)["isCancelled"] is True
    assert said(diary)[-1] == "customize begins"
    assert second.sensor(app, app, "service.state") == "ON_FIRE"
    assert not alive(diarist)
    assert not members(diary)
    until(lambda: not list((town.folder / "onbox/.amp/run").iterdir()), 10)
