"""What the objects of a store are, each by itself: what its key says, and whether its bytes are what was written. Pure.

`examine` turns the bytes of one object into a `Fact`; a `Survey` is all facts of a store. What the bodies say is told
by the `Contents` of whoever calls, for the store knows nothing of entities. How objects fit together is
`store.audit`'s business.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from amp.store.segment import Boundary, Damaged, Header, Snapshot, TooNew, parse, unseal

_SEQ = re.compile(r"(?!0{16})[0-9]{16}")
_SHA = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[A-Za-z0-9._-]{1,255}")


class Kind(StrEnum):
    """What an object is for, by the folder of its key."""

    PLANE = "plane"
    JOURNAL = "journal"
    SNAPSHOTS = "snapshots"
    GC = "gc"
    NODES = "nodes"
    BLOBS = "blobs"
    PROBE = "probe"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Sight:
    """What a membership record says of itself and of the journal: its node, and the last segment that it has read."""

    id: str
    plane: str
    seq: int
    hash: str


class Contents(Protocol):
    """Knows what is inside the objects, which the store does not. Each raises Damaged or TooNew, naming the key."""

    def check_body(self, body: bytes, key: str) -> frozenset[str]:
        """Check that a body can be read, of a segment or of a snapshot; answers the blobs that it names, by sha256."""
        ...

    def plane_id(self, data: bytes, key: str) -> str:
        """Answer the id in the object `plane`."""
        ...

    def sight(self, data: bytes, key: str) -> Sight:
        """Read a membership record."""
        ...


@dataclass(frozen=True, slots=True)
class Fact:
    """One object by itself. `damage`: why it cannot be what was written; `newer`: why this version cannot tell;
    `named`: the blobs that its body names, by sha256."""

    key: str
    size: int
    damage: str | None = None
    newer: str | None = None
    segment: Header | None = None
    hash: str = ""
    body_bytes: int = 0
    snapshot: Snapshot | None = None
    boundary: Boundary | None = None
    sight: Sight | None = None
    plane: str | None = None
    named: frozenset[str] = frozenset()

    @property
    def whole(self) -> bool:
        """True when nothing is wrong with it by itself."""
        return self.damage is None and self.newer is None


@dataclass(slots=True)
class Survey:
    """All objects of a store, by kind. `boundary`: the largest seq under gc/, 0 for none."""

    store: str
    segments: dict[int, Fact] = field(default_factory=dict)
    snapshots: dict[int, Fact] = field(default_factory=dict)
    gc: dict[int, Fact] = field(default_factory=dict)
    plane: Fact | None = None
    nodes: list[Fact] = field(default_factory=list)
    blobs: list[Fact] = field(default_factory=list)
    others: list[str] = field(default_factory=list)

    @property
    def boundary(self) -> int:
        """Below it and at it, segments may be gone."""
        return max(self.gc, default=0)

    @property
    def head(self) -> int:
        """The last segment that is there; 0 for none."""
        return max(self.segments, default=0)

    @property
    def count(self) -> int:
        """How many objects were read."""
        parts = (self.segments, self.snapshots, self.gc, self.nodes, self.blobs)
        return sum(map(len, parts)) + (self.plane is not None)

    def add(self, fact: Fact) -> None:
        """Take one object in."""
        seq = number_of(fact.key)
        match kind_of(fact.key):
            case Kind.JOURNAL:
                self.segments[seq] = fact
            case Kind.SNAPSHOTS:
                self.snapshots[seq] = fact
            case Kind.GC:
                self.gc[seq] = fact
            case Kind.PLANE:
                self.plane = fact
            case Kind.NODES:
                self.nodes.append(fact)
            case Kind.BLOBS:
                self.blobs.append(fact)
            case _:
                pass  # nobody reads them


def kind_of(key: str) -> Kind:
    """Tell what an object is for. A numbered object whose name is not 16 digits is none of ours."""
    folder, slash, name = key.partition("/")
    if key == Kind.PLANE:
        return Kind.PLANE
    if slash and folder in (Kind.JOURNAL, Kind.SNAPSHOTS, Kind.GC):
        return Kind(folder) if _SEQ.fullmatch(name) else Kind.OTHER
    if slash and folder in (Kind.NODES, Kind.BLOBS, Kind.PROBE):
        return Kind(folder) if _NAME.fullmatch(name) else Kind.OTHER
    return Kind.OTHER


def readable(key: str) -> str:
    """Answer a key as one line of text can show it: a stranger's file may have any name."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in key)


def number_of(key: str) -> int:
    """Answer the number in a key of journal/, snapshots/ or gc/; 0 for any other."""
    name = key.rpartition("/")[2]
    return int(name) if kind_of(key) in (Kind.JOURNAL, Kind.SNAPSHOTS, Kind.GC) else 0


def examine(key: str, data: bytes, contents: Contents) -> Fact:
    """Say of one object by itself what it is."""
    try:
        return _read(key, data, contents)
    except TooNew as problem:
        return Fact(key, len(data), newer=problem.message)
    except Damaged as problem:
        return Fact(key, len(data), damage=problem.message.removeprefix(f"{key} is damaged: "))


def _read(key: str, data: bytes, contents: Contents) -> Fact:
    size, seq = len(data), number_of(key)
    match kind_of(key):
        case Kind.JOURNAL:
            segment = parse(data, seq)
            named = contents.check_body(segment.body, key)
            return Fact(key, size, segment=segment.header, hash=segment.hash, body_bytes=len(segment.body), named=named)
        case Kind.SNAPSHOTS:
            header, body, digest = unseal(data, key, Snapshot)
            if header.seq != seq or header.position.seq != seq:
                raise Damaged(key, f"it says that it is the state after segment {header.seq}")
            named = contents.check_body(body, key)
            return Fact(key, size, snapshot=header, hash=digest, body_bytes=len(body), named=named)
        case Kind.GC:
            boundary, _, digest = unseal(data, key, Boundary)
            if boundary.seq != seq:
                raise Damaged(key, f"it says that it is the boundary {boundary.seq}")
            return Fact(key, size, boundary=boundary, hash=digest, plane=boundary.plane)
        case Kind.PLANE:
            return Fact(key, size, plane=contents.plane_id(data, key))
        case Kind.NODES:
            sight = contents.sight(data, key)
            if key != f"nodes/{sight.id}":
                raise Damaged(key, f"it is the record of the node {sight.id}")
            return Fact(key, size, sight=sight, plane=sight.plane)
        case Kind.BLOBS:
            _check_blob(key, data)
    return Fact(key, size)


def _check_blob(key: str, data: bytes) -> None:
    stated, found = key.rpartition("/")[2], hashlib.sha256(data).hexdigest()
    if not _SHA.fullmatch(stated):
        raise Damaged(key, "its name is not the sha256 of a content")
    if found != stated:
        raise Damaged(key, f"its content has the sha256 {found[:12]}..., not the one that is its name")


def gaps(there: Iterable[int], low: int, high: int) -> list[tuple[int, int]]:
    """Answer the runs of numbers between `low` and `high`, both included, that are not there."""
    found, expected = [], low
    for seq in sorted(seq for seq in there if low <= seq <= high):
        if seq > expected:
            found.append((expected, seq - 1))
        expected = seq + 1
    if expected <= high:
        found.append((expected, high))
    return found
