"""Decides who may log in, from the `brooklyn.webconsole.security.*` keys; makes salted passwords.

The rule: Brooklyn's. A plain password wins over a salted hash (with a warning). A provider that AMP does not have is
refused rather than replaced: a login that silently works otherwise than asked is worse than a node that does not start.
"""

from __future__ import annotations

import hashlib
import re

from amp.cli.layers import Layers, where
from amp.cli.properties import Entry
from amp.kit.errors import Invalid
from amp.kit.ids import Entropy
from amp.kit.secret import Secret
from amp.settings import User

PREFIX = "brooklyn.webconsole.security."
_USER = PREFIX + "user."
_PACKAGE = "org.apache.brooklyn.rest.security.provider."
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789"  # without what people mistake for another


def choose_users(layers: Layers) -> tuple[tuple[User, ...], bool]:
    """Answer who may log in, and whether everybody may without.

    Raises: Invalid, for an unknown provider or a malformed hash.
    """
    entry = layers.brooklyn.get(PREFIX + "provider")
    provider = entry.value.strip().removeprefix(_PACKAGE) if entry else "ExplicitUsersSecurityProvider"
    if provider == "AnyoneSecurityProvider":
        return (), True
    if provider == "BlackholeSecurityProvider":
        return (), False
    if provider != "ExplicitUsersSecurityProvider":
        assert entry is not None  # noqa: S101  # the default was compared above
        raise Invalid(
            f"{where(entry)}: {entry.key}: {entry.value.strip()!r} is not supported: there are "
            "ExplicitUsersSecurityProvider, AnyoneSecurityProvider and BlackholeSecurityProvider"
        )
    users = tuple(user for name in _names(layers) if (user := _user(layers, name)))
    if not users:
        layers.warnings.append(
            f"{layers.home / 'etc/brooklyn.cfg'}: no user can log in: add one with: amp generate-password --user admin"
        )
    return users, False


def _names(layers: Layers) -> list[str]:
    listed = layers.brooklyn.get(PREFIX + "users")
    if listed is None:
        return []
    names = [name.strip() for name in listed.value.split(",") if name.strip()]
    if "*" not in names:
        return list(dict.fromkeys(names))
    configured = (
        key[len(_USER) :].rpartition(".")
        for key in layers.brooklyn
        if key.startswith(_USER) and layers.brooklyn[key].value
    )
    return list(dict.fromkeys(name for name, _, kind in configured if name and kind in ("password", "sha256")))


def _user(layers: Layers, name: str) -> User | None:
    def value(kind: str) -> Entry | None:
        entry = layers.brooklyn.get(f"{_USER}{name}.{kind}")
        return entry if entry and entry.value else None

    password, salt, sha256 = value("password"), value("salt"), value("sha256")
    if sha256 and not _SHA256.fullmatch(sha256.value.strip().lower()):
        raise Invalid(
            f"{where(sha256)}: {sha256.key} is not a SHA-256 (64 hexadecimal digits): make it with: "
            f"amp generate-password --user {name}"
        )
    if password:
        if sha256:
            layers.warnings.append(
                f"{where(password)}: {password.key} is in plain text and wins over .sha256 of {where(sha256)}: "
                "remove one of them"
            )
        return User(name, Secret(password.value), None, None)
    if sha256:
        return User(name, None, salt.value if salt else "", sha256.value.strip().lower())
    layers.warnings.append(
        f"{where(layers.brooklyn[PREFIX + 'users'])}: user {name} has no password and cannot log in: "
        f"amp generate-password --user {name}"
    )
    return None


def random_text(entropy: Entropy, length: int) -> str:
    """Make a text of letters and digits that people can copy, each drawn evenly."""
    drawn = (byte for _ in iter(int, 1) for byte in entropy(length))
    limit = 256 - 256 % len(_LETTERS)
    return "".join(
        _LETTERS[byte % len(_LETTERS)] for byte, _ in zip((b for b in drawn if b < limit), range(length), strict=False)
    )


def salted(password: str, entropy: Entropy) -> tuple[str, str]:
    """Answer a new salt and the hash of salt and password."""
    salt = random_text(entropy, 4)
    return salt, hashlib.sha256((salt + password).encode()).hexdigest()


def user_lines(user: str, password: str, entropy: Entropy) -> list[str]:
    """Answer the three lines of brooklyn.cfg that let a user in."""
    salt, sha256 = salted(password, entropy)
    key = _USER + _escaped(user)
    return [f"{PREFIX}users={_escaped(user)}", f"{key}.salt={salt}", f"{key}.sha256={sha256}"]


def _escaped(name: str) -> str:
    return re.sub(r"([\\:=#! \t])", r"\\\1", name)
