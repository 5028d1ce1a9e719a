"""Remembers why a store's last attempt failed, and says so once in the log, not at every retry.

`create` may only answer *unknown*; the reason that an operator needs (disk full, wrong credentials) is kept here.
"""

from __future__ import annotations

import logging

_log = logging.getLogger("amp.store")


class Trouble:
    """The reasons why the last write and the last read of one store failed; a full disk still reads well."""

    def __init__(self) -> None:
        self._reasons: dict[bool, str] = {}  # by: was it a write?

    @property
    def reason(self) -> str | None:
        """Why the last write failed, else why the last read did; None when neither did."""
        return self._reasons.get(True) or self._reasons.get(False)

    def note(self, reason: str, *, write: bool) -> None:
        """Take down a failure."""
        if reason != self._reasons.get(write):
            self._reasons[write] = reason
            _log.warning("%s", reason)

    def clear(self, store: str, *, write: bool) -> None:
        """Take down a success."""
        if self._reasons.pop(write, None) is not None:
            _log.info("%s %s again", store, "takes writes" if write else "answers")
