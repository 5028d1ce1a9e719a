"""A store in memory: for tests, for whole planes in one process, and as the plainest reading of the protocol.

Nodes that share one `MemoryObjects` share a store; `close` of one leaves it open to the others. Keeps nothing after
the process ends.
"""

from __future__ import annotations

import asyncio

from amp.store.keys import check_key, check_prefix
from amp.store.objects import ObjectInfo, Outcome


class MemoryObjects:
    """Objects in a dict. Every call lets other tasks run first, so that races between callers are real ones."""

    def __init__(self, name: str = "memory") -> None:
        self._name = name
        self._objects: dict[str, bytes] = {}

    @property
    def name(self) -> str:
        """What people call this store."""
        return self._name

    @property
    def local(self) -> bool:
        """Requests cost nothing."""
        return True

    async def create(self, key: str, data: bytes) -> Outcome:
        """Create the object unless the key exists."""
        check_key(key)
        await asyncio.sleep(0)
        if key in self._objects:
            return Outcome.EXISTS
        self._objects[key] = bytes(data)
        return Outcome.DONE

    async def put(self, key: str, data: bytes) -> None:
        """Create or replace."""
        check_key(key)
        await asyncio.sleep(0)
        self._objects[key] = bytes(data)

    async def get(self, key: str) -> bytes | None:
        """Read an object; None when absent."""
        check_key(key)
        await asyncio.sleep(0)
        return self._objects.get(key)

    async def list(self, prefix: str, after: str = "") -> list[ObjectInfo]:
        """List keys that begin with `prefix` and sort behind `after`, sorted by key."""
        check_prefix(prefix)
        await asyncio.sleep(0)
        return [
            ObjectInfo(key, len(self._objects[key]), None)
            for key in sorted(self._objects)
            if key.startswith(prefix) and key > after
        ]

    async def delete(self, key: str) -> None:
        """Delete; no error when absent."""
        check_key(key)
        await asyncio.sleep(0)
        self._objects.pop(key, None)

    async def close(self) -> None:
        """Do nothing: other nodes may still use it."""
