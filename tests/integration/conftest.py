"""Real servers for these tests: a town of homes for each test, and stores in which a plane has lived before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from homes import Town, town


@pytest.fixture(name="town")
def _town(tmp_path: Path) -> Iterator[Town]:
    with town(tmp_path) as made:
        yield made


@pytest.fixture(scope="session")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose last leader has resigned; it has the application `before`."""
    folder = tmp_path_factory.mktemp("ended")
    with town(folder) as made:
        home = made.home().start("MASTER")
        made.manage(home, "before")
        home.stop()
    return folder / "shared"


@pytest.fixture(scope="session")
def orphaned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose leader died without a word; it has the application `before`."""
    folder = tmp_path_factory.mktemp("orphaned")
    with town(folder) as made:
        home = made.home().start("MASTER")
        made.manage(home, "before")
        home.kill()
    return folder / "shared"
