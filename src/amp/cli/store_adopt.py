"""`amp store adopt`: an operator's decision to go on without what a store has lost. Says what is given up, and asks."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated

from cyclopts import Parameter

from amp.cli.exits import OK
from amp.cli.store import confirmed
from amp.cli.store_place import HERE, Where, existing, opened, place_of, run
from amp.ha import adoption
from amp.ha.lease import BEATS
from amp.kit.clock import SystemClock
from amp.kit.ids import system_entropy
from amp.store.place import StoreSettings
from amp.store.segment import segment_key


def adopt(
    store: str | None = None,
    /,
    *,
    above: int,
    yes: Annotated[bool, Parameter(name=["--yes", "-y"], negative="")] = False,
    where: Where = HERE,
) -> int:
    """Go on with a plane whose journal has a hole or lost its end, without what is missing.

    All nodes must be stopped. Take a copy of the store first: the segments above the hole are deleted, with all that
    clients were told is done in them. Then the next node to start leads, in a term above the one that is named.

    Parameters
    ----------
    store: str
        a directory, or s3://BUCKET/PREFIX
    above: int
        a term that no node has gone beyond; the message of the node that failed names it
    yes: bool
        do not ask
    """
    place = existing(place_of(store, where))
    made = run(_plan(place))
    print(
        f"The journal can be read up to segment {made.seq}: {segment_key(made.seq + 1)} is not there, but {made.why}."
    )
    if made.lost:
        print(f"{len(made.lost)} segments from {made.lost[0]} to {made.lost[-1]} will be deleted.")
    confirmed(f"Go on from segment {made.seq}", yes, "nothing was changed")
    term = run(_adopt(place, made, above))
    print(f"Term {term} goes on from segment {made.seq}: start the nodes, the first leads after its heartbeat timeout.")
    return OK


async def _plan(place: StoreSettings) -> adoption.Plan:
    async with opened(place) as objects:
        return await adoption.plan(objects, SystemClock())


async def _adopt(place: StoreSettings, made: adoption.Plan, above: int) -> int:
    # Who lives writes its record each T/3, and who leads a beat each T/6; a directory's nodes write each poll.
    wait = made.timeout_ms / 1000 * 2 / BEATS + 1.5
    async with opened(place) as objects:

        async def pause() -> None:
            print(f"Looking for nodes that live, for {wait:.0f} s ...", file=sys.stderr)
            await asyncio.sleep(wait)

        await adoption.refuse_if_alive(objects, made, pause)
        return await adoption.adopt(objects, made, above, SystemClock(), system_entropy)
