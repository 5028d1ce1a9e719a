"""Reading request bodies: JSON, forms, text. What cannot be read is the client's mistake and says where. Pure."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import msgspec

from amp.kit.errors import Invalid
from amp.server.routing import Call


def json_value(call: Call) -> Any:
    """Read the body as JSON. Raises: Invalid."""
    return read_json(call.body)


def read_json(body: bytes) -> Any:
    """Read JSON. Raises: Invalid."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Invalid(f"the body is not JSON: {error} (texts are written in double quotes)") from None


def json_map(call: Call) -> dict[str, Any]:
    """Read the body as a JSON object. Raises: Invalid."""
    value = json_value(call)
    if not isinstance(value, dict):
        raise Invalid("the body must be a JSON object")
    return value


def form(call: Call) -> dict[str, Any]:
    """Read an urlencoded body: a repeated key gives a list, an empty key (which `br` may send) does not count."""
    fields: dict[str, Any] = {}
    for key, value in parse_qsl(text(call), keep_blank_values=True):
        if key in fields:
            earlier = fields[key]
            fields[key] = [*earlier, value] if isinstance(earlier, list) else [earlier, value]
        elif key:
            fields[key] = value
    return fields


def field(call: Call, name: str) -> str | None:
    """Read one field of an urlencoded body, or of the query; None when absent."""
    value = form(call).get(name, call.query.get(name))
    return value[0] if isinstance(value, list) else value


def text(call: Call) -> str:
    """Read the body as text. Raises: Invalid, when it is not UTF-8."""
    try:
        return call.body.decode()
    except UnicodeDecodeError as error:
        raise Invalid(f"the body is not UTF-8: byte {error.start} is {call.body[error.start]:#04x}") from None
