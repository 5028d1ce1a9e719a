"""Play many seeds: `python -m amp.testing.simwork [--seeds N] [--first SEED] [--planted NAME]`.

Exit 1 at the first that breaks, with what broke and the command that replays it. With `--planted` a bug is planted, and
exit 1 is what is wanted. Strings hash differently in each Python process, and with them the order of sets: it starts
itself again with a fixed hash seed, so that a seed is the same story everywhere.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
from collections import Counter
from functools import partial

from amp.kit.clock import SystemClock
from amp.testing.simwork.judge import Broken
from amp.testing.simwork.planted import PLANTED
from amp.testing.simwork.story import Story

_SHOWN = ("segments", "terms", "commands", "resumed", "voided", "reruns", "asked", "answered", "acked", "completed")


def main() -> int:
    """Play; prints the sum of what was lived through, or the seed that broke."""
    parser = argparse.ArgumentParser(prog="python -m amp.testing.simwork", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="how many seeds to play (100)")
    parser.add_argument("--first", type=int, default=1, help="the first of them (1)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (one a core)")
    parser.add_argument("--planted", choices=sorted(PLANTED), help="play with this bug")
    options = parser.parse_args()
    if os.environ.get("PYTHONHASHSEED") != "0":
        again = [sys.executable, "-m", "amp.testing.simwork", *sys.argv[1:]]
        os.execve(sys.executable, again, {**os.environ, "PYTHONHASHSEED": "0"})  # noqa: S606 - this very program
    clock = SystemClock()
    began = clock.read().raw
    total = Counter[str]()
    seeds = range(options.first, options.first + options.seeds)
    with multiprocessing.Pool(min(options.jobs, len(seeds))) as pool:
        for seed, outcome in zip(seeds, pool.imap(partial(_play, planted=options.planted), seeds), strict=True):
            if isinstance(outcome, str):
                planted = f" --planted {options.planted}" if options.planted else ""
                print(f"{outcome}\nreplay: python -m amp.testing.simwork --seeds 1 --first {seed}{planted}")
                return 1
            total.update(outcome)
    spent = clock.read().raw - began
    said = ", ".join(f"{total[name]} {name}" for name in _SHOWN)
    print(f"{options.seeds} seeds in {spent:.1f} s ({options.seeds / spent * 60:.0f} a minute): {said}; all held")
    return 0


def _play(seed: int, planted: str | None) -> dict[str, int] | str:
    try:
        if planted is None:
            return Story(seed).play().count
        with PLANTED[planted].grown():
            return Story(seed, checks_first=PLANTED[planted].checks_first).play().count
    except Broken as broken:
        return str(broken)


if __name__ == "__main__":
    sys.exit(main())
