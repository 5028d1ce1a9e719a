"""Slows down whoever guesses passwords: after ten failures within a minute, wait for the minute to pass.

Counted for a user at an address, and, five times as many, for the address alone, so that trying many names does not
help. Bounded in memory: the keys that failed longest ago are forgotten first.
"""

from __future__ import annotations

from collections import OrderedDict

_WINDOW = 60.0
_FAILURES = 10
_PER_ADDRESS = 50
_KEYS = 10_000

_Key = tuple[str, str | None]


class Throttle:
    """Failures by key. Times are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._failures: OrderedDict[_Key, list[float]] = OrderedDict()

    @property
    def counts(self) -> bool:
        """True where a failure is remembered."""
        return bool(self._failures)

    def wait(self, address: str, user: str, now: float) -> float:
        """Answer for how many seconds this user at this address must wait; 0 when they may try."""
        return max(self._wait((address, user), _FAILURES, now), self._wait((address, None), _PER_ADDRESS, now))

    def failed(self, address: str, user: str, now: float) -> None:
        """Count a failure."""
        for key, limit in (((address, user), _FAILURES), ((address, None), _PER_ADDRESS)):
            kept = [each for each in self._failures.pop(key, []) if now - each < _WINDOW]
            self._failures[key] = [*kept, now][-limit:]
        while len(self._failures) > _KEYS:
            self._failures.popitem(last=False)

    def _wait(self, key: _Key, limit: int, now: float) -> float:
        recent = [each for each in self._failures.get(key, ()) if now - each < _WINDOW]
        return _WINDOW - (now - recent[0]) if len(recent) >= limit else 0.0
