"""The interpreter that nodes of a campaign run with: it gives them a clock that can be stepped, and bugs, if so told.

Bugs (`--planted NAME`) are there so that a campaign proves that it would find them. Each breaks one rule at a seam of
the plane, in the process that serves and nowhere else; the product never imports this.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from amp.testing.nemesis import clocks

if TYPE_CHECKING:
    from amp.ha.node import Node
    from amp.kit.clock import Reading
    from amp.model.changes import AnyChange
    from amp.plane.journaling import Journaling

_UNPLANTED = ("-P", "-m", "amp.cli.main")


def early() -> None:
    """Answer a write when it has been handed over, not when it is durable."""
    from amp.plane.journaling import Journaling  # a node without a bug loads nothing more than it needs

    durable = Journaling.submit
    kept: set[asyncio.Future[int]] = set()

    def submit(self: Journaling, changes: Sequence[AnyChange]) -> asyncio.Future[int]:
        written = durable(self, changes)
        if not any(getattr(each, "name", "").startswith("nemesis.") for each in changes):
            return written
        kept.add(written)
        written.add_done_callback(kept.discard)
        early: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        early.set_result(0)
        return early

    Journaling.submit = submit  # type: ignore[method-assign]


def lease() -> None:
    """Act, and say MASTER, as long as nobody else is known to lead: no lease."""
    from amp.ha.node import Node, Phase

    def may_act(self: Node, now: Reading) -> bool:
        return self.phase is Phase.LEADING and self.in_office

    Node.may_act = may_act  # type: ignore[method-assign]


PLANTED: dict[str, Callable[[], None]] = {each.__name__: each for each in (early, lease)}
_NONE = "none"


def rigged_python(bug: str | None, folder: Path) -> Path:
    """Make an interpreter that runs AMP with a clock of its own, and with a bug; answers its path."""
    name = bug or _NONE
    script = folder / f"python-{name}"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -P -m amp.testing.nemesis.planted {name} "$@"\n')
    script.chmod(0o755)
    return script


def main() -> None:
    """Run `amp` with the bug that the first argument names; the rest is what an interpreter is given for `amp`."""
    if sys.argv[1] != _NONE:
        PLANTED[sys.argv[1]]()
    words = sys.argv[2:]
    sys.argv = ["amp", *(words[len(_UNPLANTED) :] if tuple(words[: len(_UNPLANTED)]) == _UNPLANTED else words)]
    clocks.follow()
    from amp.cli.main import main as amp

    amp()


if __name__ == "__main__":
    main()
