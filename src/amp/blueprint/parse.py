"""Gives a blueprint's text its meaning: types resolved, keys known, values coerced; or says what is wrong and where.

Nothing is ignored in silence: what this version does not know is refused with line, column and the nearest names. The
one exception is Brooklyn's: inside `brooklyn.config` a key that the type does not declare is kept as it is, because
children may inherit it. `plan` makes Changes of the specs that come out of here.
"""

from __future__ import annotations

from typing import Any

from amp.blueprint import coercion, yaml
from amp.blueprint.places import locations
from amp.blueprint.spec import EntitySpec, LocationSpec
from amp.blueprint.yaml import Entry, Fields, Items, Scalar, Value, invalid
from amp.kit.errors import Invalid
from amp.model.registry import ConfigKey, EntityType, Registry, nearest

APPLICATION = "org.apache.brooklyn.entity.stock.BasicApplication"

_TYPE_KEYS = ("type", "serviceType", "service_type")
SERVICE_KEYS = (
    *_TYPE_KEYS, "name", "description", "id", "iconUrl", "location", "locations",
    "brooklyn.config", "brooklyn.flags", "brooklyn.children", "brooklyn.tags",
)  # fmt: skip
ROOT_KEYS = (
    "name", "description", "origin", "id", "iconUrl", "wrappedApp", "services", "location", "locations",
    "brooklyn.config", "brooklyn.flags", "brooklyn.children", "brooklyn.tags", "brooklyn.catalog",
)  # fmt: skip
LATER = frozenset(
    (
        "brooklyn.policies", "brooklyn.enrichers", "brooklyn.initializers", "brooklyn.parameters",
        "brooklyn.locations", "artifacts", "characteristics",
    )
)  # fmt: skip


def parse_application(text: str, registry: Registry) -> EntitySpec:
    """Read a blueprint as one application. Raises: Invalid, with line and column."""
    root = _document(text)
    if root.get("services") is None and any(root.get(key) for key in _TYPE_KEYS):
        spec = _service(root, registry)
        return spec if spec.type.application else _wrapped(registry, EntitySpec(_application(registry), None), spec)
    _check_keys(root, ROOT_KEYS, _application(registry))
    services = _services(root, registry)
    wrapper = _entity(root, _application(registry), registry)
    if _unwraps(root, services):
        return _merged(wrapper, services[0])
    return _wrapped(registry, wrapper, *services)


def parse_services(text: str, registry: Registry) -> list[EntitySpec]:
    """Read the entities of a blueprint to be added below another: `services`, or one entity. Raises: Invalid."""
    root = _document(text)
    if root.get("services") is None and any(root.get(key) for key in _TYPE_KEYS):
        return [_service(root, registry)]
    for entry in root.entries:
        if entry.key not in ("services", "name", "description", "origin", "brooklyn.catalog"):
            raise invalid(
                f"'{entry.key}' has no meaning where entities are added below another: put it on the entity",
                entry.place,
            )
    return _services(root, registry)


def _document(text: str) -> Fields:
    root = yaml.read(text)
    if root is None:
        raise Invalid("The blueprint is empty: it needs `services`, a list of entities", data={"line": 1, "column": 1})
    if not isinstance(root, Fields):
        raise invalid(f"A blueprint is a map with `services`, not {_kind(root)}", root.place)
    return root


def _services(root: Fields, registry: Registry) -> list[EntitySpec]:
    entry = root.get("services")
    if entry is None:
        raise invalid("The blueprint has no `services`, the list of entities to deploy", root.place)
    if not isinstance(entry.value, Items):
        raise invalid(f"Services block should be a list, but is {_kind(entry.value)}", entry.value.place)
    return [_service(each, registry) for each in entry.value.values]


def _service(value: Value, registry: Registry) -> EntitySpec:
    if not isinstance(value, Fields):
        raise invalid(f"An entity is a map with `type`, not {_kind(value)}", value.place)
    given = [entry for key in _TYPE_KEYS if (entry := value.get(key))]
    if not given:
        raise invalid("An entity needs a `type`", value.place)
    if len(given) > 1:
        raise invalid(f"'{given[0].key}' and '{given[1].key}' both give the type: write one", given[1].place)
    kind = _type(given[0], registry)
    _check_keys(value, SERVICE_KEYS, kind)
    return _entity(value, kind, registry)


def _type(entry: Entry, registry: Registry) -> EntityType:
    name = _text(entry).strip()
    for prefix in ("java:", "catalog:"):
        name = name.removeprefix(prefix)
    found = registry.find(name)
    if found is None:
        known = ", ".join(registry.near(name.partition(":")[0]))
        raise invalid(f"Unknown type '{name}' (known and near to it: {known})", entry.value.place)
    return found


def _check_keys(value: Fields, known: tuple[str, ...], kind: EntityType) -> None:
    for entry in value.entries:
        if entry.key in known or kind.key(entry.key):
            continue
        if entry.key in LATER or entry.key in kind.later or entry.key.startswith("$brooklyn:"):
            raise _not_yet(f"'{entry.key}'", entry)
        names = [*known, *(key.name for key in kind.config), *(key.flag for key in kind.config if key.flag)]
        close = nearest(entry.key, names) or [each for each in known if each not in _TYPE_KEYS[1:]]
        raise invalid(
            f"Unknown key '{entry.key}' of {kind.short} (known and near to it: {', '.join(close)}; "
            "a value for children to inherit belongs into brooklyn.config)",
            entry.place,
        )


