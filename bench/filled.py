"""Stores that hold a plane of a wanted size: applications of a hundred entities with ten sensors each."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

from amp import __version__
from amp.entities.state import EXPECTED, IS_UP, NOT_UP, PROBLEMS, STATE
from amp.entities.types import BASIC_APPLICATION, BASIC_STARTABLE
from amp.ha import founding
from amp.ha.log import Log
from amp.kit.clock import Reading, SystemClock
from amp.kit.ids import EntityId
from amp.model import changes as c
from amp.model.model import Model, built
from amp.plane import snapshots
from amp.store.objects import Objects
from amp.store.segment import NO_HASH, Header, build, segment_key

#: Entities of one application, the root included.
SIZE = 100


def changes(count: int) -> Iterator[c.AnyChange]:
    """Answer Changes that make so many entities, all of them meant to be running and well."""
    for number in range(count):
        root = EntityId(f"a{number // SIZE:07d}")
        is_root = number % SIZE == 0
        entity = root if is_root else EntityId(f"e{number:08d}")
        kind = BASIC_APPLICATION if is_root else BASIC_STARTABLE
        yield c.EntityAdded(
            id=entity,
            type=kind.name,
            name=f"entity {number}",
            application=root,
            parent=None if is_root else root,
            config={"camp.plan.id": f"plan-{number}"},
            tags=[] if is_root else [{"depth_in_ancestor": 1}],
            created_ms=1_700_000_000_000,
        )
        sensors = {
            "application.id": root,
            "entity.id": entity,
            EXPECTED: "running @ 1700000000000 / Tue Nov 14 22:13:20 UTC 2023",
            PROBLEMS: {},
            NOT_UP: {},
            IS_UP: True,
            STATE: "RUNNING",
            "bench.count": number,
            "bench.rate": number / 7,
            "bench.text": f"what entity {number} last said",
        }
        for name, value in sensors.items():
            yield c.SensorSet(entity, name, value, 1_700_000_000_000)


def model(count: int) -> Model:
    """Answer a model of so many entities."""
    return built(changes(count))


async def fill(objects: Objects, count: int) -> Model:
    """Write a plane of so many entities into an empty store: a term that is over, and a snapshot after it."""
    plane = await founding.found(objects, os.urandom, name=None, version=__version__, now_ms=1_700_000_000_000)
    log, before, now = Log(plane.id), NO_HASH, Reading(0.0, 0.0, 0.0)
    for seq, kind in ((1, "elect"), (2, "resign")):
        header = Header(
            plane=plane.id, seq=seq, term=1, kind=kind, node="filler", nonce=f"{seq:032x}", prev=before,
            timeout_ms=3000, in_office=True, clean=kind == "resign",
        )  # fmt: skip
        data, segment = build(header, b"")
        await objects.create(segment_key(seq), data)
        log.extend(segment, now)
        before = segment.hash
    log.has_state = True
    made = await asyncio.to_thread(model, count)
    await snapshots.save(objects, log, made, SystemClock())
    return made
