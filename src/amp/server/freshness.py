"""How new an answer must be, where a client says so: `AMP-Min-Seq` names a position, `AMP-Read: strict` wants all.

It waits, and lets nobody be told less than that. What is answered then is the resource's business.
"""

from __future__ import annotations

from collections.abc import Mapping

from amp.kit.errors import Invalid, Unavailable
from amp.plane.views import Views

#: How long a request is held back for the position that it wants, or for the proof, in seconds.
PATIENCE = 5.0
_LONGEST = 18  # digits of a position


async def insist(views: Views, headers: Mapping[str, str], patience: float) -> bool:
    """Wait until this node knows what the headers ask for; answers whether anything was asked.

    Raises: Invalid; Unavailable after `patience` seconds; Fenced, for a strict read of a node that does not lead.
    """
    position, how = headers.get("amp-min-seq"), headers.get("amp-read")
    if position is not None:
        await _reach(views, position.strip(), patience)
    if how is not None:
        if how.strip().lower() != "strict":
            raise Invalid(f"AMP-Read: {how!r} is no way to read: write strict, or leave the header out")
        await views.confirm(patience)
    return position is not None or how is not None


async def _reach(views: Views, wanted: str, patience: float) -> None:
    if not (wanted.isascii() and wanted.isdigit() and len(wanted) <= _LONGEST):
        raise Invalid(f"AMP-Min-Seq: {wanted!r} is no position (a whole number)")
    if not await views.wait_for(int(wanted), patience):
        raise Unavailable(f"this node is at position {views.seq}, not yet at {wanted}")
