"""Typed ids and where they come from. Randomness is an argument (`Entropy`), so that simulations can replay."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NewType

EntityId = NewType("EntityId", str)
LocationId = NewType("LocationId", str)
TaskId = NewType("TaskId", str)
NodeId = NewType("NodeId", str)
InstanceId = NewType("InstanceId", str)
PlaneId = NewType("PlaneId", str)
Term = NewType("Term", int)
Seq = NewType("Seq", int)

#: Gives that many random bytes.
Entropy = Callable[[int], bytes]

system_entropy: Entropy = os.urandom

_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"


def random_id(entropy: Entropy, length: int = 10) -> str:
    """Make an id of `length` lower-case letters and digits that starts with a letter (Brooklyn's form of an id)."""
    raw = entropy(length)
    return _ALPHABET[raw[0] % 26] + "".join(_ALPHABET[b % 36] for b in raw[1:])


def nonce(entropy: Entropy) -> str:
    """Make 128 random bits, as 32 hex digits."""
    return entropy(16).hex()
