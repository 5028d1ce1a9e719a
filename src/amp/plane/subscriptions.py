"""Who follows what changes. Publishing never waits: a reader that is slow gets a gap and reads everything again."""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from collections.abc import AsyncIterator, Callable

from amp.plane.views import Event

#: Events of the model that one reader may be behind.
BEHIND = 1000


class _Reader:
    def __init__(self) -> None:
        self.model: deque[Event] = deque()
        self.ha: Event | None = None
        self.woken = asyncio.Event()


class Subscriptions:
    """Readers of the live stream."""

    def __init__(self) -> None:
        # A stream that is dropped before its first event was asked for never comes to its end, so it is let go of.
        self._readers: weakref.WeakSet[_Reader] = weakref.WeakSet()
        self._closed = False

    @property
    def any(self) -> bool:
        """Tell whether anybody follows."""
        return bool(self._readers)

    def publish_model(self, event: Event) -> None:
        """Tell all readers what became of the model; `data` None says: read everything again."""
        for reader in self._readers:
            if event.data is None or len(reader.model) >= BEHIND:
                reader.model.clear()
                reader.model.append(Event("model", event.seq, None))
            else:
                reader.model.append(event)
            reader.woken.set()

    def publish_ha(self, make: Callable[[], Event]) -> None:
        """Tell all readers how the plane is; only the newest counts. `make` is called when somebody listens."""
        if self._readers:
            event = make()
            for reader in self._readers:
                reader.ha = event
                reader.woken.set()

    def close(self) -> None:
        """End all streams."""
        self._closed = True
        for reader in self._readers:
            reader.woken.set()

    def follow(self) -> AsyncIterator[Event]:
        """Answer events from this call on, until `close`."""
        reader = _Reader()
        self._readers.add(reader)
        return self._events(reader)

    async def _events(self, reader: _Reader) -> AsyncIterator[Event]:
        try:
            while not self._closed or reader.ha is not None or reader.model:  # what was said last is heard, too
                await reader.woken.wait()
                if not self._closed:
                    reader.woken.clear()
                if reader.ha is not None:
                    event, reader.ha = reader.ha, None
                    yield event
                while reader.model:
                    yield reader.model.popleft()
        finally:
            self._readers.discard(reader)
