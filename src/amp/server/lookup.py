"""Finding what a path names: applications by id or name, entities within them. Pure; the words are Brooklyn's."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from amp.kit.errors import Invalid, Missing
from amp.kit.ids import EntityId, TaskId
from amp.model.entity import Entity, Task
from amp.model.model import Model
from amp.model.registry import Registry
from amp.server.again import Holds
from amp.server.errors import OtherApplication
from amp.server.routing import Call
from amp.server.sensitive import shown
from amp.server.shapes.entities import lifecycle

_LONGEST = 200
_QUANTIFIERS = 5


def application(model: Model, key: str) -> Entity:
    """Find an application by id, else by name in any case. Raises: Missing."""
    found = model.entities.get(EntityId(key))
    if found is not None and found.is_application:
        return found
    name = key.lower()
    named = next((each for each in model.applications() if each.name.lower() == name), None)
    if named is None:
        raise Missing(f"Application '{key}' not found")
    return named


def entity(model: Model, application_key: str, key: str) -> Entity:
    """Find an entity of an application by id, else by name, parents first. Raises: Missing, OtherApplication."""
    root = application(model, application_key)
    found = model.entities.get(EntityId(key))
    if found is not None:
        if found.application != root.id:
            raise OtherApplication(
                f"Application '{application_key}' specified does not match application '{found.application}' to which "
                f"entity '{key}' ({found.name}) is associated"
            )
        return found
    named = next((each for each in model.descendants(root.id) if each.name == key), None)
    if named is None:
        raise Missing(f"Cannot find entity '{key}' in application '{application_key}' ({root.name})")
    return named


def there(entity: Entity, call: Call) -> Holds:
    """Answer for how long a path goes on to name this entity, which `call` has found."""
    if (entity.application, entity.id) != (call.params["app"], call.params["entity"]):
        return lambda views: False  # by a name, which another one may have tomorrow
    return lambda views: entity.id in views.model.entities


def unchanged(entity: Entity, call: Call) -> Holds:
    """Answer for how long an answer holds that tells of one entity alone, found by `call`."""
    if (entity.application, entity.id) != (call.params["app"], call.params["entity"]):
        return lambda views: False  # by a name, which another one may have tomorrow
    return lambda views: views.model.entities.get(entity.id) is entity


def task(model: Model, key: str) -> Task:
    """Find a task. Raises: Missing."""
    found = model.tasks.get(TaskId(key))
    if found is None:
        raise Missing(f"Cannot find task '{key}' - possibly garbage collected to save memory")
    return found


def visible_config(model: Model, entity: Entity, registry: Registry | None = None) -> dict[str, Any]:
    """Answer an entity's own config and what it inherits: the nearest value of a key counts.

    With a registry, keys that a type declares as not inherited end at the entity that sets them.
    """
    values: dict[str, Any] = dict(entity.config)
    at = model.entities.get(entity.parent) if entity.parent is not None else None
    while at is not None:
        declaring = registry.find(at.type) if registry is not None else None
        for key, value in at.config.items():
            declared = declaring.key(key) if declaring is not None else None
            if declared is None or declared.inherited:
                values.setdefault(key, value)
        at = model.entities.get(at.parent) if at.parent is not None else None
    return values


def shown_sensor(name: str, value: Any, suppress: bool) -> Any:
    """Answer a sensor's value as REST shows it; a service state is always in capitals."""
    if name == "service.state":
        return lifecycle(value)
    return shown(name, value, suppress)


def type_filter(expression: str | None) -> Callable[[str], bool]:
    """Make a test of type names from a regular expression that must match all of the name.

    Refuses what could take for ever: a repeated group, many repetitions. Raises: Invalid.
    """
    if expression is None or expression in (".*", ""):
        return lambda _: True
    repeated_group = re.search(r"\)\s*[*+{?]", expression) is not None
    if len(expression) > _LONGEST or repeated_group or len(re.findall(r"[*+{]", expression)) > _QUANTIFIERS:
        raise Invalid(
            f"typeRegex is too complex: at most {_LONGEST} characters and {_QUANTIFIERS} repetitions, none of a group"
        )
    try:
        compiled = re.compile(expression)
    except re.error as error:
        raise Invalid(f"typeRegex is no regular expression: {error}") from None
    return lambda name: compiled.fullmatch(name) is not None
