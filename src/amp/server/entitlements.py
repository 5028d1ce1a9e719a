"""Who may do what: Brooklyn's levels as one table, chosen by the `brooklyn.entitlements.*` keys. Pure.

A level that nobody knows grants nothing. Rights are for a whole plane, not for single entities.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass


class Right(enum.Enum):
    """What a route asks for; the value completes `User 'x' is not authorized to ...`."""

    SERVER_STATUS = "see the status of the server"
    HA_STATS = "see high-availability figures"
    HA_ADMIN = "administer high availability"
    SEE_ALL_SERVER_INFO = "see and reload the server's configuration"
    SHUTDOWN = "shut the server down"
    SEE_ENTITY = "see entities"
    MODIFY_ENTITY = "modify entities"
    INVOKE_EFFECTOR = "invoke effectors"
    DEPLOY = "deploy applications"
    DELETE = "delete applications and entities"
    SEE_LOCATIONS = "see locations"
    EXECUTE_SCRIPT = "execute scripts"


_ALL = frozenset(Right)
_READING = frozenset({Right.SERVER_STATUS, Right.SEE_ENTITY, Right.SEE_LOCATIONS})
_WORKING = _READING | {
    Right.HA_STATS,
    Right.MODIFY_ENTITY,
    Right.INVOKE_EFFECTOR,
    Right.DEPLOY,
    Right.DELETE,
}


@dataclass(frozen=True, slots=True)
class Level:
    """A named set of rights."""

    name: str
    rights: frozenset[Right]


LEVELS: Mapping[str, Level] = {
    level.name: level
    for level in (
        Level("root", _ALL),
        Level("poweruser", _ALL - {Right.EXECUTE_SCRIPT}),
        Level("user", _WORKING),
        Level("blueprintauthor", _WORKING),
        Level("logviewer", frozenset({Right.SERVER_STATUS})),
        Level("readonly", _READING),
        Level("minimal", frozenset()),
    )
}
_OTHER_NAMES = {"power_user": "poweruser", "log": "logviewer"}
_GLOBAL = "brooklyn.entitlements.global"
_PER_USER = "brooklyn.entitlements.perUser."


def level_of(user: str | None, properties: Mapping[str, str]) -> Level:
    """Answer the level of a user (None: nobody had to log in)."""
    name = properties.get(_GLOBAL, "root")
    if name.rsplit(".", 1)[-1] == "PerUserEntitlementManager":
        fallback = properties.get(_PER_USER + "default", "minimal")
        name = properties.get(_PER_USER + user, fallback) if user else fallback
    key = name.strip().lower()
    return LEVELS.get(_OTHER_NAMES.get(key, key), LEVELS["minimal"])
