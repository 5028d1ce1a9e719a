"""How a process that serves is set: its threads share what they allocate from, and what has died is let go of."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from pathlib import Path

import pytest

from amp.kit.interpreter import ARENAS, settling, unsettle

#: Has eight threads allocate at once, and prints the number of arenas that the C library has made.
THREADS = """\
import ctypes, sys, threading
from amp.kit.interpreter import tune
if sys.argv[1] == "tuned":
    tune()
at_once = threading.Barrier(8)
def allocate():
    at_once.wait()
    held = [bytes(5000) for _ in range(100)]
    at_once.wait()
threads = [threading.Thread(target=allocate) for _ in range(8)]
for each in threads: each.start()
for each in threads: each.join()
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
file = ctypes.c_void_p(libc.fopen(sys.argv[2].encode(), b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
print(open(sys.argv[2]).read().count("<heap nr="))
"""


class Cycle:
    """Something that only a collector of cycles frees."""

    def __init__(self) -> None:
        self.itself = self


def arenas(how: str, path: Path) -> int:
    done = subprocess.run([sys.executable, "-c", THREADS, how, str(path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="of the GNU C library")
def test_threads_share_a_few_arenas(tmp_path: Path) -> None:
    assert arenas("tuned", tmp_path / "tuned") <= ARENAS < arenas("as it comes", tmp_path / "other")


def test_what_has_died_since_it_was_settled_is_freed() -> None:
    with settling():
        made = Cycle()
        assert not gc.isenabled()
    assert gc.isenabled()
    assert not any(each is made for each in gc.get_objects())
    seen = weakref.ref(made)
    del made
    gc.collect()
    assert seen() is not None
    unsettle()
    assert seen() is None
    assert gc.get_freeze_count() == 0


def test_a_state_that_cannot_be_made_is_not_settled() -> None:
    unsettle()
    with pytest.raises(ValueError, match="no state"), settling():
        raise ValueError("no state")
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0
