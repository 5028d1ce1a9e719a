"""Where a store is: a directory, or a bucket of a cloud. Values and their checks; `store.open` makes a store of one.

They live here, below `amp.settings`, which offers them again: the store knows its own address, not a node's settings.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from amp.kit.errors import Invalid
from amp.kit.secret import Secret
from amp.store.keys import check_key

_SCHEMES = {"s3": "s3", "gcs": "gs", "azure": "azure"}
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
_REGION = re.compile(r"[A-Za-z0-9-]+")
_VISIBLE = re.compile(r"[!-~]+")


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


def store_name(place: CloudStore) -> str:
    """Name a bucket and prefix as people do, with the endpoint where it is not the provider's own."""
    path = "/".join(part for part in (place.bucket, place.prefix.strip("/")) if part)
    at = f" at {place.endpoint}" if place.endpoint else ""
    return f"{_SCHEMES.get(place.provider, place.provider)}://{path}{at}"


def check_place(place: CloudStore) -> None:
    """Check what can be checked without asking the store. Raises: Invalid."""
    if place.provider not in _SCHEMES:
        raise Invalid(f"unknown kind of store: {place.provider!r} (known: {', '.join(_SCHEMES)})")
    if not _BUCKET.fullmatch(place.bucket):
        raise Invalid(f"not the name of a bucket: {place.bucket!r} (letters, digits, '-', '.', '_', at least two)")
    if place.prefix.strip("/"):
        check_key(f"{place.bucket}/{place.prefix.strip('/')}")
    if place.region is not None and not _REGION.fullmatch(place.region):
        raise Invalid(f"not a region: {place.region!r} (such as eu-west-1)")
    if place.identity is not None and not _VISIBLE.fullmatch(place.identity):
        raise Invalid(f"{store_name(place)}: the identity has spaces or unusual characters: {place.identity!r}")
    if place.endpoint is not None and not _is_endpoint(place.endpoint):
        raise Invalid(f"not an endpoint: {place.endpoint!r} (write http://HOST:PORT or https://HOST[:PORT])")


def _is_endpoint(text: str) -> bool:
    try:
        parts = urlsplit(text)
        bad_port = parts.port == 0
    except ValueError:
        return False
    plain = _VISIBLE.fullmatch(text) is not None and not parts.query and not parts.fragment and parts.username is None
    return plain and parts.scheme in ("http", "https") and bool(parts.hostname) and not bad_port
