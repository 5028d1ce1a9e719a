"""The life of a software process on a machine without an inside: order, states, errors, and what is never done."""

from __future__ import annotations

from collections.abc import Mapping

from software_world import OK, World, launches

from amp.remote.attach import Command
from amp.remote.machine import Process, Result
from amp.testing.clock import settle
from amp.testing.fakes import FakeMachine


async def test_a_start_goes_through_its_phases_in_order(world: World) -> None:
    phases = ("pre.install", "install", "post.install", "pre.customize", "customize", "post.customize")
    phases += ("pre.launch", "post.launch")
    task = await world.deploy("\n".join(f"{p}.command: {p}" for p in phases) + "\nlaunch.command: launch")
    assert world.machine.ran == [
        "pre.install", "install", "post.install", "pre.customize", "customize", "post.customize",
        "pre.launch", "launch", "post.launch",
    ]  # fmt: skip
    assert world.states() == ("RUNNING", "RUNNING")
    v = world.plane.entity("v").id
    child = world.plane.model.tasks[task].children[0]
    assert world.tree(child) == [
        "start",
        ["provisioning (localhost)"],
        ["pre-start"],
        [
            "start (processes)",
            ["prepare"],
            [
                "install",
                ["copy-pre-install-resources"],
                ["pre-install"],
                ["pre-install-command"],
                ["setup"],
                ["copy-install-resources"],
                ["install (main)", [f"installing VanillaSoftwareProcess{{{v}}}"]],
                ["post-install-command"],
            ],
            [
                "customize",
                ["copy-pre-customize-resources"],
                ["pre-customize-command"],
                ["customize (main)", [f"customizing VanillaSoftwareProcess{{{v}}}"]],
                ["post-customize-command"],
            ],
            [
                "launch",
                ["copy-runtime-resources"],
                ["pre-launch-command"],
                ["launch (main)", [f"launching VanillaSoftwareProcess{{{v}}}"]],
                ["post-launch-command"],
            ],
            ["post-launch"],
        ],
        ["post-start", [f"check-running VanillaSoftwareProcess{{{v}}}"]],
    ]
    assert not world.plane.model.running_tasks()


async def test_a_running_process_publishes_where_it_is(world: World) -> None:
    await world.deploy("launch.command: launch\nshell.env: {A: 1, M: {a: 1}, N: null}")
    app, v = world.plane.entity("app").id, world.plane.entity("v").id
    run_dir = f"/onbox/apps/{app}/entities/VanillaSoftwareProcess_{v}"
    expected = {
        "run.dir": run_dir,
        "softwareprocess.pid.file": f"{run_dir}/pid.txt",
        "host.address": "127.0.0.1",
        "host.name": "127.0.0.1",
        "host.sshAddress": "tester@127.0.0.1:22",
        "service.isUp": True,
        "service.process.isRunning": True,
        "service.notUp.indicators": {},
        "service.problems": {},
        "pid": next(iter(world.machine.processes)),
    }
    assert {name: world.sensors().get(name) for name in expected} == expected
    assert world.sensors()["install.dir"].startswith("/onbox/installs/VanillaSoftwareProcess_0.0.0_")
    (machine,) = world.plane.entity("v").locations
    assert world.plane.model.locations[machine].type.endswith("$LocalhostMachine")


async def test_an_installation_is_shared_and_not_repeated(world: World) -> None:
    config = "install.command: install\nlaunch.command: launch"
    await world.deploy(config)
    text = (
        "name: other\nlocation: localhost\nservices: [{type: VanillaSoftwareProcess, name: w, "
        "brooklyn.config: {install.command: install, launch.command: launch}}]"
    )
    await world.door.deploy(text, user="u")
    await settle()
    assert world.machine.ran.count("install") == 1
    assert world.machine.ran.count("launch") == 2
    assert world.sensors("w")["service.state"] == "RUNNING"


async def test_a_process_that_never_comes_up_fails_the_start_in_time(world: World) -> None:
    task = await world.deploy("launch.command: 'true'\nstart.timeout: 10s")
    assert world.states() == ("STARTING", "STARTING")
    await world.clock.advance(9)
    assert world.plane.model.tasks[task].status == "running"
    await world.clock.advance(7)
    assert world.plane.model.tasks[task].status == "failed"
    assert world.states() == ("ON_FIRE", "ON_FIRE")
    assert "start.timeout (10 s)" in world.sensors()["service.problems"]["start"]


