"""Judges whether the objects of a store fit together: one finding for each key that is damaged or missing. Pure.

What must hold: all segments above the boundary are there and each follows the one before; each snapshot is of the
segment that it names and repeats what the journal says; every election and resignation is there for ever
(`store.posts`); a boundary has a snapshot that covers it (C2); no node has read more, or other bytes, than there are
(R4). It reads nothing and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from amp.store.facts import Fact, Survey, gaps, number_of
from amp.store.findings import PUT_BACK, REPAIR, RESTORE, Finding, Report
from amp.store.posts import Fold, carry, check_posts, fold_at, listed
from amp.store.remedies import breaks_of, remedy_of
from amp.store.segment import (
    Damaged,
    Position,
    Segment,
    Snapshot,
    boundary_key,
    check_follows,
    segment_key,
    snapshot_key,
)

_FEW = 100  # missing segments that are named one by one


def judge(survey: Survey) -> Report:
    """Judge a store that was read."""
    chained, folds = _chain(survey)
    found = [
        *_plane(survey),
        *_alone(survey),
        *chained,
        *_snapshots(survey, folds),
        *_tail(survey),
        *check_posts(survey),
    ]
    bad = {finding.key for finding in found if finding.level != "note"}
    report = Report(base=_base(survey, bad))
    found += _uncovered(survey, report.base)
    worst: dict[str, Finding] = {}
    for finding in found:  # the first word on a key is the one nearest to the cause
        worst.setdefault(finding.key, finding)
    report.findings = [_with_way_out(survey, worst[key], report.base) for key in sorted(worst)]
    return report


def plane_of(survey: Survey) -> str | None:
    """Answer the plane's id: as its object says, else as the journal does."""
    if survey.plane is not None and survey.plane.plane:
        return survey.plane.plane
    headers = (fact.segment for _, fact in sorted(survey.segments.items()) if fact.segment is not None)
    return next((header.plane for header in headers), None)


def _plane(survey: Survey) -> Iterator[Finding]:
    if survey.plane is None:
        breaks = "the plane's id and secret: a node would found another plane here, and refuse this journal"
        yield Finding("plane", "missing", "it is not there", breaks, PUT_BACK)
    for key in survey.others:
        what, remedy = "AMP writes no such key", "move it away: the prefix is AMP's alone"
        if key.partition("/")[0] in ("journal", "snapshots", "gc"):
            yield Finding(key, "damaged", what, "what nodes read in this folder: they may stumble over it", remedy)
        else:
            yield Finding(key, "note", what, "nothing", remedy)
    plane = plane_of(survey)
    for fact in [*survey.gc.values(), *survey.nodes]:
        if plane and fact.plane and fact.plane != plane:
            what = f"it belongs to the plane {fact.plane}, not to {plane}"
            yield _damaged(fact, what, survey)


def _alone(survey: Survey) -> Iterator[Finding]:
    """Name what is wrong with objects by themselves."""
    posts = listed(survey)
    groups = (survey.segments.values(), survey.snapshots.values(), survey.gc.values(), survey.nodes, survey.blobs)
    plane = [survey.plane] if survey.plane is not None else []
    for fact in (*(fact for group in groups for fact in group), *plane):
        if fact.newer is not None:
            what = fact.newer.removeprefix(f"{fact.key} ")
            yield Finding(fact.key, "newer", what, "this version cannot judge it", "verify with the newer version")
        elif fact.damage is not None and _is_useless(fact, survey, posts):
            breaks = "nothing: it lies below the boundary, where it may be gone"
            yield Finding(fact.key, "damaged", fact.damage, breaks, f"{REPAIR}, to delete it", deletable=True)
        elif fact.damage is not None:
            yield _damaged(fact, fact.damage, survey)


def _damaged(fact: Fact, what: str, survey: Survey) -> Finding:
    return Finding(fact.key, "damaged", what, breaks_of(fact.key, survey), remedy_of(fact.key, survey))


def _is_useless(fact: Fact, survey: Survey, posts: dict[int, int] | None) -> bool:
    """Tell a segment below the boundary that is, for certain, no election or resignation."""
    seq = number_of(fact.key)
    return fact.key.startswith("journal/") and seq <= survey.boundary and posts is not None and seq not in posts


