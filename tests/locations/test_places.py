"""The one place of this version."""

from __future__ import annotations

import pytest

from amp.kit.errors import Invalid
from amp.kit.ids import LocationId
from amp.locations.localhost import local_machines
from amp.model.entity import Location
from amp.remote.local import local_user


def test_files_go_below_the_users_own_directory_or_the_one_given() -> None:
    _, base = local_machines(Location(LocationId("l"), "t", "n", "localhost"))
    assert base == f"/tmp/brooklyn-{local_user()}"
    machine, base = local_machines(Location(LocationId("l"), "t", "n", "localhost", config={"onbox.base.dir": "/x"}))
    assert base == "/x"
    assert machine.address == "127.0.0.1"


def test_other_places_are_refused() -> None:
    with pytest.raises(Invalid, match="Unknown location 'mars'"):
        local_machines(Location(LocationId("l"), "t", "n", "mars"))
