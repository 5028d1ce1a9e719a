"""Tries a store harder than a node does at its start: `python -m amp.testing.race s3://bucket/prefix`.

Runs the start-up check some times, then lets 16 creators want each of 200 keys at once, as the tests of AMP do with the
stores that they know. For who wants to keep a plane on a server that AMP's tests do not know. It writes under `race/`
and deletes it; it shows that a store breaks its promise, never that it always keeps it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence

from amp.cli.store_place import Where, place_of
from amp.kit.errors import AmpError
from amp.kit.ids import system_entropy
from amp.store.objects import Objects
from amp.store.open import open_store
from amp.store.place import StoreSettings
from amp.store.probe import probe
from amp.testing.conformance.objects import check_creators

_TIMEOUT = 30.0


async def race(objects: Objects, *, keys: int, creators: int, probes: int) -> str | None:
    """Try a store; answers what it did wrong, None where nothing was seen. Raises: Unavailable."""
    try:
        for _ in range(probes):
            await probe(objects, system_entropy, timeout=_TIMEOUT)
        await check_creators(objects, keys=keys, creators=creators)
    except AmpError as problem:
        return problem.message
    except AssertionError as problem:
        return f"{objects.name}: {problem}"
    finally:
        for info in await objects.list("race/"):
            await objects.delete(info.key)
    return None


def main(arguments: Sequence[str]) -> int:
    """Try the store that the arguments name; answers 0 where it did nothing wrong, else 1."""
    parser = argparse.ArgumentParser(prog="python -m amp.testing.race", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("store", help="a directory, or s3://BUCKET/PREFIX; credentials as for amp store")
    parser.add_argument("--endpoint")
    parser.add_argument("--region")
    parser.add_argument("--keys", type=int, default=200)
    parser.add_argument("--creators", type=int, default=16)
    parser.add_argument("--probes", type=int, default=20, help="how often the start-up check is run")
    options = parser.parse_args(arguments)
    try:
        place = place_of(options.store, Where(endpoint=options.endpoint, region=options.region))
        wrong = asyncio.run(_try(place, options))
    except AmpError as problem:
        wrong = problem.message
    tried = f"{options.probes} start-up checks, {options.keys} keys with {options.creators} creators each"
    print(f"{options.store}: nothing wrong was seen in {tried}" if wrong is None else wrong)
    return 0 if wrong is None else 1


async def _try(place: StoreSettings, options: argparse.Namespace) -> str | None:
    objects = open_store(place, timeout=_TIMEOUT)
    try:
        return await race(objects, keys=options.keys, creators=options.creators, probes=options.probes)
    finally:
        await objects.close()


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(code)  # the threads of the cloud client may abort a regular exit
