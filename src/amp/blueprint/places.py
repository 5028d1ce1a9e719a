"""Reads `location` and `locations` of a blueprint: a name, or a map of one name to what it is told.

Decides which place is meant; whether it can be reached is found out when an entity starts there.
"""

from __future__ import annotations

from typing import Any

from amp.blueprint import coercion, yaml
from amp.blueprint.spec import LocationSpec
from amp.blueprint.yaml import Entry, Fields, Items, Place, Scalar, Value, invalid
from amp.kit.errors import Invalid
from amp.model.registry import Registry, nearest


def locations(value: Fields, registry: Registry) -> tuple[LocationSpec, ...] | None:
    """Answer the places that a service or a plan names; None when it names none. Raises: Invalid."""
    one, many = value.get("location"), value.get("locations")
    if one is not None and many is not None:
        raise invalid("'location' and 'locations' are both given: write one", many.place)
    if one is not None:
        return (_location(one.value, registry),)
    if many is None:
        return None
    if not isinstance(many.value, Items):
        raise invalid("'locations' must be a list", many.value.place)
    return tuple(_location(each, registry) for each in many.value.values)


def _location(value: Value, registry: Registry) -> LocationSpec:
    if isinstance(value, Scalar) and isinstance(value.value, str):
        return _known(value.value.strip(), (), value.place, registry)
    if isinstance(value, Fields) and len(value.entries) == 1:
        entry = value.entries[0]
        if isinstance(entry.value, Fields):
            return _known(entry.key, entry.value.entries, entry.place, registry)
        if isinstance(entry.value, Scalar) and entry.value.value is None:
            return _known(entry.key, (), entry.place, registry)
    raise invalid("A location is a name, or a map of one name to its settings", value.place)


def _known(spec: str, entries: tuple[Entry, ...], place: Place, registry: Registry) -> LocationSpec:
    kind = registry.location(spec)
    if kind is None:
        known = ", ".join(each.spec for each in registry.location_types)
        raise invalid(f"Unknown location '{spec}' (this version knows: {known})", place)
    config: dict[str, Any] = {}
    for entry in entries:
        key = next((each for each in kind.keys if entry.key in (each.name, each.flag)), None)
        if key is None:
            names = [each.name for each in kind.keys]
            near = nearest(entry.key, names) or names
            raise invalid(f"Unknown setting '{entry.key}' of location {spec} (known: {', '.join(near)})", entry.place)
        for each in yaml.walk(entry.value):
            if isinstance(each, Scalar) and isinstance(each.value, str) and each.value.startswith("$brooklyn:"):
                raise invalid("The `$brooklyn:` language is not supported by this version", each.place)
        try:
            config[key.name] = coercion.coerce(yaml.plain(entry.value), key.type)
        except Invalid as error:
            raise invalid(f"Invalid value for '{entry.key}': {error.message}", entry.value.place) from None
    name = config.pop("name", None)
    return LocationSpec(kind, name or spec, config)
