"""The values that readers see: entities, locations, tasks. Frozen; `model.Model.apply` replaces, never modifies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from amp.kit.ids import EntityId, LocationId, TaskId

_NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Entity:
    """Something managed. `config` holds own values only (no defaults, nothing inherited); `sensors` current values."""

    id: EntityId
    type: str
    name: str
    application: EntityId
    parent: EntityId | None = None
    children: tuple[EntityId, ...] = ()
    config: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    sensors: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    tags: tuple[Any, ...] = ()
    locations: tuple[LocationId, ...] = ()
    blueprint: str | None = None
    created_ms: int = 0

    @property
    def is_application(self) -> bool:
        """True for the root of a tree."""
        return self.parent is None


@dataclass(frozen=True, slots=True)
class Location:
    """A place where entities run."""

    id: LocationId
    type: str
    name: str
    spec: str
    parent: LocationId | None = None
    config: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)


@dataclass(frozen=True, slots=True)
class Step:
    """One try of what a task does, as `StepStarted` and `StepEnded` tell it; `status` is `running` between them."""

    id: str
    kind: str
    node: str = ""
    term: int = 0
    begun_ms: int = 0
    host: str = ""
    turn: str = ""
    env: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    on_interrupt: str = "fail"
    status: str = "running"
    ended_ms: int | None = None
    outcome: Any = None
    stdout: str = ""
    stderr: str = ""


@dataclass(frozen=True, slots=True)
class Resumption:
    """That a task went on under another leader."""

    node: str
    term: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class Task:
    """One run of an effector or a part of one. `status`: running | completed | failed | cancelled | interrupted."""

    id: TaskId
    entity: EntityId
    entity_name: str
    name: str
    description: str = ""
    effector: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    parent: TaskId | None = None
    children: tuple[TaskId, ...] = ()
    submitted_ms: int = 0
    node: str = ""
    term: int = 0
    user: str = ""
    status: str = "running"
    ended_ms: int | None = None
    result: Any = None
    error: str | None = None
    work: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    steps: tuple[Step, ...] = ()
    resumed: tuple[Resumption, ...] = ()
