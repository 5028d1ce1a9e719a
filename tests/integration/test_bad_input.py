"""What an operator can get wrong: each ends a start with a clear message and the right code, and loses nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from homes import Home, Town, refused, s3_options, serving_fake, until

from amp.cli.options import BROOKLYN, LAUNCHER
from amp.kit.errors import Missing
from amp.testing.servers import S3Server, free_ports, running

pytestmark = pytest.mark.process


@dataclass(frozen=True)
class Line:
    """A line at the end of a file, and what is said of it."""

    file: str
    line: bytes
    words: tuple[str, ...]


LINES = {
    "a bad escape": Line(BROOKLYN, rb"some.key=\u12g4", (r"\u",)),
    "an empty key": Line(BROOKLYN, b"=value", ("key",)),
    "bytes that are not UTF-8": Line(BROOKLYN, b"name=caf\xe9", ("UTF-8",)),
    "an unknown HA mode": Line(
        LAUNCHER, b"highAvailabilityMode=HOT-STANDBY", ("highAvailabilityMode=HOT-STANDBY", "is HOT_STANDBY meant?")
    ),
    "an unknown persist mode": Line(LAUNCHER, b"persistMode=ON", ("persistMode=ON", "AUTO, REBIND, CLEAN")),
    "a timeout that is too short": Line(
        BROOKLYN, b"brooklyn.ha.heartbeatTimeout=1s", ("brooklyn.ha.heartbeatTimeout is 1s", "at least 2s")
    ),
    "a timeout that is no time": Line(BROOKLYN, b"brooklyn.ha.heartbeatTimeout=soon", ("heartbeatTimeout", "soon")),
    "a location that is not there": Line(LAUNCHER, b"persistenceLocation=nowhere", ("persistenceLocation", "nowhere")),
}


@pytest.mark.parametrize("bad", LINES.values(), ids=LINES.keys())
def test_a_line_that_cannot_be_meant_is_named(town: Town, bad: Line) -> None:
    home = town.home()
    path = home.path / bad.file
    path.write_bytes(path.read_bytes() + bad.line + b"\n")
    number = path.read_bytes().count(b"\n")
    refused(home, 1, f"{path}:{number}", *bad.words)
    assert not town.store.exists()


# ---- where the state is to be


def test_a_directory_below_a_file(town: Town) -> None:
    file = town.folder / "file"
    file.write_text("not a directory")
    home = town.home({"persistenceDir": file / "state"})
    refused(home, 2, str(file / "state"))
    assert file.read_text() == "not a directory"


def test_a_directory_that_must_be_there(town: Town) -> None:
    home = town.home({"persistenceDir": town.folder / "mount"}, {"brooklyn.persistence.dir.required": "true"})
    refused(home, 1, "brooklyn.persistence.dir.required", str(town.folder / "mount"))
    assert not (town.folder / "mount").exists()


def test_a_port_in_use(town: Town) -> None:
    first = town.home().start("MASTER")
    second = town.home()
    second.add("etc/org.ops4j.pax.web.cfg", {"org.osgi.service.http.port": first.port})
    before = {path for path in (town.store / "nodes").iterdir()}
    refused(second, 5, f"port {first.port} is in use", "org.osgi.service.http.port")
    assert {path for path in (town.store / "nodes").iterdir()} == before


def test_a_second_start_of_a_home_that_serves(town: Town) -> None:
    home = town.home().start("MASTER")
    pid = home.pid
    done = home.script("start", "amp")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"already running from {home.path}, pid {pid}: stop it with {home.path}/bin/stop" in done.stderr
    assert (home.pid, home.state()) == (pid, "MASTER")


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A server that checks credentials, which not all of them do."""
    for kind in ("versitygw", "seaweedfs"):
        try:
            with running(kind, tmp_path_factory.mktemp("s3")) as server:
                yield server
                return
        except Missing:
            continue
    pytest.skip("no S3 server that checks credentials is installed (make servers)")


