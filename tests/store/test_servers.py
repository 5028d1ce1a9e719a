"""The test servers start, take the tutorial's region, say READY to scripts, and leave no process behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from amp.kit.errors import Missing, Unavailable
from amp.kit.ids import system_entropy
from amp.kit.secret import Secret
from amp.store.cloud import CloudObjects
from amp.store.place import CloudStore
from amp.store.probe import probe
from amp.testing.azurite import running_azurite
from amp.testing.servers import S3Server, free_ports, make_bucket, running, tools

MODULE = [sys.executable, "-m", "amp.testing.servers"]


@pytest.mark.parametrize(
    "kind",
    ["ministack", pytest.param("versitygw", marks=pytest.mark.s3), pytest.param("seaweedfs", marks=pytest.mark.s3)],
)
async def test_takes_the_region_of_the_tutorial(kind: str, request: pytest.FixtureRequest) -> None:
    server: S3Server = request.getfixturevalue(kind)
    assert server.region == "eu-west-1"
    await probe(CloudObjects(server.place("region")), system_entropy)


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_script_runs_one_and_makes_buckets(tmp_path: Path) -> None:
    if not (tools() / "servers/bin/ministack").is_file():
        pytest.skip("ministack is not installed (run `make servers`)")
    port = free_ports(1)[0]
    command = [
        *MODULE,
        "s3",
        "--server",
        "ministack",
        "--port",
        str(port),
        "--dir",
        str(tmp_path),
        "--bucket",
        "my-bucket",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as script:
        assert script.stdout is not None
        line = script.stdout.readline()
        assert line == f"READY http://127.0.0.1:{port} bucket=my-bucket\n"
        child = int(re.findall(r"\d+", Path(f"/proc/{script.pid}/task/{script.pid}/children").read_text())[0])
        bucket = [*MODULE, "bucket", "--endpoint", f"http://127.0.0.1:{port}", "--bucket", "second"]
        for _ in range(2):  # a bucket that is there and ours is no error
            made = subprocess.run(bucket, capture_output=True, text=True, timeout=60, check=False)
            assert (made.returncode, made.stdout) == (0, f"MADE http://127.0.0.1:{port} bucket=second\n"), made.stderr
        script.send_signal(signal.SIGTERM)
        assert script.wait(30) == 0
    assert gone(child)


def test_a_bucket_that_cannot_be_made(tmp_path: Path) -> None:
    port = free_ports(1)[0]
    environment = {**os.environ, "PASS": "hush-hush"}
    bucket = [*MODULE, "bucket", "--endpoint", f"http://127.0.0.1:{port}", "--bucket", "b", "--credential-env"]
    made = subprocess.run([*bucket, "PASS"], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert made.returncode == 1
    assert made.stderr.startswith(f"http://127.0.0.1:{port}/b: no answer: ")
    assert "hush" not in made.stderr
    made = subprocess.run([*bucket, "NOT_SET"], capture_output=True, text=True, timeout=60, check=False)
    assert (made.returncode, made.stderr) == (1, "the environment variable NOT_SET is not set\n")


@pytest.mark.s3
async def test_a_bucket_made_with_a_checked_signature(versitygw: S3Server) -> None:
    known = {"region": versitygw.region, "identity": versitygw.identity}
    make_bucket(versitygw.endpoint, "made-here", **known, credential=versitygw.credential)
    make_bucket(versitygw.endpoint, "made-here", **known, credential=versitygw.credential)
    place = CloudStore(
        "s3", "made-here", "", versitygw.region, versitygw.endpoint, versitygw.identity, versitygw.credential
    )
    await probe(CloudObjects(place), system_entropy)
    with pytest.raises(Unavailable, match="could not make the bucket other: 403"):
        make_bucket(versitygw.endpoint, "other", **known, credential=Secret("wrong"))


def test_missing_programs_and_unknown_kinds_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMP_TOOLS", str(tmp_path))
    for kind in ("ministack", "seaweedfs", "versitygw", "s3rver"):
        with pytest.raises(Missing, match=f"{tmp_path}/.* is not installed"), running(kind, tmp_path / kind):
            pass
    with pytest.raises(Missing, match=f"{tmp_path}/.* is not installed"), running_azurite(tmp_path / "azurite"):
        pass
    with pytest.raises(Missing, match="unknown test server: moto"), running("moto", tmp_path / "moto"):
        pass


def test_a_port_in_use_is_refused(ministack: S3Server, tmp_path: Path) -> None:
    port = int(ministack.endpoint.rpartition(":")[2])
    taken = pytest.raises(Unavailable, match=f"port {port} of 127.0.0.1 cannot be used")
    with taken, running("ministack", tmp_path, port=port):
        pass


def test_a_server_that_ends_at_once_is_unavailable_with_its_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "tools/servers/bin/ministack"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho no luck today >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("AMP_TOOLS", str(tmp_path / "tools"))
    with (
        pytest.raises(Unavailable, match="ministack ended with 3: no luck today"),
        running("ministack", tmp_path / "data"),
    ):
        pass
