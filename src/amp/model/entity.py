"""The values that readers see: entities, locations, tasks. Frozen; `model.Model.apply` replaces, never modifies.

They hold plain JSON data, which has no cycles: the collector of cycles need not look at them (`gc=False`), so that a
large plane does not cost pauses.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from amp.kit.ids import EntityId, LocationId, TaskId

_NOTHING: Mapping[str, Any] = {}


class Entity(Struct, frozen=True, gc=False):
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


class Location(Struct, frozen=True, gc=False):
    """A place where entities run."""

    id: LocationId
    type: str
    name: str
    spec: str
    parent: LocationId | None = None
    config: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)


class Step(Struct, frozen=True, gc=False):
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
    blobs: Mapping[str, str] = field(default_factory=lambda: _NOTHING)


class Resumption(Struct, frozen=True, gc=False):
    """That a task went on under another leader."""

    node: str
    term: int
    at_ms: int


class Task(Struct, frozen=True, gc=False):
    """One run of an effector or a part of one. `status`: running | completed | failed | cancelled | interrupted.

    `recalled`: a client cancelled it, while it ran.
    """

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
    recalled: bool = False
