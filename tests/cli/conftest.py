"""A home directory to write configuration into, and the environment of a user who has none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

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
