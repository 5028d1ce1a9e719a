"""The bytes of a segment and of every other sealed object, and what they must be to follow one another.

An object is a line `AMP1 <sha256 of all that follows>`, one line of JSON (the header), and a body: gzip of JSON lines,
or nothing. That sha256 is the object's *hash*; each segment names the hash of the one before, so that one sequence of
segments has one meaning. Pure: bytes in, values out. What the lines of a body say is `plane.codec`'s business.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from amp.kit.errors import Internal, Invalid

#: The newest format that this version reads and writes (U1, U2), and that of an object which does not say.
FORMAT = 1
FIRST_FORMAT = 1
NO_HASH = "0" * 64
_MAGIC = b"AMP1 "
_PIECE = 32 * 1024  # bytes that are packed, or unpacked, at a time
_GZIP = 31  # what zlib calls gzip, with its header and checksum
_PREFIX = len(_MAGIC) + 64 + 1


class Damaged(Invalid):
    """An object is not what was written, or does not follow the one before it. `key` says which."""

    def __init__(self, key: str, why: str) -> None:
        super().__init__(f"{key} is damaged: {why}")
        self.key = key


class TooNew(Invalid):
    """An object has a format that this version cannot read (U2)."""


class Member(msgspec.Struct, frozen=True, omit_defaults=True):
    """One node, as the leader lists it for elections. In rank order within `Header.members`."""

    id: str
    instance: str = ""
    address: str = ""
    mode: str = "AUTO"
    state: str = "HOT_STANDBY"
    priority: int = 0
    version: str = ""
    max_format: int = FIRST_FORMAT
    hot: bool = True
    last: bool = False  # ranks behind all others (E9)


class Header(msgspec.Struct, frozen=True, omit_defaults=True):
    """The header of a segment; docs/reference/protocol.md says what each field is for. `at`: wall-clock ms, for people;
    `released`: `amp ha release` wrote this resignation in the name of `node`, which was dead; `more`: of a commit whose
    Changes take effect with a later one (A1)."""

    plane: str
    seq: int
    term: int
    kind: str  # elect | commit | resign | reset
    node: str
    nonce: str
    prev: str
    timeout_ms: int
    format: int = FIRST_FORMAT
    in_office: bool = False
    members: list[Member] | None = None
    clean: bool = False
    successor: str | None = None
    to: int | None = None
    at: int = 0
    released: bool = False
    more: bool = False


class Snapshot(msgspec.Struct, frozen=True, omit_defaults=True):
    """The header of a snapshot: the whole state after segment `position`, whose hash is `hash`.

    `posts`: seq and term of every elect and resign so far; `members`: the newest list; `has_state`: anything in it.
    """

    plane: str
    seq: int
    position: Header
    hash: str
    posts: list[tuple[int, int]] = []
    members: list[Member] = []
    has_state: bool = False
    format: int = FIRST_FORMAT
    at: int = 0


class Boundary(msgspec.Struct, frozen=True, omit_defaults=True):
    """The header of an object under `gc/`: who set the boundary, and in which term."""

    plane: str
    seq: int
    term: int
    node: str
    format: int = FIRST_FORMAT
    at: int = 0


@dataclass(frozen=True, slots=True)
class Segment:
    """A header, its hash, and the packed body (empty for a beat)."""

    header: Header
    hash: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Position:
    """Where a reader is: the last segment that it has, without its body."""

    header: Header
    hash: str

    @property
    def seq(self) -> int:
        """The last seq that was read."""
        return self.header.seq


def segment_key(seq: int) -> str:
    """Name the object that holds a segment."""
    return f"journal/{seq:016d}"


def snapshot_key(seq: int) -> str:
    """Name the object that holds the state after a segment."""
    return f"snapshots/{seq:016d}"


def boundary_key(seq: int) -> str:
    """Name the object which says that segments up to `seq` may have been deleted."""
    return f"gc/{seq:016d}"


def seq_of(key: str) -> int:
    """Answer the seq that a key names. Raises: Damaged, when it names none."""
    name = key.rpartition("/")[2]
    if len(name) != 16 or not name.isdigit():
        raise Damaged(key, "its name is not a segment's number")
    return int(name)


def pack(lines: list[bytes]) -> bytes:
    """Pack lines into a body; the same lines give the same bytes."""
    return gzip.compress(b"\n".join(lines), compresslevel=1, mtime=0) if lines else b""


def pack_many(lines: Iterable[bytes]) -> bytes:
    """Pack lines into a body, as `pack` does, a piece at a time: for as many as a snapshot has."""
    packer, parts = zlib.compressobj(1, zlib.DEFLATED, _GZIP), []
    waiting: list[bytes] = []
    size, before = 0, b""
    for line in lines:
        waiting.append(line)
        size += len(line)
        if size >= _PIECE:
            parts.append(packer.compress(before + b"\n".join(waiting)))
            waiting, size, before = [], 0, b"\n"
    if not waiting and not before:
        return b""
    if waiting:
        parts.append(packer.compress(before + b"\n".join(waiting)))
    return b"".join(parts) + packer.flush()


def unpack(body: bytes) -> Iterator[bytes]:
    """Answer the lines of a body, unpacked piece by piece. Raises: zlib.error, EOFError, when it is damaged."""
    if not body:
        return
    unzip, rest = zlib.decompressobj(_GZIP), b""
    for start in range(0, len(body), _PIECE):
        *lines, rest = (rest + unzip.decompress(body[start : start + _PIECE])).split(b"\n")
        yield from lines
    if not unzip.eof or unzip.unused_data:
        raise EOFError("it does not end where it should")
    yield rest


def seal(header: msgspec.Struct, body: bytes) -> tuple[bytes, str]:
    """Make an object's bytes; answers them and their hash."""
    rest = msgspec.json.encode(header) + b"\n" + body
    digest = hashlib.sha256(rest).hexdigest()
    return _MAGIC + digest.encode() + b"\n" + rest, digest


