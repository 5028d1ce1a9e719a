"""What a durable step is: the kinds of them, and what the runner needs to know of an act outside to find it again.

Not here: machines, run directories, or what a step does.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from amp.model.changes import AnyChange
from amp.model.entity import Step

PURE = "pure"
IDEMPOTENT = "idempotent"
ATTACHABLE = "attachable"
ONCE = "once"

#: What becomes of a step whose end cannot be known.
FAIL, RERUN, ASK = "fail", "rerun", "ask"
#: What an operator may say of one besides: it did its work.
DONE = "done"

VOID = "void"
RUNNING = "running"


class Fate(enum.Enum):
    """What is known of an act whose leader is gone."""

    BEGUN = "it began: its end can be waited for"
    NEVER = "it did not begin, and never will under this id"
    UNKNOWN = "whether or how it ended cannot be known"


@dataclass(frozen=True, slots=True)
class Ended:
    """How an act ended. `fate` NEVER or UNKNOWN: it has no end of its own, `why` says what is known.

    `blobs`: where all of a stream is kept that is longer than what is told of it. `vouched`: an operator says that it
    did its work, and nobody knows with what outcome.
    """

    fate: Fate = Fate.BEGUN
    outcome: Any = None
    failed: bool = False
    stdout: str = ""
    stderr: str = ""
    why: str = ""
    blobs: Mapping[str, str] = field(default_factory=dict)
    vouched: bool = False


@dataclass(frozen=True, slots=True)
class Traits:
    """What is written of an act before it begins. See `model.changes.StepStarted`."""

    kind: str = ATTACHABLE
    host: str = ""
    turn: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    on_interrupt: str = FAIL


class Act(Protocol):
    """An act outside that has a durable id. Each method asks for the right to act where it acts. Raises: AmpError."""

    @property
    def traits(self) -> Traits:
        """What is written of it before it begins."""
        ...

    async def begin(self, id: str) -> None:
        """Begin it under this id."""
        ...

    async def resolve(self, id: str, step: Step) -> Fate:
        """Find out what became of an act that an earlier leader recorded, and settle it."""
        ...

    async def end(self, id: str, step: Step | None) -> Ended:
        """Wait for its end. `step`: as it was recorded, when another leader began it."""
        ...

    async def stop(self, id: str) -> Ended:
        """End it now, because a client has cancelled it."""
        ...

    async def forget(self, id: str) -> None:
        """Remove what is kept of it outside: its end is durable."""
        ...

    def asks(self, said: str | None) -> Sequence[AnyChange]:
        """Answer what tells of a question about it, where people look; None: of there being none any more."""
        ...

    def streams(self) -> Mapping[str, str]:
        """Answer what it wrote until now, by the name of the stream, without secrets."""
        ...
