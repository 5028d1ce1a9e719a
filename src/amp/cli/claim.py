"""Decides whether a home's node runs: by a lock that the serving process holds, never by a pid alone.

The rule: the process that serves holds an exclusive `flock` on HOME/data/process.lock as long as it lives, and writes
in it who it is; the kernel lets go of the lock when the process dies, however it dies. So a pid that is read under a
held lock is the right one, and a pid.txt without a held lock is stale. HOME/pid.txt is a copy for people and service
managers.
(`instance.lock` is another lock: the election's proof of death.)
"""

from __future__ import annotations

import fcntl
import os
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec

from amp.kit.errors import Conflict, Invalid


@dataclass(frozen=True, slots=True)
class Running:
    """The node that runs. `state`: what it was when its mode at start was decided; None until then."""

    pid: int
    uri: str
    state: str | None


class Claim:
    """The lock of the process that serves from a home; held until `release` or death."""

    def __init__(self, home: Path, uri: str, fd: int) -> None:
        self._home, self._uri, self._fd = home, uri, fd

    def note(self, state: str | None) -> None:
        """Record who holds the claim, and the state that its start has led to."""
        record = msgspec.json.encode(Running(os.getpid(), self._uri, state))
        os.pwrite(self._fd, record, 0)
        os.ftruncate(self._fd, len(record))

    def release(self) -> None:
        """Remove pid.txt and let go of the lock."""
        pid_file(self._home).unlink(missing_ok=True)
        os.ftruncate(self._fd, 0)
        os.close(self._fd)


def pid_file(home: Path) -> Path:
    """Answer where the pid of the serving process is written."""
    return home / "pid.txt"


def claim(home: Path, uri: str, patience: float = 2.0) -> Claim:
    """Become the process that serves from `home`.

    Tries for `patience` seconds, because a look from `running` holds the lock for an instant.
    Raises: Conflict, when another process serves from it; Invalid, when the home cannot be written.
    """
    path = home / "data" / "process.lock"
    try:
        path.parent.mkdir(exist_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Invalid(
            f"{error.filename}: cannot be written: {error.strerror}: the user who runs AMP must own {home}"
        ) from None
    for left in reversed(range(max(1, round(patience / 0.05)))):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not left:
                os.close(fd)
                other = running(home)
                pid = f", pid {other.pid}" if other else ""
                raise Conflict(f"AMP is already running from {home}{pid}: stop it with {home}/bin/stop") from None
            time.sleep(0.05)
        else:
            break
    held = Claim(home, uri, fd)
    held.note(None)
    pid_file(home).write_text(f"{os.getpid()}\n")
    return held


def running(home: Path) -> Running | None:
    """Answer who serves from `home`; None when nobody does."""
    try:
        fd = os.open(home / "data" / "process.lock", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Invalid(
            f"{error.filename}: cannot be read: {error.strerror}: run this as the user who runs AMP"
        ) from None
    try:
        for _ in range(20):  # between taking the lock and writing the record its holder has a moment without one
            try:
                fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                try:
                    return msgspec.json.decode(os.pread(fd, 4096, 0), type=Running)
                except msgspec.DecodeError:
                    time.sleep(0.05)
            else:
                return None
        return None
    finally:
        os.close(fd)


def stale_pid(home: Path) -> str | None:
    """Answer what a left-over pid.txt says, given that nothing runs; None where there is none."""
    try:
        return pid_file(home).read_text().strip()
    except OSError:
        return None
