"""`amp store` on a bucket, as a process of its own: the cloud client does not outlive an interpreter well."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from amp.kit.errors import Missing
from amp.store.segment import segment_key
from amp.testing.journals import small_plane
from amp.testing.servers import S3Server, running

SECRETS = {"AMP_STORE_IDENTITY": "id", "AMP_STORE_CREDENTIAL": "very secret"}


def amp(*words: object, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "amp.cli.main", "store", *map(str, words)]
    path = {"PATH": "/usr/bin:/bin"}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env={**path, **environ})


def test_a_store_that_does_not_answer_is_unreadable() -> None:
    done = amp("verify", "s3://bucket/amp", "--endpoint", "http://127.0.0.1:1", "--region", "r", environ=SECRETS)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("amp: s3://bucket/amp at http://127.0.0.1:1: could not list")
    assert len(done.stderr.splitlines()) == 1
    assert "very secret" not in done.stderr


def test_half_of_a_credential_is_refused() -> None:
    done = amp("ls", "s3://bucket/amp", environ={"AMP_STORE_IDENTITY": "id"})
    assert (done.returncode, "go together" in done.stderr) == (1, True)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[S3Server]:
    try:
        with running("versitygw", tmp_path / "s3") as server:
            yield server
    except Missing as missing:
        pytest.skip(missing.message)


@pytest.mark.s3
def test_a_plane_in_a_bucket(server: S3Server, tmp_path: Path) -> None:
    environ = {"AMP_STORE_IDENTITY": server.identity, "AMP_STORE_CREDENTIAL": server.credential.reveal()}
    where = (f"s3://{server.bucket}/blue/state", "--endpoint", server.endpoint, "--region", server.region)
    small_plane().write_to(tmp_path / "plane")

    assert amp("verify", *where, environ=environ).returncode == 2  # there is nothing yet
    assert amp("restore", tmp_path / "plane", *where, environ=environ).returncode == 0
    verified = amp("verify", *where, "--deep", environ=environ)
    assert (verified.returncode, verified.stderr) == (0, "")
    assert verified.stdout.startswith(f"s3://{server.bucket}/blue/state at {server.endpoint} is whole: 23 objects")
    assert amp("cat", where[0], segment_key(18), *where[1:], environ=environ).returncode == 0
    assert (
        len(amp("ls", *where, environ=environ).stdout.splitlines()) == 11
    )  # heading, five kinds, blank, heading, three terms
    assert amp("restore", tmp_path / "plane", *where, environ=environ).returncode == 5
    assert amp("backup", where[0], tmp_path / "copy", *where[1:], environ=environ).returncode == 0
    assert amp("repair", *where, environ=environ).stdout == "0 deleted, 0 that cannot be repaired here\n"

    wrong = {**environ, "AMP_STORE_CREDENTIAL": "wrong"}
    refused = amp("verify", *where, environ=wrong)
    assert (refused.returncode, "the credentials are wrong" in refused.stderr) == (2, True)
