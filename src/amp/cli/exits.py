"""Exit codes of `amp`, and which error has which. Scripts rely on them: a meaning never changes."""

from __future__ import annotations

from amp.kit.errors import AmpError, Conflict, Fenced, Internal, Invalid, Missing, Unavailable

OK = 0
USAGE = 1
DAMAGED = 1
SERVER = 2
MISSING = 3
FORBIDDEN = 4
CONFLICT = 5
TIMEOUT = 6
TASK_FAILED = 7
UNHEALTHY = 8
NOT_MASTER = 9
INTERRUPTED = 130

#: What `amp status` and `HOME/bin/status` answer where nothing runs (as service managers expect of a status command).
NOT_RUNNING = 3

MEANINGS: tuple[tuple[int, str], ...] = (
    (OK, "done"),
    (
        USAGE,
        "the command, the blueprint or the configuration is wrong; or the node runs already (start); or "
        "the store is damaged (store)",
    ),
    (SERVER, "the server failed, or cannot be reached; it may help to try again"),
    (MISSING, "what was named does not exist; or the node does not run (status)"),
    (FORBIDDEN, "the login was refused, or the user may not do this"),
    (CONFLICT, "something else is in the way: a port, a master, a name in use"),
    (TIMEOUT, "it took longer than allowed; it may still happen"),
    (TASK_FAILED, "the request was taken, but its task failed or was cancelled"),
    (UNHEALTHY, "the plane has no master at this moment (ha status)"),
    (NOT_MASTER, "the server is not the master; the message names the one that is"),
    (INTERRUPTED, "interrupted by Ctrl-C"),
)


class Refused(AmpError):
    """The login was refused, or the user may not do this."""


class TimedOut(AmpError):
    """It took longer than allowed; it may still happen."""


class NotStarted(AmpError):
    """The node did not get to serve. `code` is the exit code it gave, or would have given."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class TaskFailed(AmpError):
    """The request was taken, but its task failed."""


_CODES: tuple[tuple[type[AmpError], int], ...] = (
    (Refused, FORBIDDEN),
    (TimedOut, TIMEOUT),
    (TaskFailed, TASK_FAILED),
    (Invalid, USAGE),
    (Missing, MISSING),
    (Conflict, CONFLICT),
    (Fenced, NOT_MASTER),
    (Unavailable, SERVER),
    (Internal, SERVER),
)


def code_of(error: AmpError) -> int:
    """Answer the exit code of an error."""
    if isinstance(error, NotStarted):
        return error.code
    return next((code for kind, code in _CODES if isinstance(error, kind)), SERVER)
