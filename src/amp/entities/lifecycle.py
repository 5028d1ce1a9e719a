"""The table from types and effectors to what is done: one place that knows which behaviour an entity has."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from amp.blueprint.coercion import coerce_parameter
from amp.entities import application, types
from amp.entities.application import Parent
from amp.entities.software import Software
from amp.entities.surroundings import Surroundings
from amp.kit.errors import Invalid, Missing
from amp.kit.ids import EntityId
from amp.model.registry import Effector, EntityType
from amp.remote.command import MASK, is_secret
from amp.tasks.runner import Body, Run
from amp.tasks.task import Order

Act = Callable[[dict[str, Any]], Awaitable[None]]

#: Effectors of which an entity runs one at a time; a stop ends the others.
BRINGING_UP = frozenset(("start", "restart"))


def body(around: Surroundings, order: Order) -> Body:
    """Answer what an order does. Raises: Missing, when the entity has no such effector; Invalid, for its arguments."""
    if order.work:
        return _WORKS[order.work["do"]](around, order)
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


def bring_up(children: Sequence[EntityId]) -> dict[str, Any]:
    """Write the work that starts children that were added together."""
    return {"do": "bring-up", "children": list(children)}


def forget(stop: bool) -> dict[str, Any]:
    """Write the work that forgets an entity with all below it, after a stop where that is wanted."""
    return {"do": "forget", "stop": stop}


def called(entity: EntityId, name: str, effector: str, parameters: Mapping[str, Any], user: str) -> Order:
    """Answer the order for an effector, as people read it."""
    safe = {each: MASK if is_secret(each) else value for each, value in parameters.items()}
    description = f"Invoking effector {effector} on {name} ({entity}) with parameters {safe}"
    return Order(entity, effector, description, effector, parameters, user)


def _bring_up(around: Surroundings, order: Order) -> Body:
    async def run(run: Run) -> None:
        children = [around.entity(child) for child in order.work["children"]]
        orders = [called(child.id, child.name, "start", {}, order.user) for child in children]
        await run.together(parts(around, orders))

    return run


def _forget(around: Surroundings, order: Order) -> Body:
    async def run(run: Run) -> None:
        entity = around.entity(order.entity)
        if order.work["stop"]:
            stop = called(entity.id, entity.name, "stop", {}, order.user)
            if entity.is_application:
                await run.step(stop, lambda part: Parent(around, part, parts).stop_children())
            else:
                await run.step(stop, body(around, stop))
        await application.forget(around, run, entity.id)

    return run


_WORKS: Mapping[str, Callable[[Surroundings, Order], Body]] = {"bring-up": _bring_up, "forget": _forget}


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
