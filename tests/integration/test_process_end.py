"""How the serving process itself ends: with 0 after a clean stop, whatever its store's client has running."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from homes import Home, Town, alive, s3_options, until

from amp.testing.servers import S3Server, running

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with running("ministack", tmp_path_factory.mktemp("s3")) as server:
        yield server


@contextmanager
def launched(home: Home) -> Iterator[subprocess.Popen[str]]:
    """Run `amp launch` as a child, as a service manager does."""
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "amp.cli.main", "launch", home.path],
        env=home.environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def ends_well(home: Home, number: signal.Signals) -> None:
    with launched(home) as child:
        until(lambda: home.state() == "MASTER" or child.poll() is not None)
        child.send_signal(number)
        out, _ = child.communicate(timeout=20)
    assert child.returncode == 0, out
    assert "Traceback" not in out
    assert home.is_gone()


@pytest.mark.s3
def test_a_node_on_s3_ends_with_0_every_time(town: Town, s3: S3Server) -> None:
    home = town.home(*s3_options(s3, "ends"))
    for _ in range(4):
        ends_well(home, signal.SIGTERM)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_node_on_a_directory_ends_with_0(town: Town, number: signal.Signals) -> None:
    ends_well(town.home(), number)
    assert town.journal()[-1].header.kind == "resign"


def test_a_stream_that_is_followed_does_not_hold_up_a_stop(town: Town) -> None:
    home = town.home()
    with launched(home) as child, home.client(timeout=20.0) as client:
        until(lambda: home.state() == "MASTER")
        with client.stream("GET", "/v1/events/stream") as stream:
            assert stream.status_code == 200
            text = stream.iter_text()
            assert next(text)
            child.send_signal(signal.SIGTERM)
            child.communicate(timeout=4)
            rest = "".join(text)
    assert child.returncode == 0
    assert '"state":"TERMINATED"' in rest


@pytest.mark.parametrize("moment", ["claimed", "bound"])
def test_a_stop_ends_a_start_at_any_moment(town: Town, moment: str) -> None:
    home = town.home()
    reached = {"claimed": (home.path / "pid.txt").exists, "bound": home.listens}[moment]
    with launched(home) as child:
        until(reached)
        child.send_signal(signal.SIGTERM)
        out, _ = child.communicate(timeout=20)
    assert child.returncode == 0, out
    assert "Traceback" not in out
    assert home.is_gone()


@pytest.mark.parametrize("applications", [True, False])
def test_a_shutdown_by_rest_ends_the_process_and_what_it_was_told_to(town: Town, applications: bool) -> None:
    home = town.home()
    with launched(home) as child:
        until(lambda: home.state() == "MASTER")
        _, _, pid = town.manage(home)
        form = {"stopAppsFirst": str(applications).lower(), "delayForHttpReturn": "0s"}
        assert home.ask("POST", "server/shutdown", data=form).is_success
        out, _ = child.communicate(timeout=20)
    assert child.returncode == 0, out
    assert home.is_gone()
    assert alive(pid) is not applications
    assert town.journal()[-1].header.kind == "resign"


def test_bin_stop_of_what_does_not_run_is_content(town: Town) -> None:
    home = town.home()
    done = home.script("stop")
    assert (done.returncode, done.stdout) == (0, f"AMP is not running from {home.path}\n")
    home.start("MASTER").kill()
    done = home.script("stop")
    assert done.returncode == 0
    assert "was left over by pid" in done.stdout
    assert home.is_gone()
