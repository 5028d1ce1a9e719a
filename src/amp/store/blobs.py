"""Files that are too large for the journal: `blobs/<sha256>`, written before the commit that names them.

The rule: a blob is what its name says, or it is damaged; it is never changed. What no state names any more is deleted
by the leader a day later, so that a backup or a snapshot of yesterday still finds it.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable, Collection

from amp.kit.errors import Invalid, Unavailable
from amp.store.collect import AGE_MS
from amp.store.objects import Objects, Outcome
from amp.store.segment import Damaged

#: What one may have, in bytes.
LARGEST = 16 * 1024 * 1024
_FOLDER = "blobs/"
_SHA = re.compile(r"[0-9a-f]{64}")
_TRIES = 3


def blob_key(sha: str) -> str:
    """Name the object that holds a content."""
    return _FOLDER + sha


async def keep(objects: Objects, data: bytes) -> str:
    """Write a content, unless it is there; answers its name. Raises: Invalid (too large), Unavailable."""
    if len(data) > LARGEST:
        raise Invalid(f"a file of {len(data)} bytes, and one may have {LARGEST}")
    sha = await asyncio.to_thread(lambda: hashlib.sha256(data).hexdigest())
    for _ in range(_TRIES):
        if await objects.create(blob_key(sha), data) is not Outcome.UNKNOWN:
            return sha  # whoever was first wrote the same bytes
    raise Unavailable(f"{objects.name} does not say whether it took {blob_key(sha)}")


async def read(objects: Objects, sha: str) -> bytes | None:
    """Read a content; None where it is not there. Raises: Unavailable; Damaged, when it is not what its name says."""
    if not _SHA.fullmatch(sha):
        raise Invalid(f"{sha!r} is not the sha256 of a content")
    data = await objects.get(blob_key(sha))
    if data is not None and await asyncio.to_thread(lambda: hashlib.sha256(data).hexdigest()) != sha:
        raise Damaged(blob_key(sha), "its content is not the one that is its name")
    return data


async def collect(
    objects: Objects, needed: Collection[str], may: Callable[[], bool], now_ms: int, age_ms: int = AGE_MS
) -> int:
    """Delete what no state names and was written a day ago or more; answers how many. Raises: Unavailable.

    Times are the store's own where it has any; what has no time is kept.
    """
    done = 0
    for info in await objects.list(_FOLDER):
        old = info.modified_ms is not None and now_ms - info.modified_ms >= age_ms
        if old and info.key.removeprefix(_FOLDER) not in needed and may():
            await objects.delete(info.key)
            done += 1
    return done
