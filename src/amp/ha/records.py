"""Reads the membership records of a plane. Acts on the store; `members` says what they mean."""

from __future__ import annotations

import asyncio

from amp.ha.members import Record
from amp.ha.modes import NodeState
from amp.kit.errors import Invalid
from amp.store.objects import Objects
from amp.store.segment import unseal


async def read_records(objects: Objects, gone: dict[str, Record]) -> tuple[Record, ...]:
    """Read all membership records; those that cannot be understood say nothing. Raises: Unavailable.

    `gone` keeps the records that say TERMINATED: a node id is used once, so they never change again, and a plane that
    was restarted a thousand times does not read a thousand objects each time.
    """
    keys = [info.key for info in await objects.list("nodes/")]
    for key in gone.keys() - set(keys):
        del gone[key]
    changing = [key for key in keys if key not in gone]
    found = dict(gone)
    for key, data in zip(changing, await asyncio.gather(*(objects.get(key) for key in changing)), strict=True):
        try:
            if data is not None:
                found[key], _, _ = unseal(data, key, Record)
        except Invalid:
            continue  # no safety rests on records, so one that is damaged says nothing; verify names it
        if key in found and found[key].state == NodeState.TERMINATED:
            gone[key] = found[key]
    return tuple(found[key] for key in sorted(found))
