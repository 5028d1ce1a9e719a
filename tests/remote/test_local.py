"""This host as a machine, with real processes; every wait is bounded."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from amp.kit.errors import Invalid
from amp.remote.local import LocalMachine
from amp.remote.machine import Process


@pytest.fixture
def machine(tmp_path: Path) -> LocalMachine:
    return LocalMachine(str(tmp_path / "work"))


@pytest.fixture
def run_dir(tmp_path: Path) -> str:
    return str(tmp_path / "run")


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def started(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)


async def gone(pid: int) -> bool:
    for _ in range(500):
        if not alive(pid):
            return True
        await asyncio.sleep(0.01)
    return False


async def test_a_command_has_an_end_and_two_streams(machine: LocalMachine, run_dir: str) -> None:
    result = await machine.run("pwd; echo $WORD >&2; exit 3", env={"WORD": "a b"}, cwd=run_dir, timeout=10)
    assert (result.exit, result.stdout, result.stderr) == (3, f"{run_dir}\n", "a b\n")


async def test_the_first_command_that_fails_ends_the_script(machine: LocalMachine, run_dir: str) -> None:
    result = await machine.run("false\necho never", env={}, cwd=run_dir, timeout=10)
    assert (result.exit, result.stdout) == (1, "")


async def test_what_runs_in_the_background_is_not_waited_for_and_lives_on(machine: LocalMachine, run_dir: str) -> None:
    # It holds the very stdout and stderr of the script.
    async with asyncio.timeout(10):
        result = await machine.run("sleep 600 & echo $! > pid.txt; echo done", env={}, cwd=run_dir, timeout=10)
    assert (result.exit, result.stdout) == (0, "done\n")
    process = await machine.find_process(f"{run_dir}/pid.txt")
    assert process is not None
    assert os.getsid(process.pid) != os.getsid(0)
    assert await machine.signal(process, "TERM")
    assert await gone(process.pid)
    assert await machine.find_process(f"{run_dir}/pid.txt") is None
    assert not await machine.signal(process, "KILL")


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
async def test_what_it_started_outlives_a_kill_of_this_process(tmp_path: Path, loop: str) -> None:
    code = (
        f"import asyncio, os, {loop}\nfrom amp.remote.local import LocalMachine\n"
        "pipe = [os.set_inheritable(end, True) for end in os.pipe()]\n"
        "async def main():\n"
        f"    machine = LocalMachine({str(tmp_path / 'work')!r})\n"
        f"    await machine.run('sleep 600 & echo $! > pid.txt', env={{}}, cwd={str(tmp_path)!r}, timeout=10)\n"
        "    print('up', flush=True)\n    await asyncio.sleep(600)\n"
        f"{loop}.run(main())\n"
    )
    parent = started([sys.executable, "-c", code])
    try:
        assert parent.stdout is not None
        assert await asyncio.wait_for(asyncio.to_thread(parent.stdout.readline), 20) == b"up\n"
        pid = int((tmp_path / "pid.txt").read_text())
        os.killpg(parent.pid, signal.SIGKILL)
        parent.wait(10)
        assert alive(pid)
        # Nothing of the parent is open in it: its streams are files or nothing.
        assert sorted(os.listdir(f"/proc/{pid}/fd")) == ["0", "1", "2"]
        links = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in range(3)]
        assert links[0] == "/dev/null"
        assert all(link.endswith((" (deleted)", "/stdout", "/stderr")) for link in links[1:])
        os.kill(pid, signal.SIGKILL)
        assert await gone(pid)
    finally:
        if parent.poll() is None:
            parent.kill()
            parent.wait(10)
        if parent.stdout is not None:
            parent.stdout.close()


async def test_time_that_is_up_ends_the_shell_and_its_children(machine: LocalMachine, run_dir: str) -> None:
    script = "sleep 600 & echo $! > child; echo $$ > shell; echo said; wait"
    result = await machine.run(script, env={}, cwd=run_dir, timeout=0.5)
    assert (result.exit, result.stdout) == (None, "said\n")
    for name in ("child", "shell"):
        assert await gone(int(Path(run_dir, name).read_text()))


async def test_cancelling_ends_the_shell_and_leaves_no_files(machine: LocalMachine, run_dir: str) -> None:
    job = asyncio.ensure_future(machine.run("echo $$ > shell; sleep 600", env={}, cwd=run_dir, timeout=60))
    shell = Path(run_dir, "shell")
    for _ in range(500):
        if shell.exists() and shell.read_text():
            break
        await asyncio.sleep(0.01)
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    assert await gone(int(shell.read_text()))
    assert list((Path(run_dir).parent / "work/run").iterdir()) == []


async def test_our_own_environment_does_not_reach_commands(
    machine: LocalMachine, run_dir: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMP_PASSWORD", "hidden")
    result = await machine.run("env", env={"MINE": "1"}, cwd=run_dir, timeout=10)
    names = {row.partition("=")[0] for row in result.stdout.splitlines()}
    assert {"MINE", "PATH"} <= names
    assert "AMP_PASSWORD" not in names


@pytest.mark.parametrize(
    ("script", "env", "said"),
    [("a\0b", {}, "zero byte"), ("true", {"A=B": "x"}, "A=B"), ("true", {"1A": "x"}, "1A"), ("true", {"A": "\0"}, "A")],
)
async def test_what_no_shell_can_be_given_is_refused(
    machine: LocalMachine, run_dir: str, script: str, env: dict[str, str], said: str
) -> None:
    with pytest.raises(Invalid, match=said):
        await machine.run(script, env=env, cwd=run_dir, timeout=10)


async def test_a_directory_that_cannot_be_made_is_told(machine: LocalMachine, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(Invalid, match="cannot make the directory"):
        await machine.run("true", env={}, cwd=f"{tmp_path}/file/below", timeout=10)
    with pytest.raises(Invalid, match="cannot make the directory"):
        await machine.write_file(f"{tmp_path}/file/below", b"x")


async def test_a_base_that_others_could_exchange_is_refused(machine: LocalMachine, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(Invalid, match="is a link"):
        await machine.make_private(str(tmp_path / "link"))
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    await machine.make_private(str(tmp_path / "open"))
    assert (tmp_path / "open").stat().st_mode & 0o777 == 0o700


async def test_files_are_written_whole_and_read_back(machine: LocalMachine, tmp_path: Path) -> None:
    path = str(tmp_path / "deep" / "file")
    assert await machine.read_file(path) is None
    await machine.write_file(path, b"one")
    await machine.write_file(path, b"two")
    assert await machine.read_file(path) == b"two"
    assert os.listdir(tmp_path / "deep") == ["file"]
    await machine.delete_file(path)
    await machine.delete_file(path)
    assert await machine.read_file(path) is None


@pytest.mark.parametrize("text", [b"", b"not a number", b"0", b"1", b"-5", b"99999999999999999999"])
async def test_a_pid_file_that_names_no_process_of_ours(machine: LocalMachine, tmp_path: Path, text: bytes) -> None:
    (tmp_path / "pid.txt").write_bytes(text)
    assert await machine.find_process(str(tmp_path / "pid.txt")) is None


async def test_another_life_under_the_same_number_gets_no_signal(machine: LocalMachine, tmp_path: Path) -> None:
    (tmp_path / "pid.txt").write_text(str(os.getpid()))
    me = await machine.find_process(str(tmp_path / "pid.txt"))
    assert me is not None
    assert me.started > 0
    assert not await machine.signal(Process(me.pid, me.started + 1), "KILL")


async def test_a_zombie_is_dead(machine: LocalMachine, tmp_path: Path) -> None:
    child = started(["/bin/true"])
    (tmp_path / "pid.txt").write_text(str(child.pid))
    assert await gone(child.pid)  # ended, but not collected yet
    assert await machine.find_process(str(tmp_path / "pid.txt")) is None
    child.wait()
    assert child.stdout is not None
    child.stdout.close()
