"""The table from types and effectors to what is done: one place that knows which behaviour an entity has."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from amp.blueprint.coercion import coerce_parameter
from amp.entities import types
from amp.entities.application import Parent
from amp.entities.software import Software
from amp.entities.surroundings import Surroundings
from amp.kit.errors import Invalid, Missing
from amp.model.registry import Effector, EntityType
from amp.tasks.runner import Body, Run
from amp.tasks.task import Order

Act = Callable[[dict[str, Any]], Awaitable[None]]

#: Effectors of which an entity runs one at a time; a stop ends the others.
BRINGING_UP = frozenset(("start", "restart"))


def body(around: Surroundings, order: Order) -> Body:
    """Answer what an order does. Raises: Missing, when the entity has no such effector; Invalid, for its arguments."""
    entity = around.entity(order.entity)
    kind = around.kind(entity)
    effector = kind.effector(order.effector or "")
    if effector is None:
        raise Missing(f"Entity '{entity.id}' has no effector with name '{order.effector}'")
    given = arguments(effector, order.parameters)

    async def run(run: Run) -> None:
        await _acts(kind, around, run)[effector.name](dict(given))

    return run


def parts(around: Surroundings, orders: Sequence[Order]) -> list[tuple[Order, Body]]:
    """Answer orders with what they do."""
    return [(order, body(around, order)) for order in orders]


def arguments(effector: Effector, given: Mapping[str, Any]) -> dict[str, Any]:
    """Answer the arguments as declared, defaults filled in. Raises: Invalid, also for names that are not declared."""
    known = {parameter.name: parameter for parameter in effector.parameters}
    # Some clients send an empty key beside real ones, or alone for no arguments.
    for name in (name for name in given if name not in known and name != ""):
        names = ", ".join(known) or "none"
        raise Invalid(f"Effector '{effector.name}' has no parameter '{name}' (it has: {names})")
    return {name: coerce_parameter(given.get(name), parameter) for name, parameter in known.items()}


def _acts(kind: EntityType, around: Surroundings, run: Run) -> dict[str, Act]:
    if kind is types.VANILLA:
        software = Software(around, run, parts)
        return {
            "start": software.start,
            "stop": software.stop,
            "restart": software.restart,
            "populateServiceNotUpDiagnostics": software.diagnose,
        }
    parent = Parent(around, run, parts)
    return {"start": parent.start, "stop": parent.stop, "restart": parent.restart}