def _chain(survey: Survey) -> tuple[list[Finding], dict[int, Fold]]:
    """Follow the journal above the boundary; answers findings, and what is carried after each segment."""
    plane = plane_of(survey) or ""
    found: list[Finding] = []
    for low, high in gaps(survey.segments, survey.boundary + 1, survey.head):
        found += _missing(low, high, survey)
    folds: dict[int, Fold] = {}
    last = survey.boundary
    before, fold = _position(survey, last), fold_at(survey, last)
    for seq in sorted(seq for seq in survey.segments if seq > survey.boundary):
        fact = survey.segments[seq]
        if seq != last + 1:  # a gap, which was named: begin again behind it
            before, fold = _position(survey, seq - 1), fold_at(survey, seq - 1)
        last = seq
        if fact.segment is None:
            before, fold = _position(survey, seq), fold_at(survey, seq)
            continue
        problem = _follow_problem(Segment(fact.segment, fact.hash, b""), before, plane)
        if problem:
            found.append(_damaged(fact, problem, survey))
        before, fold = Position(fact.segment, fact.hash), carry(fold, fact.segment)
        if fold is not None:
            folds[seq] = fold
    return found, folds


def _missing(low: int, high: int, survey: Survey, breaks: str | None = None) -> Iterator[Finding]:
    """Name missing segments: one by one while they are few, else by the first. `breaks`: what that breaks, if known."""
    what = "it is not there"
    if high - low >= _FEW:
        what = f"it and all up to {segment_key(high)} are not there, {high - low + 1} segments"
        high = low
    for key in map(segment_key, range(low, high + 1)):
        remedy = RESTORE if breaks else remedy_of(key, survey)
        yield Finding(key, "missing", what, breaks or breaks_of(key, survey), remedy)


def _position(survey: Survey, seq: int) -> Position | None:
    """Answer segment `seq` as a snapshot knows it, else as it is there; None where neither does."""
    fact, segment = survey.snapshots.get(seq), survey.segments.get(seq)
    if fact is not None and fact.snapshot is not None:
        return Position(fact.snapshot.position, fact.snapshot.hash)
    if segment is not None and segment.segment is not None and seq > survey.boundary:
        return Position(segment.segment, segment.hash)
    return None  # at the boundary the slot may hold litter


def _follow_problem(segment: Segment, before: Position | None, plane: str) -> str | None:
    header = segment.header
    if before is None and header.seq != 1:
        return f"it belongs to the plane {header.plane}, not to {plane}" if header.plane != plane else None
    try:
        check_follows(segment, before, plane)
    except Damaged as problem:
        return problem.message.removeprefix(f"{problem.key} is damaged: ")
    return None


def _snapshots(survey: Survey, folds: dict[int, Fold]) -> Iterator[Finding]:
    for seq, fact in sorted(survey.snapshots.items()):
        if fact.snapshot is None:
            continue
        if seq < survey.boundary:
            remedy = f"{REPAIR}, to delete it"
            yield Finding(fact.key, "note", "it is older than the boundary", "nothing", remedy, deletable=True)
        elif problem := _snapshot_problem(fact.snapshot, survey, folds.get(seq)):
            yield _damaged(fact, problem, survey)


def _snapshot_problem(snapshot: Snapshot, survey: Survey, fold: Fold | None) -> str | None:
    plane = plane_of(survey)
    if plane and snapshot.plane != plane:
        return f"it belongs to the plane {snapshot.plane}, not to {plane}"
    segment, following = survey.segments.get(snapshot.seq), survey.segments.get(snapshot.seq + 1)
    if snapshot.seq > survey.boundary and segment is not None and segment.segment is not None:
        if segment.hash != snapshot.hash:
            return f"it is of a segment {snapshot.hash[:12]}..., but {segment.key} is {segment.hash[:12]}..."
        if segment.segment != snapshot.position:
            return f"the header in it is not that of {segment.key}"
    if following is not None and following.segment is not None and following.segment.prev != snapshot.hash:
        return f"{following.key} does not follow the segment that it is of"
    if fold is not None and fold.posts != tuple((seq, term) for seq, term in snapshot.posts):
        return "its list of elections and resignations is not that of the journal"
    if fold is not None and fold.members != tuple(snapshot.members):
        return "its list of members is not that of the journal"
    return None


