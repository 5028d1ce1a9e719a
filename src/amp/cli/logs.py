"""Sends the log of a serving node to HOME/data/log/amp.log (rotated), and in the foreground to stderr as well.

Lines: time in UTC, level, logger, message. What is logged is up to each module; secrets never show (amp.kit.secret).
"""

from __future__ import annotations

import logging
import logging.handlers
import sys
import time
from pathlib import Path

from amp.kit.errors import Invalid

_FORMAT = "%(asctime)s.%(msecs)03dZ %(levelname)-7s %(name)s: %(message)s"
_BYTES, _FILES = 16 * 1024 * 1024, 10


def log_folder(home: Path) -> Path:
    """Make and answer the folder of a home's logs. Raises: Invalid."""
    folder = home / "data" / "log"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Invalid(
            f"{error.filename}: cannot be made: {error.strerror}: the user who runs AMP must own {home}"
        ) from None
    return folder


def start_logging(home: Path, *, console: bool) -> None:
    """Log to the home's file from now on, and to stderr where `console` is set. Raises: Invalid."""
    path = log_folder(home) / "amp.log"
    try:
        handlers: list[logging.Handler] = [
            logging.handlers.RotatingFileHandler(path, maxBytes=_BYTES, backupCount=_FILES, encoding="utf-8")
        ]
    except OSError as error:
        raise Invalid(f"{path}: cannot be written: {error.strerror}: the user who runs AMP must own {home}") from None
    if console:
        handlers.append(logging.StreamHandler(sys.stderr))
    formatter = logging.Formatter(_FORMAT, "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    for handler in handlers:
        handler.setFormatter(formatter)
        root.addHandler(handler)
