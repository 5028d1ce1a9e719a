"""Answers: JSON bytes, text, nothing. Every body of the API is made here.

Text that a value offers as JSON is quoted; `raw` is for the few places where Brooklyn writes characters unquoted under
a JSON label. Values are plain JSON data, msgspec structs or dataclasses.
"""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import Response

JSON = "application/json"
TEXT = "text/plain"

_encoder = msgspec.json.Encoder(enc_hook=str)


def encoded(value: Any) -> bytes:
    """Encode as JSON; what JSON does not know is written as its text."""
    return _encoder.encode(value)


def as_json(value: Any, status: int = 200) -> Response:
    """Answer a value as JSON."""
    return Response(encoded(value), status, media_type=JSON)


def raw(text: str, media_type: str = JSON, status: int = 200) -> Response:
    """Answer characters as they are."""
    return Response(text.encode(), status, media_type=media_type)


def nothing(status: int = 204) -> Response:
    """Answer without a body."""
    return Response(status_code=status)


def value_or_nothing(value: Any) -> Response:
    """Answer a value as JSON, or 204 when there is none."""
    return nothing() if value is None else as_json(value)


def by_type(value: Any, accepted: str) -> Response:
    """Answer a single value as JSON or, where the client prefers it, as text; 204 when there is none."""
    if value is None:
        return nothing()
    return raw(java_text(value), TEXT) if accepted == TEXT else as_json(value)


def java_text(value: Any) -> str:
    """Write a value as the Java VM prints it: `{a=1, b=[x, true]}`; clients of the text form parse that."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={java_text(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(java_text(each) for each in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else str(value)