def _tail(survey: Survey) -> Iterator[Finding]:
    """Name segments behind the last one that something else has seen, and what nodes have read differently."""
    end = max(survey.head, survey.boundary)
    newest = max(survey.snapshots, default=0)
    if newest > end:
        yield from _missing(end + 1, newest, survey, f"the end of the journal is lost: {snapshot_key(newest)} is of it")
    for fact in survey.nodes:
        sight = fact.sight
        if sight is None or sight.seq <= survey.boundary:
            continue
        segment = survey.segments.get(sight.seq)
        if sight.seq > end:
            breaks = f"the end of the journal is lost, or the store went back in time: node {sight.id} has read it"
            yield from _missing(end + 1, sight.seq, survey, breaks)
        elif segment is not None and segment.segment is not None and sight.hash and segment.hash != sight.hash:
            what = f"node {sight.id} has read other bytes there ({sight.hash[:12]}...)"
            yield Finding(segment.key, "damaged", what, "the one history: the store went back in time", RESTORE)


def _base(survey: Survey, bad: set[str]) -> int | None:
    """Answer the newest snapshot, 0 for the beginning, from which all to the head can be read; None where none is."""
    holes = [high for _, high in gaps(survey.segments, survey.boundary + 1, survey.head)]
    wrong = [number_of(key) for key in bad if key.startswith("journal/") and number_of(key) > survey.boundary]
    last = max([*holes, *wrong], default=0)
    for seq in [*sorted(survey.snapshots, reverse=True), *([] if survey.boundary else [0])]:
        if seq >= max(last, survey.boundary) and (not seq or snapshot_key(seq) not in bad):
            return seq
    return None


def _uncovered(survey: Survey, base: int | None) -> Iterator[Finding]:
    """Name what should be there for a boundary to hold, and for a reset."""
    if survey.boundary and not any(seq >= survey.boundary for seq in survey.snapshots):
        breaks = f"the state cannot be loaded: {boundary_key(survey.boundary)} says that this one, or a newer, is kept"
        yield Finding(snapshot_key(survey.boundary), "missing", "it is not there", breaks, RESTORE)
    for seq, fact in survey.segments.items():
        if fact.segment is not None and fact.segment.kind == "reset" and seq > (base or 0):
            to = fact.segment.to
            if to and to not in survey.snapshots:
                yield Finding(snapshot_key(to), "missing", "it is not there", f"{fact.key} goes back to it", RESTORE)


def _with_way_out(survey: Survey, finding: Finding, base: int | None) -> Finding:
    """Mark a damaged snapshot as one to delete where another one, or the whole journal, stands in for it."""
    fact = survey.snapshots.get(number_of(finding.key)) if finding.key.startswith("snapshots/") else None
    if fact is None or fact.damage is None or base is None:
        return finding  # one that is whole, and contradicts the journal, is evidence of something worse
    resets = (fact.segment.to for fact in survey.segments.values() if fact.segment and fact.segment.kind == "reset")
    if number_of(finding.key) in resets:
        return finding
    other = snapshot_key(base) if base else "the journal from its beginning"
    return replace(finding, remedy=f"{REPAIR}, to delete it: {other} stands in for it", deletable=True)


def summary(survey: Survey, report: Report) -> str:
    """Say in one sentence what the verdict is."""
    has = (
        f"{survey.count} objects, segments {min(survey.segments, default=0)} to {survey.head}, "
        f"boundary {survey.boundary}, {len(survey.snapshots)} snapshots"
    )
    bad = sum(finding.is_damage for finding in report.findings)
    notes = sum(finding.level == "note" for finding in report.findings)
    more = f"; {notes} of no use" if notes else ""
    match report.verdict:
        case "whole":
            return f"{survey.store} is whole: {has}{more}"
        case "unreadable":
            return f"{survey.store} cannot be judged, since a newer version wrote to it: {has}{more}"
    start = snapshot_key(report.base) if report.base else "its beginning"
    loads = "no node can load its state" if report.base is None else f"its state can be loaded from {start}"
    return f"{survey.store} is damaged: {bad} keys are damaged or missing ({has}); {loads}{more}"
