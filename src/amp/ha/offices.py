"""How the offices of one home have ended (E9). Acts on `HOME/data/offices`, which nothing but this home reads.

An entry is written when a node of this home takes office, and all are forgotten when one has lasted a minute, or ended
in good order. So the entries that a start finds are of runs that died within a minute of taking office. After three of
them the home ranks last for ten minutes: a plane must not lose a minute to each start of a node that dies of leading.
No safety rests on it: a file that cannot be read or written says nothing.
"""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

_LOG = logging.getLogger(__name__)

#: So long must an office last to be one that did not fail, in seconds.
SETTLED = 60.0
#: So many deaths make a home unlucky.
DEATHS = 3


class Offices:
    """The offices of a home that may have killed it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def deaths(self) -> int:
        """Answer how many runs in a row have died within a minute of taking office."""
        return len(self._read())

    def taken(self, node: str, at_ms: int) -> None:
        """Note that a node takes office. Writes a line to a small file."""
        self._write([*self._read()[-10:], {"node": node, "at": at_ms}])

    def settled(self) -> None:
        """Forget what was: an office lasted, or ended in good order."""
        self._write([])

    def _read(self) -> list[object]:
        try:
            found = json.loads(self._path.read_text())
        except (OSError, ValueError):
            return []
        return found if isinstance(found, list) else []

    def _write(self, entries: list[object]) -> None:
        beside = self._path.with_name(self._path.name + ".new")
        try:
            beside.write_text(json.dumps(entries))
            os.replace(beside, self._path)
        except OSError as problem:
            _LOG.warning("%s cannot be written: %s", self._path, problem.strerror)
