"""What goes into the machine (events) and what it wants done (actions). Values only.

Actions are to be carried out in the order given. Those that ask the store for something are answered later by the event
named beside them; all others take effect at once.
"""

from __future__ import annotations

from dataclasses import dataclass

from amp.ha.members import Record
from amp.ha.modes import HaMode
from amp.store.objects import Outcome
from amp.store.segment import Position, Segment, Snapshot


@dataclass(frozen=True, slots=True)
class Doubt:
    """What contradicts that the journal ends where it was read absent: a sentence, and the highest term known by it."""

    what: str
    term: int


# ---- events


@dataclass(frozen=True, slots=True)
class Started:
    """The node begins: the store is open, the plane is known."""


@dataclass(frozen=True, slots=True)
class Woken:
    """The time that `Machine.wake_in` named has come, or nothing else has happened for a while."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """`Load` is done: the state is that of this snapshot, the newest, or empty (None)."""

    snapshot: Snapshot | None


@dataclass(frozen=True, slots=True)
class LoadFailed:
    """`Load` failed for good; `reason` names the key and what to do."""

    reason: str


@dataclass(frozen=True, slots=True)
class Got:
    """`Get` is answered: a segment, or None when the slot is empty."""

    ticket: int
    segment: Segment | None


@dataclass(frozen=True, slots=True)
class GetFailed:
    """`Get` failed. `reason` is set where trying again cannot help: the object is damaged or too new."""

    ticket: int
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class BoundaryRead:
    """`ReadBoundary` is answered: the largest seq that may be deleted (0: none), None where it could not be read.

    `doubt`: what in the store says that the journal does not end where it seems to, where that was asked.
    """

    ticket: int
    seq: int | None
    doubt: Doubt | None = None


@dataclass(frozen=True, slots=True)
class Created:
    """`Create` is answered."""

    seq: int
    attempt: int
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Listed:
    """`ListNodes` is answered."""

    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class Offered:
    """Changes wait to be written: a packed body and the number by which its fate is told.

    `more`: they are a part of a write, and the rest comes in the next batch (A1).
    """

    body: bytes
    batch: int
    more: bool = False


@dataclass(frozen=True, slots=True)
class PrioritySet:
    """An operator gave this node another priority."""

    priority: int


@dataclass(frozen=True, slots=True)
class ModeAsked:
    """An operator asks this node for another mode. `force`: whoever led is dead, the operator vouches for it (E5 f)."""

    mode: HaMode
    force: bool = False


@dataclass(frozen=True, slots=True)
class AskHeard:
    """Another node has called: it asks the leader of `term` to hand over, as its record does (E7)."""

    node: str
    term: int


@dataclass(frozen=True, slots=True)
class LeaderAnswered:
    """The leader of `term` was called and said that it is MASTER. It only helps to decide the mode at start."""

    node: str
    term: int


@dataclass(frozen=True, slots=True)
class OfficeFailed:
    """What acts in office broke: this node must lead no more (E9). `reason`: one sentence."""

    reason: str


@dataclass(frozen=True, slots=True)
class StopAsked:
    """The node shall stop cleanly."""


@dataclass(frozen=True, slots=True)
class Quiet:
    """`LeaveOffice` is done: nothing acts any more."""


Event = (
    Started
    | Woken
    | Loaded
    | LoadFailed
    | Got
    | GetFailed
    | BoundaryRead
    | Created
    | Listed
    | Offered
    | PrioritySet
    | ModeAsked
    | AskHeard
    | LeaderAnswered
    | OfficeFailed
    | StopAsked
    | Quiet
)

# ---- actions


@dataclass(frozen=True, slots=True)
class Load:
    """Throw the state away and load the newest snapshot -> Loaded, LoadFailed."""


@dataclass(frozen=True, slots=True)
class Get:
    """Read a segment -> Got, GetFailed, with the same ticket."""

    seq: int
    ticket: int


@dataclass(frozen=True, slots=True)
class ReadBoundary:
    """Read the boundary of deletion -> BoundaryRead, with the same ticket.

    `end`: where the journal seems to end (None: it seems empty); `doubts`: look for what contradicts that, too (R4).
    """

    ticket: int
    end: Position | None = None
    doubts: bool = False


@dataclass(frozen=True, slots=True)
class Create:
    """Create a segment, once -> Created."""

    seq: int
    attempt: int
    data: bytes


@dataclass(frozen=True, slots=True)
class ListNodes:
    """Read all membership records -> Listed (nothing, when it fails)."""


@dataclass(frozen=True, slots=True)
class WriteRecord:
    """Write this node's own record."""

    record: Record


@dataclass(frozen=True, slots=True)
class Apply:
    """Let a segment of the journal take effect on the state. `batch`: the number of our own Changes in it."""

    segment: Segment
    batch: int | None = None


@dataclass(frozen=True, slots=True)
class Drop:
    """A batch will not be written by this node. `unknown`: it was sent, and may have been written."""

    batch: int
    unknown: bool


@dataclass(frozen=True, slots=True)
class TakeOffice:
    """This node leads: begin to act. Each outside action asks `Machine.may_act` first."""

    term: int


@dataclass(frozen=True, slots=True)
class LeaveOffice:
    """Stop all that acts; offer no more batches -> Quiet."""


@dataclass(frozen=True, slots=True)
class Exit:
    """The node has ended. `reason` None: cleanly."""

    reason: str | None = None


Action = Load | Get | ReadBoundary | Create | ListNodes | WriteRecord | Apply | Drop | TakeOffice | LeaveOffice | Exit
