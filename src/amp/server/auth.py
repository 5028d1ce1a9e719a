"""Who asks: Basic credentials against the users of the settings. The words of a refusal are Brooklyn's.

Good verdicts are kept under a keyed hash, so that a poller does not cost a password check each time and no password
stays in memory. Guessing is slowed down before anything is compared.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import math
import re
from collections import OrderedDict
from dataclasses import dataclass

from amp.kit.clock import Clock
from amp.kit.ids import Entropy
from amp.server.throttle import Throttle
from amp.settings import Settings, User

REALM = 'BASIC realm="brooklyn"'
_CACHED = 1024
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/_-]")


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who is let in; `user` None where nobody has to say who they are."""

    user: str | None


@dataclass(frozen=True, slots=True)
class Refused:
    """Somebody who is not let in. `retry_after`: seconds, when they tried too often."""

    text: str
    retry_after: int | None = None


class Authenticator:
    """Checks the credentials of one set of users."""

    def __init__(self, settings: Settings, clock: Clock, entropy: Entropy) -> None:
        self._anyone = settings.anyone
        self._users = {user.name: user for user in settings.users}
        self._clock = clock
        self._key = entropy(32)
        self._good: OrderedDict[bytes, str] = OrderedDict()  # by the whole header
        self._throttle = Throttle()

    @property
    def open_to_all(self) -> bool:
        """True where nobody has to log in."""
        return self._anyone

    @property
    def slows(self) -> bool:
        """True while somebody may be slowed down for wrong passwords."""
        return self._throttle.counts

    def check(self, header: str | None, address: str) -> Caller | Refused:
        """Judge an Authorization header (None: there was none) of a request from an address."""
        mark = hashlib.blake2b((header or "").encode(), key=self._key).digest()
        known = self._good.get(mark)
        if known is not None and not self._throttle.counts:
            self._good.move_to_end(mark)
            return Caller(known)
        if self._anyone:
            parsed = parse_basic(header) if header is not None else None
            return Caller(parsed[0] if isinstance(parsed, tuple) and parsed[0] else None)
        parsed = parse_basic(header)
        if isinstance(parsed, str):
            return Refused(parsed)
        name, password = parsed
        now = self._clock.read().raw
        wait = self._throttle.wait(address, name, now)
        if wait > 0:
            return Refused("Too many failed logins: wait, then try again", math.ceil(wait))
        if known is not None:
            return Caller(known)
        if not _matches(self._users.get(name), password):
            self._throttle.failed(address, name, now)
            return Refused("Authentication failed")
        self._good[mark] = name
        if len(self._good) > _CACHED:
            self._good.popitem(last=False)
        return Caller(name)


def parse_basic(header: str | None) -> tuple[str, str] | str:
    """Read user and password, or answer why they cannot be read.

    As Brooklyn does: the first six characters are skipped whatever they are, and characters that are not Base64 do not
    count.
    """
    if header is None:
        return "Authorization required"
    if len(header) < 6:
        return "Invalid authorization string (too short)"
    digits = _NOT_BASE64.sub(b"", header[6:].encode("utf-8", "replace")).replace(b"-", b"+").replace(b"_", b"/")
    try:
        text = base64.b64decode(digits + b"=" * (-len(digits) % 4)).decode("utf-8", "replace")
    except binascii.Error:
        return "Invalid authorization string (not Base64)"
    name, colon, password = text.partition(":")
    return (name, password) if colon else "Invalid authorization string (no colon after decoding)"


def _matches(user: User | None, password: str) -> bool:
    given = password.encode()
    if user is None:
        hmac.compare_digest(given, b"nobody has this password")
        return False
    if user.password is not None:
        return hmac.compare_digest(given, user.password.reveal().encode())
    if user.sha256 is None:
        return False
    digest = hashlib.sha256((user.salt or "").encode() + given).hexdigest()
    return hmac.compare_digest(digest.encode(), user.sha256.strip().lower().encode())
