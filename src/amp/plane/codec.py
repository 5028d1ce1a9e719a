"""Changes to bytes and back: one line of JSON each. What is read is checked; an unknown Change is never skipped."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from amp.model.changes import AnyChange
from amp.store.segment import Damaged, unpack

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(AnyChange)
_UNREADABLE = (OSError, EOFError, zlib.error, msgspec.DecodeError)


def encode(changes: Iterable[AnyChange]) -> list[bytes]:
    """Answer a line for each Change. Raises: TypeError, for values that are not JSON data (a bug)."""
    return list(lines(changes))


def lines(changes: Iterable[AnyChange]) -> Iterator[bytes]:
    """Answer a line for each Change, one after another. Raises: as `encode`."""
    return map(_encoder.encode, changes)


def decode(body: bytes, key: str) -> Sequence[AnyChange]:
    """Read a body. Raises: Damaged, naming `key`, when a line is not a Change that this version knows."""
    return list(stream(body, key))


def stream(body: bytes, key: str) -> Iterator[AnyChange]:
    """Read a body of any size, one Change after another. Raises: as `decode`, when it comes to what is wrong."""
    try:
        for line in unpack(body):
            yield _decoder.decode(line)
    except _UNREADABLE as problem:
        raise Damaged(key, f"its body cannot be read: {problem}") from problem
