"""Talks to the REST API of a running AMP server, for the commands; imports no HTTP library but Python's own.

The rule: every failure becomes an error with what happened, why, and the next step (in `details`); an answer is
either understood or refused, never half read. Whether a write that was cut off has happened is unknown, and is said to
be so.
"""

from __future__ import annotations

import base64
import http.client
import os
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from amp import __version__
from amp.cli.exits import Refused, TaskFailed, TimedOut
from amp.kit.clock import Clock
from amp.kit.durations import format_duration
from amp.kit.errors import AmpError, Conflict, Fenced, Invalid, Missing, Unavailable

DEFAULT_URL = "http://127.0.0.1:8081"
#: Opens what concerns a node alone, also where that node is not the master.
_ANY_NODE = {"Brooklyn-Allow-Non-Master-Access": "true"}
_NO_MORE: Mapping[str, str] = MappingProxyType({})
_NOT_MASTER = "only permitted against an active primary"


class Unreached(Unavailable):
    """Nothing was sent: there was no connection."""


@dataclass(frozen=True, slots=True)
class Client:
    """One server and who asks. `timeout`: seconds a single request may take.

    `others`: more servers of the plane, asked in turn where one cannot be reached or is not the master.
    """

    url: str = DEFAULT_URL
    user: str | None = None
    password: str | None = None
    timeout: float = 30.0
    others: tuple[str, ...] = ()

    def get(self, path: str) -> Any:
        """Read a resource. Raises: Refused, Missing, Fenced, Unavailable and the rest of AmpError."""
        return self.call("GET", path)

    def call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        content_type: str = "application/json",
        *,
        key: str | None = None,
    ) -> Any:
        """Send one request; answers the decoded JSON, or None for an empty answer. Raises as `get`.

        `key`: the plane knows a repetition by it, so it may go to the next server also when it may have been taken.
        """
        more = {"Idempotency-Key": key} if key is not None else _NO_MORE
        doubt: AmpError | None = None
        urls = (self.url, *self.others)
        for number, url in enumerate(urls, 1):
            try:
                return replace(self, url=url, others=())._once(method, path, body, content_type, more)
            except (Fenced, Unavailable) as error:
                if method != "GET" and not isinstance(error, Fenced | Unreached):
                    doubt = doubt or error
                    if key is None:
                        raise
                if number == len(urls):
                    raise (doubt or error) from None
        raise AssertionError("the last server answers or raises")

    def _once(self, method: str, path: str, body: bytes | None, content_type: str, more: Mapping[str, str]) -> Any:
        status, data = self._exchange(method, path, body, content_type, more)
        if status < 400:
            return self._decode(data) if data.strip() else None
        raise self._error(method, path, status, data)

    def tell_node(self, path: str, fields: Mapping[str, str]) -> Any:
        """Send a form to this very node, master or not. Raises as `get`; Unavailable may be `unknown`."""
        if self.others:
            raise Invalid("--url names several servers, but this concerns one node", details="Name that one.")
        body = urlencode(fields).encode()
        status, data = self._exchange("POST", path, body, "application/x-www-form-urlencoded", _ANY_NODE)
        if status < 400:
            return self._decode(data) if data.strip() else None
        raise self._error("POST", path, status, data)

    def _exchange(
        self, method: str, path: str, body: bytes | None, content_type: str, more: Mapping[str, str] = _NO_MORE
    ) -> tuple[int, bytes]:
        connection, base = self._connection()
        headers = {"Accept": "application/json", "User-Agent": f"amp/{__version__}", **more}
        if body is not None:
            headers["Content-Type"] = content_type
        if self.user is not None:
            login = f"{self.user}:{self.password or ''}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(login).decode()}"
        sent = False
        try:
            connection.connect()
            sent = True
            connection.request(method, base + path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error, unknown=sent and method != "GET") from None
        finally:
            connection.close()

    def _connection(self) -> tuple[http.client.HTTPConnection, str]:
        try:
            parts = urlsplit(self.url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if not host or parts.scheme not in ("http", "https"):
            raise Invalid(f"--url {self.url} is not an address", details=f"Give one such as {DEFAULT_URL}.")
        kind = http.client.HTTPConnection if parts.scheme == "http" else http.client.HTTPSConnection
        return kind(host, port, timeout=self.timeout), parts.path.rstrip("/")

    def _unreachable(self, error: Exception, *, unknown: bool) -> AmpError:
        if unknown:
            return Unavailable(
                f"the connection to {self.url} broke before an answer came: the request may or may not have been taken",
                unknown=True,
                details="See whether it was, with amp app ls, before you send it again.",
            )
        if isinstance(error, ssl.SSLCertVerificationError):
            return Unreached(
                f"the certificate of {self.url} is not trusted: {error.verify_message}",
                details="Name the file of its authority in SSL_CERT_FILE.",
            )
        reason = (
            "no answer in time" if isinstance(error, TimeoutError) else getattr(error, "strerror", None) or str(error)
        )
        return Unreached(
            f"{self.url} cannot be reached: {reason or type(error).__name__}",
            details="Start the server with HOME/bin/start, or name another with --url or AMP_URL.",
        )

    def _decode(self, data: bytes) -> Any:
        try:
            return msgspec.json.decode(data)
        except msgspec.DecodeError:
            raise Unavailable(
                f"{self.url} answered something other than JSON", details="Is it the address of an AMP server?"
            ) from None

    def _error(self, method: str, path: str, status: int, data: bytes) -> AmpError:
        message = _message(data) or f"{self.url} answered {status} to {method} {path}"
        if status == 401:
            asked = f"user {self.user}" if self.user is not None else "a request without user"
            return Refused(
                f"{self.url} refused {asked}: {message}", details="Set AMP_USER and AMP_PASSWORD, or use --user."
            )
        if status == 403 and _NOT_MASTER in message:
            return self._not_master()
        if status == 403:
            return Refused(message)
        kinds: dict[int, type[AmpError]] = {404: Missing, 409: Conflict, 412: Conflict, 503: Unavailable}
        kind = kinds.get(status, Unavailable if status >= 500 else Invalid)
        return kind(message)

    def _not_master(self) -> Fenced:
        master = self.master_uri()
        step = (
            f"Ask the master: amp --url {master}"
            if master
            else "No master is known now: see amp ha status, and try again."
        )
        return Fenced(f"{self.url} is not the high-availability master", details=step, data={"masterUri": master})

    def master_uri(self) -> str | None:
        """Answer the address of the plane's master as this server knows it; None where it knows none."""
        try:
            status, data = self._exchange("GET", "/v1/server/ha/states", None, "")
            states = msgspec.json.decode(data) if status == 200 else {}
            uri = states["nodes"][states["masterId"]]["nodeUri"]
        except (AmpError, msgspec.DecodeError, KeyError, TypeError):
            return None
        return uri if isinstance(uri, str) and uri else None


def wait_for_task(
    client: Client,
    task: str,
    *,
    clock: Clock,
    timeout: float | None,
    every: float = 0.25,
    progress: Callable[[dict[str, Any]], None] = lambda _: None,
    patience: float = 30.0,
) -> dict[str, Any]:
    """Wait until a task has ended; answers its last summary.

    `timeout` in seconds, None: no limit. A server that is away is asked again for `patience` seconds.
    Raises: TaskFailed, TimedOut, Unavailable.
    """
    begin = seen = clock.read().raw
    while True:
        try:
            summary = client.get(f"/v1/activities/{task}")
        except Unavailable:
            if clock.read().raw - seen > patience:
                raise
        else:
            seen = clock.read().raw
            if not isinstance(summary, dict):
                raise Unavailable(f"{client.url} gave no summary of task {task}")
            if summary.get("endTimeUtc") is not None:
                return _judged(summary)
            progress(summary)
        if timeout is not None and clock.read().raw - begin > timeout:
            raise TimedOut(
                f"task {task} has not ended within {format_duration(timeout)}; it goes on",
                details="See how it goes with amp app ls; allow more with --timeout.",
            )
        time.sleep(every)


def _judged(summary: dict[str, Any]) -> dict[str, Any]:
    if not (summary.get("isError") or summary.get("isCancelled")):
        return summary
    what = f"{summary.get('displayName') or 'task'} of {summary.get('entityDisplayName') or summary.get('entityId')}"
    word = "was cancelled" if summary.get("isCancelled") else "failed"
    reason = summary.get("result")
    raise TaskFailed(f"{what} {word}" + (f": {reason}" if reason else ""), data={"taskId": summary.get("id")})


def _message(data: bytes) -> str:
    """Find what an error answer says: JSON `message`, or a short plain text."""
    try:
        said = msgspec.json.decode(data)
    except msgspec.DecodeError:
        text = data.decode(errors="replace").strip()
        return text if len(text) < 200 and not text.startswith("<") else ""
    message = said.get("message") if isinstance(said, dict) else None
    return message if isinstance(message, str) else ""


def state_now(uri: str, environ: Mapping[str, str] = os.environ) -> str | None:
    """Ask a node for its HA state, as the user of the environment; None when it does not say."""
    client = Client(uri, environ.get("AMP_USER"), environ.get("AMP_PASSWORD"), timeout=2.0)
    try:
        state = client.get("/v1/server/ha/state")
    except AmpError:
        return None
    return state if isinstance(state, str) else None
