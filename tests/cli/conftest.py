"""A home directory to write configuration into, the environment of a user who has none, and a server to ask."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fake_api import Api

from amp.cli.config import load
from amp.cli.options import BROOKLYN, LAUNCHER, WEB
from amp.settings import Settings

Configure = Callable[..., Settings]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "amp"
    (home / "etc").mkdir(parents=True)
    (home / "data").mkdir()
    return home


@pytest.fixture
def user_home(tmp_path: Path) -> Path:
    folder = tmp_path / "user"
    (folder / ".brooklyn").mkdir(parents=True)
    return folder


@pytest.fixture
def configure(home: Path, user_home: Path) -> Configure:
    """Write the files of a home and load them: `configure(launcher=..., brooklyn=..., web=..., NAME=...)`."""

    def write(launcher: str = "", brooklyn: str = "", web: str = "", **environ: str) -> Settings:
        for name, text in ((LAUNCHER, launcher), (BROOKLYN, brooklyn), (WEB, web)):
            (home / name).write_text(text)
        (home / BROOKLYN).chmod(0o600)
        return load(home, {"HOME": str(user_home)} | environ, route=lambda: "192.0.2.7")

    return write


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """A small server that the commands ask, as a user who is not named."""
    api = Api()
    thread = threading.Thread(target=api.server.serve_forever, args=(0.01,))
    thread.start()
    for name in ("AMP_USER", "AMP_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AMP_URL", api.url)
    yield api
    api.server.shutdown()
    thread.join()
    api.server.server_close()