S = TypeVar("S")


def unseal(data: bytes, key: str, kind: type[S]) -> tuple[S, bytes, str]:
    """Check an object and take it apart: header, body, hash. `kind`: the header's type.

    Raises: Damaged, TooNew.
    """
    if data[: len(_MAGIC)] != _MAGIC or data[_PREFIX - 1 : _PREFIX] != b"\n":
        raise Damaged(key, "it does not begin with the line that each object of a plane begins with")
    stated = data[len(_MAGIC) : _PREFIX - 1].decode("ascii", "replace")
    rest = memoryview(data)[_PREFIX:]
    found = hashlib.sha256(rest).hexdigest()
    if stated != found:
        # Most often the beginnings tell them apart; where the line itself is damaged further on, only the whole does.
        a, b = (found, stated) if found[:12] == stated[:12] else (f"{found[:12]}...", f"{stated[:12]}...")
        raise Damaged(key, f"its content has the hash {a}, but it says {b}")
    end = data.find(b"\n", _PREFIX)
    if end < 0:
        raise Damaged(key, "it has no header line")
    raw = data[_PREFIX:end]
    _check_format(raw, key)
    try:
        return msgspec.json.decode(raw, type=kind), data[end + 1 :], found
    except msgspec.ValidationError as problem:
        raise Damaged(key, f"its header is not one of this format: {problem}") from problem


def _check_format(raw: bytes, key: str) -> None:
    try:
        stated: Any = msgspec.json.decode(raw)
        written = stated.get("format", FIRST_FORMAT)
    except (msgspec.DecodeError, AttributeError) as problem:
        raise Damaged(key, "its header is not JSON") from problem
    if isinstance(written, int) and written > FORMAT:
        raise TooNew(
            f"{key} has format {written}, and this version reads up to {FORMAT}: "
            "a newer version of AMP wrote it; upgrade this node"
        )


def build(header: Header, body: bytes) -> tuple[bytes, Segment]:
    """Make a segment; answers its bytes and its value."""
    data, digest = seal(header, body)
    return data, Segment(header, digest, body)


def parse(data: bytes, seq: int) -> Segment:
    """Read the segment `seq`. Raises: Damaged, TooNew."""
    key = segment_key(seq)
    header, body, digest = unseal(data, key, Header)
    if header.seq != seq:
        raise Damaged(key, f"it says that it is segment {header.seq}")
    return Segment(header, digest, body)


def check_follows(segment: Segment, before: Position | None, plane: str) -> None:
    """Check that a segment follows another one (None: is the first) of this plane (R1).

    Raises: Damaged, naming what does not fit.
    """
    new, key = segment.header, segment_key(segment.header.seq)
    if new.plane != plane:
        raise Damaged(key, f"it belongs to the plane {new.plane}, not to {plane}")
    if before is None:
        if new.seq != 1 or new.prev != NO_HASH or new.kind != "elect":
            raise Damaged(key, "a journal begins with segment 1, an election")
        return
    old = before.header
    if new.seq != old.seq + 1:
        raise Internal(f"segment {new.seq} was checked against segment {old.seq}")
    if new.prev != before.hash:
        raise Damaged(key, f"it follows a segment {new.prev[:12]}..., but {segment_key(old.seq)} is {before.hash[:12]}")
    if new.format < old.format:
        raise Damaged(key, f"it has format {new.format} after format {old.format}")
    if new.kind == "elect":
        if new.term <= old.term:
            raise Damaged(key, f"it elects for term {new.term} after term {old.term}")
    elif new.kind not in ("commit", "resign", "reset"):
        raise Damaged(key, f"its kind {new.kind!r} is unknown")
    elif old.kind == "resign":
        raise Damaged(key, "only an election may follow a resignation")
    elif new.term != old.term or new.node != old.node:
        raise Damaged(key, f"node {new.node} wrote it in term {new.term}, but {old.node} leads term {old.term} there")
