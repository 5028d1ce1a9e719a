"""Reads every object of a store once, into a `Survey`.

It only reads, and may run beside a plane that lives: a journal that grows meanwhile is read on as far as something else
names it, and when the boundary has moved, what is gone below it is not missing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from amp.kit.errors import Unavailable
from amp.store.facts import Contents, Kind, Survey, examine, gaps, kind_of, number_of, readable
from amp.store.objects import ObjectInfo, Objects
from amp.store.segment import segment_key

_R = TypeVar("_R")
_AT_ONCE = 8
_LARGE = 256 * 1024  # bytes of an object that are looked into by a thread
_ATTEMPTS, _PAUSE = 3, 0.5
_ROUNDS = 8

#: Is told how many objects have been read, and of how many.
Progress = Callable[[int, int], None]


async def survey(objects: Objects, contents: Contents, progress: Progress = lambda done, of: None) -> Survey:
    """Read all objects of a store but those of probe/ and tmp/. Raises: Unavailable."""
    found = Survey(objects.name)
    reader = _Reader(objects, contents, found, progress)
    listed = await reader.list("")
    await reader.read(info.key for info in listed)
    for _round in range(_ROUNDS):  # a plane that lives goes on while we read; each round looks at what that changed
        before = found.boundary
        await reader.read(info.key for info in await reader.list("gc/") if number_of(info.key) not in found.gc)
        if found.boundary != before:
            await reader.read(
                info.key for info in await reader.list("snapshots/") if number_of(info.key) not in found.snapshots
            )
        if not await _read_on(reader, found) and found.boundary == before:
            break
    return found


async def _read_on(reader: _Reader, found: Survey) -> bool:
    """Read the segments that the listing did not have, as far as something names them; True when any was there."""
    sights = [fact.sight.seq for fact in found.nodes if fact.sight is not None]
    named = max([found.head, found.boundary, *found.snapshots, *sights])
    count = len(found.segments)
    missing = [seq for low, high in gaps(found.segments, found.boundary + 1, named) for seq in (low, high)]
    await reader.read(map(segment_key, sorted(set(missing))))
    while found.head < named and await reader.read([segment_key(found.head + 1)]):
        pass
    return len(found.segments) > count


class _Reader:
    """Reads objects, a few at once; what is gone when its turn comes is left out."""

    def __init__(self, objects: Objects, contents: Contents, found: Survey, progress: Progress) -> None:
        self._objects, self._contents, self._found, self._progress = objects, contents, found, progress
        self._done = self._of = 0

    async def list(self, prefix: str) -> list[ObjectInfo]:
        return [info for info in await self._objects.list(prefix) if kind_of(info.key) is not Kind.PROBE]

    async def read(self, keys: Iterable[str]) -> int:
        """Read some objects; answers how many of them were there."""
        wanted = list(keys)
        self._of += len(wanted)

        async def one(key: str) -> bool:
            was_there = await self._one(key)
            self._done += 1
            self._progress(self._done, self._of)
            return was_there

        return sum(await each(wanted, one))

    async def _one(self, key: str) -> bool:
        if kind_of(key) is Kind.OTHER:
            self._found.others.append(readable(key))  # perhaps not even a key that a store takes
            return True
        data = await fetch(self._objects, key)
        if data is None:
            return False
        if len(data) > _LARGE:
            self._found.add(await asyncio.to_thread(examine, key, data, self._contents))
        else:
            self._found.add(examine(key, data, self._contents))  # sooner done than handed over
        return True


async def each(keys: Iterable[str], do: Callable[[str], Awaitable[_R]]) -> list[_R]:
    """Do something for each key, a few at once; answers in the order in which they ended.

    Raises: what the first that failed raised; the others are cancelled.
    """
    waiting, results = iter(list(keys)), []

    async def work() -> None:
        for key in waiting:
            result = await do(key)
            results.append(result)

    tasks = [asyncio.ensure_future(work()) for _ in range(_AT_ONCE)]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
    return results


async def fetch(objects: Objects, key: str) -> bytes | None:
    """Read an object; what fails is tried again twice. Raises: Unavailable."""
    for _attempt in range(_ATTEMPTS - 1):
        try:
            return await objects.get(key)
        except Unavailable:
            await asyncio.sleep(_PAUSE)
    return await objects.get(key)