def _entity(value: Fields, kind: EntityType, registry: Registry) -> EntitySpec:
    name = value.get("name")
    return EntitySpec(
        type=kind,
        name=_text(name) if name else None,
        config=_config(value, kind),
        tags=_tags(value),
        children=tuple(_service(each, registry) for each in _list(value, "brooklyn.children")),
        locations=locations(value, registry),
    )


def _config(value: Fields, kind: EntityType) -> dict[str, Any]:
    config: dict[str, Any] = {}
    # What is given later wins: keys beside `type`, then brooklyn.flags, then brooklyn.config.
    for entry in value.entries:
        if key := kind.key(entry.key):
            config[key.name] = _coerced(entry, key)
    for entry in _map(value, "brooklyn.flags"):
        key = kind.key(entry.key)
        if key is None:
            names = [name for each in kind.config for name in (each.name, each.flag) if name]
            close = ", ".join(nearest(entry.key, names)) or "none is near"
            raise invalid(f"Unknown flag '{entry.key}' of {kind.short} (known: {close})", entry.place)
        config[key.name] = _coerced(entry, key)
    for entry in _map(value, "brooklyn.config"):
        if entry.key in kind.later or entry.key.startswith("$brooklyn:"):
            raise _not_yet(f"The config key '{entry.key}'", entry)
        key = kind.key(entry.key)
        config[key.name if key else entry.key] = _coerced(entry, key) if key else _plain(entry.value)
    for given, stored in (("id", "camp.plan.id"), ("iconUrl", "iconUrl")):
        if entry_of := value.get(given):
            config[stored] = _text(entry_of)
    return config


def _coerced(entry: Entry, key: ConfigKey) -> Any:
    value = _plain(entry.value)
    try:
        if key.type == "java.lang.String" and isinstance(entry.value, Scalar) and value is not None:
            return entry.value.text if not isinstance(value, bool) else coercion.coerce(value, key.type)
        return coercion.coerce(value, key.type)
    except Invalid as error:
        raise invalid(f"Invalid value for '{entry.key}': {error.message}", entry.value.place) from None


def _tags(value: Fields) -> tuple[Any, ...]:
    return tuple(_plain(each) for each in _list(value, "brooklyn.tags"))


def _plain(value: Value) -> Any:
    for each in yaml.walk(value):
        if isinstance(each, Scalar) and isinstance(each.value, str) and each.value.startswith("$brooklyn:"):
            raise invalid("The `$brooklyn:` language is not supported by this version", each.place)
        if isinstance(each, Fields):
            for entry in each.entries:
                if entry.key.startswith("$brooklyn:"):
                    raise invalid("The `$brooklyn:` language is not supported by this version", entry.place)
    return yaml.plain(value)


def _list(value: Fields, key: str) -> tuple[Value, ...]:
    entry = value.get(key)
    if entry is None or _is_null(entry.value):
        return ()
    if not isinstance(entry.value, Items):
        raise invalid(f"{key} must be a list, is {_kind(entry.value)}", entry.value.place)
    return entry.value.values


def _map(value: Fields, key: str) -> tuple[Entry, ...]:
    entry = value.get(key)
    if entry is None or _is_null(entry.value):
        return ()
    if not isinstance(entry.value, Fields):
        raise invalid(f"{key} must be a map, is {_kind(entry.value)}", entry.value.place)
    return entry.value.entries


def _text(entry: Entry) -> str:
    if not isinstance(entry.value, Scalar) or entry.value.value is None:
        raise invalid(f"'{entry.key}' must be a text, is {_kind(entry.value)}", entry.value.place)
    _plain(entry.value)
    return entry.value.text


def _unwraps(root: Fields, services: list[EntitySpec]) -> bool:
    kept = root.get("wrappedApp")
    if kept is not None:
        try:
            if coercion.coerce(_plain(kept.value), "java.lang.Boolean"):
                return False
        except Invalid as error:
            raise invalid(f"Invalid value for 'wrappedApp': {error.message}", kept.value.place) from None
    carries = any(root.get(key) for key in ("name", "brooklyn.tags", "brooklyn.children"))
    return len(services) == 1 and services[0].type.application and not carries


def _merged(wrapper: EntitySpec, child: EntitySpec) -> EntitySpec:
    config = {**child.config}
    for name, value in wrapper.config.items():
        key = child.type.key(name)
        config[key.name if key else name] = coercion.coerce(value, key.type) if key else value
    places: tuple[LocationSpec, ...] | None = child.locations if wrapper.locations is None else wrapper.locations
    return EntitySpec(child.type, child.name, config, child.tags, child.children, places)


def _wrapped(registry: Registry, wrapper: EntitySpec, *services: EntitySpec) -> EntitySpec:
    config = {**wrapper.config, "brooklyn.wrapper_app": True}
    return EntitySpec(
        wrapper.type, wrapper.name, config, wrapper.tags, (*services, *wrapper.children), wrapper.locations
    )


def _application(registry: Registry) -> EntityType:
    found = registry.find(APPLICATION)
    if found is None:
        raise Invalid(f"no type {APPLICATION} is registered")
    return found


def _not_yet(what: str, entry: Entry) -> Invalid:
    return invalid(f"{what} is not supported by this version", entry.place)


def _is_null(value: Value) -> bool:
    return isinstance(value, Scalar) and value.value is None


def _kind(value: Value) -> str:
    if isinstance(value, Fields):
        return "a map"
    if isinstance(value, Items):
        return "a list"
    return "nothing" if value.value is None else f"'{value.text[:60]}'"
