"""Starts, stops and looks at the node of a home from outside: `start`, `stop`, `status`.

The rule: `start` answers 0 once the node serves and its mode at start is decided, and leaves nothing running when it
answers anything else; `stop` signals only a process that holds the home's claim, and answers once it is gone. What runs
in the node is `cli.launch`.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

from amp.cli.claim import pid_file, running, stale_pid
from amp.cli.config import load
from amp.cli.exits import NOT_RUNNING, OK, SERVER, USAGE, NotStarted, TimedOut
from amp.cli.logs import log_folder
from amp.kit.clock import Clock
from amp.kit.durations import format_duration
from amp.kit.errors import Invalid

_TICK = 0.05
_TAIL = 20


def start(home: Path, clock: Clock, timeout: float | None = None) -> int:
    """Start the node in the background, wait until it serves; answers the exit code.

    `timeout` in seconds; None: the heartbeat timeout (a master may have to wait it out) and 30 s.
    Raises: Invalid, for a bad configuration; NotStarted; TimedOut.
    """
    home = home.absolute()
    settings = load(home, os.environ)
    other = running(home)
    if other is not None:
        print(f"amp: already running from {home}, pid {other.pid}: stop it with {home}/bin/stop", file=sys.stderr)
        return USAGE
    if (left := stale_pid(home)) is not None:
        print(f"{pid_file(home)} was left over by pid {left}, which is not this server any more", file=sys.stderr)
    limit = settings.heartbeat_timeout + 30 if timeout is None else timeout
    out = log_folder(home) / "amp.out"
    child, pipe, begin = _spawn(home, out)
    try:
        line = _first_line(pipe, clock, limit)
    except BaseException:
        _end(child)
        raise
    finally:
        os.close(pipe)
    word, _, rest = line.partition(" ")
    if word == "ready":
        print(f"AMP is running as {rest} at {settings.uri}, pid {child.pid}")
        child.returncode = 0  # it is not ours to wait for any more
        return OK
    code = child.wait()
    if word == "failed":
        told, _, reason = rest.partition(" ")
        raise NotStarted(f"not started: {reason}", int(told) or SERVER)
    tail = "\n".join(out.read_bytes()[begin:].decode(errors="replace").splitlines()[-_TAIL:])
    ended = f"signal {-code}" if code < 0 else f"exit code {code}"
    raise NotStarted(f"not started: the process ended ({ended}) without a word; see {out}\n{tail}".rstrip(), SERVER)


def _spawn(home: Path, out: Path) -> tuple[subprocess.Popen[bytes], int, int]:
    """Start the node in a session of its own, with nothing of ours open but the pipe of its readiness."""
    python = os.environ.get("AMP_PYTHON") or sys.executable
    reading, writing = os.pipe()
    try:
        with out.open("ab") as stream:
            begin = stream.tell()
            child = subprocess.Popen(  # noqa: S603  # the interpreter of this install, or the operator's own
                [python, "-P", "-m", "amp.cli.main", "launch", str(home), "--ready-fd", str(writing)],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                cwd=home,
                start_new_session=True,
                pass_fds=(writing,),
            )
    except OSError as error:
        os.close(reading)
        raise Invalid(f"{error.filename or python}: cannot be run: {error.strerror}") from None
    finally:
        os.close(writing)
    return child, reading, begin


def _first_line(pipe: int, clock: Clock, limit: float) -> str:
    begin, data = clock.read().raw, b""
    while b"\n" not in data:
        left = limit - (clock.read().raw - begin)
        if left <= 0 or not select.select([pipe], [], [], left)[0]:
            raise TimedOut(
                f"not started: it did not get to serve within {format_duration(limit)} and was ended; "
                "allow more with --timeout, and see data/log/amp.log"
            )
        chunk = os.read(pipe, 4096)
        if not chunk:
            break
        data += chunk
    return data.decode(errors="replace").partition("\n")[0]


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(10)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def stop(home: Path, clock: Clock, timeout: float = 60.0) -> int:
    """Stop the node cleanly and wait until it is down; answers the exit code. Not running: says so, answers 0.

    Raises: TimedOut; Invalid, when the process belongs to another user.
    """
    home = _home(home)
    node = running(home)
    if node is None:
        left = stale_pid(home)
        note = f" ({pid_file(home)} was left over by pid {left}; removed)" if left else ""
        pid_file(home).unlink(missing_ok=True)
        print(f"AMP is not running from {home}{note}")
        return OK
    try:
        os.kill(node.pid, signal.SIGTERM)
    except ProcessLookupError:
        pass  # it ended by itself since we looked
    except PermissionError:
        raise Invalid(f"pid {node.pid} belongs to another user: run this as the user who runs AMP") from None
    begin = clock.read().raw
    while (still := running(home)) is not None and still.pid == node.pid:
        if clock.read().raw - begin > timeout:
            raise TimedOut(
                f"pid {node.pid} is still stopping after {format_duration(timeout)}: see {home}/data/log/amp.log; wait "
                f"with --timeout, or end it the hard way with: kill -9 {node.pid}"
            )
        time.sleep(_TICK)
    if still is None and stale_pid(home) is not None:
        pid_file(home).unlink(missing_ok=True)
        print(f"amp: pid {node.pid} ended, but not cleanly: see {home}/data/log/amp.log", file=sys.stderr)
        return SERVER
    print(f"AMP has stopped, pid {node.pid}")
    return OK


def status(home: Path, clock: Clock, wait: float = 0.0) -> int:
    """Print whether the node runs, its pid, address and state; answers 0 when it runs, 3 when not.

    `wait`: seconds to wait for it to serve.
    """
    home = _home(home)
    begin = clock.read().raw
    while ((node := running(home)) is None or node.state is None) and clock.read().raw - begin < wait:
        time.sleep(_TICK)
    if node is None:
        left = stale_pid(home)
        print(f"AMP is not running from {home}" + (f" ({pid_file(home)} was left over by pid {left})" if left else ""))
        return NOT_RUNNING
    from amp.cli.client import state_now

    now = state_now(node.uri, os.environ)
    started = f"{node.state} when it started" if node.state else "starting"
    hint = "" if now else " (set AMP_USER and AMP_PASSWORD to see what it is now)" if node.state else ""
    print(f"AMP is running from {home}\n  pid    {node.pid}\n  url    {node.uri}\n  state  {now or started + hint}")
    return NOT_RUNNING if wait and node.state is None else OK


def _home(home: Path) -> Path:
    home = home.absolute()
    if not (home / "etc").is_dir():
        raise Invalid(f"{home} is not the home of an AMP server (it has no etc/): make one with: amp init {home}")
    return home