async def test_a_start_waits_for_a_slow_process(world: World) -> None:
    task = await world.deploy("launch.command: slow")
    await world.clock.advance(30)
    assert world.plane.model.tasks[task].status == "running"
    world.machine.launch(world.sensors()["softwareprocess.pid.file"])
    await world.clock.advance(6)
    assert world.plane.model.tasks[task].status == "completed"
    assert world.states() == ("RUNNING", "RUNNING")


async def test_death_and_return_are_seen_within_two_periods(world: World) -> None:
    await world.deploy()
    file, (pid, process) = world.sensors()["softwareprocess.pid.file"], next(iter(world.machine.processes.items()))
    await world.clock.advance(7)
    world.plane.observed.clear()
    await world.clock.advance(60)
    assert world.plane.observed == []  # nothing new, nothing published
    del world.machine.processes[pid]
    await world.clock.advance(10)
    assert world.states() == ("ON_FIRE", "ON_FIRE")
    assert "service.process.isRunning" in world.sensors()["service.notUp.indicators"]
    # The same number in another life is a stranger.
    world.machine.processes[pid] = Process(pid, process.started + 5)
    await world.clock.advance(10)
    assert world.states() == ("ON_FIRE", "ON_FIRE")
    world.machine.launch(file, pid=4242)
    await world.clock.advance(10)
    assert world.states() == ("RUNNING", "RUNNING")
    assert world.sensors()["pid"] == 4242


async def test_a_check_command_tells_instead_of_the_pid_file(world: World) -> None:
    await world.deploy("launch.command: 'true'\ncheckRunning.command: check")
    assert world.states() == ("RUNNING", "RUNNING")
    world.machine.answers["check"] = Result(1, "", "")
    await world.clock.advance(10)
    assert world.states() == ("ON_FIRE", "ON_FIRE")
    world.machine.answers["check"] = OK
    await world.clock.advance(10)
    assert world.states() == ("RUNNING", "RUNNING")


async def test_without_monitoring_a_start_that_succeeds_counts(world: World) -> None:
    await world.deploy("launch.command: 'true'\nsshMonitoring.enabled: false")
    assert world.states() == ("RUNNING", "RUNNING")
    await world.clock.advance(60)
    assert world.states() == ("RUNNING", "RUNNING")


async def test_a_stop_ends_the_process_and_gives_the_machine_back(world: World) -> None:
    await world.deploy()
    ended = await world.invoke("stop")
    assert ended.status == "completed"
    assert [name for _, name in world.machine.signals] == ["TERM"]
    assert world.machine.processes == {}
    assert world.states() == ("STOPPED", "RUNNING")
    assert world.sensors()["service.isUp"] is False
    assert not {"pid", "host.address"} & world.sensors().keys()
    assert world.plane.entity("v").locations == ()
    again = await world.invoke("stop")
    assert (again.status, len(world.machine.signals)) == ("completed", 1)


async def test_a_process_that_ignores_term_is_killed_after_its_time(world: World) -> None:
    await world.deploy()
    world.machine.ignores_term = True
    ended = await world.invoke("stop")
    await world.clock.advance(15)
    assert [name for _, name in world.machine.signals] == ["TERM"]
    await world.clock.advance(3)
    assert [name for _, name in world.machine.signals] == ["TERM", "KILL"]
    assert world.plane.model.tasks[ended.id].status == "completed"


async def test_a_stranger_under_the_old_number_is_not_killed(world: World) -> None:
    await world.deploy()
    pid, process = next(iter(world.machine.processes.items()))
    stranger = world.machine.processes[pid] = Process(pid, process.started + 5)
    ended = await world.invoke("stop")
    assert ended.status == "completed"
    assert world.machine.signals == []
    assert world.machine.processes == {pid: stranger}


