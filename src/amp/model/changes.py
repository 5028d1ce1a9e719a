"""The small closed set of Changes: everything durable is one of these, and `model.Model.apply` is their one meaning.

Each is a frozen value; its class name is its tag in the journal, so a name once released is never reused for another
meaning, and a new field needs a default. A Change about something that is gone does nothing: requests and observations
may race with a removal, and every reader must come to the same state.
"""

from __future__ import annotations

from typing import Any

import msgspec

from amp.kit.ids import EntityId, LocationId, TaskId


class Change(msgspec.Struct, frozen=True, tag=True, tag_field="change", omit_defaults=True, gc=False):
    """The root of all Changes. Values inside are plain JSON data and are never modified."""


class EntityAdded(Change, frozen=True, gc=False):
    """An entity came into being. Applications have no `parent` and are their own `application`.

    `type` is the Brooklyn name; `blueprint` the text that it came from (applications only); `created_ms` wall clock.
    """

    id: EntityId
    type: str
    name: str
    application: EntityId
    parent: EntityId | None = None
    config: dict[str, Any] = {}
    tags: list[Any] = []
    blueprint: str | None = None
    created_ms: int = 0


class EntityRemoved(Change, frozen=True, gc=False):
    """An entity and everything below it is no longer managed."""

    id: EntityId


class EntityRenamed(Change, frozen=True, gc=False):
    """An entity has another display name."""

    id: EntityId
    name: str


class EntityLocated(Change, frozen=True, gc=False):
    """An entity is now at exactly these locations."""

    id: EntityId
    locations: list[LocationId] = []


class ConfigSet(Change, frozen=True, gc=False):
    """A config key of an entity has a value of its own."""

    entity: EntityId
    key: str
    value: Any = None


class SensorSet(Change, frozen=True, gc=False):
    """A sensor of an entity has a value. `at_ms`: wall clock of the node that saw it."""

    entity: EntityId
    name: str
    value: Any = None
    at_ms: int = 0


class SensorsSet(Change, frozen=True, gc=False):
    """Several sensors of an entity have values; what a snapshot holds of them."""

    entity: EntityId
    values: dict[str, Any] = {}


class SensorCleared(Change, frozen=True, gc=False):
    """A sensor of an entity has no value any more."""

    entity: EntityId
    name: str


class TagsSet(Change, frozen=True, gc=False):
    """An entity has exactly these tags."""

    entity: EntityId
    tags: list[Any] = []


class LocationAdded(Change, frozen=True, gc=False):
    """A place where entities run. `spec`: as in a blueprint (`localhost`); `type`: the Brooklyn name."""

    id: LocationId
    type: str
    name: str
    spec: str
    parent: LocationId | None = None
    config: dict[str, Any] = {}


class LocationRemoved(Change, frozen=True, gc=False):
    """A location is no longer used."""

    id: LocationId


class TaskStarted(Change, frozen=True, gc=False):
    """A task began: one run of an effector on an entity, or a part of one (`parent`). `node` ran it in `term`.

    `work`: what it does where no effector says so, for whoever has to go on with it.
    """

    id: TaskId
    entity: EntityId
    name: str
    description: str = ""
    effector: str | None = None
    parameters: dict[str, Any] = {}
    parent: TaskId | None = None
    submitted_ms: int = 0
    node: str = ""
    term: int = 0
    user: str = ""
    work: dict[str, Any] = {}


class TaskResumed(Change, frozen=True, gc=False):
    """A task that an earlier leader left under way goes on, on `node` in `term`."""

    id: TaskId
    node: str = ""
    term: int = 0
    at_ms: int = 0


class TaskRecalled(Change, frozen=True, gc=False):
    """A client cancelled a task, or a part of one: whoever leads ends it."""

    id: TaskId


class StepStarted(Change, frozen=True, gc=False):
    """A step of a task is about to begin; written before anything of it happens outside.

    `id`: durable, of this one try, unique in the plane; of a pure step its name, unique in the task. `kind`: pure |
    idempotent | attachable | once. `host`: the machine that it runs on; `turn`: what others wait for meanwhile;
    `env`: its environment as it may be shown; `on_interrupt`: fail | rerun | ask, where its end cannot be known. A
    pure step is a note, which ends as it begins, or a question (`tasks.question`), which ends when it is answered.
    """

    task: TaskId
    id: str
    kind: str = "attachable"
    node: str = ""
    term: int = 0
    at_ms: int = 0
    host: str = ""
    turn: str = ""
    env: dict[str, str] = {}
    on_interrupt: str = "fail"


class StepEnded(Change, frozen=True, gc=False):
    """A step ended. `status`: completed | failed | cancelled | void (never began, never will) | interrupted (its end
    cannot be known). The streams are the last of what it wrote, without secrets; `blobs`: where all of it is, by the
    name of the stream, for those that are longer."""

    task: TaskId
    id: str
    status: str = "completed"
    at_ms: int = 0
    outcome: Any = None
    stdout: str = ""
    stderr: str = ""
    blobs: dict[str, str] = {}


class TaskEnded(Change, frozen=True, gc=False):
    """A task ended. `status`: completed | failed | cancelled | interrupted (its node went away)."""

    id: TaskId
    status: str
    ended_ms: int = 0
    result: Any = None
    error: str | None = None


class AccessSet(Change, frozen=True, gc=False):
    """Whether locations may be provisioned (`/v1/access`)."""

    location_provisioning_allowed: bool


class RequestAnswered(Change, frozen=True, gc=False):
    """A request that carried a key was answered so; it is in the commit that does the request's work.

    `path`: with its segments percent-encoded; `digest`: hex SHA-256 of what was sent; `location`: a path; `answer`: the
    body, empty where there was none or where it was too long to be kept.
    """

    user: str
    method: str
    path: str
    key: str
    digest: str
    status: int
    location: str = ""
    answer: str = ""


class AnswersForgotten(Change, frozen=True, gc=False):
    """So many of the oldest answers to requests with a key are no longer known."""

    count: int


class PlaneReset(Change, frozen=True, gc=False):
    """The state before this is void: the plane begins anew, empty (persistMode=CLEAN)."""


AnyChange = (
    EntityAdded
    | EntityRemoved
    | EntityRenamed
    | EntityLocated
    | ConfigSet
    | SensorSet
    | SensorsSet
    | SensorCleared
    | TagsSet
    | LocationAdded
    | LocationRemoved
    | TaskStarted
    | TaskResumed
    | TaskRecalled
    | StepStarted
    | StepEnded
    | TaskEnded
    | AccessSet
    | RequestAnswered
    | AnswersForgotten
    | PlaneReset
)
