"""The commands that service managers call: launch, start, stop, status, and `ha release` after a death.

The rule: they are parsed by argparse and import neither cyclopts nor rich, so that a serving process holds neither and
a health check costs little. What they do is in `cli.launch`, `cli.process` and `cli.release`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from amp.cli.exits import OK
from amp.kit.clock import SystemClock
from amp.kit.durations import parse_duration
from amp.kit.errors import Invalid

#: These commands, each with its help.
NODE_COMMANDS = {
    "launch": "Run the AMP server of HOME in the foreground. SIGTERM and Ctrl-C stop it cleanly.",
    "start": "Start the AMP server of HOME in the background; returns once it serves and its HA mode is decided.",
    "stop": "Stop the AMP server of HOME; returns once it is down. What it manages goes on running.",
    "status": "Say whether the AMP server of HOME runs. Exit code 0: it does; 3: it does not.",
    "ha release": "After the AMP server of HOME died: tell the other nodes, so that a standby takes over at once.",
}


def node_words(words: Sequence[str]) -> list[str] | None:
    """Answer the words with one of NODE_COMMANDS as the first; None where they call none of them."""
    for length in (1, 2):
        name = " ".join(words[:length])
        if len(words) >= length and name in NODE_COMMANDS:
            return [name, *words[length:]]
    return None


class _Parser(argparse.ArgumentParser):
    """argparse that complains as the rest of AMP does."""

    def error(self, message: str) -> NoReturn:
        raise Invalid(f"{message}: see {self.prog} --help")


def seconds(text: str) -> float | None:
    """Read a time as people type it: `90s`, `10m`; a bare number counts seconds. None: it is not one."""
    try:
        limit = float(text)
    except ValueError:
        try:
            limit = parse_duration(text)
        except Invalid:
            return None
    return limit if 0 <= limit < 1e9 else None


def _time(text: str) -> float:
    limit = seconds(text)
    if limit is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time: write 90s or 10m")
    return limit


def node_parser(command: str) -> argparse.ArgumentParser:
    """Answer the parser of one of NODE_COMMANDS."""
    parser = _Parser(prog=f"amp {command}", description=NODE_COMMANDS[command], allow_abbrev=False)
    parser.add_argument("home", metavar="HOME", type=Path, help="the home directory, made by amp init")
    if command == "launch":
        parser.add_argument("--check", action="store_true", help="only check the configuration")
        parser.add_argument(
            "--ready-fd", type=int, metavar="FD", help="tell readiness on this open file; used by start"
        )
    elif command == "status":
        parser.add_argument("--wait", type=_time, default=0.0, metavar="TIME", help="wait that long for it to serve")
    elif command != "ha release":
        default = "the heartbeat timeout and 30s" if command == "start" else "60s"
        parser.add_argument("--timeout", type=_time, metavar="TIME", help=f"wait no longer than this ({default})")
    if command not in ("launch", "ha release"):
        parser.add_argument(
            "name", metavar="amp", nargs="?", choices=("amp",), help="as service managers write it; no effect"
        )
    return parser


def run_node_command(words: Sequence[str]) -> int:
    """Run one of NODE_COMMANDS with its arguments; answers the exit code. Raises: AmpError."""
    try:
        said = node_parser(words[0]).parse_args(words[1:])
    except SystemExit:  # --help has printed
        return OK
    if words[0] == "launch":
        from amp.cli import launch

        return launch.check(said.home) if said.check else launch.launch(said.home, said.ready_fd)
    clock = SystemClock()
    if words[0] == "ha release":
        from amp.cli.release import release

        return release(said.home, clock)
    from amp.cli import process

    if words[0] == "start":
        return process.start(said.home, clock, said.timeout)
    if words[0] == "stop":
        return process.stop(said.home, clock, 60.0 if said.timeout is None else said.timeout)
    return process.status(said.home, clock, said.wait)
