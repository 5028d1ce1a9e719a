"""The entry of `amp`: picks the command, turns errors into a message and an exit code, ends the process.

The rule: a user never sees a traceback. The process ends by `os._exit` after a flush, since the object store's own
threads may abort an interpreter that is shutting down. What runs a node is `cli.node`, all else `cli.commands`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from amp.cli.exits import INTERRUPTED, OK, code_of
from amp.cli.node import node_words, run_node_command
from amp.cli.output import show_error
from amp.kit.errors import AmpError


def main() -> NoReturn:
    """Run the command of this process and end it."""
    code = run(sys.argv[1:])
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            pass  # whoever read it has gone
    os._exit(code)


def run(words: Sequence[str]) -> int:
    """Run one command; answers the exit code. Raises nothing that a user could cause."""
    try:
        ours = node_words(words)
        return _client_command(words) if ours is None else run_node_command(ours)
    except AmpError as error:
        show_error(error, as_json=wants_json(words))
        return code_of(error)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # whoever read our output (head, a pager that was left) has gone: end quietly
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return OK


def wants_json(words: Sequence[str]) -> bool:
    """Tell whether errors are for a script: `-o json` in any of its forms."""
    pairs = zip(words, [*words[1:], ""], strict=True)
    return any(
        word in ("-ojson", "-o=json", "--output=json") or (word in ("-o", "--output") and following == "json")
        for word, following in pairs
    )


def _client_command(words: Sequence[str]) -> int:
    from amp.cli.commands import dispatch

    return dispatch(words)


if __name__ == "__main__":
    main()
