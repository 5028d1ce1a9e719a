"""Play many seeds: `python -m amp.testing.sim [--seeds N] [--first SEED]`. Exit 1 at the first that breaks."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
from collections import Counter

from amp.kit.clock import SystemClock
from amp.testing.sim.story import Broken, Story


def main() -> int:
    """Play; prints the sum of what was lived through, or the seed that broke."""
    parser = argparse.ArgumentParser(prog="python -m amp.testing.sim", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many seeds to play (1000)")
    parser.add_argument("--first", type=int, default=1, help="the first of them (1)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (one a core)")
    options = parser.parse_args()
    clock = SystemClock()
    began = clock.read().raw
    total = Counter[str]()
    seeds = range(options.first, options.first + options.seeds)
    with multiprocessing.Pool(options.jobs) as pool:
        for outcome in pool.imap_unordered(_play, seeds, chunksize=8):
            if isinstance(outcome, str):
                print(f"{outcome[1:]}\nreplay: python -m amp.testing.sim --seeds 1 --first {outcome.split()[1][:-1]}")
                return 1
            total.update(outcome)
    spent = clock.read().raw - began
    print(
        f"{options.seeds} seeds in {spent:.1f} s ({options.seeds / spent * 60:.0f} a minute): {total['steps']} steps, "
        f"{total['segments']} segments, {total['acked']} acknowledged writes, {total['offices']} times in office; "
        "S1-S5 and L1 held"
    )
    return 0


def _play(seed: int) -> dict[str, int] | str:
    try:
        outcome = Story(seed).play()
    except Broken as broken:
        return f"!{broken}"
    return {
        "steps": outcome.steps,
        "segments": outcome.segments,
        "acked": outcome.acked,
        "offices": outcome.offices,
    }


if __name__ == "__main__":
    sys.exit(main())
