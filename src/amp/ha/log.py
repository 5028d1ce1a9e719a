"""What a node knows of the journal: how far it has read, and when it first saw the end. Pure.

`seen` belongs to the journal, not to the state: a node that loads its state anew has not seen the newest segment
again (T3), so its timer goes on.
"""

from __future__ import annotations

from amp.ha.lease import Sighting
from amp.kit.clock import Reading
from amp.store.segment import Member, Position, Segment, Snapshot, check_follows


class Log:
    """The head, the sighting of it, the newest members, and whether there is any state."""

    def __init__(self, plane: str) -> None:
        self.plane = plane
        self.head: Position | None = None
        self.seen: Sighting | None = None
        self.members: tuple[Member, ...] = ()
        self.has_state = False
        self.posts: list[tuple[int, int]] = []  # seq and term of every elect and resign

    @property
    def seq(self) -> int:
        """The last seq that was read; 0 for none."""
        return self.head.seq if self.head else 0

    @property
    def term(self) -> int:
        """The term of the head; 0 for none."""
        return self.head.header.term if self.head else 0

    def restart(self, snapshot: Snapshot | None) -> None:
        """Begin again behind a snapshot (None: at the very beginning)."""
        self.head = Position(snapshot.position, snapshot.hash) if snapshot else None
        self.members = tuple(snapshot.members) if snapshot else ()
        self.has_state = snapshot is not None and snapshot.has_state
        self.posts = list(snapshot.posts) if snapshot else []

    def extend(self, segment: Segment, now: Reading) -> None:
        """Take the next segment in. Raises: Damaged when it does not follow."""
        check_follows(segment, self.head, self.plane)
        header = segment.header
        self.head = Position(header, segment.hash)
        if self.seen is None or header.seq > self.seen.seq:
            self.seen = Sighting(header.seq, now, header.timeout_ms / 1000)
        if header.members is not None:
            self.members = tuple(header.members)
        if header.kind in ("elect", "resign"):
            self.posts.append((header.seq, header.term))
        if header.kind == "reset":
            self.has_state = False
        elif header.kind == "commit" and segment.body:
            self.has_state = True

    def sight_head(self, now: Reading) -> None:
        """Note a head that came from a snapshot alone as seen now, unless it was seen before."""
        if self.head is not None and (self.seen is None or self.seen.seq < self.head.seq):
            self.seen = Sighting(self.head.seq, now, self.head.header.timeout_ms / 1000)

    def address_of(self, node: str) -> str:
        """Answer where a node can be reached, as the journal knows it; empty where it does not."""
        return next((member.address for member in self.members if member.id == node), "")
