"""Deletes what only old snapshots need: the leader's housekeeping (C1-C3).

Order is everything. The oldest snapshot to keep is read back; then the boundary is created; then segments up to it are
deleted, lowest first. Elections and resignations ("posts") stay for ever: so the slot after the last commit of a
term is taken for ever, and a leader that was frozen for a year finds it taken. That snapshot says which they are: a
leader that slept where no clock shows it does not know those of its successors. Safety needs no retention; people do,
so segments stay for a day.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass

import msgspec

from amp.store.objects import ObjectInfo, Objects, Outcome
from amp.store.segment import Boundary, Damaged, Snapshot, boundary_key, seal, seq_of, snapshot_key, unseal

#: Snapshots that are kept, and how long segments are kept besides, in ms.
KEPT, AGE_MS = 24, 24 * 3600 * 1000
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Collected:
    """What was deleted, and the boundary that allows it (0: none yet)."""

    boundary: int
    snapshots: int
    segments: int


async def collect(
    objects: Objects,
    by: Boundary,
    posts: Collection[int],
    may: Callable[[], bool],
    *,
    kept: int = KEPT,
    age_ms: int = AGE_MS,
) -> Collected:
    """Delete what is not needed any more. `posts`: the seqs of the elections and resignations that the caller knows.

    `by`: who does it (plane, term, node, time); its seq is chosen here.

    `may` is asked before each step: a node that does not lead any more deletes nothing.
    Raises: Unavailable; Damaged, when the snapshot that would have to carry everything cannot be read.
    """
    snapshots = [seq_of(info.key) for info in await objects.list("snapshots/")]
    before = max((seq_of(info.key) for info in await objects.list("gc/")), default=0)
    if len(snapshots) < kept or not may():
        return Collected(before, 0, 0)
    boundary = snapshots[-kept]
    oldest = await _read_back(objects, boundary)
    all_posts = {seq for seq, _ in oldest.posts}.union(posts)
    if boundary > before:
        marker, _ = seal(msgspec.structs.replace(by, seq=boundary), b"")
        if not may() or await objects.create(boundary_key(boundary), marker) is Outcome.UNKNOWN:
            return Collected(before, 0, 0)
    else:
        boundary = before
    old = [snapshot_key(seq) for seq in snapshots if seq < boundary]
    doomed = _aged(await objects.list("journal/"), oldest.seq, all_posts, age_ms)
    segments = await _delete(objects, doomed, may)
    gone = await _delete(objects, old, may)
    markers = [info.key for info in await objects.list("gc/") if seq_of(info.key) < boundary]
    if segments == len(doomed):
        await _delete(objects, markers, may)
    return Collected(boundary, gone, segments)


def _aged(journal: list[ObjectInfo], last: int, posts: Collection[int], age_ms: int) -> list[str]:
    """Choose what may go, lowest first. Ages are differences of the store's own times; without them all may go."""
    newest = max((info.modified_ms for info in journal if info.modified_ms is not None), default=None)
    chosen = []
    for info in journal:
        seq = seq_of(info.key)
        if seq > last or seq in posts:
            continue
        if newest is None or info.modified_ms is None or newest - info.modified_ms >= age_ms:
            chosen.append(info.key)
    return chosen


async def _read_back(objects: Objects, seq: int) -> Snapshot:
    key = snapshot_key(seq)
    data = await objects.get(key)
    if data is None:
        raise Damaged(key, "it was listed, and is not there when read")
    header, _, _ = await asyncio.to_thread(unseal, data, key, Snapshot)
    return header


async def _delete(objects: Objects, keys: list[str], may: Callable[[], bool]) -> int:
    done = 0
    for start in range(0, len(keys), _AT_ONCE):
        if not may():
            break
        part = keys[start : start + _AT_ONCE]
        await asyncio.gather(*(objects.delete(key) for key in part))
        done += len(part)
    return done
