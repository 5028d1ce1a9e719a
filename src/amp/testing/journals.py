"""Writes a small plane by hand: several terms, snapshots, a boundary with deleted segments, records, a blob.

For the tests of what looks after a store. Deterministic: times and ids are counted, not drawn.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from amp.ha.founding import Founding
from amp.ha.members import Record
from amp.kit.ids import EntityId
from amp.model import changes as c
from amp.model.model import Model
from amp.plane import codec
from amp.store.segment import (
    NO_HASH,
    Boundary,
    Header,
    Member,
    Segment,
    Snapshot,
    boundary_key,
    build,
    pack,
    seal,
    segment_key,
    snapshot_key,
)

PLANE = "testplan"
ROOT = EntityId("root")
#: Wall clock of segment 0; each segment comes a minute after the one before.
BEGAN, MINUTE = 1_750_000_000_000, 60_000


class Journal:
    """All objects of a plane that is being written. `objects`: key to bytes, as they would be in the store."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.model = Model()
        self.posts: list[tuple[int, int]] = []
        self.members: list[Member] = []
        self.last: Segment | None = None
        self.objects["plane"], _ = seal(Founding(id=PLANE, secret="5ec2e7" * 8, birth="here", at=BEGAN), b"")

    @property
    def seq(self) -> int:
        """The last segment."""
        return self.last.header.seq if self.last else 0

    def elect(self, node: str) -> None:
        """Open a term."""
        self._append("elect", node, (self.last.header.term if self.last else 0) + 1, members=[Member(id=node)])

    def resign(self) -> None:
        """Close the term."""
        self._append("resign", self._leader(), self._term(), clean=True)

    def commit(self, *changes: c.AnyChange) -> None:
        """Append Changes; none: a beat."""
        self._append("commit", self._leader(), self._term(), changes)

    def reset(self, to: int = 0) -> None:
        """Make the state void; `to`: what the header says it goes back to."""
        self._append("reset", self._leader(), self._term(), [c.PlaneReset()], to=to)

    def snapshot(self) -> None:
        """Save the state as it is now."""
        if self.last is None:
            raise ValueError("there is no segment yet")
        header = Snapshot(
            plane=PLANE,
            seq=self.seq,
            position=self.last.header,
            hash=self.last.hash,
            posts=list(self.posts),
            members=list(self.members),
            has_state=True,
            at=self.last.header.at,
        )
        self.objects[snapshot_key(self.seq)], _ = seal(header, pack(codec.encode(self.model.as_changes())))

    def bound(self, seq: int, *, deleted: Iterable[int]) -> None:
        """Set the boundary, and delete segments below it; never an elect or a resign."""
        header = Boundary(term=self._term(), node=self._leader(), seq=seq, plane=PLANE, at=self._at())
        self.objects[boundary_key(seq)], _ = seal(header, b"")
        posts = {post for post, _ in self.posts}
        for each in deleted:
            if each not in posts:
                del self.objects[segment_key(each)]

    def record(self, node: str, seq: int) -> None:
        """Write the membership record of a node that has read through `seq`."""
        digest = hashlib.sha256(self.objects[segment_key(seq)][70:]).hexdigest()
        record = Record(
            id=node, instance=f"i-{node}", plane=PLANE, name=node, address=f"http://{node}", mode="AUTO",
            state="HOT_STANDBY", priority=0, version="1.0", counter=1, seq=seq, hash=digest,
        )  # fmt: skip
        self.objects[f"nodes/{node}"] = seal(record, b"")[0]

    def blob(self, data: bytes) -> None:
        """Write a file."""
        self.objects[f"blobs/{hashlib.sha256(data).hexdigest()}"] = data

    def litter(self, seq: int, node: str) -> None:
        """Write what an old leader wrote into a slot that had been deleted."""
        header = self._header("commit", node, 1, seq=seq, prev="a" * 64)
        self.objects[segment_key(seq)], _ = build(header, b"")

    def write_to(self, folder: Path) -> None:
        """Write all objects into a directory store."""
        for key, data in self.objects.items():
            path = folder / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    def _leader(self) -> str:
        return self.last.header.node if self.last else ""

    def _term(self) -> int:
        return self.last.header.term if self.last else 0

    def _at(self) -> int:
        return BEGAN + (self.seq + 1) * MINUTE

    def _header(self, kind: str, node: str, term: int, **more: object) -> Header:
        stated: dict[str, object] = {
            "plane": PLANE,
            "seq": self.seq + 1,
            "prev": self.last.hash if self.last else NO_HASH,
            "nonce": f"{self.seq + 1:032x}",
            "timeout_ms": 30_000,
            "in_office": kind != "elect",
            "at": self._at(),
        }
        return msgspec.convert(
            {**stated, **more, "kind": kind, "node": node, "term": term}, Header, from_attributes=True
        )

    def _append(self, kind: str, node: str, term: int, changes: Sequence[c.AnyChange] = (), **more: object) -> None:
        header = self._header(kind, node, term, **more)
        body = b"" if kind == "reset" else pack(codec.encode(changes))
        data, self.last = build(header, body)
        self.objects[segment_key(header.seq)] = data
        for change in changes:
            self.model.apply(change)
        if header.kind in ("elect", "resign"):
            self.posts.append((header.seq, header.term))
        if header.members is not None:
            self.members = header.members


def small_plane() -> Journal:
    """Three terms, 26 segments, two snapshots, the boundary at 14 with most below it deleted, one blob, two records.

    Segments: 1 elect, 2-6 commits, 7 resign, 8 elect, 9-13 commits, 14 beat, 15-18 commits, 19 resign, 20 elect, 21
    commit, 22 reset, 23-26 commits. Snapshots: 14 and 21. Deleted: 2 to 11, but for 7 and 8.
    """
    journal = Journal()
    journal.elect("n1")
    journal.commit(c.EntityAdded(id=ROOT, type="App", name="root", parent=None, application=ROOT))
    _sensors(journal, range(4))
    journal.resign()
    journal.elect("n2")
    _sensors(journal, range(4, 9))
    journal.commit()
    journal.snapshot()
    _sensors(journal, range(9, 12))
    journal.commit(c.ConfigSet(ROOT, "db.password", "hunter2"))
    journal.resign()
    journal.elect("n1")
    _sensors(journal, range(12, 13))
    journal.snapshot()
    journal.reset()
    journal.commit(c.EntityAdded(id=ROOT, type="App", name="again", parent=None, application=ROOT))
    _sensors(journal, range(20, 23))
    journal.record("n1", 26)
    journal.record("n2", 24)
    journal.blob(b"a large file")
    journal.bound(14, deleted=range(2, 12))
    return journal


def _sensors(journal: Journal, numbers: range) -> None:
    for number in numbers:
        journal.commit(c.SensorSet(ROOT, f"s{number}", number))
