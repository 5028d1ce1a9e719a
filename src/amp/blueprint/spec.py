"""What a blueprint asks for, once its types and values are known: frozen specs, ready for `plan`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from amp.model.registry import EntityType, LocationType


@dataclass(frozen=True, slots=True)
class LocationSpec:
    """A place that an entity shall run at."""

    type: LocationType
    name: str
    config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EntitySpec:
    """An entity and all below it. `name` None: one is made of type and id. `locations` None: none of its own."""

    type: EntityType
    name: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[Any, ...] = ()
    children: tuple[EntitySpec, ...] = ()
    locations: tuple[LocationSpec, ...] | None = None
