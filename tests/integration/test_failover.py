"""Failover between real processes: clean stop, kill -9, a freeze. What was promised is kept; one leads at a time."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import httpx
import pytest
from homes import POLL, TIMEOUT, Home, Town, alive, s3_options, until

from amp.testing.servers import S3Server, running

pytestmark = pytest.mark.process

#: What two busy cores may add to a bound of the protocol, in seconds.
SLACK = 1.5


class Watcher:
    """Asks every node for its state, all the time, and notes what was answered when."""

    def __init__(self, homes: list[Home]) -> None:
        self._homes, self._ended = homes, threading.Event()
        # A client for each thread: asking one that hangs must not keep us from asking the other.
        self._threads = [threading.Thread(target=self._watch, args=(home,)) for home in homes]
        self.masters: dict[str, list[tuple[float, float]]] = {home.path.name: [] for home in homes}

    def _watch(self, home: Home) -> None:
        with home.client(timeout=0.5) as client:
            while not self._ended.is_set():
                asked = time.monotonic()
                try:
                    answer = client.get("/v1/server/ha/state")
                except httpx.TransportError:
                    self._ended.wait(0.02)
                    continue
                if answer.text == '"MASTER"':
                    self.masters[home.path.name].append((asked, time.monotonic()))
                self._ended.wait(0.005)

    def __enter__(self) -> Watcher:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()


class Writer:
    """A client that sets one sensor after the other, on whoever takes it; knows what was acknowledged."""

    def __init__(self, homes: list[Home], path: str) -> None:
        self._homes, self._path, self._ended = homes, path, threading.Event()
        self._thread = threading.Thread(target=self._write)
        self.acknowledged: list[int] = []
        self.odd: list[str] = []

    def _write(self) -> None:
        clients = [home.client(timeout=10.0) for home in self._homes]
        number = 0
        while not self._ended.is_set():
            for client in clients:
                number += 1
                try:
                    answer = client.post(self._path, json={f"test.number.{number}": number})
                except httpx.TransportError:
                    continue
                if answer.is_success:
                    self.acknowledged.append(number)
                elif answer.status_code not in (403, 503):
                    self.odd.append(f"{answer.status_code} {answer.text}")
            self._ended.wait(0.005)
        for client in clients:
            client.close()

    def __enter__(self) -> Writer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def wait_for_more(self, count: int = 5) -> None:
        """Wait until so many more writes have been acknowledged."""
        enough = len(self.acknowledged) + count
        until(lambda: len(self.acknowledged) >= enough, what="writes are acknowledged again")


def state_in_the_end(home: Home) -> str:
    """Ask a node for its state, and wait for the answer however long it takes."""
    with home.client(timeout=30.0) as client:
        return str(client.get("/v1/server/ha/state").json())


def read_numbers(home: Home, path: str) -> set[int]:
    """Answer the numbers that a node holds; none while it serves no reads."""
    answer = home.ask("GET", f"{path}/current-state")
    found = answer.json() if answer.status_code == 200 else {}
    return {value for name, value in found.items() if name.startswith("test.number.")}


@contextmanager
def handover(old: Home, new: Home) -> Iterator[Watcher]:
    """Watch how the office goes from one node to the other, and see that they never said MASTER at one moment."""
    with Watcher([old, new]) as watcher:
        until(lambda: watcher.masters[old.path.name])
        yield watcher
        until(lambda: len(watcher.masters[new.path.name]) > 5)
    # What a node answers is true at some moment between question and answer.
    last = max(asked for asked, _ in watcher.masters[old.path.name])
    first = min(answered for _, answered in watcher.masters[new.path.name])
    assert last < first, f"{old.path.name} still said MASTER {last - first:.3f} s after {new.path.name} did"


def pair(town: Town, options: Mapping[str, object] | None = None) -> tuple[Home, Home]:
    """Make a master and a hot standby."""
    return (
        town.home(brooklyn=options).start("MASTER"),
        town.home(brooklyn=options).start("HOT_STANDBY"),
    )


def status_of(home: Home, node: str) -> str | None:
    found = home.get("server/ha/states")["nodes"].get(node)
    return str(found["status"]) if found else None


def test_after_a_clean_stop_the_standby_leads_at_once(town: Town) -> None:
    first, second = pair(town)
    app, entity, pid = town.manage(first)
    old = first.node_id()
    with handover(first, second):
        first.stop()
        second.becomes("MASTER", POLL + 1.0)
    assert status_of(second, old) == "TERMINATED"
    assert first.is_gone()
    assert int(second.sensor(app, entity, "pid")) == pid
    assert alive(pid)


def test_after_a_kill_the_standby_leads_when_the_timeout_is_over_and_not_before(town: Town) -> None:
    first, second = pair(town)
    app, entity, pid = town.manage(first)
    old = first.node_id()
    with handover(first, second):
        first.kill()
        killed, last_beat = time.time(), town.journal()[-1].header
        second.becomes("MASTER", TIMEOUT + 2 * POLL + SLACK + 5)
        took = time.time()
    assert last_beat.node == old
    assert took - last_beat.at / 1000 >= TIMEOUT
    assert took - killed <= TIMEOUT + 2 * POLL + SLACK
    assert status_of(second, old) == "FAILED"

    # What it manages went on, and is watched on: its death is seen by the new master.
    assert int(second.sensor(app, entity, "pid")) == pid
    assert alive(pid)
    assert second.sensor(app, entity, "service.isUp") is True
    os.kill(pid, signal.SIGKILL)
    until(lambda: second.sensor(app, entity, "service.isUp") is False, 5)
    until(lambda: second.sensor(app, app, "service.state") == "ON_FIRE", 5)

    # The one that died comes back as a standby of the other.
    first.start("HOT_STANDBY")
    assert second.state() == "MASTER"


def test_a_master_that_was_frozen_comes_back_as_a_standby(town: Town) -> None:
    first, second = pair(town)
    app, entity, pid = town.manage(first)
    path = f"applications/{app}/entities/{entity}/sensors"
    acknowledged = set(range(20))
    for number in acknowledged:
        assert first.ask("POST", path, json={f"test.number.{number}": number}).status_code == 204
    old = first.node_id()
    with handover(first, second) as watcher:
        first.signal(signal.SIGSTOP)
        second.becomes("MASTER", TIMEOUT + 2 * POLL + SLACK + 5)
        assert second.ask("POST", path, json={"test.number.20": 20}).status_code == 204
        with ThreadPoolExecutor(4) as pool:
            # Asked while another leads: these are the first things that it sees when it wakes.
            asked = [pool.submit(state_in_the_end, first) for _ in range(4)]
            until(lambda: first.unread_requests() >= 4)
            first.signal(signal.SIGCONT)
            answers = [each.result() for each in asked]
        assert "MASTER" not in answers
        first.becomes("HOT_STANDBY")
        seen = len(watcher.masters[second.path.name])
        until(lambda: len(watcher.masters[second.path.name]) > seen + 5)
    assert first.node_id() == old
    assert second.state() == "MASTER"
    for home in (first, second):
        until(lambda home=home: read_numbers(home, path) == acknowledged | {20})
    refusal = first.ask("POST", path, json={"test.number.21": 21})
    assert refusal.status_code == 403
    assert alive(pid)

    # It is a standby like any other: it leads again when the other stops.
    second.stop()
    first.becomes("MASTER", POLL + 1.0)
    assert read_numbers(first, path) == acknowledged | {20}
    assert int(first.sensor(app, entity, "pid")) == pid
    assert alive(pid)


def test_what_a_client_was_told_is_done_survives_a_kill_and_a_stop(town: Town) -> None:
    first, second = pair(town)
    app, entity, pid = town.manage(first)
    path = f"applications/{app}/entities/{entity}/sensors"
    with Writer([first, second], f"/v1/{path}") as writer:
        writer.wait_for_more(20)
        with handover(first, second):
            first.kill()
            second.becomes("MASTER")
            writer.wait_for_more(20)
        first.start("HOT_STANDBY")
        writer.wait_for_more(20)
        with handover(second, first):
            second.stop()
            first.becomes("MASTER", POLL + 1.0)
            writer.wait_for_more(20)
    assert not writer.odd
    assert set(writer.acknowledged) <= read_numbers(first, path)
    assert alive(pid)


def test_a_master_without_its_store_does_nothing_until_it_is_back(town: Town) -> None:
    home = town.home().start("MASTER")
    app, entity, pid = town.manage(home)
    path = f"applications/{app}/entities/{entity}/sensors"
    assert home.ask("POST", path, json={"test.number.1": 1}).status_code == 204
    away = town.folder / "away"
    town.store.rename(away)
    home.becomes("HOT_STANDBY")
    assert home.get("server/healthy") is False
    assert home.get("ha/plane")["fenced"] is True
    refusal = home.ask("POST", path, json={"test.number.2": 2})
    assert (refusal.status_code, refusal.headers["Retry-After"]) == (403, "1")
    assert read_numbers(home, path) == {1}

    away.rename(town.store)
    home.becomes("MASTER", 5)
    assert home.get("server/healthy") is True
    assert home.ask("POST", path, json={"test.number.3": 3}).status_code == 204
    assert read_numbers(home, path) == {1, 3}
    assert town.journal()[-1].header.term == 1
    assert alive(pid)
    assert f"directory {town.store} is gone" in home.log()


SLOW = """\
name: slow
location:
  localhost:
    onbox.base.dir: {folder}/onbox
