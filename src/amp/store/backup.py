"""Copies a plane out of its store, and into an empty one. Exact copies: each object keeps its bytes and its key.

The rules: what is copied is complete by itself (a snapshot, all segments after it, all elections and resignations, the
blobs); the object `plane` comes last, so that a copy that was broken off is not taken for a plane; nothing is ever
overwritten. Membership records are left out: they speak of nodes of another store. `verify` judges a copy afterwards.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from amp.kit.errors import Conflict, Invalid, Missing, Unavailable
from amp.store.audit import plane_of
from amp.store.facts import Kind, Survey, kind_of, number_of
from amp.store.findings import Report
from amp.store.objects import Objects, Outcome
from amp.store.segment import (
    Boundary,
    Damaged,
    Header,
    Snapshot,
    TooNew,
    boundary_key,
    parse,
    seal,
    segment_key,
    snapshot_key,
    unseal,
)
from amp.store.survey import Progress, each, fetch

_ATTEMPTS, _PAUSE = 5, 0.5
_PLANE = "plane"


async def refuse_unless_empty(objects: Objects) -> None:
    """Let only an empty store pass, start-up checks aside. Raises: Conflict, Unavailable."""
    there = [info.key for info in await objects.list("") if kind_of(info.key) is not Kind.PROBE]
    if there:
        more = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise Conflict(
            f"{objects.name} is not empty: it holds {there[0]}{more}",
            details="Nothing was written. Name an empty directory or prefix; AMP never overwrites a plane.",
        )


@dataclass(frozen=True, slots=True)
class _Source:
    """What to copy, as the source's listing had it. `base`: the snapshot that the copy begins with, 0 for none."""

    base: int
    head: int
    boundary: int
    snapshots: tuple[int, ...]
    blobs: tuple[str, ...]


async def back_up(source: Objects, target: Objects, *, all_kept: bool, progress: Progress) -> int:
    """Copy a plane that may be running into an empty store; answers the last segment of the copy.

    `all_kept`: with every snapshot that is kept and every segment above the boundary, rather than the newest snapshot
    and what follows it.
    Raises: Conflict, Damaged, TooNew, Missing, Unavailable.
    """
    if await fetch(source, _PLANE) is None:
        raise Missing(f"{source.name} holds no plane", details="Nothing was copied. See what is there: amp store ls")
    await refuse_unless_empty(target)
    what = await _look(source, all_kept=all_kept)
    copy = _Copy(source, target, progress)
    newest = max(what.snapshots, default=0)
    snapshot = await copy.snapshot(newest) if newest else None
    posts = [seq for seq, _ in snapshot.posts if seq <= what.base] if snapshot else []
    keys = [segment_key(seq) for seq in (*posts, *range(what.base + 1, what.head + 1))]
    keys += [snapshot_key(seq) for seq in what.snapshots if seq != newest]
    if what.base and what.base not in posts and await _is_whole(source, what.base):
        keys.append(segment_key(what.base))
    copy.expect(len(keys) + len(what.blobs) + 3)
    await each([*keys, *what.blobs], copy.copy)
    await _copy_boundary(copy, what, snapshot)
    await copy.copy(_PLANE)
    return what.head


async def _is_whole(source: Objects, seq: int) -> bool:
    """Tell whether a segment that a copy can do without is there to be copied."""
    data = await fetch(source, segment_key(seq))
    try:
        return data is not None and parse(data, seq).header.seq == seq
    except (Damaged, TooNew):
        return False


async def _look(source: Objects, *, all_kept: bool) -> _Source:
    segments = [number_of(info.key) for info in await source.list("journal/") if kind_of(info.key) is Kind.JOURNAL]
    snapshots = [number_of(info.key) for info in await source.list("snapshots/") if kind_of(info.key) is Kind.SNAPSHOTS]
    gc = [number_of(info.key) for info in await source.list("gc/") if kind_of(info.key) is Kind.GC]
    blobs = [info.key for info in await source.list("blobs/") if kind_of(info.key) is Kind.BLOBS]
    boundary = max(gc, default=0)
    kept = sorted(seq for seq in snapshots if seq >= boundary)
    if not all_kept:
        kept = kept[-1:]
    base = boundary if all_kept else max(kept, default=0)
    return _Source(base, max([*segments, *kept], default=0), boundary, tuple(kept), tuple(blobs))


async def _copy_boundary(copy: _Copy, what: _Source, snapshot: Snapshot | None) -> None:
    """Copy the boundary; where the copy begins later than the source did, state its own."""
    if what.base and what.base == what.boundary:
        await copy.copy(boundary_key(what.boundary))
    elif what.base and snapshot is not None:
        at = snapshot.position
        header = Boundary(term=at.term, node=at.node, seq=what.base, plane=snapshot.plane, at=at.at)
        await copy.write(boundary_key(what.base), seal(header, b"")[0])


