"""What a serving process loads: the heavy libraries of other commands stay out of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from amp.cli.home import make_home
from amp.kit.ids import system_entropy

HEAVY = {"asyncssh", "cyclopts", "rich", "textual", "httpx", "cryptography"}

REPORT = """\
import sys
from amp.cli.main import run
code = run(sys.argv[1:])
print(*sorted({name.partition(".")[0] for name in sys.modules}))
sys.stdout.flush()
import os
os._exit(code)
"""

#: Leaves in an `instance.lock` what a node leaves that has ended.
RUN = """\
import sys
from pathlib import Path
from amp.ha.instance import InstanceLock
lock = InstanceLock(Path(sys.argv[1]))
lock.take()
lock.write("n1")
"""


def loaded(*words: str) -> tuple[int, set[str]]:
    """Run a command in a fresh interpreter; answers its exit code and the top-level modules it has loaded."""
    done = subprocess.run(
        [sys.executable, "-c", REPORT, *words], capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, set(done.stdout.splitlines()[-1].split())


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return make_home(tmp_path / "h", port=20001, host="127.0.0.1", entropy=system_entropy).path


def test_serving_loads_nothing_heavy(home: Path) -> None:
    code, modules = loaded("launch", str(home), "--check")
    assert code == 0
    assert {"amp", "uvloop", "uvicorn", "starlette"} <= modules, "the serving set is what was measured"
    assert not HEAVY & modules


def test_a_health_check_loads_even_less(home: Path) -> None:
    code, modules = loaded("status", str(home))
    assert code == 3
    assert not (HEAVY | {"uvloop", "uvicorn", "starlette", "obstore"}) & modules


def test_a_release_loads_even_less_and_finds_no_plane(home: Path) -> None:
    """It runs between the death of a node and its next start."""
    (home / "etc/org.apache.brooklyn.osgilauncher.cfg").write_text(f"persistenceDir={home}/store\n")
    subprocess.run([sys.executable, "-c", RUN, home / "data/instance.lock"], timeout=60, check=True)
    code, modules = loaded("ha", "release", str(home))
    assert code == 0
    assert "asyncio" in modules, "it has looked into the store"
    assert not (HEAVY | {"uvloop", "uvicorn", "starlette", "obstore"}) & modules


def test_check_tells_warnings_and_errors(home: Path) -> None:
    command = [sys.executable, "-m", "amp.cli.main", "launch", str(home), "--check"]
    path = home / "etc/org.apache.brooklyn.osgilauncher.cfg"
    path.write_text("persistMod=AUTO\n")
    good = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert good.returncode == 0
    assert f"warning: {path}:1: persistMod is not known: is persistMode meant?" in good.stdout
    path.write_text("persistMode=AUT\n")
    bad = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (bad.returncode, bad.stdout) == (1, "")
    assert bad.stderr.startswith(f"amp: {path}:1: persistMode=AUT is unknown (is AUTO meant?)")
