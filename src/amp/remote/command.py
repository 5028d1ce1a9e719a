"""Words around commands: what of their surroundings may be shown, and what they said last.

Secrets reach a command through its environment only, never through its arguments; here they are kept out of texts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from amp.kit.errors import Invalid

#: A name that contains one of these has a value that nobody is shown (Brooklyn's list).
_SECRET_WORDS = ("password", "passwd", "credential", "secret", "private", "access.cert", "access.key", "token")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
MASK = "***"


def is_secret(name: str) -> bool:
    """True when values of that name are not to be shown."""
    lower = name.lower().replace("_", ".").replace("-", ".")
    return any(word in lower for word in _SECRET_WORDS)


def shown(env: Mapping[str, str]) -> dict[str, str]:
    """Answer the environment with secret values masked."""
    return {name: MASK if is_secret(name) else value for name, value in env.items()}


def mask(text: str, env: Mapping[str, str]) -> str:
    """Hide the values of secret variables wherever they stand in a text."""
    # Values below four characters would mask half the text and are no secrets.
    hidden = sorted({v for name, v in env.items() if is_secret(name) and len(v) >= 4}, key=len, reverse=True)
    for value in hidden:
        text = text.replace(value, MASK)
    return text


def check(script: str, env: Mapping[str, str]) -> None:
    """Refuse what no shell can be given: odd names of variables, zero bytes. Raises: Invalid."""
    if "\0" in script:
        raise Invalid("a command cannot contain a zero byte")
    for name, value in env.items():
        if not _NAME.fullmatch(name):
            raise Invalid(
                f"{name!r} cannot be the name of an environment variable: letters, digits and _, no digit first"
            )
        if "\0" in value:
            raise Invalid(f"the environment variable {name} cannot contain a zero byte")


def last_lines(text: str, *, lines: int = 8, width: int = 300) -> str:
    """Answer the end of an output, short enough for an error message."""
    rows = [row.rstrip()[:width] for row in text.strip().splitlines() if row.strip()]
    return "\n".join(rows[-lines:])
