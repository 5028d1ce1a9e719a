"""Puts a write together that is spread over segments (A1). Pure.

Each part but the last says `more`, and nothing of it takes effect before the last. An election in between voids what
came before it; a beat in between does not. A snapshot must not be taken while parts are held: it would lose them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from amp.store.segment import Header

T = TypeVar("T")


class Parts(Generic[T]):
    """The parts of a write whose last one has not come. What a segment holds is a row of T."""

    def __init__(self) -> None:
        self._held: list[T] = []

    def __bool__(self) -> bool:
        """True while parts are held."""
        return bool(self._held)

    def take(self, header: Header, changes: Sequence[T]) -> Sequence[T]:
        """Take the Changes of the next segment; answers those that take effect with it."""
        if header.kind != "commit":
            self._held = []
            return changes
        if header.more:
            self._held.extend(changes)
            return []
        if not changes or not self._held:
            return changes
        whole, self._held = [*self._held, *changes], []
        return whole
