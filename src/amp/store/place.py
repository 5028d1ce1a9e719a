"""Where a store is: a directory, or a bucket of a cloud. Values only; `store.open` makes a store of one.

They live here, below `amp.settings`, which offers them again: the store knows its own address, not a node's settings.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from amp.kit.secret import Secret


@dataclass(frozen=True, slots=True)
class DirectoryStore:
    """A shared or local directory."""

    path: Path


@dataclass(frozen=True, slots=True)
class CloudStore:
    """An object store. `provider`: s3 | gcs | azure. `endpoint` None: the provider's own.

    `identity` and `credential`: S3 access key and secret; GCS client e-mail and private key (or a service account's
    JSON, or the path of one); Azure account name and key (or SAS). Both None: what the machine itself is granted.
    """

    provider: str
    bucket: str
    prefix: str
    region: str | None
    endpoint: str | None
    identity: str | None
    credential: Secret | None


StoreSettings = DirectoryStore | CloudStore
