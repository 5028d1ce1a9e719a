"""Plays the journal anew: is each snapshot what the segments before it make, and is there what the state names?

The first is the deep part of an audit of a store: it needs what is between two snapshots, and as much memory as two
states. It only reads. What is damaged was named before and is passed over here.
"""

from __future__ import annotations

import asyncio

import msgspec

from amp.ha.parts import Parts
from amp.model import changes as c
from amp.model.model import Model, built
from amp.plane import codec
from amp.store.blobs import blob_key
from amp.store.facts import Survey
from amp.store.findings import PUT_BACK, RESTORE, Finding, Report
from amp.store.objects import Objects
from amp.store.segment import Segment, Snapshot, parse, segment_key, snapshot_key, unseal
from amp.store.survey import Progress, fetch

_sorting = msgspec.json.Encoder(order="sorted")


def play(model: Model, parts: Parts[c.AnyChange], segment: Segment) -> None:
    """Let a segment take effect on a model, as a node that follows does. Raises: Damaged."""
    reset = segment.header.kind == "reset"
    changes = [c.PlaneReset()] if reset else codec.decode(segment.body, segment_key(segment.header.seq))
    for change in parts.take(segment.header, changes):
        model.apply(change)


async def replay(objects: Objects, survey: Survey, report: Report, progress: Progress) -> list[Finding]:
    """Compare each snapshot with the one before it and the segments between. Raises: Unavailable."""
    bad = {finding.key for finding in report.findings if finding.is_damage}
    seqs = [seq for seq in sorted(survey.snapshots) if seq >= survey.boundary and snapshot_key(seq) not in bad]
    found: list[Finding] = []
    start, model = 0, None if survey.boundary else Model()
    for number, seq in enumerate(seqs, 1):
        saved = await _load(objects, seq)
        played = model is not None and await _advance(objects, model, start, seq, bad)
        if played and saved is not None and model is not None and not await asyncio.to_thread(_alike, model, saved):
            what = f"its state is not what {_name(start)} and the segments after it make"
            breaks = "what nodes that load it believe: they differ from those that have followed"
            found.append(Finding(snapshot_key(seq), "damaged", what, breaks, RESTORE))
        start, model = seq, saved
        progress(number, len(seqs))
    return found


async def lost_blobs(objects: Objects, survey: Survey, report: Report) -> list[Finding]:
    """Name the blobs that the state names and that are not there. Raises: Unavailable.

    The state is played only where something that makes it names a blob that was not seen: most often nothing does.
    """
    base, there = report.base, {fact.key for fact in survey.blobs}
    if base is None:
        return []  # no node can load a state that would name any
    made_of = [survey.snapshots.get(base), *(fact for seq, fact in survey.segments.items() if seq > base)]
    named = {sha for fact in made_of if fact is not None for sha in fact.named}
    if all(blob_key(sha) in there for sha in named):
        return []
    model = await _load(objects, base) if base else Model()
    if model is None or not await _advance(objects, model, base, survey.head, set()):
        return []  # a leader has deleted some of it since: it was read well, and the next look has it all
    wanted = {sha: task.id for task in model.tasks.values() for step in task.steps for sha in step.blobs.values()}
    found = []
    for sha, task in sorted(wanted.items()):
        if blob_key(sha) not in there and await fetch(objects, blob_key(sha)) is None:
            breaks = f"what a command of the task {task} wrote, of which only the end is left"
            found.append(Finding(blob_key(sha), "missing", "it is not there", breaks, PUT_BACK))
    return found


def _name(start: int) -> str:
    return snapshot_key(start) if start else "the beginning"


async def _load(objects: Objects, seq: int) -> Model | None:
    key = snapshot_key(seq)
    data = await fetch(objects, key)
    if data is None:
        return None  # deleted by the leader since it was read first
    return await asyncio.to_thread(lambda: built(codec.stream(unseal(data, key, Snapshot)[1], key)))


async def _advance(objects: Objects, model: Model, start: int, end: int, bad: set[str]) -> bool:
    """Play the segments after `start` through `end`; False when one of them is damaged or gone."""
    parts = Parts[c.AnyChange]()  # none are held where a snapshot is
    for seq in range(start + 1, end + 1):
        data = None if segment_key(seq) in bad else await fetch(objects, segment_key(seq))
        if data is None:
            return False
        play(model, parts, parse(data, seq))
    return True


def _alike(one: Model, other: Model) -> bool:
    """Tell whether two models hold the same; in which order is not compared."""
    return sorted(_lines(one)) == sorted(_lines(other))


def _lines(model: Model) -> list[bytes]:
    return [_sorting.encode(change) for change in model.as_changes()]
