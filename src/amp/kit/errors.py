"""The one error root and its six kinds, named by what the caller does next.

A new subclass may carry data that someone uses; a new kind needs a decision record.
`server.errors` maps kinds to HTTP status in one table.
"""

from __future__ import annotations

from typing import Any


class AmpError(Exception):
    """The root. `details` is a longer text for people, `data` is for programs."""

    def __init__(self, message: str, *, details: str | None = None, data: Any = None) -> None:
        super().__init__(message)
        self.message = message
        self.details = details
        self.data = data


class Invalid(AmpError):
    """Fix the request."""


class Missing(AmpError):
    """What was named does not exist."""


class Conflict(AmpError):
    """Read again, then retry."""


class Unavailable(AmpError):
    """Retry later. `unknown` says that a write may or may not have happened."""

    def __init__(self, message: str, *, unknown: bool = False, retry_after: float = 1.0, **more: Any) -> None:
        super().__init__(message, **more)
        self.unknown = unknown
        self.retry_after = retry_after


class Fenced(AmpError):
    """Stop: this node does not lead (any more)."""


class Internal(AmpError):
    """A bug of ours."""
