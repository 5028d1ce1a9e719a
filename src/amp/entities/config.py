"""Which value a config key has for an entity: its own, else the nearest ancestor's, else the default. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from amp.blueprint.coercion import coerce
from amp.kit.durations import parse_duration
from amp.kit.errors import Invalid
from amp.kit.ids import EntityId
from amp.model.entity import Entity
from amp.model.model import Model
from amp.model.registry import EntityType


def value(model: Model, entity: Entity, kind: EntityType, name: str) -> Any:
    """Answer the value of a declared key, as its type. Raises: Invalid, when an inherited value does not fit."""
    key = kind.key(name)
    if key is None:
        return None
    for holder in _line(model, entity) if key.inherited else (entity,):
        for spelt in (key.name, key.flag):
            if spelt is not None and spelt in holder.config:
                try:
                    return coerce(holder.config[spelt], key.type)
                except Invalid as error:
                    raise Invalid(f"Invalid value for '{spelt}' of {holder.name}: {error.message}") from None
    return key.default


def usable(model: Model, entity: Entity, kind: EntityType, name: str) -> Any:
    """Answer the value as `value` does, the default where what is set cannot be read."""
    try:
        return value(model, entity, kind, name)
    except Invalid:
        key = kind.key(name)
        return key.default if key else None


def text(model: Model, entity: Entity, kind: EntityType, name: str) -> str | None:
    """Answer a text, None where there is none or it is blank."""
    found = value(model, entity, kind, name)
    return found if isinstance(found, str) and found.strip() else None


def seconds(model: Model, entity: Entity, kind: EntityType, name: str) -> float:
    """Answer a duration in seconds."""
    return parse_duration(value(model, entity, kind, name))


def merged(model: Model, entity: Entity, kind: EntityType, name: str) -> dict[str, Any]:
    """Answer a map whose entries are inherited one by one: the entity's own win, then its parent's."""
    key = kind.key(name)
    found: dict[str, Any] = {}
    for holder in reversed(list(_line(model, entity))):
        for spelt in (key.name, key.flag) if key else ():
            if spelt is not None and spelt in holder.config:
                found.update(coerce(holder.config[spelt], key.type if key else "") or {})
    return found


def _line(model: Model, entity: Entity) -> Iterator[Entity]:
    each: Entity | None = entity
    while each is not None:
        yield each
        parent: EntityId | None = each.parent
        each = model.entities.get(parent) if parent is not None else None
