"""From kinds of errors to HTTP: one table, and the ApiError body that clients parse.

`message` is always a text (`br` reads nothing else). Only what a client may know leaves the process: a bug is answered
with a reference, under which the log has the rest.
"""

from __future__ import annotations

import logging
import math

from starlette.responses import Response

from amp.kit.errors import AmpError, Conflict, Fenced, Internal, Invalid, Missing, Unavailable
from amp.kit.ids import Entropy, random_id
from amp.server.answers import as_json

log = logging.getLogger(__name__)

PRIMARY_ONLY = "This request is only permitted against an active primary Brooklyn server"
HOT_ONLY = "This request is only permitted against an active primary or hot standby/backup Brooklyn server"


class OtherApplication(Invalid):
    """The entity exists, in another application than the path says."""


class Forbidden(Invalid):
    """Whoever asks may not."""


class TooLarge(Invalid):
    """The body is larger than this resource takes."""


#: The most specific kind wins.
STATUS: dict[type[AmpError], int] = {
    OtherApplication: 412,
    Forbidden: 403,
    TooLarge: 413,
    Invalid: 400,
    Missing: 404,
    Conflict: 409,
    Unavailable: 503,
    Fenced: 403,
    Internal: 500,
}


def status_of(error: AmpError) -> int:
    """Answer the HTTP status of an error."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


def api_error(status: int, message: str, details: str | None = None, *, unknown: bool = False) -> Response:
    """Answer an ApiError; `unknown` says that a write may or may not have happened."""
    body: dict[str, object] = {"message": message, "error": status}
    if details:
        body["details"] = details
    if unknown:
        body["unknown"] = True
    return as_json(body, status)


def answer(error: AmpError, entropy: Entropy) -> Response:
    """Answer an error of a known kind."""
    status = status_of(error)
    if isinstance(error, Fenced):
        return api_error(403, PRIMARY_ONLY)
    if isinstance(error, Internal):
        return bug(error, entropy)
    details = error.details
    unknown = isinstance(error, Unavailable) and error.unknown
    if unknown:
        details = details or "It is not known whether the change was made: read again before you repeat it."
    if details is None and isinstance(error, Invalid | Conflict) and status in (400, 409):
        reference = random_id(entropy, 13)
        details = f"Reference: {reference}"
        log.info("refused (%s): %s", reference, error.message)
    response = api_error(status, error.message, details, unknown=unknown)
    if isinstance(error, Unavailable):
        response.headers["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    return response


def closed(message: str, retry_after: float | None) -> Response:
    """Answer what this node does not do; `retry_after`: seconds after which it, or another, may do it again."""
    response = api_error(403, message)
    if retry_after is not None:
        response.headers["Retry-After"] = str(max(1, math.ceil(retry_after)))
    return response


def bug(error: BaseException, entropy: Entropy) -> Response:
    """Answer what should not have happened: a reference for the client, everything else to the log."""
    reference = random_id(entropy, 13)
    log.error("internal error (%s)", reference, exc_info=error)
    response = api_error(
        500, "Internal error: the log of this server has more under the reference", f"Reference: {reference}"
    )
    response.headers["X-Request-Id"] = reference
    return response
