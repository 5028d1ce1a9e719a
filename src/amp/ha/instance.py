"""Proof that the run before of the same home is dead (E8). Acts on `HOME/data/instance.lock`.

Only the next start of the same home, or `release` in its stead, may use it. It proves a death only if all of this
holds: we have the lock,
so that no live run has; the file lies on a local file system, where locks are what they seem; and what the run before
wrote into it names this boot of this machine and a process that is gone. Anything else, a copied disk or a deleted
file, proves nothing, and the node waits for its timer like any other.
"""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

from amp.store.mounts import mount_of

_LOCAL = frozenset(("ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "zfs", "tmpfs", "overlay"))
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class InstanceLock:
    """The lock of a home, held as long as the process lives. `dead`: the node id that it proves dead, or None."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None
        self.dead: str | None = None

    @property
    def held(self) -> bool:
        """Tell whether we have the lock."""
        return self._fd is not None

    def take(self) -> None:
        """Try to take the lock, and read what the run before left. Without the lock nothing is proven."""
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            return
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(fd)
            return
        self._fd = fd
        self.dead = _proven_dead(os.pread(fd, 4096, 0), self._path)

    def write(self, node: str) -> None:
        """Name this run, before it stands for the first time."""
        if self._fd is None:
            return
        said = json.dumps({"node": node, "boot": _boot_id(), "pid": os.getpid(), "started": _started(os.getpid())})
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, said.encode(), 0)
        os.fsync(self._fd)

    def release(self) -> None:
        """Give the lock back."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def _proven_dead(content: bytes, path: Path) -> str | None:
    try:
        said = json.loads(content)
        node, boot, pid, started = said["node"], said["boot"], said["pid"], said["started"]
    except (ValueError, KeyError, TypeError):
        return None
    if not isinstance(node, str) or not isinstance(pid, int) or boot is None or boot != _boot_id():
        return None
    return node if _is_local(path) and _is_gone(pid, started) else None


def _boot_id() -> str | None:
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return None


def _is_gone(pid: int, started: object) -> bool:
    """Tell whether the process that began then has ended; one that only waits to be reaped has, too."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return False
    return fields[0] in ("Z", "X") or fields[19] != started


def _started(pid: int) -> str | None:
    """Answer when a process began, in the kernel's ticks: a pid that was given again has another."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]
    except (OSError, IndexError):
        return None


def _is_local(path: Path) -> bool:
    """Tell whether a path lies on a file system of this machine."""
    mount = mount_of(path.parent)
    return mount is not None and mount.kind in _LOCAL
