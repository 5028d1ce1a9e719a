"""What behaviour of entities is given: the model to read, machines, the time; and the order in which it may act.

Lifecycle effectors of one entity take turns; so do installations into one directory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from amp.entities.turns import Turns
from amp.kit.clock import Clock
from amp.kit.errors import Invalid, Missing
from amp.kit.ids import EntityId, Entropy
from amp.model.entity import Entity, Location
from amp.model.model import Model
from amp.model.registry import EntityType, Registry
from amp.remote.machine import Machine
from amp.tasks.runner import Body
from amp.tasks.task import Order

#: Gives the machine of a location, with the base directory that its files go to.
Machines = Callable[[Location], tuple[Machine, str]]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`model` is asked anew at each use. `sleep` waits that many seconds.

    `plane` and `term`: for whom this is done; `contacted`: what `contact` has fenced; `keep`: writes a file that is too
    large for the journal and answers its name, None where nothing is kept.
    """

    model: Callable[[], Model]
    registry: Registry
    clock: Clock
    entropy: Entropy
    machines: Machines
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    plane: str = "plane"
    term: int = 0
    keep: Callable[[bytes], Awaitable[str]] | None = None
    turns: Turns = field(default_factory=Turns)
    contacted: set[str] = field(default_factory=set)

    async def contact(self, machine: Machine, base: str) -> None:
        """Let no leader of a smaller term begin a command there any more; done once for each place."""
        if base not in self.contacted:
            await machine.raise_term(self.plane, self.term)
            self.contacted.add(base)

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""
        return self.clock.read().wall_ms

    def entity(self, entity: EntityId) -> Entity:
        """Answer an entity as it is now. Raises: Missing."""
        found = self.model().entities.get(entity)
        if found is None:
            raise Missing(f"Entity '{entity}' is gone")
        return found

    def kind(self, entity: Entity) -> EntityType:
        """Answer the type of an entity. Raises: Invalid, for a type that this version does not know."""
        found = self.registry.find(entity.type)
        if found is None:
            raise Invalid(f"this version does not know the type '{entity.type}' of {entity.name} ({entity.id})")
        return found


#: Makes runnable parts of orders, by the table of `lifecycle`.
Parts = Callable[[Surroundings, Sequence[Order]], list[tuple[Order, Body]]]


def place_of(model: Model, entity: Entity) -> Location:
    """Answer the one location that an entity starts at: its own, else the nearest ancestor's.

    Raises: Invalid when there is none, or more than one.
    """
    each: Entity | None = entity
    while each is not None:
        roots = [place for id in each.locations if (place := model.locations.get(id)) and place.parent is None]
        if len(roots) > 1:
            named = ", ".join(place.name for place in roots)
            raise Invalid(f"Ambiguous locations detected when starting {entity.name} ({entity.id}): {named}")
        if roots:
            return roots[0]
        each = model.entities.get(each.parent) if each.parent is not None else None
    raise Invalid(
        f"No locations specified when starting {entity.name} ({entity.id}): give `location: localhost` "
        "to it or to its application"
    )


def machine_of(model: Model, entity: Entity) -> Location | None:
    """Answer the machine that an entity was given, None when it has none."""
    places = (model.locations.get(place) for place in entity.locations)
    return next((place for place in places if place is not None and place.parent is not None), None)
