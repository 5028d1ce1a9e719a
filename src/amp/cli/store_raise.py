"""`amp store raise`: let a plane write the next format now, and not an hour after the last node joined."""

from __future__ import annotations

import asyncio

from amp.cli.exits import OK
from amp.cli.store_place import HERE, Where, existing, opened, place_of, run
from amp.ha import raising
from amp.ha.lease import BEATS
from amp.kit.clock import SystemClock
from amp.kit.ids import system_entropy
from amp.store.place import StoreSettings


def raise_format(store: str | None = None, /, *, where: Where = HERE) -> int:
    """Let a plane whose nodes are all upgraded write the next format now, rather than within the hour.

    The leader does it, so the plane must be running. Nodes of the version before can join no more afterwards.

    Parameters
    ----------
    store: str
        a directory, or s3://BUCKET/PREFIX
    """
    print(run(_raise(existing(place_of(store, where)))))
    return OK


async def _raise(place: StoreSettings) -> str:
    clock = SystemClock()
    async with opened(place) as objects:
        found = await raising.formats(objects, clock)
        if found.active >= found.newest:
            return f"The plane writes format {found.active}, the newest that this version knows: nothing to raise."
        # A leader reads the records each T/3, and appends at least each T/6.
        pause = found.end.timeout_ms / 1000 * 4 / BEATS / raising.LOOKS + 0.1
        active = await raising.ask(objects, found, clock, system_entropy, lambda: asyncio.sleep(pause))
        return f"The plane writes format {active} now."
