"""Stands in for the interpreter (AMP_PYTHON): the real `amp` command, around an app that only does what FAKE_NODE says.

ready: serve until SIGTERM. managed: the same, with a child in a session of its own, its pid in HOME/managed.pid.
fail: refuse to start. die: end without a word. bug: raise what is not for people. hang: never get ready.
stubborn: ready, deaf to SIGTERM. unclean: ready, end at SIGTERM by force.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import types
from collections.abc import Callable

import amp.cli.main
from amp.kit.errors import AmpError, Conflict
from amp.settings import Settings


async def run(settings: Settings, *, ready: Callable[[str], None], reload: Callable[[], Settings]) -> int:
    assert reload() == settings
    kind = os.environ["FAKE_NODE"]
    stopping = asyncio.Event()
    handlers = {"stubborn": lambda: None, "unclean": lambda: os._exit(7)}
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, handlers.get(kind, stopping.set))
    if kind == "fail":
        raise ExceptionGroup("tasks", [AmpError("by the way"), Conflict("no master here\nsecond line")][1:])
    if kind == "die":
        print("something odd on stderr", file=sys.stderr, flush=True)
        os._exit(9)
    if kind == "bug":
        raise ZeroDivisionError("an inner secret")
    if kind == "managed":
        child = await asyncio.create_subprocess_exec("sleep", "60", start_new_session=True)
        (settings.home / "managed.pid").write_text(str(child.pid))
    if kind != "hang":
        ready("MASTER")
    await stopping.wait()
    return 0


fake = types.ModuleType("amp.app")
fake.__dict__["run"] = run
sys.modules["amp.app"] = fake

if __name__ == "__main__":
    words = sys.argv[1:]
    sys.argv[1:] = words[words.index("amp.cli.main") + 1 :]
    amp.cli.main.main()