WRONG: dict[str, tuple[Callable[[S3Server], dict[str, object]], str]] = {
    "credential": (lambda s3: {"credential": "wrong"}, "credential"),
    "identity": (lambda s3: {"identity": "nobody"}, "identity"),
    "bucket": (lambda s3: {"bucket": "no-such-bucket"}, "no-such-bucket"),
    "endpoint": (lambda s3: {"endpoint": f"http://127.0.0.1:{free_ports(1)[0]}"}, "the connection is refused"),
}


@pytest.mark.s3
@pytest.mark.parametrize(("wrong", "word"), WRONG.values(), ids=WRONG.keys())
def test_an_object_store_that_cannot_be_used(
    town: Town, s3: S3Server, wrong: Callable[[S3Server], dict[str, object]], word: str
) -> None:
    home = town.home(*s3_options(s3, "state", **wrong(s3)))
    said = refused(home, 2, word)
    assert "amptestsecret" not in said + home.log()


def test_a_store_that_ignores_conditions(town: Town) -> None:
    with serving_fake(ignore_conditions=True) as (fake, server):
        home = town.home(*s3_options(server, "state"))
        refused(home, 1, "it ignores the condition (If-None-Match: *)", "conditional writes")
        assert not fake.objects


# ---- a damaged journal


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-10] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("mode", ["AUTO", "MASTER", "HOT_BACKUP"])
def test_a_damaged_segment_is_named_and_nobody_leads_on_it(town: Town, ended: Path, mode: str) -> None:
    town.use(ended)
    bodies = [segment.header.seq for segment in town.journal() if segment.body]
    damaged = town.store / "journal" / f"{bodies[0]:016d}"
    flip(damaged)
    before = sorted((town.store / "journal").iterdir())
    home = town.home({"highAvailabilityMode": mode})
    refused(home, 1, f"journal/{damaged.name} is damaged", "amp store verify")
    assert sorted((town.store / "journal").iterdir()) == before


def test_a_damaged_plane_object_is_named(town: Town, ended: Path) -> None:
    town.use(ended)
    flip(town.store / "plane")
    refused(town.home(), 1, "plane is damaged")


def test_a_standby_that_meets_damage_is_failed_and_does_not_lead(town: Town) -> None:
    """It stays up for the operator, says why, and takes no part."""
    first = town.home(brooklyn={"brooklyn.ha.heartbeatTimeout": "3s"}).start("MASTER")
    second = town.home(brooklyn={"brooklyn.ha.heartbeatTimeout": "3s"}).start("HOT_STANDBY")
    first.kill()
    newest = max(town.journal(), key=lambda segment: segment.header.seq).header.seq
    (town.store / "journal" / f"{newest + 1:016d}").write_bytes(b"what nobody has written")
    second.becomes("FAILED")
    plane = second.get("ha/plane")
    assert f"journal/{newest + 1:016d} is damaged" in plane["problem"]
    assert second.ask("GET", "server/healthy").json() is False
    second.stop()


# ---- blueprints


BLUEPRINTS = {
    "malformed YAML": ("name: app\nservices:\n- type: [BasicEntity\nlocation: x", 4, ""),
    "a tab": ("name: app\nservices:\n\t- type: BasicEntity", 3, ""),
    "an unknown type": (
        "name: app\nlocation: localhost\nservices:\n- type: VanillaSoftwareProces\n",
        4,
        "VanillaSoftwareProcess",
    ),
    "an unknown key": ("name: app\nservics:\n- type: BasicEntity\n", 2, "services"),
}


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    from homes import town

    with town(tmp_path_factory.mktemp("blueprints")) as made:
        yield made.home().start("MASTER")


@pytest.mark.parametrize(("text", "line", "near"), BLUEPRINTS.values(), ids=BLUEPRINTS.keys())
def test_a_bad_blueprint_is_answered_with_its_place(master: Home, text: str, line: int, near: str) -> None:
    seq = master.get("ha/plane")["seq"]
    answer = master.ask("POST", "applications", content=text.encode(), headers={"Content-Type": "application/x-yaml"})
    assert answer.status_code == 400
    message = answer.json()["message"]
    assert f"line {line}, column " in message
    assert near in message
    assert master.get("applications") == []
    assert seq <= master.get("ha/plane")["seq"]
    until(lambda: master.state() == "MASTER")
