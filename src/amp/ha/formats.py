"""When a plane goes over to a newer format of what it writes (U1). Pure.

All write the format of the newest segment. The leader in office raises it by one, once every node that has a record
and is not TERMINATED can read the next: an hour after the last of them joined, or when an operator asks. A version
reads and writes its own format and the one before, so until the raise each node may be exchanged for an older one.
"""

from __future__ import annotations

from collections.abc import Iterable

from amp.ha.lease import standby_elapsed
from amp.ha.members import Record, Roster
from amp.ha.modes import NodeState
from amp.kit.clock import Reading

#: So long nobody must have joined, in seconds.
SETTLED = 3600.0


def present(records: Iterable[Record]) -> frozenset[str]:
    """Answer the nodes that may read what is written."""
    return frozenset(record.id for record in records if record.state != NodeState.TERMINATED)


def unable(records: Iterable[Record], wanted: int) -> list[str]:
    """Answer the nodes that could not read a format, sorted."""
    return sorted(r.id for r in records if r.state != NodeState.TERMINATED and r.max_format < wanted)


def raised(active: int, newest: int, roster: Roster, joined: Reading | None, now: Reading) -> int:
    """Answer the format that a leader in office writes next. `newest`: that its version knows; `joined`: when the last
    node came, None where nothing is known of the others."""
    if active >= newest or joined is None:
        return active
    records = [seen.record for seen in roster.seen.values()]
    if unable(records, active + 1):
        return active
    asked = any(record.raise_to > active for record in records)
    return active + 1 if asked or standby_elapsed(joined, now) >= SETTLED else active
