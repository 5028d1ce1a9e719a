"""The one protocol of a shared store: an atomic *create if absent*, and read-after-write.

It needs no lock service, no compare-and-swap, no order of listings, no multipart upload. Each method is one attempt
with a bound of its own; retries belong to the caller, who alone knows whether sending again is safe. All stores pass
`amp.testing.conformance`.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Protocol


class Outcome(enum.Enum):
    """What became of a create."""

    DONE = "done"  # created by this very call
    EXISTS = "exists"  # the key was there: somebody's bytes, perhaps our own from an earlier attempt
    UNKNOWN = "unknown"  # timed out, cut off, 409, 5xx: it may or may not have been created, even later


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One entry of a listing. `modified_ms`: the store's time of last change, or None where it has none."""

    key: str
    size: int
    modified_ms: int | None


class Objects(Protocol):
    """Named objects under one prefix. Keys use `/`, letters, digits, `-`, `.`, `_`."""

    @property
    def name(self) -> str:
        """What people call this store in messages: `directory /a/b`, `s3://bucket/prefix`. Holds no secret."""
        ...

    @property
    def local(self) -> bool:
        """True where requests cost nothing (a directory, memory): membership may then be listed at each poll."""
        ...

    async def create(self, key: str, data: bytes) -> Outcome:
        """Create the object unless the key exists. Never raises for what the store answers or fails to answer."""
        ...

    async def put(self, key: str, data: bytes) -> None:
        """Create or replace. Raises: Unavailable."""
        ...

    async def get(self, key: str) -> bytes | None:
        """Read an object; None when absent. Raises: Unavailable."""
        ...

    async def list(self, prefix: str, after: str = "") -> list[ObjectInfo]:
        """List keys that begin with `prefix` (a whole folder: ends with `/`), sorted by key. Raises: Unavailable.

        `after`, a key: only those that sort behind it.
        """
        ...

    async def delete(self, key: str) -> None:
        """Delete; no error when absent. Raises: Unavailable."""
        ...

    async def close(self) -> None:
        """Release connections and threads."""
        ...
