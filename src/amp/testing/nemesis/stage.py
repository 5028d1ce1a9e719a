"""Where a campaign takes place: a folder, a store that can be made to fail, and servers that share it.

A directory store lies on a small file system of its own where that can be mounted, so that its disk can be full; an S3
store is a real server, and each node reaches it through a proxy of its own.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from amp.kit.clock import Clock
from amp.kit.errors import Unavailable
from amp.store.place import DirectoryStore, StoreSettings
from amp.testing.nemesis.proxy import Proxy, proxied
from amp.testing.nemesis.servers import Server
from amp.testing.servers import S3Server, running

_ROOM = "size=4g"  # of memory, and only what is used of it: an hour makes 260,000 objects, of 4 KiB at least each


class Disk:
    """A file system in memory for one directory. `why_not`: why it could not be mounted; then nothing can be filled."""

    def __init__(self, path: Path) -> None:
        self.path, self.why_not = path, ""
        path.mkdir()
        if os.geteuid() != 0:
            self.why_not = "only root can mount a small file system"
        elif error := self._mount(_ROOM):
            self.why_not = f"no file system can be mounted: {error}"

    def fill(self) -> None:
        """Leave no room. Raises: Unavailable, when that cannot be had."""
        error = "not tried"
        for _ in range(20):  # what is written between the look and the mount makes it fail
            used = shutil.disk_usage(self.path).used
            if not (error := self._mount(f"remount,size={max(used, 4096)}")):
                return
        raise Unavailable(f"the file system of the store cannot be made full: {error}")

    def close(self) -> None:
        """Let nothing be written. Raises: Unavailable, when that cannot be had."""
        error = "not tried"
        for _ in range(200):  # it is refused while a file is open for writing
            if not (error := self._mount("remount,ro")):
                return
        raise Unavailable(f"the file system of the store cannot be made read-only: {error}")

    def free(self) -> None:
        """Give room again, and let it be used."""
        if not self.why_not:
            self._mount(f"remount,rw,{_ROOM}")

    def clear(self, keep: Path | None) -> None:
        """Unmount; what was stored goes to `keep` first."""
        if keep is not None and keep != self.path:
            shutil.copytree(self.path, keep)
        if not self.why_not:
            subprocess.run(["umount", self.path], check=False)  # noqa: S603, S607 -- the system's own

    def _mount(self, options: str) -> str:
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        return done.stderr.strip() if done.returncode else ""


@dataclass(slots=True)
class Stage:
    """Servers and their store. `proxies`: one a server, none where the store is a directory."""

    folder: Path
    place: StoreSettings
    timeout: float
    servers: list[Server] = field(default_factory=list)
    proxies: dict[str, Proxy] = field(default_factory=dict)
    disk: Disk | None = None

    def calm(self) -> None:
        """End all that is done to the store."""
        for proxy in self.proxies.values():
            proxy.turn(None)
        if self.disk is not None:
            self.disk.free()


@contextlib.contextmanager
def _disk(folder: Path) -> Iterator[Disk]:
    disk = Disk(folder / "store")
    try:
        yield disk
    finally:
        disk.free()
        disk.clear(folder / "store-at-the-end" if not disk.why_not else None)


@contextlib.asynccontextmanager
async def staged(
    kind: str,
    folder: Path,
    clock: Clock,
    *,
    nodes: int,
    timeout: float,
    poll: float,
    s3: str,
    draw: random.Random,
    python: Path | None = None,
) -> AsyncIterator[Stage]:
    """Set the stage for `kind` (directory | s3); nothing is started but the store.

    `python`: the interpreter that nodes run with, if not ours. Raises: Missing, Unavailable."""
    quick = {"brooklyn.ha.heartbeatTimeout": f"{timeout:g}s", "brooklyn.ha.pollPeriod": f"{poll:g}s"}
    async with contextlib.AsyncExitStack() as stack:
        if kind == "directory":
            disk = stack.enter_context(_disk(folder))
            stage = Stage(folder, DirectoryStore(disk.path / "plane"), timeout, disk=disk)
            launcher: dict[str, object] = {"persistenceDir": disk.path / "plane"}
            for number in range(1, nodes + 1):
                stage.servers.append(Server(folder / f"n{number}", clock, launcher, quick, python))
        else:
            store = stack.enter_context(running(s3, folder / "s3", bucket="nemesis"))
            stage = Stage(folder, store.place("plane"), timeout)
            for number in range(1, nodes + 1):
                proxy = await stack.enter_async_context(proxied(urlsplit(store.endpoint).port or 0, draw))
                launcher, brooklyn = _s3_options(store, proxy)
                server = Server(folder / f"n{number}", clock, launcher, quick | brooklyn, python)
                stage.servers.append(server)
                stage.proxies[server.path.name] = proxy
        yield stage


def _s3_options(store: S3Server, proxy: Proxy) -> tuple[dict[str, object], dict[str, object]]:
    name = "brooklyn.location.named.store"
    return (
        {"persistenceLocation": "store", "persistenceDir": f"{store.bucket}/plane"},
        {
            name: f"aws-s3:{store.region}",
            f"{name}.identity": store.identity,
            f"{name}.credential": store.credential.reveal(),
            f"{name}.endpoint": f"http://127.0.0.1:{proxy.port}",
        },
    )
