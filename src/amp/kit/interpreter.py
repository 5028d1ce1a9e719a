"""How the interpreter is set for a process that serves: the turns of its threads, what they share of the memory, and
when cycles are looked for.

What stays (what is imported, a state that was loaded) is *settled*: the collector does not look at it again and again.
The rule: nothing is settled before what was settled until then has been looked through, so that whatever died
meanwhile, in cycles that nobody else frees, is settled once at most and freed the next time.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import sys
from collections.abc import Iterator

#: Threads that write, read and save share the interpreter with the event loop; each waits for the other so long at
#: most, in seconds. Python's own 5 ms, several times in one append, are longer than the append.
SWITCH_S = 0.0005
#: The collector of cycles looks after so many new objects. A request makes some hundred, and few of them in cycles.
COLLECT_AFTER = 20_000
#: Of every so many times it looks at what was there the last time, too. It is rarely much: a state that was loaded is
#: settled, and what is there for good is only looked at when a quarter has come to it.
AGAIN_AFTER = 3
#: So many parts of the heap are shared by all threads of the process. The C library would make one for almost each, and
#: each would keep what the largest snapshot, segment or listing that its thread ever had in hands took.
ARENAS = 2
_M_ARENA_MAX = -8  # of <malloc.h>


def tune() -> None:
    """Set this process for serving; what is imported by now is taken to stay."""
    sys.setswitchinterval(SWITCH_S)
    limit = getattr(ctypes.CDLL(None), "mallopt", None)  # another C library has none, and no such parts
    if limit is not None and sys.platform == "linux":
        limit(_M_ARENA_MAX, ARENAS)
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, AGAIN_AFTER, AGAIN_AFTER)


def unsettle() -> None:
    """Free all that is dead, also of what was settled. Takes some 20 ms, and longer for what lives and is large.

    To be called where the event loop runs, before `settling`: what dies here may be the loop's own.
    """
    gc.unfreeze()
    gc.collect()


@contextlib.contextmanager
def settling() -> Iterator[None]:
    """Let what is made inside be settled at its end, and no collector look at it, again and again, while it is made."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        if collects:
            gc.enable()
