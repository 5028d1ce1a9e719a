"""Everything a node can be told, as one frozen tree of values. `cli.config` reads it from files; `app` wires by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from amp.ha.modes import HaMode, PersistMode
from amp.kit.secret import Secret
from amp.store.place import CloudStore, DirectoryStore, StoreSettings

__all__ = ["CloudStore", "DirectoryStore", "Settings", "StoreSettings", "User"]


@dataclass(frozen=True, slots=True)
class User:
    """Who may log in: a plain password, or Brooklyn's salt and lower-case hex SHA-256 of salt + password."""

    name: str
    password: Secret | None
    salt: str | None
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Settings:
    """What a node is told. Durations in seconds.

    `store` None: nothing is persisted (persistMode=DISABLED). `properties`: the merged `brooklyn.*` keys, for
    `/v1/server/config/{key}` and for whoever has options of their own; its values may be secret.
    `forward_writes`: a node that does not lead passes writes on; `node_ca`: the certificates that it trusts in others.
    `warnings`: what the reading of the files found odd but bearable, to be logged once at start.
    """

    home: Path
    ha_mode: HaMode
    persist_mode: PersistMode
    store: StoreSettings | None
    heartbeat_timeout: float
    poll_period: float
    persist_period: float
    host: str
    port: int
    uri: str
    plane_name: str | None
    plane_moved: bool  # the store is no copy: the plane was brought here
    users: tuple[User, ...]
    anyone: bool  # AnyoneSecurityProvider: no authentication
    ignore_persistence_errors: bool
    standby_is_hot: bool
    properties: Mapping[str, str] = field(repr=False, default_factory=dict)
    warnings: tuple[str, ...] = ()
    forward_writes: bool = False
    node_ca: str | None = None
