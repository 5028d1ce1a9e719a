"""Decides which keys a store takes: the same for all stores, so that what works on one works on each.

A key is `part/part/...` of letters, digits, `-`, `.`, `_`; no part is `.` or `..`. Keys under `tmp/` are refused:
a directory keeps its unfinished files there. A key is never also the folder of another key.
"""

from __future__ import annotations

import re

from amp.kit.errors import Invalid

#: The folder of unfinished files of a directory store; no listing shows it.
TEMPORARY = "tmp"

_PART = r"(?!\.{1,2}(?:/|$))[A-Za-z0-9._-]{1,255}"
_KEY = re.compile(rf"{_PART}(?:/{_PART})*")
_PREFIX = re.compile(rf"(?:{_PART}/)*(?:{_PART}|\.{{1,2}})?")
_LONGEST = 900  # S3 and GCS take 1,024 bytes together with the prefix of the store


def check_key(key: str) -> str:
    """Answer the key itself. Raises: Invalid, when no store may take it."""
    if len(key) > _LONGEST or not _KEY.fullmatch(key):
        raise Invalid(
            f"not a key of the store: {key[:200]!r} "
            f"(write parts of letters, digits, '-', '.', '_' joined by single '/', at most {_LONGEST} characters)"
        )
    if key.split("/", 1)[0] == TEMPORARY:
        raise Invalid(f"not a key of the store: {key!r} (the folder {TEMPORARY}/ is kept for unfinished files)")
    return key


def check_prefix(prefix: str) -> tuple[str, str]:
    """Split a prefix to list by into its folder (`` or ending in `/`) and what the last part begins with.

    Raises: Invalid.
    """
    if len(prefix) > _LONGEST or not _PREFIX.fullmatch(prefix):
        raise Invalid(f"not a prefix of keys: {prefix[:200]!r}")
    folder, slash, start = prefix.rpartition("/")
    return folder + slash, start
