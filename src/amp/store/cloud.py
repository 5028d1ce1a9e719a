"""A store in a bucket of S3 (and what speaks S3), Google Cloud Storage or Azure, over obstore.

Each method is one HTTP request (a listing: one a page) with one bound: the client's own retries are off, for only the
caller can tell whether sending again is safe. The client calls a 409 "already exists", though S3 means *undecided* by
it: the status decides here, not the exception's type. What people read names the store, the reason and the next step;
secrets are handed to the client by a callback and are in no message or repr.

obstore's threads may abort the interpreter when it shuts down (exit 134 after all work is done): a process that
used this module flushes its streams and ends by `os._exit`. It must not fork after its first use.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import obstore
from obstore.exceptions import BaseError

from amp.kit.errors import Invalid, Unavailable
from amp.store import providers
from amp.store.answers import Answer, explain, read_answer
from amp.store.keys import check_key, check_prefix
from amp.store.objects import ObjectInfo, Outcome
from amp.store.place import CloudStore, check_place, store_name
from amp.store.trouble import Trouble

if TYPE_CHECKING:
    from obstore.store import AzureStore, ClientConfig, GCSStore, RetryConfig, S3Store

    Store = S3Store | GCSStore | AzureStore

_R = TypeVar("_R")
_MAKERS: dict[str, Callable[[CloudStore, dict[str, Any]], Store]] = {
    "s3": providers.s3,
    "gcs": providers.gcs,
    "azure": providers.azure,
}
_GRACE = 0.5  # seconds that the client's own time-out, whose reason is the better one, is given to come first


class CloudObjects:
    """Objects in a bucket, under the prefix of its place. `timeout`: seconds for each request."""

    def __init__(self, place: CloudStore, *, timeout: float = 5.0) -> None:
        self._place = place
        self._timeout = timeout
        self._store = _connect(place, timeout)
        self._trouble = Trouble()

    @property
    def name(self) -> str:
        """What people call this store: `s3://bucket/prefix`."""
        return store_name(self._place)

    @property
    def local(self) -> bool:
        """Requests cost money and time."""
        return False

    @property
    def trouble(self) -> str | None:
        """Why the last request failed; None when it did not."""
        return self._trouble.reason

    async def create(self, key: str, data: bytes) -> Outcome:
        """Create the object unless the key exists."""
        check_key(key)
        request = obstore.put_async(self._store, key, data, mode="create", use_multipart=False)
        answer = await self._ask(f"create {key}", request, write=True)
        if isinstance(answer, Answer):
            return Outcome.EXISTS if answer.exists else Outcome.UNKNOWN
        return Outcome.DONE

    async def put(self, key: str, data: bytes) -> None:
        """Create or replace. Raises: Unavailable."""
        check_key(key)
        request = obstore.put_async(self._store, key, data, use_multipart=False)
        answer = await self._ask(f"write {key}", request, write=True)
        if isinstance(answer, Answer):
            raise Unavailable(self._explain(answer, f"write {key}"), unknown=True)

    async def get(self, key: str) -> bytes | None:
        """Read an object; None when absent. Raises: Unavailable."""
        check_key(key)
        answer = await self._ask(f"read {key}", _read(self._store, key), may_be_absent=True)
        if not isinstance(answer, Answer):
            return answer
        if answer.absent:
            return None
        raise Unavailable(self._explain(answer, f"read {key}"))

    async def delete(self, key: str) -> None:
        """Delete; no error when absent. Raises: Unavailable."""
        check_key(key)
        answer = await self._ask(
            f"delete {key}", obstore.delete_async(self._store, key), write=True, may_be_absent=True
        )
        if isinstance(answer, Answer) and not answer.absent:
            raise Unavailable(self._explain(answer, f"delete {key}"), unknown=True)

    async def list(self, prefix: str, after: str = "") -> list[ObjectInfo]:
        """List keys that begin with `prefix` and sort behind `after`, sorted by key. Raises: Unavailable."""
        folder, _ = check_prefix(prefix)
        # the client's own bound holds for each page; a listing may have many
        answer = await self._ask(f"list {prefix}", _list(self._store, folder, prefix, after), bounded=False)
        if isinstance(answer, Answer):
            raise Unavailable(self._explain(answer, f"list {prefix}"))
        return answer

    async def close(self) -> None:
        """Do nothing: the client has no call to close it, idle connections end by themselves."""

    async def _ask(
        self,
        what: str,
        request: Awaitable[_R],
        *,
        write: bool = False,
        may_be_absent: bool = False,
        bounded: bool = True,
    ) -> _R | Answer:
        """Wait for a request; answers what it gives, or how the store refused it."""
        try:
            async with asyncio.timeout(self._timeout + _GRACE if bounded else None):
                result = await request
        except TimeoutError:
            answer = Answer(None, None, "no answer in time")
        except (BaseError, OSError, ValueError) as error:
            answer = read_answer(error)
        else:
            self._trouble.clear(self.name, write=write)
            return result
        if answer.exists or (answer.absent and may_be_absent):
            self._trouble.clear(self.name, write=write)
        else:
            self._trouble.note(self._explain(answer, what), write=write)
        return answer

    def _explain(self, answer: Answer, what: str) -> str:
        return f"{self.name}: could not {what}: {explain(answer, self._place, self._timeout)}"


async def _read(store: Store, key: str) -> bytes:
    result = await obstore.get_async(store, key)
    return bytes(await result.bytes_async())


async def _list(store: Store, folder: str, prefix: str, after: str) -> list[ObjectInfo]:
    found = []
    # Not every server heeds where a listing is to begin, so what it gives is looked through here too.
    async for page in obstore.list(store, folder or None, offset=after or None):
        for meta in page:
            if meta["path"].startswith(prefix) and meta["path"] > after:
                modified = round(meta["last_modified"].timestamp() * 1000)
                found.append(ObjectInfo(meta["path"], meta["size"], modified))
    found.sort(key=lambda info: info.key)
    return found


def _connect(place: CloudStore, timeout: float) -> Store:
    """Make the client; no request is sent yet. Raises: Invalid, when the settings cannot be a store's."""
    check_place(place)
    bound = timedelta(seconds=timeout)
    options: ClientConfig = {"timeout": bound, "connect_timeout": bound}
    if place.endpoint is not None and place.endpoint.startswith("http://"):
        options["allow_http"] = True
    retries: RetryConfig = {"max_retries": 0, "retry_timeout": bound}
    prefix = place.prefix.strip("/") or None
    common: dict[str, Any] = {"prefix": prefix, "client_options": options, "retry_config": retries}
    make = _MAKERS.get(place.provider)
    if make is None:
        raise Invalid(f"unknown kind of store: {place.provider!r} (known: {', '.join(_MAKERS)})")
    try:
        return make(place, common)
    except (BaseError, ValueError, OSError) as error:
        reason = str(error).split("\n", 1)[0]
        if place.credential is not None:
            reason = reason.replace(place.credential.reveal(), "***")
        raise Invalid(
            f"{store_name(place)}: {reason}: check bucket, endpoint, identity and credential of the location"
        ) from None