services:
- type: VanillaSoftwareProcess
  brooklyn.config:
    softwareProcess.serviceProcessIsRunningPollPeriod: 500ms
    launch.command: |
      nohup sleep 300 > /dev/null 2>&1 < /dev/null &
      echo $! > $PID_FILE
      echo $! >> {folder}/pids
      while [ ! -e {folder}/go ]; do sleep 0.1; done
"""


def test_a_start_that_is_under_way_at_a_kill_goes_on(town: Town) -> None:
    first, second = pair(town)
    text = SLOW.format(folder=town.folder)
    pids, go = town.folder / "pids", town.folder / "go"
    answer = first.ask("POST", "applications", content=text.encode(), headers={"Content-Type": "text/yaml"})
    app = answer.json()["entityId"]
    try:
        until(lambda: pids.exists() and pids.read_text().endswith("\n"))
        first.kill()
        second.becomes("MASTER")
        (child,) = second.get(f"applications/{app}/entities/{app}/children")
        assert second.sensor(app, child["id"], "service.state") == "STARTING"
        go.touch()
        until(lambda: second.sensor(app, child["id"], "service.isUp") is True)
        until(lambda: second.sensor(app, app, "service.state") == "RUNNING")
        (only,) = map(int, pids.read_text().split())  # launched once, by the command of the one that was killed
        assert int(second.sensor(app, child["id"], "pid")) == only
        assert alive(only)
    finally:
        go.touch()
        for pid in pids.read_text().split() if pids.exists() else ():
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)


# ---- kinds of standbys


def test_a_warm_standby_knows_nothing_until_it_leads(town: Town) -> None:
    first = town.home().start("MASTER")
    warm = town.home({"highAvailabilityMode": "STANDBY"}).start("STANDBY")
    app, _, pid = town.manage(first)
    assert warm.ask("GET", "applications").status_code == 403
    assert warm.state() == "STANDBY"
    first.stop()
    warm.becomes("MASTER", 2 * POLL + 1.0)
    assert [each["id"] for each in warm.get("applications")] == [app]
    assert alive(pid)


def test_a_hot_standby_serves_reads_and_takes_no_writes(town: Town) -> None:
    _, second = pair(town)
    first = town.homes[0]
    app, entity, _ = town.manage(first)
    hot = {"Brooklyn-Allow-Non-Master-Access": "true"}
    until(lambda: second.ask("GET", "applications", headers=hot).json() == first.get("applications"))
    path = f"applications/{app}/entities/{entity}/sensors"
    assert second.ask("GET", f"{path}/pid", headers=hot).json() == first.sensor(app, entity, "pid")
    assert second.ask("POST", path, headers=hot, json={"test.number.1": 1}).status_code == 403


def test_a_hot_backup_never_leads(town: Town) -> None:
    first = town.home().start("MASTER")
    backup = town.home({"highAvailabilityMode": "HOT_BACKUP"}).start("HOT_BACKUP")
    app, _, _ = town.manage(first)
    hot = {"Brooklyn-Allow-Non-Master-Access": "true"}
    with Watcher([backup]) as watcher:
        first.kill()
        # As long as the journal rests, nobody has stood; wait for what a candidate would have waited.
        until(lambda: backup.get("server/ha/states")["masterId"] is None, TIMEOUT + 5)
        before = len(town.journal())
        began = time.monotonic()
        until(lambda: time.monotonic() - began > TIMEOUT + 4 * POLL, TIMEOUT + 10)
        assert backup.state() == "HOT_BACKUP"
        assert len(town.journal()) == before
        assert [each["id"] for each in backup.ask("GET", "applications", headers=hot).json()] == [app]
        first.start("MASTER")  # its home proves that the run before is dead
    assert not watcher.masters[backup.path.name]


# ---- on an object store


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with running("ministack", tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.mark.s3
def test_both_failovers_on_s3(town: Town, s3: S3Server) -> None:
    homes = [town.home(*s3_options(s3, "failover")) for _ in range(2)]
    first, second = homes
    first.start("MASTER")
    second.start("HOT_STANDBY")
    app, entity, pid = town.manage(first)
    path = f"applications/{app}/entities/{entity}/sensors"
    with Writer(homes, f"/v1/{path}") as writer:
        writer.wait_for_more()
        serving = first.pid
        with handover(first, second):
            first.stop()
            second.becomes("MASTER", POLL + 1.0 + SLACK)
        assert first.is_gone()
        assert not alive(serving)
        assert "AMP has stopped, exit code 0" in first.log()
        writer.wait_for_more()
        first.start("HOT_STANDBY")
        with handover(second, first):
            second.kill()
            killed = time.monotonic()
            first.becomes("MASTER", TIMEOUT + 2 * POLL + SLACK + 5)
            assert time.monotonic() - killed <= TIMEOUT + 2 * POLL + SLACK
        writer.wait_for_more()
    assert not writer.odd
    assert set(writer.acknowledged) <= read_numbers(first, path)
    assert int(first.sensor(app, entity, "pid")) == pid
    assert alive(pid)
    first.stop()
    assert not town.store.exists()
