"""Stores for the tests of `amp.store`: in memory, in a directory, and on real servers that run once a session."""

from __future__ import annotations

import itertools
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from amp.kit.errors import Missing
from amp.store.cloud import CloudObjects
from amp.store.file import DirectoryObjects
from amp.store.memory import MemoryObjects
from amp.store.objects import Objects
from amp.testing.azurite import AzureServer, running_azurite
from amp.testing.servers import S3Server, running

_prefixes = itertools.count()
_exit_code: list[int] = []


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Remember how the session ended."""
    _exit_code[:] = [int(exitstatus)]


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """End the process at once, as every user of the cloud client must: its threads may abort a regular exit."""
    if "obstore" in sys.modules and _exit_code and not hasattr(config, "workerinput"):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(_exit_code[0])


def serve(kind: str, directory: Path) -> Iterator[S3Server]:
    """Run a server for a fixture; skip with the reason where it is not installed."""
    try:
        with running(kind, directory) as server:
            yield server
    except Missing as missing:
        pytest.skip(missing.message)


@pytest.fixture(scope="session")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    yield from serve("ministack", tmp_path_factory.mktemp("ministack"))


@pytest.fixture(scope="session")
def seaweedfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    yield from serve("seaweedfs", tmp_path_factory.mktemp("seaweedfs"))


@pytest.fixture(scope="session")
def versitygw(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    yield from serve("versitygw", tmp_path_factory.mktemp("versitygw"))


@pytest.fixture(scope="session")
def s3rver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    yield from serve("s3rver", tmp_path_factory.mktemp("s3rver"))


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AzureServer]:
    try:
        with running_azurite(tmp_path_factory.mktemp("azurite")) as server:
            yield server
    except Missing as missing:
        pytest.skip(missing.message)


@pytest.fixture
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], Objects]:
    """Make an empty store of a kind: `memory`, `directory`, or the name of a server."""

    def make(kind: str) -> Objects:
        if kind == "memory":
            return MemoryObjects()
        if kind == "directory":
            return DirectoryObjects(tmp_path / "store", timeout=30)
        server: S3Server | AzureServer = request.getfixturevalue(kind)
        return CloudObjects(server.place(f"run-{next(_prefixes)}/state"), timeout=30)

    return make


@pytest.fixture
def unwritable() -> Iterator[Path]:
    """Answer an empty directory that this process may read but not write, whoever it runs as."""
    parent = Path(tempfile.mkdtemp(prefix="amp-unwritable-"))
    path = parent / "store"
    path.mkdir()
    path.chmod(0o555)
    parent.chmod(0o755)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)  # root may write anywhere
    try:
        yield path
    finally:
        os.seteuid(user)
        path.chmod(0o755)
        shutil.rmtree(parent)
