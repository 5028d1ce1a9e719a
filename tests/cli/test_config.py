"""From files to Settings: what each key does, which file wins, and what bad input is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from amp.app import _find_plane
from amp.cli.config import load, route_address
from amp.cli.options import BROOKLYN, LAUNCHER, WEB
from amp.ha.modes import HaMode, PersistMode
from amp.kit.clock import SystemClock
from amp.kit.errors import Invalid
from amp.kit.ids import system_entropy
from amp.kit.secret import Secret
from amp.settings import CloudStore, DirectoryStore, Settings, User
from amp.store import mounts
from amp.store.file import DirectoryObjects

Configure = Callable[..., Settings]

TUTORIAL = """\
brooklyn.location.named.aws-s3-eu-west-1=aws-s3:eu-west-1
brooklyn.location.named.aws-s3-eu-west-1.identity=AKIA
brooklyn.location.named.aws-s3-eu-west-1.credential=s3cr3t
"""
TUTORIAL_LAUNCHER = """\
highAvailabilityMode=AUTO
persistMode=AUTO
persistenceLocation=aws-s3-eu-west-1
persistenceDir=my-s3-bucket-name
"""
SHA = "ab" * 32


def test_an_empty_home_has_the_defaults(home: Path, configure: Configure) -> None:
    settings = configure()
    assert (settings.ha_mode, settings.persist_mode) == (HaMode.AUTO, PersistMode.AUTO)
    assert settings.store == DirectoryStore(home / "data/brooklyn-persisted-state")
    assert (settings.heartbeat_timeout, settings.poll_period, settings.persist_period) == (30.0, 1.0, 1.0)
    assert (settings.host, settings.port, settings.uri) == ("0.0.0.0", 8081, "http://192.0.2.7:8081")
    assert (settings.users, settings.anyone, settings.plane_name) == ((), False, None)
    assert (settings.ignore_persistence_errors, settings.standby_is_hot) == (False, True)
    assert len(settings.warnings) == 1
    assert "no user can log in" in settings.warnings[0]


def test_the_tutorial(configure: Configure) -> None:
    settings = configure(TUTORIAL_LAUNCHER, TUTORIAL)
    assert settings.store == CloudStore("s3", "my-s3-bucket-name", "", "eu-west-1", None, "AKIA", Secret("s3cr3t"))
    assert "s3cr3t" not in repr(settings)


@pytest.mark.parametrize("mode", list(HaMode))
def test_every_ha_mode(configure: Configure, mode: HaMode) -> None:
    assert configure(f"highAvailabilityMode={mode.lower()}").ha_mode is mode


@pytest.mark.parametrize("mode", list(PersistMode))
def test_every_persist_mode(configure: Configure, mode: PersistMode) -> None:
    settings = configure(f"persistMode: {mode.capitalize()}")
    assert settings.persist_mode is mode
    assert (settings.store is None) == (mode is PersistMode.DISABLED)
    assert settings.ha_mode is (HaMode.DISABLED if mode is PersistMode.DISABLED else HaMode.AUTO)


@pytest.mark.parametrize(
    ("spec", "provider", "region", "endpoint"),
    [
        ("aws-s3:eu-west-1", "s3", "eu-west-1", None),
        ("jclouds:aws-s3:us-gov-west-1", "s3", "us-gov-west-1", None),
        ("aws-s3", "s3", None, None),
        ("s3:http://127.0.0.1:9000", "s3", None, "http://127.0.0.1:9000"),
        ("google-cloud-storage", "gcs", None, None),
        ("jclouds:google-cloud-storage", "gcs", None, None),
        ("azureblob", "azure", None, None),
    ],
)
def test_location_specifications(
    configure: Configure, spec: str, provider: str, region: str | None, endpoint: str | None
) -> None:
    lines = (f"={spec}", ".identity=i", ".credential=c")
    named = "\n".join(f"brooklyn.location.named.X{line}" for line in lines)
    by_provider = f"brooklyn.location.jclouds.{spec.removeprefix('jclouds:').split(':')[0]}"
    inline = f"{by_provider}.identity=i\n{by_provider}.credential=c"
    expected = CloudStore(provider, "bucket", "a/b", region, endpoint, "i", Secret("c"))
    assert configure("persistenceLocation=X\npersistenceDir=bucket/a/b/", named).store == expected
    assert configure(f"persistenceLocation={spec}\npersistenceDir=bucket/a/b", inline).store == expected


def test_an_endpoint_and_a_region_of_their_own(configure: Configure) -> None:
    more = "brooklyn.location.named.X.endpoint=http://127.0.0.1:9000/\nbrooklyn.location.named.X.region=eu-west-1\n"
    named = TUTORIAL.replace("aws-s3-eu-west-1", "X").replace("=aws-s3:eu-west-1", "=aws-s3")
    store = configure("persistenceLocation=X\npersistenceDir=b-1", named + more).store
    assert isinstance(store, CloudStore)
    assert (store.endpoint, store.region) == ("http://127.0.0.1:9000", "eu-west-1")


@pytest.mark.parametrize(
    ("launcher", "brooklyn", "environ", "expected"),
    [
        ("persistenceDir=shared", "", "", "HOME/shared"),
        ("persistenceDir=/mnt/a", "brooklyn.persistence.dir=/mnt/c", "/mnt/b", "/mnt/a"),
        ("", "brooklyn.persistence.dir=/mnt/c", "/mnt/b", "/mnt/b"),
        ("", "brooklyn.persistence.dir=/mnt/c", "", "/mnt/c"),
        ("persistenceDir=${brooklyn.persistence.dir}", "", "/mnt/b", "/mnt/b"),
        ("persistenceDir=${brooklyn.persistence.dir}", "", "", "HOME/data/brooklyn-persisted-state"),
        ("persistenceDir=${karaf.data}/s", "", "", "HOME/data/s"),
        ("persistenceDir=${env:WHERE}/s", "", "", "/where/s"),
        ("persistenceDir=~/s", "", "", "USER/s"),
    ],
)
def test_directories(
    home: Path, user_home: Path, configure: Configure, launcher: str, brooklyn: str, environ: str, expected: str
) -> None:
    store = configure(launcher, brooklyn, BROOKLYN_PERSISTENCE_DIR=environ, WHERE="/where").store
    assert store == DirectoryStore(Path(expected.replace("HOME", str(home)).replace("USER", str(user_home))))


def test_which_file_wins(user_home: Path, configure: Configure, tmp_path: Path) -> None:
    local = tmp_path / "local.properties"
    metadata = user_home / ".brooklyn/location-metadata.properties"
    glob = user_home / ".brooklyn/brooklyn.properties"
    metadata.write_text("brooklyn.a=metadata\nbrooklyn.b=metadata")
    glob.write_text("brooklyn.b=global\nbrooklyn.c=global")
    local.write_text("brooklyn.c=local\nbrooklyn.d=local")
    glob.chmod(0o600)
    local.chmod(0o600)
    environ = {"brooklyn.d": "environ", "PATH": "/bin"}
    settings = configure(f"localBrooklynPropertiesFile={local}", "brooklyn.a=cfg\nbrooklyn.e=cfg", **environ)
    expected = {"a": "metadata", "b": "global", "c": "local", "d": "environ", "e": "cfg"}
    assert settings.properties == {f"brooklyn.{key}": value for key, value in expected.items()}


def test_another_global_file(configure: Configure, tmp_path: Path) -> None:
    path = tmp_path / "other.properties"
    path.write_text("brooklyn.ha.heartbeatTimeout=3s")
    path.chmod(0o600)
    assert configure(f"globalBrooklynPropertiesFile={path}").heartbeat_timeout == 3.0


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_properties_open_to_others_are_fatal(user_home: Path, configure: Configure, mode: int) -> None:
    path = user_home / ".brooklyn/brooklyn.properties"
    path.write_text("a=b")
    path.chmod(mode)
    with pytest.raises(Invalid, match=f"{path}.*chmod 600 {path}"):
        configure()


def test_a_brooklyn_cfg_open_to_others_is_warned_of(home: Path, configure: Configure, user_home: Path) -> None:
    configure(brooklyn=TUTORIAL)
    (home / BROOKLYN).chmod(0o644)
    warnings = load(home, {"HOME": str(user_home)}, lambda: None).warnings
    assert any("chmod 600" in warning and ".credential" in warning for warning in warnings)
    assert "s3cr3t" not in str(warnings)


@pytest.mark.parametrize(
    ("web", "brooklyn", "uri"),
    [
        ("org.osgi.service.http.port=9000", "", "http://192.0.2.7:9000"),
        ("org.ops4j.pax.web.listening.addresses=127.0.0.1", "", "http://127.0.0.1:8081"),
        ("org.ops4j.pax.web.listening.addresses=amp-1.example.org", "", "http://amp-1.example.org:8081"),
        ("org.ops4j.pax.web.listening.addresses=::1", "", "http://[::1]:8081"),
        ("", "amp.node.uri=https://amp.example.org/", "https://amp.example.org"),
    ],
)
def test_published_address(configure: Configure, web: str, brooklyn: str, uri: str) -> None:
    assert configure(web=web, brooklyn=brooklyn).uri == uri


def test_without_a_route_the_address_is_loopback(home: Path, user_home: Path) -> None:
    assert load(home, {"HOME": str(user_home)}, lambda: None).uri == "http://127.0.0.1:8081"
    found = route_address()
    assert found is None or found.count(".") == 3


def test_node_options(configure: Configure) -> None:
    settings = configure(
        "ignorePersistenceErrors=TRUE\npersistPeriod=500ms",
        "brooklyn.ha.heartbeatTimeout=1m\nbrooklyn.ha.pollPeriod=500ms\namp.plane.name=blue\n"
        "brooklyn.experimental.feature.defaultStandbyIsHot=false",
    )
    assert settings.ignore_persistence_errors
    assert not settings.standby_is_hot
    assert (settings.heartbeat_timeout, settings.poll_period, settings.persist_period) == (60.0, 0.5, 0.5)
    assert settings.plane_name == "blue"


PROVIDER = "brooklyn.webconsole.security.provider="
USERS = "brooklyn.webconsole.security.users="
USER = "brooklyn.webconsole.security.user."


@pytest.mark.parametrize(
    ("brooklyn", "users"),
    [
        (f"{USERS}a\n{USER}a.salt=x\n{USER}a.sha256={SHA.upper()}", (User("a", None, "x", SHA),)),
        (f"{USERS}a\n{USER}a.password=p", (User("a", Secret("p"), None, None),)),
        (f"{USERS}b, a\n{USER}a.password=p\n{USER}b.password=q\n{USER}c.password=r", ("b", "a")),
        (f"{USERS}*\n{USER}a.b.password=p\n{USER}b.sha256={SHA}\n{USER}c.salt=s", ("a.b", "b")),
        (f"{PROVIDER}BlackholeSecurityProvider\n{USERS}a\n{USER}a.password=p", ()),
    ],
)
def test_users(configure: Configure, brooklyn: str, users: tuple[object, ...]) -> None:
    found = configure(brooklyn=brooklyn).users
    assert tuple(user.name if isinstance(want, str) else user for user, want in zip(found, users, strict=True)) == users


def test_a_plain_password_wins_with_a_warning(configure: Configure) -> None:
    settings = configure(brooklyn=f"{USERS}a\n{USER}a.salt=x\n{USER}a.sha256={SHA}\n{USER}a.password=pw")
    assert settings.users == (User("a", Secret("pw"), None, None),)
    assert any("brooklyn.cfg:4" in warning and "wins over" in warning for warning in settings.warnings)


def test_anyone(configure: Configure) -> None:
    settings = configure(brooklyn=f"{PROVIDER}org.apache.brooklyn.rest.security.provider.AnyoneSecurityProvider")
    assert settings.anyone
    assert settings.warnings == ()


@pytest.mark.parametrize(
    ("files", "warning"),
    [
        ({"launcher": "highAvailabiltyMode=AUTO"}, "osgilauncher.cfg:1: highAvailabiltyMode is not known: is highAvai"),
        ({"launcher": "#\nqqq=1"}, "osgilauncher.cfg:2: qqq is not known; it is ignored"),
        ({"brooklyn": "brooklyn.ha.heartbeatTimeut=3s"}, "is brooklyn.ha.heartbeatTimeout meant?"),
        ({"web": "org.osgi.service.http.prt=1"}, "is org.osgi.service.http.port meant?"),
        ({"launcher": "persistMode=AUTO\npersistMode=REBIND"}, "cfg:2: persistMode is set again (first on line 1)"),
        ({"brooklyn": f"{USERS}nobody"}, "brooklyn.cfg:1: user nobody has no password"),
    ],
)
def test_warnings(configure: Configure, files: dict[str, str], warning: str) -> None:
    assert any(warning in found for found in configure(**files).warnings)


L, B, W = LAUNCHER, BROOKLYN, WEB


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"launcher": "a=b\nhighAvailabilityMode=MASTR"}, [f"{L}:2: ", "is MASTER meant", "AUTO, MASTER, STANDBY"]),
        ({"launcher": "persistMode=KEEP"}, [f"{L}:1: ", "DISABLED, AUTO, REBIND, CLEAN"]),
        (
            {"launcher": "highAvailabilityMode=MASTER\npersistMode=DISABLED"},
            [f"{L}:2: ", "highAvailabilityMode=MASTER"],
        ),
        ({"launcher": "persistMode=CLEAN\nhighAvailabilityMode=STANDBY"}, [f"{L}:1: ", "persistMode=CLEAN"]),
        ({"launcher": "persistPeriod=soon"}, [f"{L}:1: persistPeriod: not a duration: 'soon'"]),
        ({"launcher": "persistPeriod=-1s"}, [f"{L}:1: persistPeriod", "not a duration"]),
        ({"launcher": "persistPeriod=0"}, [f"{L}:1: persistPeriod=0 is not more than nothing"]),
        ({"launcher": "persistPeriod=nan"}, [f"{L}:1: persistPeriod=nan"]),
        ({"launcher": "ignorePersistenceErrors=maybe"}, [f"{L}:1: ", "neither true nor false"]),
        ({"launcher": "persistenceDir=${karaf.wat}/x"}, [f"{L}:1: ", "${karaf.wat} is unknown"]),
        ({"launcher": "persistenceDir=${env:NOPE_X}/x"}, [f"{L}:1: ", "NOPE_X is not set"]),
        ({"launcher": "localBrooklynPropertiesFile=/nowhere/x"}, [f"{L}:1: ", "/nowhere/x, which is not there"]),
        ({"launcher": "=AUTO"}, [f"{L}:1:1: ", "no key"]),
        ({"launcher": "a=\\u00g0"}, [f"{L}:1:3: ", "bad escape"]),
        ({"brooklyn": "brooklyn.ha.heartbeatTimeout=3 parsecs"}, [f"{B}:1: brooklyn.ha.heartbeatTimeout: "]),
        ({"brooklyn": "brooklyn.ha.pollPeriod=x"}, [f"{B}:1: brooklyn.ha.pollPeriod: "]),
        ({"brooklyn": "brooklyn.ha.heartbeatTimeout=1s"}, [f"{B}:1: ", "at least 2s", "set it to 2s"]),
        (
            {"brooklyn": "#\nbrooklyn.ha.pollPeriod=20s"},
            [f"{B}:2: ", "two poll periods", "set it to 40s or more, or poll"],
        ),
        ({"brooklyn": f"{PROVIDER}LdapSecurityProvider"}, [f"{B}:1: ", "'LdapSecurityProvider' is not supported"]),
        ({"brooklyn": f"{USERS}a\n{USER}a.sha256=123"}, [f"{B}:2: ", "64 hexadecimal"]),
        ({"brooklyn": "amp.node.uri=here"}, [f"{B}:1: amp.node.uri=here is not an address"]),
        ({"brooklyn": "brooklyn.webconsole.security.https.required=true"}, [f"{B}:1: ", "does not speak TLS"]),
        (
            {"brooklyn": "brooklyn.persistence.dir=/nowhere/x\nbrooklyn.persistence.dir.required=true"},
            ["cfg:2", "/nowhere/x"],
        ),
        ({"web": "org.osgi.service.http.port=80a"}, [f"{W}:1: ", "=80a is not a port"]),
        ({"web": "org.osgi.service.http.port=0"}, [f"{W}:1: ", "from 1 to 65535"]),
        ({"web": "org.osgi.service.http.port=65536"}, [f"{W}:1: "]),
        ({"web": "org.osgi.service.http.port=-1"}, [f"{W}:1: "]),
        ({"web": "org.osgi.service.http.port=\\u0661"}, [f"{W}:1: "]),
        ({"web": "org.ops4j.pax.web.listening.addresses=127.0.0.1,::1"}, [f"{W}:1: ", "lists 2 addresses"]),
        ({"web": "org.ops4j.pax.web.listening.addresses=a b"}, [f"{W}:1: ", "neither an address"]),
        ({"web": "org.osgi.service.http.secure.enabled=true"}, [f"{W}:1: ", "does not speak TLS"]),
        ({"web": "org.osgi.service.http.enabled=false"}, [f"{W}:1: ", "must be true"]),
    ],
)
def test_bad_values_name_their_place(configure: Configure, files: dict[str, str], said: list[str]) -> None:
    with pytest.raises(Invalid) as refused:
        configure(**files)
    for part in said:
        assert part in refused.value.message


@pytest.mark.parametrize(
    ("launcher", "brooklyn", "said"),
    [
        (TUTORIAL_LAUNCHER, "", [f"{L}:3: persistenceLocation=aws-s3-eu-west-1", "none is defined"]),
        (
            TUTORIAL_LAUNCHER,
            TUTORIAL.replace("eu-west-1", "eu-west-2", 1),
            ["is aws-s3-eu-west-2 meant", "defined are: aws-s3-eu-west-2"],
        ),
        (TUTORIAL_LAUNCHER, "\n".join(TUTORIAL.splitlines()[:1]), [f"{B}:1: ", "has no identity", ".identity=..."]),
        (TUTORIAL_LAUNCHER, "\n".join(TUTORIAL.splitlines()[:2]), [f"{B}:1: ", "has no credential"]),
        (TUTORIAL_LAUNCHER, TUTORIAL.replace("AKIA", "<AWS Identity>"), [f"{B}:2: ", "example's <AWS Identity>"]),
        (TUTORIAL_LAUNCHER, TUTORIAL.replace("s3cr3t", '$brooklyn:external("a","b")'), [f"{B}:3: ", "written out"]),
        (TUTORIAL_LAUNCHER, TUTORIAL.replace("=aws-s3:", "=aws-s33:"), [f"{B}:1: ", "'aws-s33' is not a store"]),
        (TUTORIAL_LAUNCHER, TUTORIAL.replace(":eu-west-1", ":EU west"), [f"{B}:1: ", "not a region"]),
        (TUTORIAL_LAUNCHER.rsplit("\n", 2)[0], TUTORIAL, [f"{L}:3: ", "needs a bucket"]),
        (TUTORIAL_LAUNCHER.replace("my-s3-bucket-name", "/mnt/x"), TUTORIAL, [f"{L}:4: ", "is not a bucket"]),
        (TUTORIAL_LAUNCHER.replace("my-s3-bucket-name", "bucket/../x"), TUTORIAL, [f"{L}:4: ", "is not a bucket"]),
        (
            TUTORIAL_LAUNCHER,
            TUTORIAL + "brooklyn.location.named.aws-s3-eu-west-1.endpoint=s3.example.org",
            [f"{B}:4: ", "is not an address"],
        ),
    ],
)
def test_bad_locations_name_their_place(configure: Configure, launcher: str, brooklyn: str, said: list[str]) -> None:
    with pytest.raises(Invalid) as refused:
        configure(launcher, brooklyn)
    for part in said:
        assert part in refused.value.message
    assert "s3cr3t" not in refused.value.message


def test_bytes_that_are_not_utf8(home: Path, user_home: Path) -> None:
    (home / B).write_bytes(b"a=b\nc=caf\xe9\n")
    with pytest.raises(Invalid, match=f"{B}:2:6: byte 0xe9"):
        load(home, {"HOME": str(user_home)})


def test_a_directory_in_place_of_a_file(home: Path, user_home: Path) -> None:
    (home / B).mkdir()
    with pytest.raises(Invalid, match="cannot be read: Is a directory"):
        load(home, {"HOME": str(user_home)})


def test_not_a_home(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=f"not the home of an AMP server.*amp init {tmp_path}"):
        load(tmp_path, {})


async def test_a_node_logs_what_of_its_mount_breaks_a_rule(
    home: Path, configure: Configure, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings = configure()
    assert isinstance(settings.store, DirectoryStore)
    table = home / "table"
    table.write_text(f"1 0 0:1 / {settings.store.path} rw - nfs4 filer:/amp rw,hard\n")
    monkeypatch.setattr(mounts, "_TABLE", table)
    objects = DirectoryObjects(settings.store.path)
    await _find_plane(settings, objects, SystemClock(), system_entropy)
    await objects.close()
    (told,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert told.startswith(f"{settings.store.path} (NFS, filer:/amp) is mounted without lookupcache=positive")
