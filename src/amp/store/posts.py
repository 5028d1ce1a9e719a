"""Checks elections and resignations: each is there for ever (C3), though commits around it may be deleted. Pure.

Below the boundary a segment is one of: a post (an elect or resign that a snapshot lists), part of the run that leads
up to the boundary unbroken, or litter: the rest of a deletion that was cut short, or what an old leader wrote into a
slot that was deleted before it woke.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from amp.store.facts import Fact, Survey
from amp.store.findings import FENCE, PUT_BACK, REPAIR, Finding
from amp.store.segment import Header, Member, segment_key

_KINDS = ("elect", "resign")


@dataclass(frozen=True, slots=True)
class Fold:
    """What a reader carries along the journal, and a snapshot repeats."""

    posts: tuple[tuple[int, int], ...] = ()
    members: tuple[Member, ...] = ()


def fold_at(survey: Survey, seq: int) -> Fold | None:
    """Answer what a snapshot says is carried there; at 0 nothing is. None: unknown."""
    if seq == 0:
        return Fold()
    fact = survey.snapshots.get(seq)
    if fact is None or fact.snapshot is None:
        return None
    return Fold(tuple((post, term) for post, term in fact.snapshot.posts), tuple(fact.snapshot.members))


def carry(fold: Fold | None, header: Header) -> Fold | None:
    """Carry it over one more segment."""
    if fold is None:
        return None
    posts = (*fold.posts, (header.seq, header.term)) if header.kind in _KINDS else fold.posts
    return Fold(posts, tuple(header.members) if header.members is not None else fold.members)


def listed(survey: Survey) -> dict[int, int] | None:
    """Answer seq and term of the posts up to the boundary, by the newest readable snapshot; None: nobody can tell."""
    readable = [fact.snapshot for _, fact in sorted(survey.snapshots.items()) if fact.snapshot is not None]
    if not readable or readable[-1].seq < survey.boundary:
        return None
    return {seq: term for seq, term in readable[-1].posts if seq <= survey.boundary}


def check_posts(survey: Survey) -> Iterator[Finding]:
    """Judge what is at and below the boundary."""
    posts = listed(survey)
    if posts is None or not survey.boundary:
        return
    run, kinds = _run(survey), _kinds(posts)
    trusted = run | {survey.boundary + 1} | {seq for seq in posts if _is(survey, seq, kinds[seq], posts[seq])}
    for seq, term in posts.items():
        fact = survey.segments.get(seq)
        if fact is None:
            what = f"it is not there: a snapshot lists it as the {kinds[seq]} of term {term}"
            yield Finding(segment_key(seq), "missing", what, FENCE, PUT_BACK)
        elif fact.segment is None:
            continue  # damaged by itself, and named for that
        elif seq not in trusted:
            what = f"it is not what a snapshot lists there, the {kinds[seq]} of term {term}"
            yield Finding(fact.key, "damaged", what, FENCE, PUT_BACK)
        elif seq not in run and seq + 1 in trusted and _hash_at(survey, seq) not in (None, fact.hash):
            what = f"{segment_key(seq + 1)} follows other bytes"
            yield Finding(fact.key, "damaged", what, FENCE, PUT_BACK)
    for seq, fact in survey.segments.items():
        if seq <= survey.boundary and seq not in posts and seq not in run and fact.segment is not None:
            yield _litter(fact)


def _kinds(posts: dict[int, int]) -> dict[int, str]:
    """Tell what each post is: the first of a term elects, the second resigns."""
    seen: set[int] = set()
    kinds = {}
    for seq, term in posts.items():
        kinds[seq] = "resign" if term in seen else "elect"
        seen.add(term)
    return kinds


def _is(survey: Survey, seq: int, kind: str, term: int) -> bool:
    """Tell whether a segment is of this kind and term."""
    fact = survey.segments.get(seq)
    return fact is not None and fact.segment is not None and (fact.segment.kind, fact.segment.term) == (kind, term)


def _litter(fact: Fact) -> Finding:
    what = "it lies below the boundary, and nothing that is there follows it: half deleted, or an old leader's last"
    return Finding(fact.key, "note", what, "nothing", f"{REPAIR}, to delete it", deletable=True)


def _run(survey: Survey) -> set[int]:
    """Answer the segments that lead up to the boundary unbroken, by the hashes that each names."""
    seq = survey.boundary
    expected = _hash_at(survey, seq)
    run: set[int] = set()
    while (fact := survey.segments.get(seq)) is not None and fact.segment is not None and fact.hash == expected:
        run.add(seq)
        seq, expected = seq - 1, fact.segment.prev
    return run


def _hash_at(survey: Survey, seq: int) -> str | None:
    """Answer the hash of a segment, as the next one or a snapshot states it."""
    following, snapshot = survey.segments.get(seq + 1), survey.snapshots.get(seq)
    if following is not None and following.segment is not None:
        return following.segment.prev
    return snapshot.snapshot.hash if snapshot is not None and snapshot.snapshot is not None else None
