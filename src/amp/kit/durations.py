"""Durations as people write them in Brooklyn's files: `30s`, `500ms`, `1m`, `2h 30m`, a bare number of milliseconds."""

from __future__ import annotations

import re

from amp.kit.errors import Invalid

_UNITS = {
    "ms": 0.001, "millis": 0.001, "milliseconds": 0.001, "millisecond": 0.001,
    "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0,
    "m": 60.0, "min": 60.0, "mins": 60.0, "minute": 60.0, "minutes": 60.0,
    "h": 3600.0, "hour": 3600.0, "hours": 3600.0,
    "d": 86400.0, "day": 86400.0, "days": 86400.0,
}  # fmt: skip
_PART = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([a-zA-Z]+)\s*")


def parse_duration(text: str | int | float) -> float:
    """Read a duration; answers seconds.

    A bare number counts milliseconds, as in Brooklyn.
    Raises: Invalid, when the text is not a duration.
    """
    if isinstance(text, bool):
        raise Invalid(f"not a duration: {text}")
    if isinstance(text, int | float):
        return float(text) / 1000.0
    whole = text.strip()
    try:
        return float(whole) / 1000.0
    except ValueError:
        pass
    position, seconds = 0, 0.0
    while position < len(whole):
        part = _PART.match(whole, position)
        if part is None or part.group(2).lower() not in _UNITS:
            break
        seconds += float(part.group(1)) * _UNITS[part.group(2).lower()]
        position = part.end()
    if not whole or position < len(whole):
        raise Invalid(f"not a duration: {text!r} (write a number with a unit, such as 500ms, 30s, 1m or 2h)")
    return seconds


def format_duration(seconds: float) -> str:
    """Write a duration with at most two significant units: `850ms`, `3.2s`, `3m 12s`, `2h 5m`."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    if seconds < 60:
        return f"{seconds:.3g}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m {rest}s" if rest else f"{minutes}m"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours}h {minutes}m" if minutes else f"{hours}h"
    days, hours = divmod(hours, 24)
    return f"{days}d {hours}h" if hours else f"{days}d"
