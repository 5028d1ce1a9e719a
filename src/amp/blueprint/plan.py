"""Turns specs into Changes: what must be added to the model for what a blueprint asks. Pure; ids come from outside."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from amp.blueprint.spec import EntitySpec
from amp.kit.ids import EntityId, LocationId
from amp.model.changes import AnyChange, EntityAdded, EntityLocated, LocationAdded, SensorSet


def plan_application(
    spec: EntitySpec,
    new_id: Callable[[], str],
    *,
    now_ms: int,
    blueprint: str,
    application: EntityId | None = None,
) -> tuple[EntityId, list[AnyChange]]:
    """Answer the id of the new application and the Changes that add it."""
    root = application or EntityId(new_id())
    return root, list(_entity(spec, root, root, None, 0, new_id, now_ms, blueprint))


def plan_child(
    spec: EntitySpec,
    new_id: Callable[[], str],
    *,
    now_ms: int,
    parent: EntityId,
    application: EntityId,
    depth: int,
) -> tuple[EntityId, list[AnyChange]]:
    """Answer the id of the new entity and the Changes that add it below `parent`, `depth` levels below the root."""
    entity = EntityId(new_id())
    return entity, list(_entity(spec, entity, application, parent, depth, new_id, now_ms, None))


def _entity(
    spec: EntitySpec,
    entity: EntityId,
    application: EntityId,
    parent: EntityId | None,
    depth: int,
    new_id: Callable[[], str],
    now_ms: int,
    blueprint: str | None,
) -> Iterator[AnyChange]:
    # Brooklyn marks every descendant with its depth; clients of its REST API read the tag.
    tags: list[Any] = [*spec.tags, *([{"depth_in_ancestor": depth}] if parent is not None else [])]
    yield EntityAdded(
        id=entity,
        type=spec.type.name,
        name=spec.name or (f"Application ({entity})" if spec.type.application else f"{spec.type.short}:{entity[:4]}"),
        application=application,
        parent=parent,
        config=dict(spec.config),
        tags=tags,
        blueprint=blueprint,
        created_ms=now_ms,
    )
    places: list[LocationId] = []
    for place in spec.locations or ():
        places.append(LocationId(new_id()))
        yield LocationAdded(
            id=places[-1], type=place.type.type, name=place.name, spec=place.type.spec, config=dict(place.config)
        )
    if places:
        yield EntityLocated(entity, places)
    for name, value in (("application.id", application), ("entity.id", entity), ("catalog.id", None)):
        yield SensorSet(entity, name, value, now_ms)
    for child in spec.children:
        yield from _entity(child, EntityId(new_id()), application, entity, depth + 1, new_id, now_ms, None)
