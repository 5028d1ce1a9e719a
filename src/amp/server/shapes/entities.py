"""Applications and entities as answers: summaries, details, and what a type declares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from amp.model.entity import Entity
from amp.model.model import Model
from amp.model.registry import ConfigKey, Effector, Sensor
from amp.server.shapes import links

_PARTS = ("children", "config", "sensors", "effectors", "adjuncts", "policies", "activities", "locations", "tags")
_STATUS = {"CREATED": "ACCEPTED", "ON_FIRE": "ERROR"}


def lifecycle(value: Any) -> str | None:
    """Write a service state in its REST form: `on-fire` and `ON_FIRE` are `ON_FIRE`."""
    return None if value is None else str(value).upper().replace("-", "_")


def status(entity: Entity) -> str:
    """Answer an application's status."""
    state = lifecycle(entity.sensors.get("service.state"))
    if state is None:
        return "RUNNING" if entity.sensors.get("service.isUp") is True else "UNKNOWN"
    return _STATUS.get(state, state)


def application_summary(entity: Entity) -> dict[str, Any]:
    """An ApplicationSummary."""
    path = links.application(entity.id)
    return {
        "id": entity.id,
        "spec": {"name": entity.name, "type": entity.type, "locations": list(entity.locations)},
        "status": status(entity),
        "links": {"self": path, "entities": f"{path}/entities"},
    }


def entity_summary(entity: Entity) -> dict[str, Any]:
    """An EntitySummary."""
    path = links.entity(entity)
    at = {"self": path}
    if entity.parent is not None:
        at["parent"] = f"{links.application(entity.application)}/entities/{links.segment(entity.parent)}"
    at["application"] = links.application(entity.application)
    at.update((part, f"{path}/{part}") for part in _PARTS)
    if entity.config.get("iconUrl"):
        at["iconUrl"] = f"{path}/icon"
    at.update(expunge=f"{path}/expunge", rename=f"{path}/name", spec=f"{path}/spec")
    return {"id": entity.id, "name": entity.name, "type": entity.type, "links": at}


def bare(entity: Entity) -> dict[str, Any]:
    """The shortest form of an entity, where a detail ends."""
    return {"id": entity.id, "name": entity.name, "type": entity.type, "links": {"self": links.entity(entity)}}


def detail(model: Model, entity: Entity, depth: int, sensors: Iterable[str] = ()) -> dict[str, Any]:
    """An EntityDetail with `depth` levels of entities (negative: all), bare ones below.

    `sensors`: exact names to show of the outermost entity.
    """
    if depth == 0:
        return bare(entity)
    up = entity.sensors.get("service.isUp")
    answer: dict[str, Any] = {
        **bare(entity),
        "applicationId": entity.application,
        "parentId": entity.parent,
        "groupIds": [],
        "members": [],
        "serviceUp": up if isinstance(up, bool) else None,
        "serviceState": lifecycle(entity.sensors.get("service.state")),
        "iconUrl": f"{links.entity(entity)}/icon" if entity.config.get("iconUrl") else None,
        "creationTimeUtc": entity.created_ms,
        "relations": [],
    }
    children = [model.entities[each] for each in entity.children]
    if children:
        answer["children"] = [detail(model, child, depth - 1) for child in children]
    chosen = {name: entity.sensors[name] for name in sensors if name in entity.sensors}
    if chosen:
        answer["sensors"] = chosen
    return answer


def globbed(values: Mapping[str, Any], patterns: Iterable[str]) -> dict[str, Any]:
    """Answer the values whose names match one of the glob patterns."""
    wanted = list(patterns)
    return {name: value for name, value in values.items() if any(fnmatchcase(name, each) for each in wanted)}


def sensor_summary(entity: Entity, sensor: Sensor) -> dict[str, Any]:
    """A SensorSummary."""
    answer: dict[str, Any] = {"name": sensor.name, "type": sensor.type}
    if sensor.description:
        answer["description"] = sensor.description
    answer["links"] = _links(entity, "sensors", sensor.name, action=True)
    return answer


def config_summary(entity: Entity, key: ConfigKey) -> dict[str, Any]:
    """A ConfigSummary."""
    answer: dict[str, Any] = {"name": key.name, "type": key.type}
    if key.default is not None:
        answer["defaultValue"] = key.default
    if key.description:
        answer["description"] = key.description
    answer.update(reconfigurable=key.reconfigurable, constraints=[])
    answer["links"] = _links(entity, "config", key.name, action=True)
    return answer


def effector_summary(entity: Entity, effector: Effector) -> dict[str, Any]:
    """An EffectorSummary."""
    parameters = []
    for each in effector.parameters:
        parameter = {"name": each.name, "type": each.type, "defaultValue": each.default, "shouldSanitize": False}
        if each.description:
            parameter["description"] = each.description
        parameters.append(parameter)
    answer: dict[str, Any] = {"name": effector.name, "returnType": effector.returns, "parameters": parameters}
    if effector.description:
        answer["description"] = effector.description
    answer["links"] = _links(entity, "effectors", effector.name, action=False)
    return answer


def _links(entity: Entity, part: str, name: str, *, action: bool) -> dict[str, str]:
    path = links.entity(entity)
    own = f"{path}/{part}/{links.segment(name)}"
    at = {"self": own, "application": links.application(entity.application), "entity": path}
    if action:
        at["action:json"] = own
    return at
