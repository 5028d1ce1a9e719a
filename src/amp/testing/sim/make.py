"""What a story is made of: the machine, the store, and who deletes and releases. Planted bugs replace a part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from amp.ha.machine import Identity, Machine
from amp.ha.release import objection
from amp.store.segment import Position, Snapshot

#: Builds a machine.
MachineFactory = Callable[[Identity, Callable[[], str]], Machine]


@dataclass(frozen=True, slots=True)
class Collection:
    """What is to be deleted: segments up to `boundary`, but for `posts`. `delete_first` plants the wrong order."""

    boundary: int
    posts: frozenset[int]
    delete_first: bool = False


def collection(oldest: Snapshot) -> Collection:
    """Choose rightly: up to the oldest snapshot that is kept, which knows all posts up to it."""
    return Collection(oldest.seq, frozenset(seq for seq, _ in oldest.posts))


@dataclass(frozen=True, slots=True)
class Make:
    """The parts. `overwrites`: the store ignores the condition; `objection`: what `amp ha release` asks first."""

    machine: MachineFactory = Machine
    overwrites: bool = False
    collect: Callable[[Snapshot], Collection] = collection
    objection: Callable[[Position | None, str], str | None] = objection
