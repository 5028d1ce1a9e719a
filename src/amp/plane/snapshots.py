"""Saves the whole state now and then, and loads the newest. All work that grows with the state is done in threads."""

from __future__ import annotations

import asyncio
import logging

from amp.ha.log import Log
from amp.kit.clock import Clock
from amp.kit.errors import Unavailable
from amp.kit.interpreter import settling, unsettle
from amp.model.model import Model, built
from amp.plane import codec
from amp.store.objects import Objects, Outcome
from amp.store.segment import Damaged, Snapshot, pack_many, seal, snapshot_key, unseal

_LOG = logging.getLogger(__name__)

#: A leader saves after so many segments, or so many bytes of their bodies (C1).
SEGMENTS, BYTES = 1000, 8 * 1024 * 1024


async def load(objects: Objects, plane: str) -> tuple[Snapshot | None, Model]:
    """Read the newest snapshot; an empty model where there is none.

    What the caller had before should be let go of by now: it is freed first, with all else that is dead.
    Raises: Unavailable; Damaged, TooNew, naming the key: a damaged snapshot is never skipped.
    """
    found = await objects.list("snapshots/")
    if not found:
        return None, Model()
    key = found[-1].key
    data = await objects.get(key)
    if data is None:
        raise Unavailable(f"{key} was listed, but is not there when read: the store is behind itself")
    unsettle()  # else each office that ended here, with all that it held, would be kept for ever by the next freeze
    return await asyncio.to_thread(_read, data, key, plane)


def _read(data: bytes, key: str, plane: str) -> tuple[Snapshot, Model]:
    header, body, _ = unseal(data, key, Snapshot)
    if header.plane != plane:
        raise Damaged(key, f"it belongs to the plane {header.plane}, not to {plane}")
    if snapshot_key(header.seq) != key or header.position.seq != header.seq:
        raise Damaged(key, f"it says that it is the state after segment {header.seq}")
    return header, _built(body, key)


def _built(body: bytes, key: str) -> Model:
    """Make the state, which is frozen values: there are no cycles in it to be found, then or later."""
    with settling():
        return built(codec.stream(body, key))


async def save(objects: Objects, log: Log, model: Model, clock: Clock) -> Snapshot | None:
    """Write the state as it is now; None when the store did not take it (the next try is as good).

    `model` is copied before the first wait, so that it may go on changing.
    """
    head = log.head
    if head is None:
        return None
    header = Snapshot(
        plane=log.plane,
        seq=head.seq,
        position=head.header,
        hash=head.hash,
        posts=list(log.posts),
        members=list(log.members),
        has_state=log.has_state,
        format=head.header.format,
        at=clock.read().wall_ms,
    )
    frozen = model.copy()
    data = await asyncio.to_thread(lambda: seal(header, pack_many(codec.lines(frozen.as_changes())))[0])
    outcome = await objects.create(snapshot_key(head.seq), data)
    if outcome is Outcome.UNKNOWN:
        _LOG.warning("the snapshot at segment %d could not be written; the next comes later", head.seq)
        return None
    return header
