"""Decides which store a home names: a directory, or an object store by `persistenceLocation` and its credentials.

The rule: a location is defined once, in the properties, as for blueprints; what is missing for a store is named with
file, line and key. It connects to nothing; the store's own probe judges whether it can be used.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from amp.cli.layers import ENVIRONMENT, Layers, expand, nearest, where
from amp.cli.options import default_of
from amp.cli.properties import Entry
from amp.kit.errors import Invalid
from amp.kit.secret import Secret
from amp.settings import CloudStore, DirectoryStore, StoreSettings

_NAMED = "brooklyn.location.named."
_PROVIDERS = {"aws-s3": "s3", "s3": "s3", "google-cloud-storage": "gcs", "azureblob": "azure"}
_REGION = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,220}[A-Za-z0-9]")
_PREFIX = re.compile(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*")


def choose_store(layers: Layers) -> StoreSettings:
    """Answer the store that the files name.

    Raises: Invalid, with file, line and key.
    """
    location = _set(layers.launcher.get("persistenceLocation")) or _set(
        layers.brooklyn.get("brooklyn.persistence.location.spec")
    )
    place = _place(layers)
    if location is not None:
        return _cloud(layers, location, place)
    path = expand(place.value.strip() if place else default_of("persistenceDir"), layers.home, layers.environ)
    required = layers.brooklyn.get("brooklyn.persistence.dir.required")
    if required and required.value.strip().lower() == "true" and not path.is_dir():
        raise Invalid(
            f"{where(required)}: brooklyn.persistence.dir.required=true, but the directory {path} is not there: "
            "mount it or make it first"
        )
    return DirectoryStore(path)


def _set(entry: Entry | None) -> Entry | None:
    return entry if entry is not None and entry.value.strip() else None


def _place(layers: Layers) -> Entry | None:
    from_environment = layers.environ.get("BROOKLYN_PERSISTENCE_DIR", "")
    return (
        _set(layers.launcher.get("persistenceDir"))
        or _set(Entry("BROOKLYN_PERSISTENCE_DIR", from_environment, ENVIRONMENT, 0))
        or _set(layers.brooklyn.get("brooklyn.persistence.dir"))
    )


def _cloud(layers: Layers, location: Entry, place: Entry | None) -> CloudStore:
    said = location.value.strip()
    name = said.removeprefix("named:").strip("()")
    definition = _set(layers.brooklyn.get(_NAMED + name))
    spec_entry, spec = (definition, definition.value.strip()) if definition else (location, said)
    words = spec.removeprefix("jclouds:").split(":", 1)
    provider = _PROVIDERS.get(words[0])
    if provider is None:
        raise _unknown(layers, location, definition, name, words[0])
    prefixes = ((_NAMED + name,) if definition else ()) + (
        f"brooklyn.location.jclouds.{words[0]}",
        "brooklyn.location.jclouds",
    )

    def value(key: str) -> Entry | None:
        return next((entry for p in prefixes if (entry := _set(layers.brooklyn.get(f"{p}.{key}")))), None)

    rest = words[1].strip() if len(words) > 1 else ""
    endpoint = value("endpoint") or (Entry("", rest, spec_entry.file, spec_entry.line) if "://" in rest else None)
    region = rest if rest and "://" not in rest else (found.value.strip() if (found := value("region")) else None)
    if region is not None and not _REGION.fullmatch(region):
        raise Invalid(f"{where(spec_entry)}: {spec_entry.key}: {region!r} is not a region such as eu-west-1")
    bucket, prefix = _bucket(location, place)
    return CloudStore(
        provider=provider,
        bucket=bucket,
        prefix=prefix,
        region=region,
        endpoint=_endpoint(endpoint) if endpoint else None,
        identity=_required(location, spec_entry, prefixes[0], "identity", value("identity")),
        credential=Secret(_required(location, spec_entry, prefixes[0], "credential", value("credential"))),
    )


def _unknown(layers: Layers, location: Entry, definition: Entry | None, name: str, provider: str) -> Invalid:
    supported = "aws-s3:REGION, google-cloud-storage and azureblob"
    if definition is not None:
        return Invalid(
            f"{where(definition)}: {definition.key}: {provider!r} is not a store that AMP can share: "
            f"there are {supported}"
        )
    named = {key.removeprefix(_NAMED) for key in layers.brooklyn if key.startswith(_NAMED)}
    options = tuple(f".{option}" for option in ("identity", "credential", "endpoint", "region"))
    mains = {each for each in named if not each.endswith(options)}
    defined = sorted(each for each in mains if not any(each.startswith(f"{other}.") for other in mains))
    near = nearest(name, defined)
    known = f"defined are: {', '.join(defined)}" if defined else "none is defined"
    meant = f" (is {near} meant?)" if near else ""
    return Invalid(
        f"{where(location)}: {location.key}={location.value.strip()}: no location of this name{meant}; {known}. "
        f"Define it in {layers.home / 'etc/brooklyn.cfg'} as {_NAMED}{name}=aws-s3:eu-west-1 with .identity and "
        f".credential, or name a store: {supported}"
    )


def _required(location: Entry, spec: Entry, prefix: str, key: str, entry: Entry | None) -> str:
    if entry is None:
        raise Invalid(
            f"{where(spec)}: the location of {location.key}={location.value.strip()} has no {key}: "
            f"add the line {prefix}.{key}=..."
        )
    text = entry.value.strip()
    if text.startswith("<") and text.endswith(">"):
        raise Invalid(f"{where(entry)}: {entry.key} is still the example's {text}: put the real {key} in its place")
    if text.startswith("$brooklyn:"):
        raise Invalid(f"{where(entry)}: {entry.key}: a store's {key} must be written out; $brooklyn: is not read here")
    return text


def _endpoint(entry: Entry) -> str:
    text = entry.value.strip()
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        good = False
    if not good:
        raise Invalid(
            f"{where(entry)}: {entry.key or 'endpoint'}={text} is not an address such as https://s3.example.org"
        )
    return text.rstrip("/")


def _bucket(location: Entry, place: Entry | None) -> tuple[str, str]:
    if place is None:
        raise Invalid(
            f"{where(location)}: {location.key}={location.value.strip()} needs a bucket: add the line "
            "persistenceDir=BUCKET (or BUCKET/PREFIX)"
        )
    bucket, _, prefix = place.value.strip().strip("/").partition("/")
    odd_prefix = prefix and (not _PREFIX.fullmatch(prefix) or any(part in (".", "..") for part in prefix.split("/")))
    if place.value.strip().startswith(("/", "~")) or not _BUCKET.fullmatch(bucket) or odd_prefix:
        raise Invalid(
            f"{where(place)}: {place.key}={place.value.strip()} is not a bucket, or bucket/prefix, of the store that "
            f"{location.key}={location.value.strip()} names: write letters, digits, '-', '.', '_', "
            "as in my-bucket or my-bucket/amp"
        )
    return bucket, prefix
