"""Changes to bytes and back: one line of JSON each. What is read is checked; an unknown Change is never skipped."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence

import msgspec

from amp.model.changes import AnyChange
from amp.store.segment import Damaged, unpack

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(AnyChange)


def encode(changes: Iterable[AnyChange]) -> list[bytes]:
    """Answer a line for each Change. Raises: TypeError, for values that are not JSON data (a bug)."""
    return [_encoder.encode(change) for change in changes]


def decode(body: bytes, key: str) -> Sequence[AnyChange]:
    """Read a body. Raises: Damaged, naming `key`, when a line is not a Change that this version knows."""
    try:
        return [_decoder.decode(line) for line in unpack(body)]
    except (OSError, EOFError, zlib.error, msgspec.DecodeError) as problem:
        raise Damaged(key, f"its body cannot be read: {problem}") from problem
