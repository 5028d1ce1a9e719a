"""Decides what may be deleted from a store for certain, and deletes it; all else needs a backup.

Certain is: what an audit found to be needed by nothing, and what a start-up check or an unfinished write has left
behind for longer than `STALE`. Nothing is ever written, and nothing is deleted that was not in the plan.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from amp.kit.errors import Unavailable
from amp.store.disk import explain
from amp.store.findings import Report
from amp.store.keys import TEMPORARY
from amp.store.objects import ObjectInfo, Objects

#: What is younger, in seconds, may belong to a node that is just starting or writing.
STALE = 3600.0


@dataclass(frozen=True, slots=True)
class Deletion:
    """One object, or unfinished file, to delete, and why that is safe."""

    key: str
    why: str


def plan(report: Report, probes: Iterable[ObjectInfo], unfinished: Iterable[ObjectInfo], now_ms: int) -> list[Deletion]:
    """Answer what may be deleted. `probes`: what is under probe/, `unfinished`: under tmp/."""
    useless = [Deletion(each.key, each.what) for each in report.findings if each.deletable]
    oldest = now_ms - STALE * 1000
    left = [Deletion(each.key, "a start-up check left it behind") for each in probes if _is_stale(each, oldest)]
    left += [Deletion(each.key, "a write that was not finished") for each in unfinished if _is_stale(each, oldest)]
    return [*useless, *left]


def _is_stale(info: ObjectInfo, oldest: float) -> bool:
    return info.modified_ms is not None and info.modified_ms < oldest


def unfinished_files(root: Path) -> list[ObjectInfo]:
    """List the unfinished files of a directory store, which its listings leave out. Raises: Unavailable."""
    found = []
    try:
        with os.scandir(root / TEMPORARY) as entries:
            for entry in entries:
                seen = entry.stat(follow_symlinks=False)
                found.append(ObjectInfo(f"{TEMPORARY}/{entry.name}", seen.st_size, seen.st_mtime_ns // 1_000_000))
    except FileNotFoundError:
        pass  # never made, or one was finished while we looked
    except OSError as error:
        raise Unavailable(explain(error, root)) from None
    return sorted(found, key=lambda info: info.key)


async def carry_out(objects: Objects, root: Path | None, deletions: Iterable[Deletion]) -> None:
    """Delete what was planned. `root`: of a directory store, where unfinished files are. Raises: Unavailable."""
    for deletion in deletions:
        folder, _, name = deletion.key.partition("/")
        if folder != TEMPORARY:
            await objects.delete(deletion.key)
        elif root is not None:
            try:
                (root / TEMPORARY / name).unlink(missing_ok=True)
            except OSError as error:
                raise Unavailable(explain(error, root)) from None