async def test_stop_modes_are_obeyed(world: World) -> None:
    await world.deploy("launch.command: launch\nstop.command: stop")
    kept = await world.invoke("stop", stopProcessMode="never", stopMachineMode="NEVER")
    assert kept.status == "completed"
    assert "stop" not in world.machine.ran
    assert len(world.plane.entity("v").locations) == 1
    assert world.sensors()["service.state"] == "STOPPED"
    await world.invoke("stop")
    assert "stop" not in world.machine.ran  # it is stopped
    await world.invoke("stop", stopProcessMode="ALWAYS")
    assert "stop" not in world.machine.ran  # there is no machine any more


async def test_a_stop_that_fails_says_so(world: World) -> None:
    await world.deploy("launch.command: launch\nstop.command: stop")
    world.machine.answers["stop"] = Result(4, "", "one\ncannot stop")
    ended = await world.invoke("stop")
    assert ended.status == "failed"
    assert ended.error == "The stop command failed with return code 4:\none\ncannot stop"
    assert world.states() == ("ON_FIRE", "ON_FIRE")
    app = world.plane.entity("app").id
    task = await world.door.delete_application(app, user="u")
    await settle()
    assert world.plane.model.tasks[task].status == "failed"
    assert app in world.plane.model.entities  # what may still run is not forgotten
    task = await world.door.expunge(app, release=False, user="u")
    await settle()
    assert world.plane.model.tasks[task].status == "completed"
    assert world.plane.model.entities == {}


async def test_a_restart_launches_again_without_installing(world: World) -> None:
    await world.deploy("install.command: install\nlaunch.command: launch")
    (before,) = world.machine.processes
    assert (await world.invoke("restart", restartMachine="false")).status == "completed"
    assert world.machine.ran == ["install", "launch", "launch"]
    (after,) = world.machine.processes
    assert after != before
    assert world.sensors()["pid"] == after
    assert world.states() == ("RUNNING", "RUNNING")


async def test_a_restart_of_what_died_does_not_need_its_stop_command_to_succeed(world: World) -> None:
    await world.deploy("launch.command: launch\nstop.command: stop")
    world.machine.processes.clear()
    world.machine.answers["stop"] = Result(1, "", "no such process")
    assert (await world.invoke("restart")).status == "completed"
    assert world.states() == ("RUNNING", "RUNNING")


async def test_a_restart_never_makes_two_of_one(world: World) -> None:
    await world.deploy("launch.command: launch\nstop.command: stop")
    world.machine.answers["stop"] = Result(1, "", "will not")
    assert (await world.invoke("restart")).status == "failed"
    assert world.machine.ran.count("launch") == 1
    assert world.states() == ("ON_FIRE", "ON_FIRE")


async def test_a_start_of_what_runs_does_nothing(world: World) -> None:
    await world.deploy()
    assert (await world.invoke("start")).status == "completed"
    assert world.machine.ran == ["launch"]
    assert world.states() == ("RUNNING", "RUNNING")


async def test_what_was_stopped_can_be_started(world: World) -> None:
    await world.deploy("launch.command: launch\ncheckRunning.command: check")
    await world.invoke("stop")
    assert (await world.invoke("start")).status == "completed"
    assert world.machine.ran.count("launch") == 2
    assert world.states() == ("RUNNING", "RUNNING")
    assert len(world.plane.entity("v").locations) == 1


async def test_a_restart_after_a_failed_start_begins_at_the_beginning(world: World) -> None:
    world.machine.answers["install"] = Result(7, "", "no space")
    await world.deploy("install.command: install\nlaunch.command: launch\ncheckRunning.command: check")
    assert world.states() == ("ON_FIRE", "ON_FIRE")
    world.machine.answers["install"] = OK
    assert (await world.invoke("restart")).status == "completed"
    assert world.machine.ran.count("install") == 2
    assert world.machine.ran.count("launch") == 1
    assert world.states() == ("RUNNING", "RUNNING")


async def test_a_stop_ends_a_start_that_hangs(world: World) -> None:
    world.machine.held.add("install")
    task = await world.deploy("install.command: install\nlaunch.command: launch")
    assert world.states() == ("STARTING", "STARTING")
    assert (await world.invoke("stop")).status == "completed"
    assert world.sensors()["service.state"] == "STOPPED"
    assert "launch" not in world.machine.ran
    assert world.plane.model.tasks[task].status == "failed"
    assert not world.plane.model.running_tasks()


