"""A simulated `amp ha release`: it resigns for a node that crashed, by the rules of `amp.ha.release`."""

from __future__ import annotations

from collections.abc import Callable

from amp.ha.log import Log
from amp.ha.members import successor_of
from amp.ha.reader import ATTEMPTS
from amp.ha.release import LOOKS, resignation
from amp.kit.errors import Invalid
from amp.store.objects import Outcome
from amp.store.segment import Position, Segment, Snapshot, build
from amp.testing.sim.store import SimStore
from amp.testing.sim.world import SimClock, World

#: Seconds that one request may take.
_LIMIT = 5.0


class SimRelease:
    """One run of the command, on the machine whose node `dead` crashed. `done` is called when it ends."""

    def __init__(
        self,
        world: World,
        store: SimStore,
        clock: SimClock,
        dead: str,
        newest: Callable[[], Snapshot | None],
        objection: Callable[[Position | None, str], str | None],
        done: Callable[[], None],
    ) -> None:
        self._world, self._store, self._clock, self._dead = world, store, clock, dead
        self._newest, self._objection, self._done = newest, objection, done
        self._log = Log("p")
        self._base = 0
        self._looks = 0

    def begin(self) -> None:
        """Read from the newest snapshot on."""
        self._log.restart(self._newest())
        self._base = self._log.seq
        self._look()

    def _look(self) -> None:
        self._looks += 1
        if self._looks > LOOKS:
            self._done()
        else:
            self._store.get(self._log.seq + 1, _LIMIT, self._got)

    def _got(self, ok: bool, data: bytes | None) -> None:
        if not ok:
            self._done()
        elif data is None:
            self._store.boundary(_LIMIT, self._at_end)
        else:
            try:
                self._log.extend(self._store.segment(data, self._log.seq + 1), self._clock.read())
            except Invalid:
                self._done()  # it is damaged, as far as this command can tell
            else:
                self._store.get(self._log.seq + 1, _LIMIT, self._got)

    def _at_end(self, ok: bool, boundary: int | None) -> None:
        if boundary is None:
            self._done()
        elif boundary > self._base:
            self.begin()
        elif (head := self._log.head) is None or self._objection(head, self._dead) is not None:
            self._done()
        else:
            successor = successor_of(self._dead, self._log.members)
            nonce = f"release of {self._dead} {self._looks}"
            data, segment = build(resignation(head, self._dead, successor, nonce, self._clock.read().wall_ms), b"")
            self._append(segment, data, 1)

    def _append(self, segment: Segment, data: bytes, attempt: int) -> None:
        def read(ok: bool, found: bytes | None) -> None:
            if not ok or (found is None and attempt == ATTEMPTS) or found == data:
                self._done()
            elif found is None:
                self._append(segment, data, attempt + 1)
            else:
                self._look()

        def created(outcome: Outcome) -> None:
            if outcome is Outcome.DONE:
                self._world.tell(f"amp ha release has resigned for {self._dead} by segment {segment.header.seq}")
                self._done()
            else:
                self._store.get(segment.header.seq, _LIMIT, read)

        self._store.create(segment.header.seq, data, _LIMIT, created)
