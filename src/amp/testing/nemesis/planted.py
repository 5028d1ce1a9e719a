"""Bugs to plant in real nodes, so that a campaign proves that it would find them: `--planted NAME`.

A node runs with one of them when its interpreter is `planted_python`. Each bug breaks one rule at a seam of the plane,
in the process that serves and nowhere else; the product never imports this.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from amp.ha.node import Node, Phase
from amp.kit.clock import Reading
from amp.model.changes import AnyChange
from amp.plane.journaling import Journaling

_UNPLANTED = ("-P", "-m", "amp.cli.main")


def early() -> None:
    """Answer a write when it has been handed over, not when it is durable."""
    durable = Journaling.commit
    kept: set[asyncio.Task[int]] = set()

    async def commit(self: Journaling, changes: Sequence[AnyChange]) -> int:
        if any(getattr(each, "name", "").startswith("nemesis.") for each in changes):
            task = asyncio.get_running_loop().create_task(durable(self, changes))
            kept.add(task)
            task.add_done_callback(kept.discard)
            return 0
        return await durable(self, changes)

    Journaling.commit = commit  # type: ignore[method-assign]


def lease() -> None:
    """Act, and say MASTER, as long as nobody else is known to lead: no lease."""

    def may_act(self: Node, now: Reading) -> bool:
        return self.phase is Phase.LEADING and self.in_office

    Node.may_act = may_act  # type: ignore[method-assign]


PLANTED: dict[str, Callable[[], None]] = {each.__name__: each for each in (early, lease)}


def planted_python(name: str, folder: Path) -> Path:
    """Make an interpreter that runs AMP with a bug; answers its path."""
    script = folder / f"python-{name}"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -P -m amp.testing.nemesis.planted {name} "$@"\n')
    script.chmod(0o755)
    return script


def main() -> None:
    """Run `amp` with the bug that the first argument names; the rest is what an interpreter is given for `amp`."""
    PLANTED[sys.argv[1]]()
    words = sys.argv[2:]
    sys.argv = ["amp", *(words[len(_UNPLANTED) :] if tuple(words[: len(_UNPLANTED)]) == _UNPLANTED else words)]
    from amp.cli.main import main as amp

    amp()


if __name__ == "__main__":
    main()
