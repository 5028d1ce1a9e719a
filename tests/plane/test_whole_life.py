"""A whole life on this very host: deploy, kill, detect, restart, stop. Real processes, bounded waits."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from amp.entities.types import standard_registry
from amp.kit.clock import SystemClock
from amp.kit.ids import EntityId, NodeId, Term, system_entropy
from amp.model.entity import Task
from amp.plane.door import Door
from amp.plane.leader import Leader
from amp.testing.fakes import FakePlane

EXAMPLE = Path(__file__).parents[2] / "examples" / "app.yaml"


@asynccontextmanager
async def office(plane: FakePlane, term: int = 1) -> AsyncIterator[Door]:
    registry = standard_registry()
    leader = Leader(plane, plane, registry, SystemClock(), system_entropy, NodeId(f"node{term}"), Term(term))
    running = asyncio.create_task(leader.run())
    try:
        yield Door(plane, plane, registry, SystemClock(), system_entropy, lambda: leader)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    for _ in range(int(seconds / 0.02)):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("did not come true in time")


def blueprint(base: Path, **config: Any) -> str:
    rows = "".join(f"    {key.replace('_', '.')}: {value!r}\n" for key, value in config.items())
    return (
        f"name: life\nlocation:\n  localhost: {{onbox.base.dir: {base}}}\nservices:\n"
        "- type: VanillaSoftwareProcess\n  name: v\n  brooklyn.config:\n"
        "    launch.command: |\n      nohup sleep 600 > out 2>&1 &\n      echo $! > $PID_FILE\n"
        "    softwareProcess.serviceProcessIsRunningPollPeriod: 100ms\n" + rows
    )


@pytest.fixture
def plane() -> FakePlane:
    return FakePlane()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def tasks_named(plane: FakePlane, name: str) -> list[Task]:
    return [task for task in plane.model.tasks.values() if task.name.startswith(name)]


async def test_the_whole_life_of_a_process(plane: FakePlane, tmp_path: Path) -> None:
    base = tmp_path / "onbox"
    async with office(plane) as door:
        config = {"install.command": "echo in > marker", "customize.command": "cp $INSTALL_DIR/marker ."}
        app, task = await door.deploy(blueprint(base, **config), user="admin")
        assert await door.wait_task(task, 30)
        assert plane.model.tasks[task].error is None
        v = plane.entity("v").id
        run_dir = base / "apps" / app / "entities" / f"VanillaSoftwareProcess_{v}"
        assert plane.sensor(v, "run.dir") == str(run_dir)
        assert (run_dir / "marker").read_text() == "in\n"
        assert plane.sensor(v, "service.state") == plane.sensor(app, "service.state") == "RUNNING"
        assert plane.sensor(app, "service.isUp") is True
        pid = plane.sensor(v, "pid")
        assert alive(pid)

        os.kill(pid, signal.SIGKILL)
        await until(lambda: plane.sensor(app, "service.state") == "ON_FIRE")
        assert plane.sensor(v, "service.isUp") is False
        assert plane.sensor(v, "service.notUp.indicators")["service.process.isRunning"]

        restart = await door.invoke(v, "restart", {"restartMachine": "false"}, user="admin")
        assert await door.wait_task(restart, 30)
        await until(lambda: plane.sensor(app, "service.state") == "RUNNING")
        again = plane.sensor(v, "pid")
        assert again != pid
        assert alive(again)

        stop = await door.invoke(v, "stop", {}, user="admin")
        assert await door.wait_task(stop, 30)
        assert not alive(again)
        assert plane.sensor(v, "service.state") == "STOPPED"
        assert plane.entity("v").locations == ()
        assert plane.sensor(app, "service.state") == "RUNNING"  # a child that is stopped on purpose hurts nobody

        gone = await door.delete_application(app, user="admin")
        assert await door.wait_task(gone, 30)
        assert plane.model.entities == {}
        assert plane.model.locations == {}
        assert plane.model.tasks[gone].status == "completed"


async def test_a_process_outlives_the_office_and_the_next_leader_watches_it(plane: FakePlane, tmp_path: Path) -> None:
    async with office(plane, 1) as door:
        app, task = await door.deploy(blueprint(tmp_path / "onbox"), user="admin")
        assert await door.wait_task(task, 30)
    v = plane.entity("v").id
    pid = plane.sensor(v, "pid")
    assert alive(pid)
    async with office(plane, 2) as door:
        assert plane.sensor(v, "pid") == pid
        os.kill(pid, signal.SIGKILL)
        await until(lambda: plane.sensor(app, "service.state") == "ON_FIRE")
        await door.wait_task(await door.delete_application(app, user="admin"), 30)


async def test_a_command_that_fails_is_told_with_its_last_words(plane: FakePlane, tmp_path: Path) -> None:
    async with office(plane) as door:
        text = blueprint(
            tmp_path / "onbox",
            **{"shell.env": {"DB_PASSWORD": "hunter22"}, "install.command": "echo no $DB_PASSWORD >&2; exit 7"},
        )
        app, task = await door.deploy(text, user="admin")
        assert await door.wait_task(task, 30)
        ended = plane.model.tasks[task]
        assert ended.status == "failed"
        assert "install command failed with return code 7" in (ended.error or "")
        assert "no ***" in (ended.error or "")
        assert "hunter22" not in str([change for change in plane.changes() if "shell.env" not in str(change)])
        v = plane.entity("v").id
        assert plane.sensor(v, "service.state") == plane.sensor(app, "service.state") == "ON_FIRE"
        assert "return code 7" in plane.sensor(v, "service.problems")["start"]


async def test_the_example_application_runs(plane: FakePlane, tmp_path: Path, unused_port: int) -> None:
    text = EXAMPLE.read_text().replace("27080", str(unused_port))
    text = text.replace("location: localhost", f"location:\n  localhost: {{onbox.base.dir: {tmp_path / 'onbox'}}}")
    async with office(plane) as door:
        app, task = await door.deploy(text, user="admin")
        assert await door.wait_task(task, 60)
        assert plane.model.tasks[task].error is None
        assert plane.sensor(app, "service.state") == "RUNNING"

        async def greeting() -> bytes:
            for _ in range(500):
                try:
                    reader, writer = await asyncio.open_connection("127.0.0.1", unused_port)
                except ConnectionRefusedError:
                    await asyncio.sleep(0.02)
                    continue
                writer.write(b"GET / HTTP/1.0\r\n\r\n")
                try:
                    return await reader.read()
                finally:
                    writer.close()
                    await writer.wait_closed()
            raise AssertionError("nobody listens")

        assert b"Hello from a process" in await greeting()
        assert await door.wait_task(await door.delete_application(app, user="admin"), 30)
    assert plane.model.entities == {}


@pytest.fixture
def unused_port() -> int:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


async def test_cancelling_a_start_ends_its_command(plane: FakePlane, tmp_path: Path) -> None:
    base = tmp_path / "onbox"
    async with office(plane) as door:
        app, task = await door.deploy(
            blueprint(base, **{"install.command": "echo here I am; echo $$ > here; sleep 600"}), user="a"
        )
        await until(lambda: any(base.glob("installs/*/here")) and next(base.glob("installs/*/here")).read_text() != "")
        shell = int(next(base.glob("installs/*/here")).read_text())
        (running,) = (each for each in tasks_named(plane, "installing"))
        await until(lambda: door.live_streams(running.id)["stdout"] == "here I am\n")
        assert await door.cancel_task(task)
        assert await door.wait_task(task, 20)
        assert plane.model.tasks[task].status == "cancelled"
        assert [(step.status, step.stdout) for step in plane.model.tasks[running.id].steps] == [
            ("cancelled", "here I am\n")
        ]
        assert not alive(shell)
        assert plane.sensor(plane.entity("v").id, "service.state") == "ON_FIRE"
        assert plane.model.running_tasks() == []
        assert isinstance(app, str)
        assert EntityId(app) in plane.model.entities
