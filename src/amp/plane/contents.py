"""Tells those who examine a store what is inside its objects: bodies, the plane's object, membership records.

Implements `store.survey.Contents`, for the store itself knows nothing of entities and nodes. Pure.
"""

from __future__ import annotations

from amp.ha.founding import Founding
from amp.ha.members import Record
from amp.model.changes import StepEnded
from amp.plane import codec
from amp.store.facts import Sight
from amp.store.segment import Damaged, unseal


class PlaneContents:
    """What a plane writes into its objects."""

    def check_body(self, body: bytes, key: str) -> frozenset[str]:
        """Check that each line is a Change that this version knows; answers the blobs it names. Raises: Damaged."""
        named: set[str] = set()
        for change in codec.stream(body, key):
            if isinstance(change, StepEnded):
                named.update(change.blobs.values())
        return frozenset(named)

    def plane_id(self, data: bytes, key: str) -> str:
        """Answer the id in the object `plane`. Raises: Damaged, TooNew."""
        founding, _, _ = unseal(data, key, Founding)
        if not founding.id or not founding.secret:
            raise Damaged(key, "it has no id or no secret")
        return founding.id

    def sight(self, data: bytes, key: str) -> Sight:
        """Read a membership record. Raises: Damaged, TooNew."""
        record, _, _ = unseal(data, key, Record)
        return Sight(record.id, record.plane, record.seq, record.hash)
