"""Which store a command of `amp store` means: a directory, `s3://bucket/prefix`, or the one that a home names.

The rule: a store is asked for, never made, by those commands that read; keys and secrets come from the environment, for
other users of a machine can read command lines.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from cyclopts import Parameter

from amp.kit.errors import Invalid, Missing
from amp.kit.secret import Secret
from amp.store.objects import Objects
from amp.store.open import open_store
from amp.store.place import CloudStore, DirectoryStore, StoreSettings, check_place
from amp.store.survey import Progress

_R = TypeVar("_R")
_SCHEMES = {"s3": "s3", "gs": "gcs", "azure": "azure"}
_IDENTITY, _CREDENTIAL = "AMP_STORE_IDENTITY", "AMP_STORE_CREDENTIAL"
_TIMEOUT = 30.0  # seconds for each request


@Parameter(name="*")
@dataclass(frozen=True)
class Where:
    """Which store is meant, beside the argument STORE."""

    home: Annotated[Path | None, Parameter(help="the store that this home directory is configured for")] = None
    endpoint: Annotated[str | None, Parameter(help="the address of a server that is S3-compatible")] = None
    region: Annotated[str | None, Parameter(help="the region of the bucket")] = None


HERE = Where()


def place_of(store: str | None, where: Where) -> StoreSettings:
    """Answer the place that the words name. Raises: Invalid."""
    if (store is None) == (where.home is None):
        raise Invalid(
            "name one store: a directory, s3://BUCKET/PREFIX, or --home HOME", details="See amp store --help."
        )
    if where.home is not None:
        return _of_home(where.home)
    text = store or ""
    scheme, mark, rest = text.partition("://")
    if not mark:
        return DirectoryStore(Path(text))
    provider = _SCHEMES.get(scheme)
    if provider is None:
        raise Invalid(f"{text}: stores begin with {', '.join(f'{each}://' for each in _SCHEMES)}, or are directories")
    bucket, _, prefix = rest.partition("/")
    identity, credential = os.environ.get(_IDENTITY), os.environ.get(_CREDENTIAL)
    if bool(identity) != bool(credential) and provider == "s3":
        raise Invalid(f"{text}: {_IDENTITY} and {_CREDENTIAL} go together: set both or neither")
    place = CloudStore(
        provider=provider,
        bucket=bucket,
        prefix=prefix.strip("/"),
        region=where.region,
        endpoint=where.endpoint,
        identity=identity or None,
        credential=Secret(credential) if credential else None,
    )
    check_place(place)
    return place


def words_of(words: tuple[str, ...], where: Where, usage: str) -> tuple[str | None, str]:
    """Split two words, of which --home replaces STORE; answers the store (None with --home) and the other word.

    `usage`: the two words by name. Raises: Invalid.
    """
    first, second = usage.split()
    other = first if second == "STORE" else second
    if len(words) != (1 if where.home else 2) or not all(words):
        raise Invalid(f"write {usage}, or --home HOME {other}", details="See amp store --help.")
    if where.home:
        return None, words[0]
    return (words[1], words[0]) if second == "STORE" else (words[0], words[1])


def _of_home(home: Path) -> StoreSettings:
    from amp.cli.config import load

    place = load(home, os.environ).store
    if place is None:
        raise Invalid(f"{home} has no store: its persistMode is DISABLED")
    return place


def existing(place: StoreSettings) -> StoreSettings:
    """Let only a place pass that can hold something: a directory must be there. Raises: Missing."""
    if isinstance(place, DirectoryStore) and not os.path.isdir(place.path):
        raise Missing(f"there is no directory {place.path.absolute()}")
    return place


@asynccontextmanager
async def opened(place: StoreSettings) -> AsyncIterator[Objects]:
    """Open a store, and close it."""
    objects = open_store(place, timeout=_TIMEOUT)
    try:
        yield objects
    finally:
        await objects.close()


def run(work: Coroutine[Any, Any, _R]) -> _R:
    """Run what a command does. What a store's own log would say is in the error that ends the command."""
    logging.getLogger("amp.store").addHandler(logging.NullHandler())
    return asyncio.run(work)


def progress(what: str) -> Progress:
    """Show how far it is, on a terminal only."""
    if not sys.stderr.isatty():
        return lambda done, of: None
    shown = -1

    def show(done: int, of: int) -> None:
        nonlocal shown
        percent = done * 100 // max(of, 1)
        if percent != shown or done == of:
            shown = percent
            # back to the start of the line, and clear the rest of it
            print(f"\r{what}: {done} of {of}\x1b[K" + ("\r\x1b[K" if done == of else ""), end="", file=sys.stderr)
            sys.stderr.flush()

    return show
