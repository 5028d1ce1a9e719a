"""Runs a node in this process: reads its configuration, claims its home, serves until it is stopped.

The rule: one process per home; pid.txt is there exactly while it serves; whoever started it (`cli.process`) learns
by one line on a pipe that it is ready, or why it failed. Signals, HTTP and the plane are `amp.app`'s business.
"""

from __future__ import annotations

import logging
import os
import signal
from pathlib import Path

from amp.cli.claim import Claim, claim
from amp.cli.config import load
from amp.cli.exits import INTERRUPTED, OK, SERVER, code_of
from amp.cli.logs import start_logging
from amp.kit.errors import AmpError, Invalid
from amp.kit.ids import random_id, system_entropy
from amp.kit.interpreter import tune
from amp.settings import Settings

_log = logging.getLogger("amp.launch")


class Readiness:
    """The pipe to whoever waits for the start; says one thing, once. Without a pipe it says nothing."""

    def __init__(self, fd: int | None) -> None:
        self._fd = fd
        if fd is not None:
            try:
                os.set_inheritable(fd, False)  # what this node runs must not keep the pipe open
            except OSError:
                raise Invalid(f"--ready-fd {fd} is not an open file") from None

    def ready(self, state: str) -> None:
        """Tell that the node serves."""
        self._say(f"ready {state}")

    def failed(self, code: int, reason: str) -> None:
        """Tell why the node does not serve, and its exit code."""
        self._say(f"failed {code} {' '.join(reason.split())}")

    def _say(self, line: str) -> None:
        if self._fd is None:
            return
        fd, self._fd = self._fd, None
        try:
            os.write(fd, line.encode() + b"\n")
        except BrokenPipeError:
            pass  # whoever started us has gone; serving goes on
        os.close(fd)


def check(home: Path) -> int:
    """Read the configuration and import all that serving needs, but do not serve. Raises: Invalid."""
    settings = load(home, os.environ)
    _import_serving()
    for warning in settings.warnings:
        print(f"warning: {warning}")
    print(f"{settings.home}: the configuration is good; would serve at {settings.uri}")
    return 0


def launch(home: Path, ready_fd: int | None = None) -> int:
    """Serve from `home` until stopped; answers the exit code.

    Raises: AmpError, when the node cannot start; what was claimed is released.
    """
    readiness = Readiness(ready_fd)
    before = signal.signal(signal.SIGTERM, _stop_early)
    try:
        settings = load(home, os.environ)
        start_logging(settings.home, console=ready_fd is None)
        held = claim(settings.home, settings.uri)
        try:
            return _serve(settings, held, readiness)
        finally:
            held.release()
    except _StoppedEarly:
        readiness.failed(OK, "it was stopped before it served")
        return OK
    except AmpError as error:
        readiness.failed(code_of(error), error.message)
        if logging.getLogger().handlers and ready_fd is not None:
            _log.error("not started: %s", error.message)
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


class _StoppedEarly(BaseException):
    """SIGTERM came before there was an event loop to take it."""


def _stop_early(*_: object) -> None:
    raise _StoppedEarly


def _serve(settings: Settings, held: Claim, readiness: Readiness) -> int:
    _ensure_instance(settings.home)
    import uvloop

    from amp.app import run

    def ready(state: str) -> None:
        held.note(state)
        _log.info("AMP is running as %s at %s, pid %d", state, settings.uri, os.getpid())
        readiness.ready(state)

    tune()
    try:
        code = uvloop.run(run(settings, ready=ready, reload=lambda: load(settings.home, os.environ)))
    except KeyboardInterrupt:
        return INTERRUPTED
    except _StoppedEarly:
        raise
    except BaseException as error:  # noqa: BLE001  # the last place that can tell what ended the process
        cause = _first_amp_error(error)
        if cause is not None:
            raise cause from None
        _log.critical("AMP ends: an error of its own", exc_info=True)
        readiness.failed(SERVER, f"an error of AMP's own: see {settings.home}/data/log/amp.log")
        return SERVER
    _log.info("AMP has stopped, exit code %d", code)
    how = "was stopped" if code == 0 else "ended"
    readiness.failed(code, f"it {how} before it served: see {settings.home}/data/log/amp.log")
    return code


def _first_amp_error(error: BaseException) -> AmpError | None:
    """Look into groups, as a TaskGroup makes them, for an error that is meant for people."""
    if isinstance(error, BaseExceptionGroup):
        found = (_first_amp_error(inner) for inner in error.exceptions)
        return next((inner for inner in found if inner is not None), None)
    return error if isinstance(error, AmpError) else None


def _import_serving() -> None:
    import uvloop  # noqa: F401

    import amp.app  # noqa: F401


def _ensure_instance(home: Path) -> None:
    path = home / "data" / "instance"
    if path.exists():
        return
    try:
        path.write_text(random_id(system_entropy, 16) + "\n")
    except OSError as error:
        raise Invalid(f"{path}: cannot be written: {error.strerror}") from None