async def test_no_place_is_told(world: World) -> None:
    text = "services: [{type: VanillaSoftwareProcess, name: lost}]"
    _, task = await world.door.deploy(text, user="u")
    await settle()
    assert "No locations specified when starting lost" in (world.plane.model.tasks[task].error or "")
    assert world.sensors("lost")["service.state"] == "ON_FIRE"


async def test_provisioning_that_is_switched_off_is_told(world: World) -> None:
    await world.door.set_access(False)
    task = await world.deploy()
    assert "Provisioning is switched off" in (world.plane.model.tasks[task].error or "")
    assert world.machine.ran == []


async def test_nothing_is_done_once_the_right_to_act_is_lost(world: World) -> None:
    world.machine.held.add("install")
    task = await world.deploy("install.command: install\nlaunch.command: launch")
    written = len(world.plane.commits)
    world.plane.leading = False
    world.machine.release.set()
    await world.clock.advance(60)
    assert world.machine.ran == ["install"]
    assert len(world.plane.commits) == written
    assert world.plane.model.tasks[task].status == "running"


async def test_what_stopped_for_a_lapse_of_the_lease_goes_on_when_it_is_valid_again(world: World) -> None:
    world.machine.held.add("install")
    text = (
        "name: other\nlocation: localhost\nservices: [{type: VanillaSoftwareProcess, name: w, "
        "brooklyn.config: {install.command: install, launch.command: launch}}]"
    )
    task = await world.deploy("install.command: install\nlaunch.command: launch")
    await world.door.deploy(text, user="u")
    await settle()
    world.plane.leading = False
    world.machine.release.set()
    await world.clock.advance(5)
    assert world.machine.ran == ["install"]
    world.plane.leading = True
    await world.clock.advance(5)
    assert world.plane.model.tasks[task].status == "completed"
    assert sorted(world.machine.ran) == ["install", "launch", "launch"]
    assert world.sensors("w")["service.state"] == world.sensors("v")["service.state"] == "RUNNING"
    assert world.plane.model.tasks[task].resumed == ()  # nobody took over


async def test_what_a_command_says_is_there_while_it_runs(world: World) -> None:
    world.machine.held.add("install")
    await world.deploy("install.command: install")
    task = next(each.id for each in world.plane.model.tasks.values() if each.name.startswith("installing"))
    assert world.door.live_streams(task) == {"stdout": "", "stderr": ""}
    world.machine.release.set()
    await settle()
    assert world.door.live_streams(task) == {}


async def test_a_directory_of_a_command_whose_leader_died_after_its_end_was_durable_is_removed() -> None:
    world = World()
    async with world.led(1):
        await world.deploy()
    (id,) = world.machine.standings
    world.machine.commands[id] = Command(id, "plane", 1, "launch", {}, None)  # as if it had not come to forget it
    async with world.led(2):
        await settle()
        assert world.machine.commands == {}
        await world.clock.advance(2 * 3600)
    world.machine.commands[id] = Command(id, "plane", 1, "launch", {}, None)
    async with world.led(3):
        await settle()
        assert list(world.machine.commands) == [id]  # an hour later nobody looks any more


async def test_config_is_inherited_and_the_nearest_wins(world: World) -> None:
    seen: list[Mapping[str, str]] = []

    def remember(machine: FakeMachine, env: Mapping[str, str]) -> Result:
        seen.append(env)
        return launches(machine, env)

    world.machine.answers["launch"] = remember
    text = (
        "location: localhost\n"
        "brooklyn.config: {launch.command: launch, shell.env: {A: app, B: app}, pre.launch.command: no}\n"
        "services: [{type: VanillaSoftwareProcess, name: v, shell.env: {B: own}}]"
    )
    await world.door.deploy(text, user="u")
    await settle()
    assert world.sensors()["service.state"] == "RUNNING"
    assert (seen[0]["A"], seen[0]["B"]) == ("app", "own")
    assert "no" not in world.machine.ran  # pre and post commands are the entity's own


async def test_diagnostics_say_why(world: World) -> None:
    await world.deploy()
    await world.invoke("populateServiceNotUpDiagnostics")
    assert world.sensors()["service.notUp.diagnostics"] == {}
    world.machine.processes.clear()
    await world.invoke("populateServiceNotUpDiagnostics")
    assert "service.process.isRunning" in world.sensors()["service.notUp.diagnostics"]
