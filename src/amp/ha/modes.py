"""The modes that an operator sets, and what each means at start. Values and tables; nothing acts here.

The words are Brooklyn's (`highAvailabilityMode`, `persistMode` of org.apache.brooklyn.osgilauncher.cfg).
"""

from __future__ import annotations

import enum

from amp.kit.errors import Invalid


class HaMode(enum.StrEnum):
    """What a node wants to be."""

    DISABLED = "DISABLED"
    AUTO = "AUTO"
    MASTER = "MASTER"
    STANDBY = "STANDBY"
    HOT_STANDBY = "HOT_STANDBY"
    HOT_BACKUP = "HOT_BACKUP"

    @property
    def may_lead(self) -> bool:
        """True for modes that stand for election (E1)."""
        return self is not HaMode.HOT_BACKUP

    @property
    def needs_master(self) -> bool:
        """True for modes that fail at start where there is no master."""
        return self in (HaMode.STANDBY, HaMode.HOT_STANDBY)


class PersistMode(enum.StrEnum):
    """What a node does with the state that it finds."""

    DISABLED = "DISABLED"
    AUTO = "AUTO"
    REBIND = "REBIND"
    CLEAN = "CLEAN"


class NodeState(enum.StrEnum):
    """What a node says of itself."""

    INITIALIZING = "INITIALIZING"
    STANDBY = "STANDBY"
    HOT_STANDBY = "HOT_STANDBY"
    HOT_BACKUP = "HOT_BACKUP"
    MASTER = "MASTER"
    FAILED = "FAILED"
    TERMINATED = "TERMINATED"


def combined(ha: HaMode | None, persist: PersistMode) -> HaMode:
    """Answer the HA mode to run, given what was asked (None: nothing) and the persist mode.

    Raises: Invalid, naming both options, for combinations that make no sense.
    """
    if persist is PersistMode.DISABLED:
        if ha in (None, HaMode.AUTO, HaMode.DISABLED):
            return HaMode.DISABLED
        raise Invalid(
            f"highAvailabilityMode={ha} needs a store that all nodes share, but persistMode=DISABLED has none: "
            "set persistMode=AUTO, or highAvailabilityMode=DISABLED"
        )
    if persist is PersistMode.CLEAN and ha in (HaMode.STANDBY, HaMode.HOT_STANDBY, HaMode.HOT_BACKUP):
        raise Invalid(
            f"persistMode=CLEAN removes the state, which only a master may do, but highAvailabilityMode={ha} "
            "starts a standby: set persistMode=AUTO, or highAvailabilityMode=MASTER"
        )
    return ha or HaMode.AUTO
