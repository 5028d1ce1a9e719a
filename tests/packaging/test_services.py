"""The service definitions: systemd is content with the unit, upstart's stanzas are well-formed, and both use what a
home really has."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from amp.cli.home import make_home
from amp.cli.node import node_parser
from amp.kit.ids import system_entropy

PACKAGING = Path(__file__).parents[2] / "packaging"
UNIT = (PACKAGING / "amp.service").read_text()
JOB = (PACKAGING / "amp.conf").read_text()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return make_home(tmp_path / "opt-amp", port=20001, host="127.0.0.1", entropy=system_entropy).path


def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(UNIT)
    return parser


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_is_content(tmp_path: Path, home: Path) -> None:
    path = tmp_path / "amp.service"
    path.write_text(UNIT.replace("/opt/amp", str(home)))
    command = ["systemd-analyze", "verify", "--recursive-errors=one", "--man=no", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    path.write_text(path.read_text().replace("KillMode=process", "KillMode=nothing"))
    assert subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stderr != ""


def test_a_stop_ends_amp_and_not_what_it_manages() -> None:
    service = unit()["Service"]
    assert service["KillMode"] == "process"
    assert service["OOMPolicy"] == "continue"
    inherited = {"PrivateTmp", "NoNewPrivileges", "ProtectSystem", "ProtectHome", "SystemCallFilter", "UMask"}
    assert not inherited & set(service)


def test_the_unit_uses_what_a_home_has(home: Path) -> None:
    service = unit()["Service"]
    for key in ("ExecStart", "ExecStop", "ExecStopPost"):
        script, *words = service[key].removeprefix("-").split()
        path = home / Path(script).relative_to("/opt/amp")
        assert os.access(path, os.X_OK)
        command = "ha release" if key == "ExecStopPost" else path.name
        assert f"amp.cli.main {command} " in path.read_text()
        node_parser(command).parse_args([str(home), *words])
    assert service["PIDFile"] == "/opt/amp/pid.txt"
    assert (service["Type"], service["User"]) == ("forking", "amp")


STANZAS = {
    "description", "start", "stop", "setuid", "setgid", "chdir",
    "limit", "exec", "kill", "respawn", "normal", "post-start",
}  # fmt: skip


def test_the_upstart_job_is_well_formed(home: Path) -> None:
    lines = [line for line in JOB.splitlines() if line.strip() and not line.startswith("#")]
    words = [line.split() for line in lines]
    assert {first for first, *_ in words} == STANZAS
    assert JOB.count("(") == JOB.count(")")
    programs = [line for line in lines if re.match(r"(post-start )?exec ", line)]
    assert len(programs) == 2, "one main process, one that waits for it"
    for line in programs:
        script, *arguments = line.partition("exec ")[2].split()
        path = home / Path(script).relative_to("/opt/amp")
        assert os.access(path, os.X_OK)
        node_parser(path.name).parse_args([str(home), *arguments])
    assert "kill signal TERM" in lines
    assert int(next(w for w in words if w[:2] == ["kill", "timeout"])[2]) > 60


@pytest.mark.skipif(shutil.which("init-checkconf") is None, reason="upstart is not installed")
def test_upstart_is_content() -> None:
    assert subprocess.run(["init-checkconf", PACKAGING / "amp.conf"], timeout=60, check=False).returncode == 0
