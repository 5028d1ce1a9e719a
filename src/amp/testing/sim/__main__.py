"""Play many seeds. At the first that breaks a rule: look for a smaller story that breaks it, tell it, and exit 1."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
from collections import Counter
from functools import partial

from amp.kit.clock import SystemClock
from amp.testing.sim.make import Make
from amp.testing.sim.plan import STORM, Case
from amp.testing.sim.planted import PLANTED
from amp.testing.sim.shrink import shrink
from amp.testing.sim.story import Broken, Story


def main(arguments: list[str] | None = None) -> int:
    """Play; prints the sum of what was lived through, or the story that broke."""
    options = _options(arguments)
    make = next((bug.make for bug in PLANTED if bug.name == options.planted), Make())
    began = SystemClock().read().raw
    total = Counter[str]()
    cases = [
        Case(seed, frozenset(options.without), frozenset(options.absent), options.storm)
        for seed in range(options.first, options.first + options.seeds)
    ]
    with multiprocessing.Pool(min(options.jobs, len(cases))) as pool:
        for case, outcome in pool.imap(partial(_play, make), cases, chunksize=8):
            if outcome is None:
                _report(case, make, options.planted)
                return 1
            total.update(outcome)
    spent = SystemClock().read().raw - began
    print(
        f"{options.seeds} seeds in {spent:.1f} s ({options.seeds / spent * 60:.0f} a minute): {total['steps']} steps, "
        f"{total['segments']} segments, {total['acked']} acknowledged writes, {total['offices']} times in office; "
        "S1-S5, T5, T6 and L1 held"
    )
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m amp.testing.sim", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many seeds to play (1000)")
    parser.add_argument("--first", type=int, default=1, help="the first of them (1)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (one a core)")
    parser.add_argument("--without", type=_numbers, default=[], metavar="N,N", help="leave these troubles out")
    parser.add_argument("--absent", type=_numbers, default=[], metavar="N,N", help="leave these machines out")
    parser.add_argument("--storm", type=float, default=STORM, help=f"seconds of trouble ({STORM:g})")
    parser.add_argument("--planted", choices=[bug.name for bug in PLANTED], metavar="BUG", help="with a planted bug")
    options = parser.parse_args(arguments)
    if options.seeds < 1 or options.jobs < 1:
        parser.error("--seeds and --jobs are at least 1")
    return options


def _numbers(text: str) -> list[int]:
    return [int(each) for each in text.split(",")]


def _play(make: Make, case: Case) -> tuple[Case, dict[str, int] | None]:
    try:
        outcome = Story(case, make).play()
    except Broken:
        return case, None
    return case, {
        "steps": outcome.steps,
        "segments": outcome.segments,
        "acked": outcome.acked,
        "offices": outcome.offices,
    }


def _report(case: Case, make: Make, planted: str | None) -> None:
    command = "replay: python -m amp.testing.sim {}" + (f" --planted {planted}" if planted else "")
    print(f"seed {case.seed} breaks a rule; {command.format(case.options)}", flush=True)
    smallest = shrink(case, partial(_tell, make))
    story = Story(smallest, make)
    try:
        story.play()
    except Broken as broken:
        story.world.tell(f"BROKEN {broken}")
    print("the smallest story found that breaks it:")
    for at, text in story.world.told:
        print(f"{at:9.3f} s  {text}")
    print(command.format(smallest.options))


def _tell(make: Make, case: Case) -> tuple[str, float] | None:
    story = Story(case, make)
    try:
        story.play()
    except Broken as broken:
        return broken.rule, story.world.time
    return None


if __name__ == "__main__":
    sys.exit(main())
