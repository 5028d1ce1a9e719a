"""What a client may ask the leader to do. Every method returns once its Changes are durable.

This is the one door from REST and CLI to the model.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from amp.kit.ids import EntityId, TaskId
from amp.plane.receipts import Receipt


class Requests(Protocol):
    """Raises, everywhere: Fenced when this node does not lead, Unavailable(unknown=True) when the fate of the write
    is not known. `user` is who asks. With a `receipt` the commit that does the work holds the answer as well; there is
    such a commit then even where nothing had to be changed."""

    async def deploy(
        self, blueprint: str, *, user: str, app_id: str | None = None, receipt: Receipt | None = None
    ) -> tuple[EntityId, TaskId]:
        """Add an application and start it in the background. Answers its id and the id of the start task.
        Raises: Invalid (with line and column), Conflict when `app_id` is in use."""
        ...

    async def add_children(
        self,
        parent: EntityId,
        blueprint: str,
        *,
        user: str,
        start: bool | None = None,
        receipt: Receipt | None = None,
    ) -> tuple[list[EntityId], TaskId | None]:
        """Add the blueprint's services below `parent`; start them unless `start` is False."""
        ...

    async def delete_application(self, application: EntityId, *, user: str, receipt: Receipt | None = None) -> TaskId:
        """Stop an application and forget it, in the background."""
        ...

    async def expunge(self, entity: EntityId, *, release: bool, user: str, receipt: Receipt | None = None) -> TaskId:
        """Forget an entity, after a stop where `release` is set, in the background."""
        ...

    async def invoke(
        self,
        entity: EntityId,
        effector: str,
        parameters: dict[str, Any],
        *,
        user: str,
        receipt: Receipt | None = None,
    ) -> TaskId:
        """Begin an effector. Raises: Missing, Invalid."""
        ...

    async def wait_task(self, task: TaskId, timeout: float | None) -> bool:
        """Wait until a task has ended; False after `timeout` seconds (None: no limit)."""
        ...

    async def cancel_task(self, task: TaskId, *, receipt: Receipt | None = None) -> bool:
        """Cancel a task; False when it had ended. Also a failover does not undo it."""
        ...

    async def answer_task(self, task: TaskId, answer: str, *, receipt: Receipt | None = None) -> None:
        """Answer what a task asks about a step whose end cannot be known. Raises: Invalid, Missing, Conflict."""
        ...

    def live_streams(self, task: TaskId) -> Mapping[str, str]:
        """Answer what the command of a task has written until now; nothing unless it runs on this node."""
        ...

    async def set_sensors(self, entity: EntityId, values: dict[str, Any], *, receipt: Receipt | None = None) -> None:
        """Set sensors from outside."""
        ...

    def begin_sensors(self, entity: EntityId, values: dict[str, Any]) -> asyncio.Future[int]:
        """Begin what `set_sensors` does, and do not wait. Raises, at once or by the future, what that raises."""
        ...

    def begin_config(self, entity: EntityId, values: dict[str, Any]) -> asyncio.Future[int]:
        """Begin what `set_config` does, and do not wait. Raises, at once or by the future, what that raises."""
        ...

    async def clear_sensor(self, entity: EntityId, name: str, *, receipt: Receipt | None = None) -> None:
        """Remove a sensor's value."""
        ...

    async def set_config(
        self, entities: Sequence[EntityId], values: dict[str, Any], *, receipt: Receipt | None = None
    ) -> None:
        """Set config values of some entities, all of them or none. Raises: Invalid."""
        ...

    async def rename(self, entity: EntityId, name: str, *, receipt: Receipt | None = None) -> None:
        """Change an entity's display name."""
        ...

    async def set_tags(self, entity: EntityId, tags: list[Any], *, receipt: Receipt | None = None) -> None:
        """Replace an entity's tags."""
        ...

    async def probe(self, *, receipt: Receipt | None = None) -> int:
        """Write a segment without Changes, as every write is written; answers its seq."""
        ...

    async def set_access(self, location_provisioning_allowed: bool, *, receipt: Receipt | None = None) -> None:
        """Allow or forbid provisioning."""
        ...
