"""What readers see: the model's frozen values, the plane's condition, and the stream of what changes.

The server and the console read these and never touch what is live. Everything here is a value or a way to get one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Protocol

from amp.kit.ids import NodeId, PlaneId
from amp.model.model import Model


@dataclass(frozen=True, slots=True)
class NodeView:
    """One node of the plane as this node sees it.

    `state`: MASTER | HOT_STANDBY | STANDBY | HOT_BACKUP | INITIALIZING | FAILED | TERMINATED. `seen_ms`: wall clock of
    that node at its last sign of life; `age_s`: seconds since this node learnt of it, by this node's clock, or None.
    `lag`: segments behind the newest that this node knows of, None where unknown.
    """

    id: NodeId
    instance: str
    uri: str | None
    state: str
    mode: str
    priority: int
    version: str
    term: int | None
    seq: int | None
    lag: int | None
    seen_ms: int | None
    age_s: float | None
    started_ms: int | None
    is_self: bool
    is_master: bool


@dataclass(frozen=True, slots=True)
class HaStatus:
    """The plane as this node sees it now.

    `state` as in NodeView. `master` is None while nobody is known to be in office. `lease_s`: seconds left of this
    node's own lease, None when it has none. `fenced`: it led, its lease ran out, it does not act. `candidate_at_s`:
    seconds until this standby would stand, None when it would not. `problem`: why this node is FAILED.
    `verdict`: one sentence for people: "1 master, 2 hot standbys: can lose one node".
    """

    node: NodeId
    instance: str
    plane: PlaneId | None
    plane_name: str | None
    state: str
    mode: str
    persist_mode: str
    term: int
    seq: int
    in_office: bool
    fenced: bool
    loaded: bool
    lease_s: float | None
    candidate_at_s: float | None
    master: NodeId | None
    master_uri: str | None
    priority: int
    heartbeat_timeout_s: float
    poll_period_s: float
    store: str
    nodes: tuple[NodeView, ...]
    history: tuple[tuple[str, int], ...]  # (state, wall-clock ms), newest first, at most 200
    problem: str | None
    verdict: str
    now_ms: int
    started_ms: int
    shutting_down: bool
    version: str


@dataclass(frozen=True, slots=True)
class HaState:
    """What of `HaStatus` every request is checked against; worked out at each one, so it is little."""

    state: str
    loaded: bool
    fenced: bool
    poll_period_s: float


@dataclass(frozen=True, slots=True)
class StoreMetrics:
    """Counts of journal reads and writes since start. Durations in seconds, times in wall-clock ms or None."""

    writes: int
    write_failures: int
    last_write_ms: int | None
    last_write_s: float | None
    last_write_failure_ms: int | None
    reads: int
    read_failures: int
    last_read_ms: int | None
    last_read_s: float | None
    last_read_failure_ms: int | None
    loads: int
    last_load_s: float | None
    loaded_applications: int
    loaded_entities: int
    loaded_items: int


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the live stream. `topic`: ha | model. `seq`: the journal position that it is of."""

    topic: str
    seq: int
    data: Any  # ha: HaStatus; model: list of Changes


class Views(Protocol):
    """What readers get. `model` must be read again at each use: a node that loads anew has a new one."""

    @property
    def model(self) -> Model:
        """The model as of `seq`."""
        ...

    @property
    def seq(self) -> int:
        """The last segment that is applied to the model."""
        ...

    @property
    def term(self) -> int:
        """The term of the newest segment that this node has read."""
        ...

    def ha(self) -> HaStatus:
        """The plane at this very moment; MASTER only in office with a valid lease."""
        ...

    async def confirm(self, timeout: float) -> None:
        """Prove that this node knows all that anybody was told is done, until now. Raises: Fenced where it does not
        lead, Unavailable where that cannot be found out within `timeout` seconds."""
        ...

    async def blob(self, sha: str) -> bytes | None:
        """Read a file that a Change names by its sha256; None where it is gone. Raises: Unavailable, Damaged."""
        ...

    def ha_state(self) -> HaState:
        """The part of `ha` that every request is checked against, at this very moment."""
        ...

    def store_metrics(self) -> StoreMetrics:
        """What this node did with the store."""
        ...

    def events(self) -> AsyncIterator[Event]:
        """Follow what changes, from now on. Slow readers lose nothing of `ha`; of `model` they get a gap: an Event
        with data None, after which they read everything again. Ends when the node stops."""
        ...

    async def wait_for(self, seq: int, timeout: float) -> bool:
        """Wait until `seq` is applied; False after `timeout` seconds."""
        ...


class HaControl(Protocol):
    """What an operator may ask of this node itself (not of the plane's state)."""

    async def set_mode(self, mode: str, *, force: bool = False) -> str:
        """Change the mode at run time and wait until it is so; answers the state before.

        `force`, with MASTER: the operator vouches that whoever led is dead. Raises: Invalid, Conflict, Unavailable.
        """
        ...

    def asked_to_yield(self, node: str, term: int) -> bool:
        """Another node of the plane asks for the office of a term; answers whether this node hands over."""
        ...

    async def set_priority(self, priority: int) -> int:
        """Change the election priority; answers the priority before."""
        ...

    async def clear_nodes(self, node: str | None = None) -> None:
        """Delete records of nodes that are gone (all, or the one named). The master's and this node's are kept."""
        ...

    def shut_down(self, delay_s: float) -> None:
        """Begin a clean stop of this process after `delay_s` seconds."""
        ...
