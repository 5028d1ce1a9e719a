"""start, stop, status and launch with real processes, around an app that fails in every way there is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from amp.cli.home import make_home
from amp.kit.ids import system_entropy

pytestmark = pytest.mark.process

Amp = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Path]:
    """A home in a place with an awkward name; whatever serves from it at the end is killed."""
    home = tmp_path / 'it\'s a "home" $x'
    make_home(home, port=20999, host="127.0.0.1", entropy=system_entropy)
    yield home
    for name in ("pid.txt", "managed.pid"):
        if (home / name).exists():
            try:
                os.kill(int((home / name).read_text()), signal.SIGKILL)
            except ProcessLookupError:
                pass


@pytest.fixture
def python(tmp_path: Path) -> Path:
    script = tmp_path / "python"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} {Path(__file__).parent / "fake_node.py"} "$@"\n')
    script.chmod(0o755)
    return script


@pytest.fixture
def environ(python: Path, tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "AMP_PYTHON": str(python)}


@pytest.fixture
def amp(server: Path, environ: dict[str, str]) -> Amp:
    """Run a script of HOME/bin: `amp("start", "amp", node="ready")`."""

    def call(name: str, *words: str, node: str = "ready") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [server / "bin" / name, *words],
            env=environ | {"FAKE_NODE": node},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return call


def pid_of(home: Path) -> int:
    return int((home / "pid.txt").read_text())


def alive(pid: int) -> bool:
    """Tell whether a process runs; one that has ended but was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def until(condition: Callable[[], bool]) -> None:
    for _ in range(400):
        if condition():
            return
        time.sleep(0.025)
    raise AssertionError("did not come true within 10 s")


def test_a_life(server: Path, amp: Amp) -> None:
    started = amp("start", "amp")
    pid = pid_of(server)
    assert (started.returncode, started.stderr) == (0, "")
    assert started.stdout == f"AMP is running as MASTER at http://127.0.0.1:20999, pid {pid}\n"
    assert b"fake_node.py\0-P\0-m\0amp.cli.main\0launch\0" in Path(f"/proc/{pid}/cmdline").read_bytes()

    running = amp("status", "amp")
    assert running.returncode == 0
    assert f"pid    {pid}\n" in running.stdout
    assert "MASTER when it started" in running.stdout

    again = amp("start")
    assert (again.returncode, again.stdout) == (1, "")
    assert f"already running from {server}, pid {pid}" in again.stderr

    stopped = amp("stop")
    assert (stopped.returncode, stopped.stdout) == (0, f"AMP has stopped, pid {pid}\n")
    assert not alive(pid)
    assert not (server / "pid.txt").exists()
    down = amp("status")
    assert (down.returncode, down.stdout) == (3, f"AMP is not running from {server}\n")
    assert amp("stop").returncode == 0
    log = (server / "data/log/amp.log").read_text()
    assert "AMP is running as MASTER" in log
    assert "AMP has stopped" in log


def files_of(pid: int) -> dict[int, str]:
    """What a process has open, by number."""
    found = {}
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found[int(fd.name)] = os.readlink(fd)
        except FileNotFoundError:
            continue  # closed while we looked
    return found


def test_it_is_detached(server: Path, amp: Amp) -> None:
    assert amp("start").returncode == 0
    pid = pid_of(server)
    assert os.getsid(pid) == pid
    # The pipe of the readiness is closed right after the word that `start` waited for.
    until(lambda: not [name for fd, name in files_of(pid).items() if name.startswith("pipe:") and fd < 5])
    open_files = files_of(pid)
    assert open_files[0] == "/dev/null"
    assert open_files[1] == open_files[2] == str(server / "data/log/amp.out")
    amp("stop")


def test_what_it_manages_outlives_it_and_holds_nothing(server: Path, amp: Amp) -> None:
    assert amp("start", node="managed").returncode == 0
    managed = int((server / "managed.pid").read_text())
    assert amp("stop").returncode == 0
    assert alive(managed)
    assert amp("status").returncode == 3
    assert amp("start").returncode == 0
    amp("stop")


def test_a_refused_start_says_why(server: Path, amp: Amp) -> None:
    failed = amp("start", node="fail")
    assert (failed.returncode, failed.stdout) == (5, "")
    assert failed.stderr == "amp: not started: no master here second line\n"
    assert not (server / "pid.txt").exists()
    assert amp("status").returncode == 3
    assert "not started: no master here" in (server / "data/log/amp.log").read_text()


def test_a_death_without_a_word_shows_its_last_output(amp: Amp) -> None:
    failed = amp("start", node="die")
    assert failed.returncode == 2
    assert "ended (exit code 9) without a word" in failed.stderr
    assert "something odd on stderr" in failed.stderr


