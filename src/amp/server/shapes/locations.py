"""Locations as answers: those that are live, and those that the properties name."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from amp.model.entity import Location
from amp.server.sensitive import is_sensitive
from amp.server.shapes import links

_PREFIX = "brooklyn.location.named."


@dataclass(frozen=True, slots=True)
class Named:
    """A location that `brooklyn.location.named.NAME=SPEC` defines. `id` is the same on all nodes and at each start."""

    id: str
    name: str
    spec: str
    config: Mapping[str, str]


def named_locations(properties: Mapping[str, str]) -> list[Named]:
    """Read the named locations of the properties, by name."""
    places = []
    for key, spec in properties.items():
        name = key.removeprefix(_PREFIX)
        if name == key or not name:
            continue
        if any(name.startswith(other + ".") and _PREFIX + other in properties for other in _prefixes(name)):
            continue  # an option of another named location
        options = {
            each.removeprefix(f"{key}."): value for each, value in properties.items() if each.startswith(f"{key}.")
        }
        digest = hashlib.sha256(name.encode()).hexdigest()[:7]
        places.append(Named(f"n{digest}", name, spec, options))
    return sorted(places, key=lambda place: place.name)


def named_summary(place: Named) -> dict[str, Any]:
    """A LocationSummary of a named location."""
    answer: dict[str, Any] = {"id": place.id, "name": place.name, "spec": place.spec}
    return _with_config(answer, place.config)


def location_summary(location: Location, *, config: bool = True) -> dict[str, Any]:
    """A LocationSummary of a live location."""
    answer: dict[str, Any] = {
        "id": location.id,
        "name": location.name,
        "spec": location.spec,
        "type": location.type,
    }
    answer = _with_config(answer, location.config if config else {})
    if location.parent is not None:
        answer["links"]["parent"] = links.location(location.parent)
    return answer


def _with_config(answer: dict[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    public = {key: value for key, value in config.items() if not is_sensitive(key)}
    if public:
        answer["config"] = public
    answer["links"] = {"self": links.location(answer["id"])}
    return answer


def _prefixes(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts))]
