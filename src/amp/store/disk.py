"""Keeps objects as files of a directory, durably: the blocking half of `store.file`, which runs it in threads.

The rules:
- A file gets its final name only when whole and on the disk: written in `tmp/`, fsynced, then hard-linked (create) or
  renamed (put); then the folder is fsynced. A hard link is refused when the name is taken: that is the only lock.
- A folder made here is itself on the disk before something in it is called done.
- An answer to `link` may be lost (NFS): two links to our own temporary file mean that the name is ours.
- What a create or put of this process left visible but perhaps not yet durable is fsynced before it is read out.
- A root that vanishes or becomes another directory (unmounted, replaced) is an error, not an empty store.

It knows no time-outs and no asyncio; it raises OSError and Unavailable. `explain` makes sentences for people of them.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from amp.kit.errors import Unavailable
from amp.kit.ids import Entropy, nonce
from amp.store.keys import TEMPORARY
from amp.store.objects import ObjectInfo, Outcome

_R = TypeVar("_R")
_STALE_NS = 24 * 3600 * 10**9  # a temporary file this much older than a new one has no owner any more
_ABSENT = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


class Disk:
    """The files under `root`. Safe to call from several threads and several processes at once."""

    def __init__(self, root: Path, entropy: Entropy) -> None:
        self._root = str(root)
        self._entropy = entropy
        self._inode: int | None = None  # of the root, once seen
        self._known: set[str] = set()  # folders known to be on the disk
        self._swept = False
        self._lock = threading.Lock()
        self._unsettled: dict[str, int] = {}  # folder: names given in it whose fsync has not succeeded

    def create(self, key: str, data: bytes) -> Outcome:
        """Create the file unless its name is taken; on the disk when it answers, whatever it answers."""
        folder, target = self._split(key)
        temporary = self._write(data)
        try:
            with self._settling(folder):
                return self._in(folder, lambda: self._link(temporary, target))
        finally:
            _remove(temporary)

    def put(self, key: str, data: bytes) -> None:
        """Create or replace the file; on the disk when it returns."""
        folder, target = self._split(key)
        temporary = self._write(data)
        try:
            with self._settling(folder):
                self._in(folder, lambda: os.replace(temporary, target))
        except OSError:
            _remove(temporary)
            raise

    def get(self, key: str) -> bytes | None:
        """Read a whole file; None when absent."""
        folder, target = self._split(key)
        try:
            handle = os.open(target, os.O_RDONLY | os.O_CLOEXEC)
            with os.fdopen(handle, "rb") as file:
                data = file.read()
        except _ABSENT:
            self._look()
            return None
        if folder in self._unsettled:
            _sync_folder(f"{self._root}/{folder}")
        return data

    def delete(self, key: str) -> None:
        """Remove the file, durably; no error when absent."""
        folder, target = self._split(key)
        try:
            os.unlink(target)
        except _ABSENT:
            self._look()
            return
        _sync_folder(f"{self._root}/{folder}")

    def list(self, folder: str, start: str, after: str = "") -> list[ObjectInfo]:
        """List the files below `folder` (`` or ending in `/`) whose next part begins with `start`, sorted by key; only
        those that sort behind `after`."""
        if not self._look() or folder.split("/")[0] == TEMPORARY:
            return []
        found: list[ObjectInfo] = []
        waiting = [folder]
        while waiting:
            here = waiting.pop()
            try:
                with os.scandir(f"{self._root}/{here}") as entries:
                    for entry in entries:
                        if here == folder and not entry.name.startswith(start):
                            continue
                        if entry.is_dir():
                            if here or entry.name != TEMPORARY:
                                waiting.append(f"{here}{entry.name}/")
                        elif here + entry.name > after:
                            found.extend(_info(here + entry.name, entry))
            except _ABSENT:
                pass  # never made, or deleted while we looked
        found.sort(key=lambda info: info.key)
        return found

    def _split(self, key: str) -> tuple[str, str]:
        return key.rpartition("/")[0], f"{self._root}/{key}"

    def _look(self) -> bool:
        """Tell whether the root is there. Raises when it is no directory, or no longer the one seen before."""
        before = self._inode  # read first: another thread may make the root between our look and our verdict
        try:
            seen = os.stat(self._root)
        except FileNotFoundError:
            if before is not None:
                raise Unavailable(
                    f"directory {self._root} is gone: mount it again, or restore it, then restart AMP"
                ) from None
            return False
        if not stat.S_ISDIR(seen.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), self._root)
        if self._inode is None:
            self._inode = seen.st_ino
        elif self._inode != seen.st_ino:
            raise Unavailable(
                f"directory {self._root} is another one than before: is its file system mounted? "
                "Mount it again; if it was replaced on purpose, restart AMP"
            )
        return True

    def _prepare(self, folder: str) -> None:
        """Make a folder and those above it, each on the disk before the next."""
        if not self._look():
            path, missing = self._root, []
            while not os.path.lexists(path):
                missing.append(path)
                path = os.path.dirname(path)
            for one in reversed(missing):
                _make_folder(one)
            self._look()
        if folder in self._known:
            return
        path = self._root
        for part in folder.split("/") if folder else ():
            path = f"{path}/{part}"
            _make_folder(path)
        self._known.add(folder)

    def _in(self, folder: str, act: Callable[[], _R]) -> _R:
        """Do what needs a folder, making it first; once more when somebody removed it meanwhile."""
        self._prepare(folder)
        try:
            return act()
        except FileNotFoundError:
            self._known.discard(folder)
            self._prepare(folder)
            return act()

    def _write(self, data: bytes) -> str:
        """Write a temporary file, on the disk when it returns; answers its path."""
        path = f"{self._root}/{TEMPORARY}/{nonce(self._entropy)}"
        handle = self._in(TEMPORARY, lambda: os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        try:
            try:
                rest = memoryview(data)
                while rest:
                    rest = rest[os.write(handle, rest) :]
                _sync(handle)
                made = os.fstat(handle).st_mtime_ns
            finally:
                os.close(handle)
        except OSError:
            _remove(path)
            raise
        if not self._swept:
            self._swept = True
            self._sweep(made)
        return path

    def _link(self, temporary: str, target: str) -> Outcome:
        try:
            os.link(temporary, target)
        except FileNotFoundError:
            raise
        except OSError as error:
            if os.stat(temporary).st_nlink == 2:
                return Outcome.DONE  # the answer was lost, or it is our own earlier try of the same call
            if error.errno == errno.EEXIST:
                return Outcome.EXISTS
            if error.errno in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK):
                raise Unavailable(
                    f"directory {self._root} takes no hard links ({error.strerror}): "
                    "put the store on a local file system or on NFS, not on SMB, FAT or a mounted bucket"
                ) from error
            raise
        return Outcome.DONE

    @contextlib.contextmanager
    def _settling(self, folder: str) -> Iterator[None]:
        """Fsync the folder after names were given in it; until that has succeeded, readers here do it too."""
        with self._lock:
            self._unsettled[folder] = self._unsettled.get(folder, 0) + 1
        yield
        _sync_folder(f"{self._root}/{folder}")
        with self._lock:
            self._unsettled[folder] -= 1
            if not self._unsettled[folder]:
                del self._unsettled[folder]

    def _sweep(self, newest_ns: int) -> None:
        """Remove what processes left in `tmp/` that were killed long ago, by the store's own times."""
        with contextlib.suppress(OSError), os.scandir(f"{self._root}/{TEMPORARY}") as entries:
            for entry in entries:
                if entry.stat(follow_symlinks=False).st_mtime_ns < newest_ns - _STALE_NS:
                    _remove(entry.path)


