"""Measure everything and print one table: `make bench`; `make bench ONLY="state rest"` measures these sections."""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import signal
import sys
import time
from collections.abc import Callable, Iterator

from amp.kit.interpreter import tune
from bench import commits, deploy, idle, rest, state, takeover
from bench.table import HEAD, Row

SECTIONS: dict[str, Callable[[], Iterator[Row]]] = {
    "commits": commits.rows,
    "idle": idle.rows,
    "requests": idle.requests,
    "state": state.rows,
    "takeover": takeover.rows,
    "deploy": deploy.rows,
    "rest": rest.rows,
    "writes": rest.writes,
}
#: Sections that are part of another one.
PARTS = ("writes",)


def main() -> None:
    """Measure the sections that are wanted, each row printed when it is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("only", nargs="*", help=f"sections: {', '.join(SECTIONS)} (all)")
    wanted = parser.parse_args().only or [name for name in SECTIONS if name not in PARTS]
    if unknown := [name for name in wanted if name not in SECTIONS]:
        parser.error(f"no such section: {', '.join(unknown)} (there are: {', '.join(SECTIONS)})")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that no node is left running
    tune()  # some sections have a node in this process
    now = datetime.datetime.now(datetime.UTC)
    print(f"{now:%Y-%m-%d}, {os.cpu_count()} processors, Python {platform.python_version()}\n\n{HEAD}", flush=True)
    missed = 0
    for name in wanted:
        began, load = time.monotonic(), os.getloadavg()[0]
        for row in SECTIONS[name]():
            print(row.line(), flush=True)
            missed += row.met is False
        print(f"{name}: {time.monotonic() - began:.0f} s; load before it {load:.1f}", file=sys.stderr, flush=True)
    print(f"\n{missed} goals not met" if missed else "\nall goals met")


if __name__ == "__main__":
    main()