class _Copy:
    """Copies objects one by one, never over another; counts them."""

    def __init__(self, source: Objects, target: Objects, progress: Progress) -> None:
        self._source, self._target, self._progress = source, target, progress
        self._done = self._of = 0

    def expect(self, count: int) -> None:
        self._of = count

    async def copy(self, key: str) -> None:
        data = await fetch(self._source, key)
        if data is None:
            raise Unavailable(
                f"{self._source.name}: {key} is not there",
                details="If the plane deleted it while it was copied, try again with an empty target; "
                "else see what is missing: amp store verify",
            )
        await self.write(key, data)

    async def snapshot(self, seq: int) -> Snapshot:
        key = snapshot_key(seq)
        await self.copy(key)
        data = await fetch(self._target, key)
        return unseal(data or b"", key, Snapshot)[0]

    async def write(self, key: str, data: bytes) -> None:
        await create(self._target, key, data)
        self._done += 1
        self._progress(self._done, max(self._of, self._done))


async def create(objects: Objects, key: str, data: bytes) -> None:
    """Create an object, certainly, and never over another. Raises: Conflict, Unavailable."""
    for _attempt in range(_ATTEMPTS):
        outcome = await objects.create(key, data)
        if outcome is Outcome.DONE:
            return
        there = await fetch(objects, key)
        if there == data:
            return
        if there is not None:
            raise Conflict(
                f"{objects.name}: somebody else wrote {key} meanwhile",
                details="Stop all nodes that use this store, empty it, and try again.",
            )
        await asyncio.sleep(_PAUSE)
    raise Unavailable(f"{objects.name} does not take {key}: look into its own log, empty it, and try again")


def cut_at_time(survey: Survey, at_ms: int) -> int:
    """Answer the last segment before the first one that was written later than `at_ms`. Raises: Invalid."""
    headers = [fact.segment for _, fact in sorted(survey.segments.items()) if fact.segment is not None]
    live = [header for header in headers if header.seq >= first_cut(survey)]
    if not live or live[0].at > at_ms:
        raise Invalid("the backup begins later than that time", details=_range(survey))
    return _until(live, at_ms)


def _until(headers: list[Header], at_ms: int) -> int:
    last = headers[0].seq
    for header in headers:
        if header.at > at_ms:
            break
        last = header.seq
    return last


def first_cut(survey: Survey) -> int:
    """Answer the earliest segment at which a copy can be cut: that of its oldest snapshot, or 1."""
    if not survey.boundary:
        return 1
    return min((seq for seq in survey.snapshots if seq >= survey.boundary), default=survey.head)


def _range(survey: Survey) -> str:
    return f"It can be restored as of each segment from {first_cut(survey)} to {survey.head}."


def keys_up_to(survey: Survey, cut: int | None) -> list[str]:
    """Answer the keys to restore, in order, the object `plane` last. `cut`: the last segment; None: all.

    Raises: Invalid, when the copy cannot be cut there.
    """
    if cut is not None and not first_cut(survey) <= cut <= survey.head:
        raise Invalid(f"the backup cannot be cut at segment {cut}", details=_range(survey))
    end = survey.head if cut is None else cut
    segments = [segment_key(seq) for seq in sorted(survey.segments) if seq <= end]
    snapshots = [snapshot_key(seq) for seq in sorted(survey.snapshots) if seq <= end or cut is None]
    gc = [boundary_key(seq) for seq in sorted(survey.gc)]
    blobs = sorted(fact.key for fact in survey.blobs)
    return [*snapshots, *segments, *blobs, *gc, _PLANE]


def refuse_damaged(survey: Survey, report: Report, cut: int | None) -> None:
    """Let only a copy pass that is whole up to where it is cut. Raises: Invalid, Missing."""
    if plane_of(survey) is None:
        raise Missing(f"{survey.store} holds no plane")
    bad = [finding for finding in report.findings if finding.level != "note" and _matters(finding.key, cut)]
    if bad:
        raise Invalid(
            f"{survey.store} is not whole: {bad[0].key}: {bad[0].what}",
            details="Nothing was written. All that is wrong: amp store verify. Take an older backup, or put it right.",
        )


def _matters(key: str, cut: int | None) -> bool:
    """Tell whether an object is copied."""
    kind = kind_of(key)
    return kind is not Kind.NODES and (
        cut is None or kind not in (Kind.JOURNAL, Kind.SNAPSHOTS) or number_of(key) <= cut
    )


async def restore(source: Objects, target: Objects, keys: list[str], progress: Progress) -> None:
    """Copy objects into an empty store. Raises: Conflict, Unavailable."""
    await refuse_unless_empty(target)
    copy = _Copy(source, target, progress)
    copy.expect(len(keys))
    await each(keys[:-1], copy.copy)
    await copy.copy(keys[-1])


def last_of(keys: list[str]) -> int:
    """Answer the last segment among keys."""
    return max((number_of(key) for key in keys if kind_of(key) is Kind.JOURNAL), default=0)