def explain(error: OSError, root: Path) -> str:
    """Say what went wrong with a directory and what to do about it."""
    where = f"directory {root}"
    path = error.filename if isinstance(error.filename, str) else str(root)
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return f"{where} is full ({error.strerror}): free space there or raise the quota"
        case errno.EACCES | errno.EPERM:
            return f"{where}: no permission for {path}: give it to the user that runs AMP, with its rights to write"
        case errno.EROFS:
            return f"{where} is on a read-only file system: mount it writable, or choose another directory"
        case errno.ENOTDIR | errno.EEXIST:
            return f"{where}: {path} is a file, not a directory: move it away, or choose another directory"
        case errno.ESTALE:
            return f"{where}: the mount is stale: mount it again"
        case errno.ENAMETOOLONG:
            return f"{where}: the name {path} is too long for its file system: choose a shorter path"
        case _:
            return f"{where}: {error.strerror or error} ({path}): check the disk and its mount"


def _info(key: str, entry: os.DirEntry[str]) -> list[ObjectInfo]:
    try:
        seen = entry.stat()
    except FileNotFoundError:
        return []  # deleted while we looked
    return [ObjectInfo(key, seen.st_size, seen.st_mtime_ns // 1_000_000)]


def _make_folder(path: str) -> None:
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        if not os.path.isdir(path):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path) from None
    _sync_folder(os.path.dirname(path))


def _sync_folder(path: str) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _sync(handle)
    finally:
        os.close(handle)


def _sync(handle: int) -> None:
    """Bring a file to the disk itself. On macOS `fsync` stops at the drive's cache."""
    if hasattr(fcntl, "F_FULLFSYNC"):
        fcntl.fcntl(handle, fcntl.F_FULLFSYNC)
    else:
        os.fsync(handle)


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):  # what stays is ignored, and swept a day later
        os.unlink(path)
