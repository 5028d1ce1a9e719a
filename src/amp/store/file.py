"""A store in a directory, local or shared: `store.disk` in threads, with a bound for each call.

The threads are its own, and few: a mount that hangs keeps them, and nothing else of the process waits. A call that
outlasts its bound goes on in its thread, unseen, and may still succeed: so a create is then *unknown*. Calls wait for
a free thread within their own bound and are dropped with it, so nothing piles up behind a hung mount.

A thread that hangs in the kernel cannot be ended. A process that must end regardless calls `os._exit`.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from amp.kit.errors import Unavailable
from amp.kit.ids import Entropy, system_entropy
from amp.store.disk import Disk, explain
from amp.store.keys import check_key, check_prefix
from amp.store.objects import ObjectInfo, Outcome
from amp.store.trouble import Trouble

_R = TypeVar("_R")
_THREADS = 8
#: Lists of the journal, which may have a million objects, may take so many times as long as other calls. Who is in a
#: hurry has a bound of its own; who deletes old segments would never come to it.
_LONG = 12


class DirectoryObjects:
    """Objects as files under `path`, which is made when first written to. `timeout`: seconds for each call."""

    def __init__(self, path: Path, *, timeout: float = 5.0, entropy: Entropy = system_entropy) -> None:
        self._path = path.absolute()
        self._timeout = timeout
        self._disk = Disk(self._path, entropy)
        self._threads = concurrent.futures.ThreadPoolExecutor(_THREADS, thread_name_prefix="amp-store")
        self._free = asyncio.Semaphore(_THREADS)
        self._trouble = Trouble()

    @property
    def name(self) -> str:
        """What people call this store."""
        return f"directory {self._path}"

    @property
    def local(self) -> bool:
        """Requests cost nothing."""
        return True

    @property
    def trouble(self) -> str | None:
        """Why the last call failed; None when it did not."""
        return self._trouble.reason

    async def create(self, key: str, data: bytes) -> Outcome:
        """Create the object unless the key exists."""
        check_key(key)
        try:
            return await self._run(f"create {key}", partial(self._disk.create, key, data), write=True)
        except Unavailable:
            return Outcome.UNKNOWN

    async def put(self, key: str, data: bytes) -> None:
        """Create or replace. Raises: Unavailable."""
        await self._run(f"write {key}", partial(self._disk.put, check_key(key), data), write=True)

    async def get(self, key: str) -> bytes | None:
        """Read an object; None when absent. Raises: Unavailable."""
        return await self._run(f"read {key}", partial(self._disk.get, check_key(key)))

    async def delete(self, key: str) -> None:
        """Delete; no error when absent. Raises: Unavailable."""
        await self._run(f"delete {key}", partial(self._disk.delete, check_key(key)), write=True)

    async def list(self, prefix: str, after: str = "") -> list[ObjectInfo]:
        """List keys that begin with `prefix` and sort behind `after`, sorted by key. Raises: Unavailable."""
        times = _LONG if prefix in ("", "journal/") else 1
        return await self._run(f"list {prefix}", partial(self._disk.list, *check_prefix(prefix), after), times=times)

    async def close(self) -> None:
        """Let the threads go; those that hang are left to themselves."""
        self._threads.shutdown(wait=False)

    async def _run(self, what: str, call: Callable[[], _R], *, write: bool = False, times: int = 1) -> _R:
        limit = self._timeout * times
        try:
            async with asyncio.timeout(limit):
                await self._free.acquire()
                result = await asyncio.wrap_future(self._submit(call))
        except TimeoutError:
            reason = (
                f"{self.name}: {what} took longer than {limit:g} s: "
                "is the disk overloaded, or the mount hung (its server down)?"
            )
        except OSError as error:
            reason = explain(error, self._path)
        except Unavailable as error:
            reason = error.message
        else:
            self._trouble.clear(self.name, write=write)
            return result
        self._trouble.note(reason, write=write)
        raise Unavailable(reason, unknown=write)

    def _submit(self, call: Callable[[], _R]) -> concurrent.futures.Future[_R]:
        """Start a call in a free thread, which is free again only when the call has really ended."""
        loop = asyncio.get_running_loop()

        def freed(_: concurrent.futures.Future[_R]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(self._free.release)

        try:
            future = self._threads.submit(call)
        except RuntimeError:
            self._free.release()
            raise Unavailable(f"{self.name} is closed: AMP is stopping") from None
        future.add_done_callback(freed)
        return future
