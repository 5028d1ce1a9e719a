"""Commands that outlive whoever started them, with the real wrapper in the real /bin/sh; every wait is bounded."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from amp.kit.errors import Invalid
from amp.remote import attach, follow
from amp.remote.attach import Command, Progress, Standing
from amp.remote.local import LocalMachine


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    made = tmp_path / ".amp"
    yield made
    for pid in made.glob("run/*/pid"):
        group = int(pid.read_text().split()[1])
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)


@pytest.fixture
def machine(root: Path) -> LocalMachine:
    return LocalMachine(str(root))


def command(script: str, id: str = "one", *, term: int = 3, where: Path | None = None, **env: str) -> Command:
    return Command(id, "plane", term, script, env, str(where) if where else None)


async def end(machine: LocalMachine, id: str = "one") -> tuple[Progress, str, str]:
    streams = follow.Streams()
    async with asyncio.timeout(20):
        progress = await follow.to_its_end(machine, id, 9, streams)
    return progress, streams.stdout.text(), streams.stderr.text()


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("did not come true in time")


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def ended(words: list[str]) -> int:
    return subprocess.run(words, start_new_session=True, timeout=20, check=False).returncode


def done(root: Path, id: str = "one") -> bool:
    """Tell whether the wrapper came and went."""
    return (root / "run" / id / "pid").exists() and not alive(wrapper_of(root, id))


def wrapper_of(root: Path, id: str = "one") -> int:
    return int((root / "run" / id / "pid").read_text().split()[0])


async def test_a_command_has_an_end_and_two_streams(machine: LocalMachine, root: Path, tmp_path: Path) -> None:
    script = 'pwd; echo "$WORD" >&2; (exit 3)\necho never'
    await machine.start_command(command(script, where=tmp_path / "made" / "here", WORD="a 'b'"))
    progress, out, err = await end(machine)
    assert (progress.standing, progress.exit, progress.term) == (Standing.ENDED, 3, 3)
    assert (out, err) == (f"{tmp_path}/made/here\n", "a 'b'\n")
    place = root / "run" / "one"
    assert os.readlink(place / "verdict") == "start.3"
    assert place.stat().st_mode & 0o777 == 0o700
    assert (place / "env").stat().st_mode & 0o777 == 0o600
    assert (place / "boot").read_text() == Path("/proc/sys/kernel/random/boot_id").read_text()
    await machine.forget_command("one")
    assert not place.exists()


@pytest.mark.parametrize("name", ["place", "stat", "child", "code", "group", "fence", "seen"])
async def test_no_name_in_the_environment_confuses_the_wrapper(machine: LocalMachine, name: str) -> None:
    await machine.start_command(command(f'printf %s "${name}"', **{name: "/ 1"}))
    progress, out, _ = await end(machine)
    assert (progress.exit, out) == (0, "/ 1")


async def test_a_command_runs_in_a_session_of_its_own_with_nothing_of_ours(
    machine: LocalMachine, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMP_PASSWORD", "hidden")
    await machine.start_command(command("env; ls /proc/$$/fd | wc -l; ps -o sid= -p $$"))
    progress, out, err = await end(machine)
    assert progress.exit == 0, err
    assert "AMP_PASSWORD" not in out
    assert int(out.split()[-1]) != os.getsid(0)


async def test_what_is_left_in_the_background_holds_nobody(machine: LocalMachine, root: Path) -> None:
    await machine.start_command(command("sleep 600 & echo $!"))  # it holds both streams
    progress, out, _ = await end(machine)
    assert progress.exit == 0
    left = int(out)
    await machine.kill_command("one")  # its end is told: what it left is not touched
    await machine.forget_command("one")
    assert alive(left)
    os.kill(left, signal.SIGKILL)
    await until(lambda: not alive(left))


async def test_both_streams_are_whole_however_long(machine: LocalMachine) -> None:
    await machine.start_command(command("i=0; while [ $i -lt 30000 ]; do echo line $i; i=$((i+1)); done; echo e >&2"))
    progress, out, err = await end(machine)
    lines = [f"line {i}" for i in range(30000)]
    assert (progress.exit, err) == (0, "e\n")
    assert out.startswith("[")
    assert "\n".join(lines).endswith(out.split("\n", 2)[2].strip())
    assert len(out) >= follow.KEPT


async def test_signals_do_not_take_the_wrapper_from_its_command(machine: LocalMachine, root: Path) -> None:
    await machine.start_command(command("while [ ! -e go ]; do sleep 0.05; done; exit 4", where=root.parent))
    await until((root / "run" / "one" / "verdict").is_symlink)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        os.kill(wrapper_of(root), number)
    assert (await machine.watch_command("one", (0, 0), 0.1)).standing is Standing.RUNNING
    (root.parent / "go").touch()
    progress, _, _ = await end(machine)
    assert progress.exit == 4


async def test_killing_ends_the_whole_group_and_tells_it(machine: LocalMachine, root: Path, tmp_path: Path) -> None:
    await machine.start_command(command("sleep 600 & echo $! > child; echo said; wait", where=tmp_path))
    await until(lambda: (tmp_path / "child").exists() and (tmp_path / "child").read_text() != "")
    await machine.kill_command("one")
    progress, out, _ = await end(machine)
    assert (progress.standing, progress.exit, out) == (Standing.ENDED, None, "said\n")
    await until(lambda: not alive(int((tmp_path / "child").read_text())))


async def test_a_wrapper_that_was_killed_leaves_an_unknown_end(machine: LocalMachine, root: Path) -> None:
    await machine.start_command(command("sleep 600"))
    await until((root / "run" / "one" / "verdict").is_symlink)
    os.kill(wrapper_of(root), signal.SIGKILL)
    progress, _, _ = await end(machine)
    assert (progress.standing, progress.rebooted) == (Standing.UNKNOWN, False)
    (root / "run" / "one" / "boot").write_text("another\n")
    assert (await machine.watch_command("one", (0, 0), 0)).rebooted


async def test_another_life_of_the_number_is_not_the_wrapper_and_is_not_killed(
    machine: LocalMachine, root: Path
) -> None:
    await machine.start_command(command("sleep 600"))
    await until((root / "run" / "one" / "verdict").is_symlink)
    pid = root / "run" / "one" / "pid"
    number, group, started = pid.read_text().split()
    pid.write_text(f"{number} {group} {int(started) + 1}\n")
    assert (await machine.watch_command("one", (0, 0), 0)).standing is Standing.UNKNOWN
    await machine.kill_command("one")
    assert alive(int(number))


async def test_what_was_voided_never_runs(machine: LocalMachine, tmp_path: Path) -> None:
    await machine.void_command("one", 5)
    await machine.start_command(command("touch ran", term=4, where=tmp_path))
    progress, _, _ = await end(machine)
    assert (progress.standing, progress.term) == (Standing.VOID, 5)
    await until(lambda: done(tmp_path / ".amp"))
    assert not (tmp_path / "ran").exists()


async def test_what_began_is_not_voided(machine: LocalMachine, tmp_path: Path) -> None:
    await machine.start_command(command("echo ran", where=tmp_path))
    await end(machine)
    await machine.void_command("one", 5)
    progress, out, _ = await end(machine)
    assert (progress.standing, progress.exit, out) == (Standing.ENDED, 0, "ran\n")


async def test_of_start_and_void_one_wins_and_both_know_which(machine: LocalMachine, tmp_path: Path) -> None:
    for number in range(30):
        id, mark = f"race{number}", tmp_path / f"ran{number}"
        start = machine.start_command(command(f"echo x >> {mark}", id))

        async def void(id: str = id, number: int = number) -> None:
            await asyncio.sleep(number % 10 / 500)  # from well before the wrapper's verdict to after it
            await machine.void_command(id, 4)

        await asyncio.gather(start, void())
        progress, _, _ = await end(machine, id)
        await until(lambda id=id: done(tmp_path / ".amp", id))
        assert mark.exists() == (progress.standing is Standing.ENDED)
        if mark.exists():
            assert mark.read_text() == "x\n"


async def test_a_smaller_term_than_one_seen_is_refused(machine: LocalMachine, root: Path, tmp_path: Path) -> None:
    await machine.raise_term("plane", 9)
    await machine.raise_term("plane", 10)
    await machine.raise_term("plane", 10)
    assert [each.name for each in (root / "plane" / "term").iterdir()] == ["10"]
    await machine.start_command(command("touch ran", term=9, where=tmp_path))
    progress, _, _ = await end(machine)
    assert (progress.standing, progress.term) == (Standing.VOID, 10)
    assert not (tmp_path / "ran").exists()
    for id, term in (("equal", 10), ("larger", 11)):
        await machine.start_command(command("true", id, term=term))
        assert (await end(machine, id))[0].exit == 0
    await machine.start_command(Command("other", "another-plane", 1, "true", {}, None))
    assert (await end(machine, "other"))[0].exit == 0


@pytest.mark.parametrize("after", ["files", "start", "verdict"])
async def test_a_starter_that_is_killed_leaves_one_clear_verdict(
    machine: LocalMachine, root: Path, tmp_path: Path, after: str
) -> None:
    code = (
        "import asyncio, os, signal, sys\n"
        "from amp.remote.attach import Command\nfrom amp.remote.detached import Detached\n"
        "from amp.remote.local import LocalMachine\n"
        f"machine = LocalMachine({str(root)!r})\n"
        "def die(*_): os.kill(os.getpid(), signal.SIGKILL)\n"
        f"if {after!r} == 'files': Detached._shell = die\n"
        "async def main():\n"
        f"    await machine.start_command(Command('one', 'plane', 3, 'sleep 0.3; echo x >> ran', {{}}, "
        f"{str(tmp_path)!r}))\n"
        f"    if {after!r} == 'verdict':\n"
        "        await machine.watch_command('one', (0, 0), 0.1)\n"
        "    die()\n"
        "asyncio.run(main())\n"
    )
    assert await asyncio.to_thread(ended, [sys.executable, "-c", code]) == -signal.SIGKILL
    if after != "start":  # there it is open who comes first
        await machine.void_command("one", 4)
    progress, _, _ = await end(machine)
    ran = tmp_path / "ran"
    if after == "files":
        assert progress.standing is Standing.VOID
    else:
        assert (progress.standing, progress.exit) == (Standing.ENDED, 0)
    assert (ran.read_text() if ran.exists() else "") == ("" if after == "files" else "x\n")


async def test_a_start_that_decides_nothing_is_voided(machine: LocalMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attach, "WRAPPER", "exit 1\n")
    monkeypatch.setattr(follow, "_LOOK", 0.05)
    await machine.start_command(command("true"))
    progress, _, _ = await end(machine)
    assert (progress.standing, progress.term) == (Standing.VOID, 9)


async def test_names_that_lead_elsewhere_are_refused(machine: LocalMachine) -> None:
    for name in ("../x", "", "a/b", "-rf", "."):
        with pytest.raises(Invalid, match="run directory"):
            await machine.start_command(command("true", name))
        with pytest.raises(Invalid, match="run directory"):
            await machine.raise_term(name, 1)
