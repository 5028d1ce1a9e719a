"""Which media type an answer has, given what a client accepts and a route offers. Pure."""

from __future__ import annotations

from functools import lru_cache

#: Headers up to so many characters are worth remembering: clients send the same ones.
_SHORT = 200


def chosen(accept: str | None, offered: tuple[str, ...]) -> str | None:
    """Choose the offered type that the client likes best, earlier offers first among equals; None when it takes none.

    No header, or an empty one, takes anything.
    """
    if accept is None or not accept.strip():
        return offered[0]
    return _short(accept, offered) if len(accept) <= _SHORT else _chosen(accept, offered)


def _chosen(accept: str, offered: tuple[str, ...]) -> str | None:
    wishes = [_wish(part) for part in accept.split(",") if part.strip()]
    best, best_q = None, 0.0
    for offer in offered:
        matching = [(precision, q) for wish, q in wishes if (precision := _precision(wish, offer)) >= 0]
        if matching:
            quality = max(matching)[1]  # the most precise wish about this type counts
            if quality > best_q:
                best, best_q = offer, quality
    return best


_short = lru_cache(maxsize=1024)(_chosen)


def media_type(content_type: str | None) -> str:
    """Answer the bare media type of a Content-Type header, lower case; empty when there is none."""
    return (content_type or "").split(";", 1)[0].strip().lower()


def _wish(part: str) -> tuple[str, float]:
    name, *parameters = (each.strip() for each in part.split(";"))
    quality = 1.0
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "q":
            try:
                quality = float(value)
            except ValueError:
                quality = 0.0
    return name.lower(), quality


def _precision(wish: str, offer: str) -> int:
    if wish == offer:
        return 2
    if wish.endswith("/*") and offer.startswith(wish[:-1]):
        return 1
    return 0 if wish in ("*/*", "*") else -1
