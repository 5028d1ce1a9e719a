"""Which values are secret by their key, and how they are shown when secrets are to be suppressed. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from amp.server.answers import java_text

TOKENS = ("password", "passwd", "credential", "secret", "private", "access.cert", "access.key")


def is_sensitive(key: str) -> bool:
    """Answer whether a key looks as if its value were secret."""
    low = key.lower()
    return any(token in low for token in TOKENS)


def suppressed(value: Any) -> str:
    """Answer what is shown for a secret: enough to compare two, not enough to use one."""
    digest = hashlib.md5(java_text(value).encode(), usedforsecurity=False).hexdigest()
    return f"<suppressed> (MD5 hash: {digest[:8].upper()})"


def shown(key: str, value: Any, suppress: bool) -> Any:
    """Answer a value as it may be shown under its key; keys inside of maps count too."""
    if not suppress or value is None:
        return value
    return suppressed(value) if is_sensitive(key) else _inside(value)


def masked(values: Mapping[str, Any], suppress: bool = True) -> dict[str, Any]:
    """Answer a map as it may be shown."""
    return {key: shown(key, value, suppress) for key, value in values.items()}


def _inside(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: shown(str(key), each, True) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_inside(each) for each in value]
    return value
