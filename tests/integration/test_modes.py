"""Every highAvailabilityMode and persistMode from the file, in every situation that a start can meet."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from homes import TIMEOUT, Home, Town, refused, town

pytestmark = pytest.mark.process

NO_MASTER = "there is no master"


@pytest.fixture(scope="module")
def reigning(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Town, Home]]:
    """A plane with a live master, which has the application `before`."""
    with town(tmp_path_factory.mktemp("reigning")) as made:
        home = made.home().start("MASTER")
        made.manage(home, "before")
        yield made, home


def applications(home: Home) -> list[str]:
    return [app["spec"]["name"] for app in home.get("applications")]


def untouched(store: Path) -> bool:
    """Tell whether a store has no trace of a plane."""
    return not [path for path in store.rglob("*") if path.is_file()]


@dataclass(frozen=True)
class Start:
    """What a mode does in a situation. `state` None: it does not start, with this code and these words."""

    mode: str
    state: str | None
    code: int = 0
    words: tuple[str, ...] = ()
    leads: bool = False  # in the end


def fails(mode: str, code: int, *words: str) -> Start:
    return Start(mode, None, code, (f"highAvailabilityMode={mode}", *words))


def ids(start: Start) -> str:
    return f"{start.mode}-{start.state or 'fails'}"


EMPTY = (
    Start("DISABLED", "MASTER", leads=True),
    Start("AUTO", "MASTER", leads=True),
    Start("MASTER", "MASTER", leads=True),
    fails("STANDBY", 1, NO_MASTER),
    fails("HOT_STANDBY", 1, NO_MASTER),
    Start("HOT_BACKUP", "HOT_BACKUP"),
)


@pytest.mark.parametrize("start", EMPTY, ids=ids)
def test_on_an_empty_store(town: Town, start: Start) -> None:
    home = town.home({"highAvailabilityMode": start.mode})
    if start.state is None:
        refused(home, start.code, *start.words, str(town.store))
        assert untouched(town.store)
        return
    home.start(start.state)
    assert home.state() == start.state
    assert (town.store / "plane").is_file()
    assert bool(town.journal()) is start.leads


@pytest.mark.parametrize("start", EMPTY, ids=ids)
def test_where_the_last_master_has_resigned(town: Town, ended: Path, start: Start) -> None:
    town.use(ended)
    before = town.journal()
    home = town.home({"highAvailabilityMode": start.mode})
    if start.state is None:
        refused(home, start.code, *start.words)
        assert town.journal() == before
        return
    home.start(start.state)
    assert applications(home) == ["before"]
    assert (len(town.journal()) > len(before)) is start.leads


ALIVE = (
    fails("DISABLED", 5, "is master already at http://"),
    Start("AUTO", "HOT_STANDBY"),
    fails("MASTER", 5, "is master already at http://"),
    Start("STANDBY", "STANDBY"),
    Start("HOT_STANDBY", "HOT_STANDBY"),
    Start("HOT_BACKUP", "HOT_BACKUP"),
)


@pytest.mark.parametrize("start", ALIVE, ids=ids)
def test_beside_a_live_master(reigning: tuple[Town, Home], start: Start) -> None:
    town, master = reigning
    home = town.home({"highAvailabilityMode": start.mode})
    known = set(master.get("server/ha/states")["nodes"])
    if start.state is None:
        refused(home, start.code, *start.words, f"node {master.node_id()} ", f"at {master.url}")
        assert {segment.header.node for segment in town.journal()} == {master.node_id()}
        assert set(master.get("server/ha/states")["nodes"]) == known
    else:
        home.start(start.state)
        assert home.get("server/ha/states")["masterId"] == master.node_id()
        home.stop()
    assert master.state() == "MASTER"


def test_who_ignores_persistence_errors_stays_up_as_failed(reigning: tuple[Town, Home]) -> None:
    town, master = reigning
    home = town.home({"highAvailabilityMode": "MASTER", "ignorePersistenceErrors": "true"}).start("FAILED")
    assert home.get("server/healthy") is False
    assert f"node {master.node_id()} is master already" in home.get("ha/plane")["problem"]
    assert home.ask("GET", "applications").status_code == 403
    home.stop()
    assert master.state() == "MASTER"


ANYWHERE = {"Brooklyn-Allow-Non-Master-Access": "true"}


def test_who_ignores_persistence_errors_comes_up_without_a_store_and_joins_when_told_to(town: Town) -> None:
    home = town.home({"ignorePersistenceErrors": "true"})

    town.store.write_text("no directory")
    home.start("FAILED")
    problem = home.get("ha/plane")["problem"]
    assert str(town.store) in problem
    assert home.get("server/healthy") is False
    answer = home.ask("POST", "server/ha/state", data={"mode": "AUTO"}, headers=ANYWHERE)
    assert (answer.status_code, str(town.store) in answer.text) == (503, True)  # still so
    town.store.unlink()
    answer = home.ask("POST", "server/ha/state", data={"mode": "AUTO"}, headers=ANYWHERE)
    assert answer.status_code == 200, answer.text
    home.becomes("MASTER")
    town.manage(home)
    home.stop()


DEAD = (
    Start("DISABLED", "MASTER", leads=True),
    Start("AUTO", "HOT_STANDBY", leads=True),
    Start("MASTER", "MASTER", leads=True),
    Start("STANDBY", "STANDBY", leads=True),
    Start("HOT_STANDBY", "HOT_STANDBY", leads=True),
    Start("HOT_BACKUP", "HOT_BACKUP"),
)


@pytest.mark.parametrize("start", DEAD, ids=ids)
def test_where_the_last_master_died(town: Town, orphaned: Path, start: Start) -> None:
    town.use(orphaned)
    home = town.home({"highAvailabilityMode": start.mode}).start(start.state)
    if start.leads:
        home.becomes("MASTER", TIMEOUT + 5)
        assert town.journal()[-1].header.term == 2
    assert applications(home) == ["before"]


# ---- persistMode


@pytest.mark.parametrize("mode", [None, "AUTO", "DISABLED"])
def test_without_persistence_a_node_is_alone_and_writes_nothing(town: Town, mode: str | None) -> None:
    asked = {"highAvailabilityMode": mode} if mode else {}
    home = town.home({"persistMode": "DISABLED", **asked}).start("MASTER")
    assert home.get("ha/plane")["mode"] == "DISABLED"
    town.manage(home)
    home.stop()
    assert not town.store.exists()


@pytest.mark.parametrize("mode", ["MASTER", "STANDBY", "HOT_STANDBY", "HOT_BACKUP"])
def test_without_persistence_no_other_mode_makes_sense(town: Town, mode: str) -> None:
    home = town.home({"persistMode": "DISABLED", "highAvailabilityMode": mode})
    refused(home, 1, "persistMode=DISABLED", f"highAvailabilityMode={mode}", "osgilauncher.cfg:")


def test_auto_starts_fresh_and_loads_what_is_there(town: Town) -> None:
    home = town.home({"persistMode": "AUTO"}).start("MASTER")
    assert applications(home) == []
    town.manage(home, "kept")
    home.stop()
    assert applications(home.start("MASTER")) == ["kept"]


def test_rebind_needs_state(town: Town, ended: Path) -> None:
    home = town.home({"persistMode": "REBIND"})
    refused(home, 1, "persistMode=REBIND", "no state", str(town.store))
    assert untouched(town.store)

    shutil.rmtree(town.store)
    town.use(ended)
    assert applications(home.start("MASTER")) == ["before"]


def test_rebind_beside_a_master_follows_its_state(reigning: tuple[Town, Home]) -> None:
    town, master = reigning
    home = town.home({"persistMode": "REBIND"}).start("HOT_STANDBY")
    assert applications(home) == ["before"]
    home.stop()
    assert master.state() == "MASTER"


def test_rebind_does_not_take_an_empty_plane_for_state(town: Town) -> None:
    town.home().start("MASTER").stop()
    before = town.journal()
    refused(town.home({"persistMode": "REBIND"}), 1, "persistMode=REBIND", "no state")
    assert town.journal() == before


def test_clean_removes_the_state_at_every_start(town: Town, ended: Path) -> None:
    town.use(ended)
    home = town.home({"persistMode": "CLEAN"}).start("MASTER")
    assert applications(home) == []
    town.manage(home, "new")
    home.stop()
    assert applications(home.start("MASTER")) == []
    home.stop()
    assert [segment.header.kind for segment in town.journal()].count("reset") == 2


def test_clean_waits_for_a_master_that_may_live(town: Town, orphaned: Path) -> None:
    town.use(orphaned)
    began = time.monotonic()
    home = town.home({"persistMode": "CLEAN"}).start("MASTER")
    assert time.monotonic() - began >= TIMEOUT
    assert applications(home) == []
    kinds = [segment.header.kind for segment in town.journal() if segment.header.term == 2]
    assert kinds[0] == "elect"
    assert "reset" in kinds


@pytest.mark.parametrize("mode", ["AUTO", "MASTER"])
def test_clean_fails_beside_a_live_master(reigning: tuple[Town, Home], mode: str) -> None:
    town, master = reigning
    home = town.home({"persistMode": "CLEAN", "highAvailabilityMode": mode})
    refused(home, 5, "persistMode=CLEAN", f"node {master.node_id()} ", f"at {master.url}")
    assert applications(master) == ["before"]


@pytest.mark.parametrize("mode", ["STANDBY", "HOT_STANDBY", "HOT_BACKUP"])
def test_clean_is_refused_with_a_standby_mode(town: Town, ended: Path, mode: str) -> None:
    town.use(ended)
    before = town.journal()
    home = town.home({"persistMode": "CLEAN", "highAvailabilityMode": mode})
    refused(home, 1, "persistMode=CLEAN", f"highAvailabilityMode={mode}")
    assert town.journal() == before
