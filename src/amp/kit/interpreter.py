"""How the interpreter is set for a process that serves: the turns of its threads, and when cycles are looked for."""

from __future__ import annotations

import gc
import sys

#: Threads that write, read and save share the interpreter with the event loop; each waits for the other so long at
#: most, in seconds. Python's own 5 ms, several times in one append, are longer than the append.
SWITCH_S = 0.0005
#: The collector of cycles looks after so many new objects. A request makes some hundred, and few of them in cycles.
COLLECT_AFTER = 20_000


def tune() -> None:
    """Set this process for serving; what is imported by now is taken to stay."""
    sys.setswitchinterval(SWITCH_S)
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)
