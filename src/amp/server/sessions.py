"""Sessions of the console, in the memory of this node, and the token that proves a write came from it.

A session is known by a cookie that scripts cannot read; a write by cookie must repeat a token that only a page of this
origin can read. Bounded: the session idle longest makes room. Times are this node's raw clock.
"""

from __future__ import annotations

import base64
import hmac
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace

from starlette.responses import Response

from amp.kit.clock import Clock
from amp.kit.errors import Invalid
from amp.kit.ids import Entropy
from amp.server.errors import Forbidden

TOKEN_COOKIES = ("CSRF-TOKEN", "XSRF-TOKEN")
MODE_HEADER = "X-Csrf-Token-Required-For-Requests"
_LIMIT = 1000
_NO_TOKEN = "X-CSRF-TOKEN header is required, containing token previously returned from server in cookie"  # noqa: S105
_WRONG_TOKEN = "X-CSRF-TOKEN header did not match expected CSRF token"  # noqa: S105
_MODES = ("ALL", "WRITE", "NONE")


@dataclass(frozen=True, slots=True)
class Session:
    """Who logged in. `mode`: which requests need the token, ALL | WRITE | NONE."""

    id: str
    user: str | None
    token: str
    mode: str
    created: float


class Sessions:
    """The sessions of this node. `idle` and `age` (None: no limit) in seconds."""

    def __init__(self, clock: Clock, entropy: Entropy, port: int, idle: float = 3600, age: float | None = None) -> None:
        self._clock = clock
        self._entropy = entropy
        self._idle = idle
        self._age = age
        self._sessions: OrderedDict[str, tuple[Session, float]] = OrderedDict()
        # Cookies know no ports: two nodes on one address would overwrite each other's.
        self.cookie = "AMP_SESSION" if port == 8081 else f"AMP_SESSION_{port}"

    def open(self, user: str | None, mode: str = "WRITE") -> Session:
        """Begin a session. Raises: Invalid, for a mode that is none."""
        session = Session(self._secret(32), user, self._secret(12), parse_mode(mode), self._clock.read().raw)
        self._sessions[session.id] = (session, session.created)
        if len(self._sessions) > _LIMIT:
            self._sessions.popitem(last=False)
        return session

    def of(self, cookies: Mapping[str, str]) -> Session | None:
        """Answer the live session that a request's cookies name, and count it as used now."""
        return self._used(cookies.get(self.cookie, ""))

    def _used(self, session_id: str) -> Session | None:
        found = self._sessions.get(session_id)
        if found is None:
            return None
        session, used = found
        now = self._clock.read().raw
        if now - used > self._idle or (self._age is not None and now - session.created > self._age):
            del self._sessions[session.id]
            return None
        self._sessions[session.id] = (session, now)
        self._sessions.move_to_end(session.id)
        return session

    def with_mode(self, session: Session, mode: str) -> Session:
        """Change which requests of a session need the token. Raises: Invalid."""
        changed = replace(session, mode=parse_mode(mode))
        self._sessions[session.id] = (changed, self._clock.read().raw)
        return changed

    def close(self, session: Session) -> None:
        """End a session."""
        self._sessions.pop(session.id, None)

    def close_all(self) -> None:
        """End all sessions: who may log in has changed."""
        self._sessions.clear()

    def keep(self, session: Session) -> bool:
        """Count a session as used now, as an open page does; False once it has ended."""
        return self._used(session.id) is not None

    def is_open(self, session: Session) -> bool:
        """Answer whether a session has not ended."""
        return session.id in self._sessions

    def give_cookies(self, response: Response, session: Session, *, https: bool) -> None:
        """Set the session's cookie and its token's on an answer."""
        response.set_cookie(self.cookie, session.id, path="/", httponly=True, samesite="strict", secure=https)
        for name in TOKEN_COOKIES:
            response.set_cookie(name, session.token, path="/", samesite="strict", secure=https)

    def take_cookies(self, response: Response) -> None:
        """Delete the cookies at the client."""
        for name in (self.cookie, *TOKEN_COOKIES):
            response.delete_cookie(name, path="/")

    def _secret(self, size: int) -> str:
        return base64.urlsafe_b64encode(self._entropy(size)).decode().rstrip("=")


def parse_mode(text: str) -> str:
    """Read a protection mode. Raises: Invalid."""
    mode = text.strip().upper()
    if mode not in _MODES:
        raise Invalid(f"{MODE_HEADER}: {text!r} is none of {', '.join(_MODES)}")
    return mode


def check_token(session: Session, method: str, header: str | None, *, by_cookie: bool) -> None:
    """Refuse a request that lacks the session's token where it needs it.

    A write that is authenticated by the cookie alone needs it whatever the mode.
    Raises: Forbidden.
    """
    write = method not in ("GET", "HEAD")
    needed = session.mode == "ALL" or (write and (session.mode == "WRITE" or by_cookie))
    if not needed:
        return
    if header is None:
        raise Forbidden(_NO_TOKEN)
    if not _same(header, session.token):
        raise Forbidden(_WRONG_TOKEN)


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
