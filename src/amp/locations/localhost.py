"""The machine that the leading node runs on, as a place for entities: gives the machine, and where files go on it."""

from __future__ import annotations

from amp.kit.errors import Invalid
from amp.model.entity import Location
from amp.remote.local import LocalMachine, local_user
from amp.remote.machine import Machine


def local_machines(location: Location) -> tuple[Machine, str]:
    """Answer this machine for a `localhost` location, and its base directory. Raises: Invalid for other places."""
    if location.spec != "localhost":
        raise Invalid(f"Unknown location '{location.spec}': this version can only run at localhost")
    given = location.config.get("onbox.base.dir")
    base = given if isinstance(given, str) and given else f"/tmp/brooklyn-{local_user()}"  # noqa: S108 - Brooklyn's own
    return LocalMachine(f"{base}/.amp"), base
