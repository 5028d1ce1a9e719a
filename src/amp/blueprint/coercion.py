"""Turns what a blueprint or a client gave into the declared type, by Brooklyn's rules; answers plain JSON data.

A text for a boolean key becomes a boolean, `true` for a command becomes the text "true". Booleans and numbers never
become one another, a real number becomes a whole one only when nothing is lost. Durations stay as people wrote them,
once they are known to be readable (a bare number counts milliseconds).
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from amp.blueprint import yaml
from amp.kit.durations import parse_duration
from amp.kit.errors import Invalid
from amp.model.registry import BOOLEAN, DURATION, INTEGER, MAP, ON_INTERRUPT, STRING, Parameter

_TRUE = frozenset(("true", "yes", "t", "y"))
_FALSE = frozenset(("false", "no", "f", "n"))


def coerce(value: Any, java_type: str) -> Any:
    """Answer `value` as the type. None stays None; types that are not listed here take anything.

    Raises: Invalid.
    """
    if value is None:
        return None
    kind = _COERCERS.get(java_type)
    return value if kind is None else kind(value)


def coerce_parameter(value: Any, parameter: Parameter) -> Any:
    """Answer an effector's argument as its declaration wants it, with the default for None. Raises: Invalid."""
    if value is None:
        return parameter.default
    if parameter.choices:
        wanted = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", as_text(value).strip()).replace("-", "_").lower()
        for choice in parameter.choices:
            if choice.lower() == wanted:
                return choice
        raise Invalid(
            f"Invalid value {as_text(value)!r} for parameter '{parameter.name}': one of {', '.join(parameter.choices)}"
        )
    try:
        return coerce(value, parameter.type)
    except Invalid as error:
        raise Invalid(f"Invalid value for parameter '{parameter.name}': {error.message}") from None


def as_text(value: Any) -> str:
    """Write a value as a command or an environment variable gets it: maps and lists as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return msgspec.json.encode(value).decode()
    return str(value)


def _text(value: Any) -> str:
    if isinstance(value, dict | list):
        raise _cannot(value, "a text")
    return as_text(value)


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        word = value.strip().lower()
        if word in _TRUE:
            return True
        if word in _FALSE:
            return False
    raise _cannot(value, "a boolean (true or false)")


def _integer(value: Any) -> int:
    if isinstance(value, bool):
        raise _cannot(value, "a whole number")
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and re.fullmatch(r"[-+]?[0-9]{1,18}", value.strip()):
        return int(value)
    raise _cannot(value, "a whole number")


def _duration(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _cannot(value, "a duration (such as 500ms, 30s, 1m)")
    if isinstance(value, str):
        parse_duration(value)
        return value
    if value < 0:
        raise _cannot(value, "a duration (such as 500ms, 30s, 1m)")
    return f"{value}ms"


def _map(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        read = yaml.read(value)
        value = yaml.plain(read) if read is not None else {}
    if isinstance(value, dict):
        return value
    raise _cannot(value, "a map")


def _on_interrupt(value: Any) -> str:
    word = as_text(value).strip().lower()
    if word not in ("fail", "rerun", "ask"):
        raise _cannot(value, "what to do after an interruption (fail, rerun or ask)")
    return word


def _cannot(value: Any, wanted: str) -> Invalid:
    names: dict[type, str] = {dict: "a map", list: "a list", bool: "a boolean", str: "the text"}
    shown = f" {value!r}" if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
    return Invalid(f"cannot read {names.get(type(value), 'the number')}{shown[:80]} as {wanted}")


_COERCERS = {
    STRING: _text,
    BOOLEAN: _boolean,
    INTEGER: _integer,
    DURATION: _duration,
    MAP: _map,
    ON_INTERRUPT: _on_interrupt,
}
