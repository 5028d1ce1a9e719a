"""A place opens as the store that it names, and only what that store needs is imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from amp.kit.secret import Secret
from amp.store.cloud import CloudObjects
from amp.store.file import DirectoryObjects
from amp.store.open import open_store
from amp.store.place import CloudStore, DirectoryStore


async def test_directory(tmp_path: Path) -> None:
    objects = open_store(DirectoryStore(tmp_path / "store"))
    assert isinstance(objects, DirectoryObjects)
    assert objects.name == f"directory {tmp_path}/store"
    assert objects.local
    await objects.close()


@pytest.mark.parametrize(
    ("provider", "name"), [("s3", "s3://amp/p"), ("gcs", "gs://amp/p"), ("azure", "azure://amp/p")]
)
def test_cloud(provider: str, name: str) -> None:
    credential = Secret('{"client_email": "", "private_key": "", "private_key_id": "", "disable_oauth": true}')
    if provider != "gcs":
        credential = Secret("c2VjcmV0")
    objects = open_store(CloudStore(provider, "amp", "p", None, None, "me", credential), timeout=1)
    assert isinstance(objects, CloudObjects)
    assert objects.name == name
    assert not objects.local


def test_a_directory_needs_no_cloud_client(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib\n"
        "from amp.store.open import open_store\n"
        "from amp.store.place import DirectoryStore\n"
        f"open_store(DirectoryStore(pathlib.Path({str(tmp_path)!r})))\n"
        "sys.exit('obstore' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0
