"""What a campaign records: each question and answer of its clients, each fault, each outside action; and the journal.

The rule: times are seconds of one clock, of the process that records. `began` is read before the first byte of a
request leaves, `ended` after the last byte of its answer came; so what happened on the node lies between them, however
late our own process was. Records are lines of JSON, so that a history can be read, and judged again, years later.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from amp.ha.parts import Parts
from amp.kit.errors import AmpError
from amp.model import changes as c
from amp.plane import codec
from amp.store.objects import Objects
from amp.store.segment import Position, Segment, check_follows, parse, segment_key

DONE, FAILED, UNKNOWN = "done", "failed", "unknown"


class Record(msgspec.Struct, frozen=True, tag=True, tag_field="record", omit_defaults=True):
    """The root of all records. `node`: one run of one server, such as `n1.2` for the second start of n1."""


class Write(Record, frozen=True):
    """A client set a sensor to `value`, which no other write has.

    `outcome`: done (2xx), failed (the answer says that nothing was changed, or nothing was sent), unknown (all else).
    `status` 0: no answer. `seq`, `term`: what the answer's headers say.
    """

    value: int
    entity: str
    sensor: str
    node: str
    began: float
    ended: float
    outcome: str
    status: int = 0
    seq: int = 0
    term: int = 0


class Read(Record, frozen=True):
    """A client read all sensors of an entity that writes set.

    `master`: the same connection answered MASTER, in the same term, right before and right after.
    """

    entity: str
    values: dict[str, int]
    node: str
    began: float
    ended: float
    master: bool
    term: int = 0
    seq: int = 0


class Sample(Record, frozen=True):
    """A node was asked for its state, and answered."""

    node: str
    state: str
    term: int
    began: float
    ended: float


class Life(Record, frozen=True):
    """A run of a server has this node id."""

    node: str
    id: str
    at: float


class Fault(Record, frozen=True):
    """Something was done to the plane, or undone (`over`, `whole`). `round` 0: before the first."""

    round: int
    what: str
    at: float


class Act(Record, frozen=True):
    """A command that AMP ran on its machine said so, in the order of the file that all commands append to.

    `phase`: check, launch, install ..., `install-end` for its end; `name`: of the entity; `wall`: true time, seconds.
    """

    phase: str
    name: str
    node: str
    wall: float


class Thaw(Record, frozen=True):
    """A frozen node was let go on at this wall-clock time (seconds)."""

    node: str
    wall: float


class Step(Record, frozen=True):
    """A server's wall clock was set: `ahead` seconds before the true time, from `wall` (true, seconds) on."""

    server: str
    wall: float
    ahead: float


class Deployment(Record, frozen=True):
    """A client deployed an application and followed it until it ran, or did not. `state`: the last one seen.

    `app` empty: it was not accepted, or its fate is unknown and no node knew it a while later. `output`: what each
    phase was said to have written.
    """

    name: str
    app: str
    state: str
    output: dict[str, str]
    began: float
    ended: float


class Odd(Record, frozen=True):
    """Something that no fault explains: an answer with a status that clients should never see, a log's traceback."""

    what: str
    at: float


AnyRecord = Write | Read | Sample | Life | Fault | Act | Thaw | Step | Deployment | Odd


class Post(msgspec.Struct, frozen=True):
    """A segment of the journal, without its body. `wall`: when its writer made it, seconds."""

    seq: int
    term: int
    kind: str
    node: str
    wall: float


class Placed(msgspec.Struct, frozen=True):
    """A write in the journal's total order."""

    seq: int
    entity: str
    sensor: str
    value: int


class Journal(msgspec.Struct, frozen=True):
    """What the store holds after a campaign: all segments, and the clients' writes in their total order.

    `damage`: what is missing, or does not follow what stands before it.
    """

    posts: list[Post]
    writes: list[Placed]
    damage: list[str] = []


#: Sensors that clients of a campaign set begin so; no other does.
PREFIX = "nemesis."

_decoder = msgspec.json.Decoder(AnyRecord)


class Recorder:
    """Keeps records in memory and, line by line, in a file that survives whatever happens to us."""

    def __init__(self, path: Path) -> None:
        self.records: list[AnyRecord] = []
        self._stream = path.open("ab")

    def add(self, record: AnyRecord) -> None:
        """Add a record."""
        self.records.append(record)
        self._stream.write(msgspec.json.encode(record) + b"\n")

    def flush(self) -> None:
        """Bring everything to the file, which stays open."""
        self._stream.flush()

    def close(self) -> None:
        """Bring everything to the file."""
        self._stream.close()


def load(path: Path) -> list[AnyRecord]:
    """Read a history's file."""
    return [_decoder.decode(line) for line in path.read_bytes().splitlines()]


def parse_acts(text: str) -> Iterator[Act]:
    """Read what commands said: lines of `phase name node wall`. What a full disk cut short is left out."""
    for line in text.splitlines():
        words = line.split()
        if len(words) == 4 and words[3].replace(".", "", 1).isdigit():
            yield Act(words[0], words[1], words[2], float(words[3]))


async def read_journal(objects: Objects) -> Journal:
    """Read a whole journal from its store. Raises: Damaged, for bytes that are no segment; Unavailable."""
    found, missing = [], []
    for seq in range(1, len(await objects.list("journal/")) + 1):
        data = await objects.get(segment_key(seq))
        if data is None:
            missing.append(f"{segment_key(seq)} is missing")
        else:
            found.append(parse(data, seq))
    return journal_of(found, missing)


def journal_of(segments: Sequence[Segment], missing: Sequence[str] = ()) -> Journal:
    """Pick what the checker needs from segments. Raises: Damaged, for a body that cannot be read."""
    posts, writes, damage, parts = [], [], list(missing), Parts[c.AnyChange]()
    before: Position | None = None
    for segment in segments:
        head = segment.header
        try:
            check_follows(segment, before, segments[0].header.plane)
        except AmpError as error:
            damage.append(error.message)
        before = Position(head, segment.hash)
        posts.append(Post(head.seq, head.term, head.kind, head.node, head.at / 1000))
        for change in parts.take(head, codec.decode(segment.body, segment_key(head.seq))):
            if isinstance(change, c.SensorSet) and change.name.startswith(PREFIX):
                writes.append(Placed(head.seq, change.entity, change.name, change.value))
    return Journal(posts, writes, damage)
