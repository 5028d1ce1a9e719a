"""Makes the client of each cloud from a store's place: what identity, credential and endpoint mean there.

What the place names wins over the environment; where it names no credential, the client looks where the provider's
own tools do (environment, the machine's role, application default credentials).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from amp.kit.errors import Invalid
from amp.store.place import CloudStore

if TYPE_CHECKING:
    from obstore.store import AzureStore, GCSStore, S3Credential, S3Store


def s3(place: CloudStore, common: dict[str, Any]) -> S3Store:
    """Make an S3 client: path style on an endpoint of its own, the provider's style else."""
    from obstore.store import S3Store

    more: dict[str, Any] = {"disable_bulk_delete": True}  # a plain DELETE, which every S3 has
    if place.endpoint is not None:
        more |= {"endpoint": place.endpoint.rstrip("/"), "virtual_hosted_style_request": False}
    else:
        more |= {"virtual_hosted_style_request": "." not in place.bucket}  # dots break the certificate's name
    if place.region is not None:
        more["region"] = place.region
    secret = _pair(place, "access key", "secret key")
    if secret is not None:
        identity, credential = secret

        def credentials() -> S3Credential:
            return {"access_key_id": identity, "secret_access_key": credential, "token": None, "expires_at": None}

        more["credential_provider"] = credentials
    return S3Store(place.bucket, **common, **more)


def gcs(place: CloudStore, common: dict[str, Any]) -> GCSStore:
    """Make a GCS client from a service account: its JSON, the path of that, or e-mail and private key."""
    from obstore.store import GCSStore

    more: dict[str, Any] = {}
    credential = place.credential.reveal().strip() if place.credential is not None else None
    if credential is None:
        if place.identity is not None:
            raise Invalid(f"gs://{place.bucket}: an identity without credential: set both or neither")
    elif credential.startswith("{"):
        more["service_account_key"] = credential
    elif "-----BEGIN" in credential:
        if place.identity is None:
            raise Invalid(f"gs://{place.bucket}: a private key needs the service account's e-mail as identity")
        key = credential.replace("\\n", "\n")
        account = {"private_key": key, "private_key_id": "", "client_email": place.identity}
        more["service_account_key"] = json.dumps({"type": "service_account", **account})
    else:
        more["service_account"] = credential
    if place.endpoint is not None:
        more["base_url"] = place.endpoint.rstrip("/")
    return GCSStore(place.bucket, **common, **more)


def azure(place: CloudStore, common: dict[str, Any]) -> AzureStore:
    """Make an Azure client for a container: account name with account key or shared access signature."""
    from obstore.store import AzureStore

    if place.identity is None:
        raise Invalid(f"azure://{place.bucket}: the identity, the name of the storage account, is missing")
    more: dict[str, Any] = {"account_name": place.identity}
    if place.credential is not None:
        credential = place.credential.reveal()
        more |= {"sas_key": credential} if "sig=" in credential else {"account_key": credential}
    if place.endpoint is not None:
        more["endpoint"] = place.endpoint.rstrip("/")
    return AzureStore(place.bucket, **common, **more)


def _pair(place: CloudStore, identity: str, credential: str) -> tuple[str, str] | None:
    if place.identity is None and place.credential is None:
        return None
    if not place.identity or place.credential is None or not place.credential.reveal():
        raise Invalid(
            f"{place.provider}://{place.bucket}: identity ({identity}) and credential ({credential}) go together: "
            "set both or neither"
        )
    return place.identity, place.credential.reveal()