def test_a_bug_is_logged_not_shown(server: Path, amp: Amp) -> None:
    failed = amp("start", node="bug")
    assert failed.returncode == 2
    assert failed.stderr.startswith("amp: not started: an error of AMP's own: see ")
    assert "Traceback" not in failed.stderr
    assert "ZeroDivisionError" in (server / "data/log/amp.log").read_text()


def test_a_start_that_takes_too_long_is_ended(server: Path, amp: Amp) -> None:
    late = amp("start", "--timeout", "1500ms", node="hang")
    assert late.returncode == 6
    assert "within 1.5s and was ended" in late.stderr
    assert amp("status").returncode == 3


def test_a_killed_node_leaves_a_stale_pid(server: Path, amp: Amp) -> None:
    assert amp("start").returncode == 0
    pid = pid_of(server)
    os.kill(pid, signal.SIGKILL)
    until(lambda: not alive(pid))
    down = amp("status")
    assert (down.returncode, f"left over by pid {pid}" in down.stdout) == (3, True)
    restarted = amp("start")
    assert restarted.returncode == 0
    assert f"left over by pid {pid}" in restarted.stderr
    assert pid_of(server) != pid
    assert amp("stop").returncode == 0


def test_stop_spares_a_stranger_with_the_pid_of_a_stale_file(server: Path, amp: Amp) -> None:
    with subprocess.Popen(["sleep", "60"]) as stranger:
        (server / "pid.txt").write_text(str(stranger.pid))
        stopped = amp("stop")
        assert (stopped.returncode, "not running" in stopped.stdout) == (0, True)
        assert stranger.poll() is None
        assert not (server / "pid.txt").exists()
        stranger.kill()


def test_stop_gives_up_on_a_deaf_node(server: Path, amp: Amp) -> None:
    assert amp("start", node="stubborn").returncode == 0
    deaf = amp("stop", "--timeout", "0.3")
    assert deaf.returncode == 6
    assert f"kill -9 {pid_of(server)}" in deaf.stderr


def test_stop_tells_of_an_unclean_end(server: Path, amp: Amp) -> None:
    assert amp("start", node="unclean").returncode == 0
    ended = amp("stop")
    assert (ended.returncode, "not cleanly" in ended.stderr) == (2, True)
    assert not (server / "pid.txt").exists()


def test_foreground_and_sigterm(server: Path, environ: dict[str, str]) -> None:
    with subprocess.Popen(
        [server / "bin/launch"], env=environ | {"FAKE_NODE": "ready"}, stderr=subprocess.PIPE, text=True
    ) as node:
        assert node.stderr is not None
        lines = iter(node.stderr.readline, "")
        assert any("AMP is running as MASTER" in line for line in lines)
        assert pid_of(server) == node.pid
        node.send_signal(signal.SIGTERM)
        assert node.wait(10) == 0
    assert not (server / "pid.txt").exists()


def test_a_second_launch_is_refused(amp: Amp) -> None:
    assert amp("start").returncode == 0
    second = amp("launch")
    assert second.returncode == 5
    assert "already running" in second.stderr
    assert amp("stop").returncode == 0


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        (
            "org.apache.brooklyn.osgilauncher.cfg",
            "highAvailabilityMode=BOSS\n",
            "osgilauncher.cfg:1: highAvailabilityMode",
        ),
        ("org.ops4j.pax.web.cfg", "org.osgi.service.http.port=x\n", "web.cfg:1: org.osgi.service.http.port=x"),
        ("brooklyn.cfg", "a=\\u12\n", "brooklyn.cfg:1:3: "),
    ],
)
@pytest.mark.parametrize("script", ["start", "launch"])
def test_a_bad_file_is_a_message_and_exit_code_1(
    server: Path, amp: Amp, script: str, file: str, text: str, said: str
) -> None:
    (server / "etc" / file).write_text(text)
    refused = amp(script)
    assert refused.returncode == 1
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_python_that_is_not_there(server: Path, environ: dict[str, str]) -> None:
    start = [sys.executable, "-m", "amp.cli.main", "start", str(server)]
    done = subprocess.run(
        start, env=environ | {"AMP_PYTHON": "/nowhere/python"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "/nowhere/python: cannot be run" in done.stderr


def test_a_home_whose_data_cannot_be_written(server: Path, amp: Amp) -> None:
    (server / "data/log").write_text("a file where the folder should be")
    refused = amp("start")
    assert refused.returncode == 1
    assert "data/log: cannot be made" in refused.stderr
