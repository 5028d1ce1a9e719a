"""The object `plane`: what a plane is called, and the secret its nodes share. Acts; created once, never changed."""

from __future__ import annotations

import msgspec

from amp.kit.errors import Invalid, Unavailable
from amp.kit.ids import Entropy, random_id
from amp.store.objects import Objects, Outcome
from amp.store.segment import FIRST_FORMAT, Damaged, seal, unseal

KEY = "plane"


class Founding(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the first node wrote. `probed`: the version that proved this store, `birth`: its name then."""

    id: str
    secret: str
    name: str | None = None
    birth: str | None = None
    probed: str | None = None
    format: int = FIRST_FORMAT
    at: int = 0


async def read(objects: Objects) -> Founding | None:
    """Read the plane's object; None where there is none yet. Raises: Unavailable, Damaged, TooNew."""
    data = await objects.get(KEY)
    if data is None:
        return None
    founding, _, _ = unseal(data, KEY, Founding)
    if not founding.id:
        raise Damaged(KEY, "it has no id")
    return founding


async def found(objects: Objects, entropy: Entropy, *, name: str | None, version: str, now_ms: int) -> Founding:
    """Create the plane's object, or read the one that another node was quicker to create. Raises: as `read`."""
    founding = Founding(
        id=random_id(entropy, 8),
        secret=entropy(32).hex(),
        name=name,
        birth=objects.name,
        probed=version,
        at=now_ms,
    )
    data, _ = seal(founding, b"")
    for _attempt in range(5):
        outcome = await objects.create(KEY, data)
        if outcome is not Outcome.UNKNOWN:
            break
    there = await read(objects)
    if there is None:
        raise Unavailable(f"{objects.name} does not take the plane's first object: try again when it answers")
    return there


def check_place(founding: Founding, name: str) -> None:
    """Refuse a copy: two planes that believe to be the same one would manage the same machines. Raises: Invalid."""
    # By which address a bucket is reached says nothing: nodes may have different ones.
    if founding.birth is not None and _bucket(founding.birth) != _bucket(name):
        raise Invalid(
            f"{name} holds a copy of the plane of {founding.birth}: if that one is given up for good, set "
            "amp.plane.moved=true in brooklyn.cfg; else start this node on an empty store"
        )


def _bucket(name: str) -> str:
    return name.partition(" at ")[0]


def check_name(founding: Founding, wanted: str | None) -> None:
    """Refuse another plane than the one that was meant. Raises: Invalid."""
    if wanted is not None and founding.name is not None and wanted != founding.name:
        raise Invalid(
            f"amp.plane.name={wanted}, but the store holds the plane {founding.name!r}: "
            "correct the name, or persistenceLocation and persistenceDir"
        )
