"""A real server that speaks Azure Blob, for tests: Azurite on loopback, ready, with a container, stopped again.

It lives beside `amp.testing.servers`, which starts what speaks S3 and knows how a program is started and ended. A
container is made by one request signed with the account's key ("Shared Key"); AMP itself never makes one.
"""

from __future__ import annotations

import base64
import contextlib
import datetime
import hashlib
import hmac
import http.client
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import format_datetime
from pathlib import Path

from amp.kit.clock import Clock, SystemClock
from amp.kit.errors import Unavailable
from amp.kit.secret import Secret
from amp.store.place import CloudStore
from amp.testing.servers import Plan, await_ready, child, free_ports, node_path, program

_VERSION = "2021-12-02"


@dataclass(frozen=True, slots=True)
class AzureServer:
    """A running server and how to reach its container."""

    port: int
    container: str
    account: str
    key: Secret

    @property
    def endpoint(self) -> str:
        """The address of the account, as the client wants it."""
        return f"http://127.0.0.1:{self.port}/{self.account}"

    def place(self, prefix: str = "") -> CloudStore:
        """Answer the address of a store in its container."""
        return CloudStore("azure", self.container, prefix, None, self.endpoint, self.account, self.key)


@contextlib.contextmanager
def running_azurite(directory: Path, *, container: str = "amp", clock: Clock | None = None) -> Iterator[AzureServer]:
    """Run Azurite with all in memory and its log in `directory`. Raises: Missing; Unavailable."""
    key = base64.b64encode(b"amptestsecret").decode()
    server = AzureServer(free_ports(1)[0], container, "amptest", Secret(key))
    command = [
        program("npm/node_modules/.bin/azurite-blob"), "--blobHost", "127.0.0.1", "--blobPort", str(server.port),
        "--inMemoryPersistence", "--silent", "--disableTelemetry", "--skipApiVersionCheck",
    ]  # fmt: skip
    known, now = {"AZURITE_ACCOUNTS": f"{server.account}:{key}"}, clock or SystemClock()
    directory.mkdir(parents=True, exist_ok=True)
    with child(Plan(command, {**node_path(), **known}), directory) as process:
        await_ready("azurite", process, directory, now, lambda: _make_container(server, now))
        yield server


def _make_container(server: AzureServer, clock: Clock) -> str | None:
    """Make the container; answer why that did not work. Raises: Unavailable."""
    path = f"/{server.account}/{server.container}"
    date = format_datetime(datetime.datetime.fromtimestamp(clock.read().wall, datetime.UTC), usegmt=True)
    headers = {"x-ms-date": date, "x-ms-version": _VERSION}
    signed = "".join(f"{name}:{value}\n" for name, value in headers.items())
    # twelve standard headers, all empty; then ours; then the resource: an emulator has the account twice in it
    to_sign = "PUT" + "\n" * 12 + signed + f"/{server.account}{path}\nrestype:container"
    digest = hmac.digest(base64.b64decode(server.key.reveal()), to_sign.encode(), hashlib.sha256)
    headers["Authorization"] = f"SharedKey {server.account}:{base64.b64encode(digest).decode()}"
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    try:
        connection.request("PUT", f"{path}?restype=container", b"", {**headers, "Content-Length": "0"})
        answer = connection.getresponse()
        text = answer.read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        raise Unavailable(f"{server.endpoint}: no answer: {error}") from error
    finally:
        connection.close()
    return None if answer.status in (201, 409) else f"{answer.status} {text[:200]}"
