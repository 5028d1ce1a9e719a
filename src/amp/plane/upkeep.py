"""What a leader does for the store besides writing: it saves the state now and then, and deletes what nobody needs.

One save at a time, in a task of its own; what was saved allows deletion (C1 to C3), at most once an hour. A failure is
said in the log and costs nothing: the next save tries again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from amp.ha.machine import Machine
from amp.kit.clock import Clock
from amp.kit.errors import Invalid, Unavailable
from amp.model.model import Model
from amp.plane import snapshots
from amp.store import blobs
from amp.store.collect import KEPT, collect
from amp.store.objects import Objects
from amp.store.segment import Boundary, Snapshot

_LOG = logging.getLogger(__name__)

#: Old segments are looked for at most this often, in seconds: it lists the journal.
_COLLECT_EVERY = 3600.0


class Upkeep:
    """Counts what was written since the last save. `state`: the model, None while a write is not whole.

    `may`: whether this node may act. `persists` False: the store is this process's memory, so little is kept in it.
    """

    def __init__(
        self,
        machine: Machine,
        objects: Objects,
        clock: Clock,
        state: Callable[[], Model | None],
        may: Callable[[], bool],
        *,
        persists: bool,
    ) -> None:
        self._machine, self._objects, self._clock = machine, objects, clock
        self._state, self._may, self._persists = state, may, persists
        self._segments = self._bytes = 0
        self._saving: asyncio.Task[None] | None = None
        self._collected_at: float | None = None

    @property
    def saves(self) -> bool:
        """True while the state is being saved, or what it makes superfluous deleted."""
        return self._saving is not None

    def loaded(self) -> None:
        """Begin to count behind what was loaded."""
        self._segments = self._bytes = 0

    def written(self, size: int, *, leads: bool) -> None:
        """Count a segment and the bytes of its body; a node that leads saves the state when it is time to."""
        self._segments += 1
        self._bytes += size
        due = self._segments >= snapshots.SEGMENTS or self._bytes >= snapshots.BYTES
        if due and leads and self._saving is None:
            self._saving = asyncio.get_running_loop().create_task(self._save(), name="snapshot")

    def cancel(self) -> None:
        """Leave it: the node ends."""
        if self._saving is not None:
            self._saving.cancel()

    async def _save(self) -> None:
        try:
            model = self._state()
            if model is None:
                return  # what is not whole yet is in no snapshot: tried again with the next segment
            self._segments = self._bytes = 0
            saved = await snapshots.save(self._objects, self._machine.log, model, self._clock)
            if saved is not None:
                _LOG.info("saved the state after segment %d", saved.seq)
                await self._collect(saved, model)
        except Unavailable as problem:
            _LOG.warning("old segments could not be deleted, the next snapshot tries again: %s", problem.message)
        except Invalid as problem:
            _LOG.error("nothing is deleted: %s; run: amp store verify", problem.message)
        finally:
            self._saving = None

    async def _collect(self, saved: Snapshot, model: Model) -> None:
        now = self._clock.read()
        if self._collected_at is not None and now.raw - self._collected_at < _COLLECT_EVERY and self._persists:
            return
        self._collected_at = now.raw
        posts = {seq for seq, _ in saved.posts}
        kept = KEPT if self._persists else 2
        log = self._machine.log
        by = Boundary(log.plane, 0, log.term, self._machine.identity.node, at=now.wall_ms)
        done = await collect(self._objects, by, posts, self._may, kept=kept)
        await blobs.collect(self._objects, await _named_blobs(model), self._may, now.wall_ms)
        if done.segments or done.snapshots:
            _LOG.info(
                "deleted %d segments and %d snapshots up to segment %d", done.segments, done.snapshots, done.boundary
            )


async def _named_blobs(model: Model) -> set[str]:
    """Answer the files that tasks name, a thousand tasks at a time: there may be many."""
    named: set[str] = set()
    for number, task in enumerate(list(model.tasks.values())):
        named.update(sha for step in task.steps for sha in step.blobs.values())
        if number % 1000 == 999:
            await asyncio.sleep(0)
    return named
