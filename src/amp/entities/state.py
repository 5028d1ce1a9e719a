"""Decides how a service is, from what is known of it: its process, its problems, its children, what is meant.

Pure: sensors in, changed sensors out. Rules (Brooklyn's): it is up when nothing says that it is not; meant to be
running it is RUNNING when up and without problems, else ON_FIRE; meant to be anything else it is that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from amp.model.changes import AnyChange, SensorCleared, SensorSet
from amp.model.entity import Entity
from amp.model.model import EXPECTED as EXPECTED

IS_UP = "service.isUp"
STATE = "service.state"
NOT_UP = "service.notUp.indicators"
PROBLEMS = "service.problems"
#: Among the problems: what a task of the entity asks.
QUESTION = "question"

#: A child in one of these states (or in none) is deliberately not running: it neither helps nor hurts.
_IGNORED = frozenset((None, "CREATED", "STARTING", "STOPPING", "STOPPED", "DESTROYED"))
CHILDREN_NOT_UP = "service-not-up-indicators-from-children-and-members"
_CHILDREN_PROBLEMS = "service-lifecycle-indicators-from-children-and-members"


def transition(state: str, now_ms: int) -> str:
    """Write an expected state as Brooklyn does: `running @ 1700000000000 / Tue Nov 14 22:13:20 UTC 2023`."""
    when = datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%a %b %d %H:%M:%S UTC %Y")
    return f"{state.lower().replace('_', '-')} @ {now_ms} / {when}"


def expected(sensors: Mapping[str, Any]) -> str | None:
    """Answer the state that is meant (RUNNING, STOPPED, ...), None when nobody has said."""
    text = sensors.get(EXPECTED)
    return text.partition(" ")[0].upper().replace("-", "_") if isinstance(text, str) else None


def noted(sensors: Mapping[str, Any], sensor: str, key: str, value: str | None) -> dict[str, Any]:
    """Answer a map-valued sensor with one note set, or removed where `value` is None."""
    known = sensors.get(sensor)
    notes = {name: text for name, text in (known if isinstance(known, dict) else {}).items() if name != key}
    return notes if value is None else {**notes, key: value}


def updated(sensors: Mapping[str, Any], updates: Mapping[str, Any]) -> dict[str, Any]:
    """Answer what changes when `updates` come true: those that are news, and the state that follows from them."""
    after = {**sensors, **updates}
    if isinstance(after.get(NOT_UP), dict):
        after[IS_UP] = not after[NOT_UP]
    meant = expected(after)
    if meant in ("STOPPING", "STOPPED"):
        after[IS_UP] = False
    state = _state(meant, after)
    if state is not None:
        after[STATE] = state
    return {name: value for name, value in after.items() if name not in sensors or not _same(sensors[name], value)}


def as_changes(entity: Entity, changed: Mapping[str, Any], now_ms: int) -> list[AnyChange]:
    """Write changed sensors as Changes."""
    return [SensorSet(entity.id, name, value, now_ms) for name, value in changed.items()]


def questioned(entity: Entity, said: str | None, now_ms: int) -> list[AnyChange]:
    """Write Changes that note among an entity's problems what is asked; None: that nothing is asked any more."""
    problems = noted(entity.sensors, PROBLEMS, QUESTION, said)
    return as_changes(entity, updated(entity.sensors, {PROBLEMS: problems}), now_ms)


def cleared(entity: Entity, names: Iterable[str]) -> list[AnyChange]:
    """Write Changes that remove those of the sensors which have values."""
    return [SensorCleared(entity.id, name) for name in names if name in entity.sensors]


def from_children(sensors: Mapping[str, Any], children: Iterable[Entity]) -> dict[str, Any]:
    """Answer what a parent's sensors become, given its children: all must be up and running that are meant to be."""
    watched = list(children)
    up = [child for child in watched if child.sensors.get(IS_UP) is True]
    down = [child for child in watched if child.sensors.get(IS_UP) is False and _told(child) not in _IGNORED]
    burning = [child for child in watched if _told(child) not in (*_IGNORED, "RUNNING")]
    not_up = noted(sensors, NOT_UP, CHILDREN_NOT_UP, _not_up_text(len(up), down))
    problems = noted(sensors, PROBLEMS, _CHILDREN_PROBLEMS, _problem_text(burning))
    return updated(sensors, {NOT_UP: not_up, PROBLEMS: problems})


def blames_children(sensors: Mapping[str, Any]) -> bool:
    """Tell whether anything is noted that comes from children."""
    return CHILDREN_NOT_UP in (sensors.get(NOT_UP) or ()) or _CHILDREN_PROBLEMS in (sensors.get(PROBLEMS) or ())


def _state(meant: str | None, sensors: Mapping[str, Any]) -> str | None:
    up, problems = sensors.get(IS_UP), sensors.get(PROBLEMS)
    if meant == "RUNNING":
        return "RUNNING" if up is True and not problems else "ON_FIRE"
    if meant is not None:
        return meant
    if problems:
        return "STOPPED" if up is False else "ON_FIRE"
    if isinstance(problems, dict) and isinstance(up, bool):
        return "RUNNING" if up else "STOPPED"
    return None


def _not_up_text(up: int, down: list[Entity]) -> str | None:
    if not down:
        return None
    if len(down) == 1:
        return f"{_shown(down[0])} is not up"
    if not up:
        return "None of the entities are up"
    return f"{len(down)} entities are not up, including {_shown(down[0])}"


def _problem_text(burning: list[Entity]) -> str | None:
    if not burning:
        return None
    if len(burning) == 1:
        return f"Required entity not healthy: {_shown(burning[0])} (on-fire)"
    named = ", ".join(f"{_shown(each)} (on-fire)" for each in burning[:3])
    return f"Required entities not healthy: {named}" + (f" and {len(burning) - 3} others" if len(burning) > 3 else "")


def _told(entity: Entity) -> str | None:
    told = entity.sensors.get(STATE)
    return told if isinstance(told, str) else None  # anything may be set from outside


def _shown(entity: Entity) -> str:
    return f"{entity.name} ({entity.id})"


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and one == other
