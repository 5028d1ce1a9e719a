"""What kinds of entities and locations there are: their config keys, sensors and effectors, as frozen declarations.

Decides which type a name means and what is near to a name that means nothing. A declaration says what readers may list
and what a blueprint may set; what a type *does* lives in `amp.entities`. Java type names are kept because clients of
Brooklyn read them.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

STRING = "java.lang.String"
BOOLEAN = "java.lang.Boolean"
INTEGER = "java.lang.Integer"
OBJECT = "java.lang.Object"
MAP = "java.util.Map"
#: What becomes of a step whose end cannot be known: fail or rerun.
ON_INTERRUPT = "amp.OnInterrupt"
DURATION = "org.apache.brooklyn.util.time.Duration"


@dataclass(frozen=True, slots=True)
class ConfigKey:
    """A value that a blueprint may set. `flag`: a second name for it; `inherited`: children see an ancestor's value."""

    name: str
    type: str = STRING
    default: Any = None
    description: str = ""
    flag: str | None = None
    inherited: bool = True
    reconfigurable: bool = False


@dataclass(frozen=True, slots=True)
class Sensor:
    """A value that an entity publishes."""

    name: str
    type: str = STRING
    description: str = ""


@dataclass(frozen=True, slots=True)
class Parameter:
    """An argument of an effector. `choices`: the only texts that it takes, in any case and with `-` for `_`."""

    name: str
    type: str = OBJECT
    default: Any = None
    description: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Effector:
    """Something that an entity can be told to do. `returns`: Java name of what it answers."""

    name: str
    description: str = ""
    parameters: tuple[Parameter, ...] = ()
    returns: str = "void"


@dataclass(frozen=True, slots=True)
class EntityType:
    """A kind of entity. `short`: its simple name; `aliases`: other names that blueprints may use.

    `lifecycle`: it has a service state. `application`: it can be the root of a tree. `later`: config keys that Brooklyn
    has here and this version has not; a blueprint that sets one is refused, because to ignore it would be worse.
    """

    name: str
    description: str
    config: tuple[ConfigKey, ...] = ()
    sensors: tuple[Sensor, ...] = ()
    effectors: tuple[Effector, ...] = ()
    aliases: tuple[str, ...] = ()
    application: bool = False
    lifecycle: bool = False
    later: frozenset[str] = frozenset()
    _keys: Mapping[str, ConfigKey] = field(init=False, repr=False, compare=False)
    _sensors: Mapping[str, Sensor] = field(init=False, repr=False, compare=False)
    _effectors: Mapping[str, Effector] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Asked for at each request. The first that is declared wins, as one that looks through them would find it.
        keys = {name: key for key in reversed(self.config) for name in (key.flag, key.name) if name is not None}
        object.__setattr__(self, "_keys", keys)
        object.__setattr__(self, "_sensors", {each.name: each for each in reversed(self.sensors)})
        object.__setattr__(self, "_effectors", {each.name: each for each in reversed(self.effectors)})

    @property
    def short(self) -> str:
        """The name without its package."""
        return self.name.rpartition(".")[2]

    def key(self, name: str) -> ConfigKey | None:
        """Answer the config key of that name or flag, None when not declared."""
        return self._keys.get(name)

    def effector(self, name: str) -> Effector | None:
        """Answer the effector of that name, None when there is none."""
        return self._effectors.get(name)

    def sensor(self, name: str) -> Sensor | None:
        """Answer the declared sensor of that name, None when not declared."""
        return self._sensors.get(name)


@dataclass(frozen=True, slots=True)
class LocationType:
    """A kind of place. `spec`: how blueprints name it; `type`: the Brooklyn name; `keys`: what it can be told."""

    spec: str
    type: str
    description: str
    keys: tuple[ConfigKey, ...] = ()


@dataclass(frozen=True)
class Registry:
    """All types by each of their names."""

    entity_types: tuple[EntityType, ...] = ()
    location_types: tuple[LocationType, ...] = ()
    _names: Mapping[str, EntityType] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        names = {name: each for each in self.entity_types for name in (each.name, each.short, *each.aliases)}
        object.__setattr__(self, "_names", names)

    def find(self, name: str) -> EntityType | None:
        """Answer the type of that name: Brooklyn's full name, the short one, or an alias. None when unknown."""
        return self._names.get(name)

    def location(self, spec: str) -> LocationType | None:
        """Answer the location type that a spec names, None when unknown."""
        return next((each for each in self.location_types if each.spec == spec), None)

    def near(self, name: str) -> list[str]:
        """Answer up to three known type names that look like `name`; all short names when none does."""
        wanted = name.rpartition(".")[2]
        close = nearest(wanted, self._names)
        return close or sorted(each.short for each in self.entity_types)


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """Answer up to three of `known` that look like `name`, the best first."""
    by_lower = {each.lower(): each for each in known}
    return [by_lower[each] for each in difflib.get_close_matches(name.lower(), by_lower, n=3, cutoff=0.6)]
