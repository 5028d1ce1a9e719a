"""The console as a part of the distribution: what its lock file names, and what the built pages may ask for.

Its own tests are in console/ (`npm run check`, `npm run e2e`; `make e2e` runs the latter). Here is what packaging
relies on. The built pages are absent from a fresh checkout: those tests are skipped until `make console` has run.
"""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "src" / "amp" / "server" / "console"
INDEX = BUILT / "index.html"

built = pytest.mark.skipif(not INDEX.exists(), reason="the console is not built: make console")


def test_the_lock_file_names_no_download_address() -> None:
    packages = json.loads((ROOT / "console" / "package-lock.json").read_text())["packages"]
    assert len(packages) > 50
    assert [name for name, entry in packages.items() if "resolved" in entry] == []
    assert [name for name, entry in packages.items() if name and "integrity" not in entry] == []


def test_every_dependency_is_pinned_exactly() -> None:
    manifest = json.loads((ROOT / "console" / "package.json").read_text())
    pins = {**manifest["dependencies"], **manifest["devDependencies"]}
    assert [name for name, pin in pins.items() if not re.fullmatch(r"\d+\.\d+\.\d+", pin)] == []


@built
def test_the_page_has_no_script_or_style_of_its_own() -> None:
    page = INDEX.read_text()
    assert re.findall(r"<script(?![^>]*\bsrc=)", page) == []
    assert "<style" not in page
    assert re.findall(r"\son\w+=", page) == []


@built
def test_the_page_names_only_files_that_are_there() -> None:
    named = re.findall(r'(?:src|href)="([^"]+)"', INDEX.read_text())
    assert named
    assert [path for path in named if not path.startswith("/") or not (BUILT / path.lstrip("/")).is_file()] == []


@built
def test_the_first_load_stays_small() -> None:
    scripts = [path.read_bytes() for path in BUILT.rglob("*.js")]
    assert scripts
    assert sum(len(gzip.compress(script)) for script in scripts) < 250_000
