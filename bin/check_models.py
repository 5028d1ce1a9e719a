"""Check the exhaustive models of the protocol with Spin: `make model`.

Each model must hold in every state within its bounds, and each planted bug must be caught, or the models prove nothing.
A line for each run: what was run, states, seconds, verdict. Ends with 1 when one of them is not as it should be. It
decides nothing about the protocol: what is modelled, and how far, stands at the head of the models and in
docs/explanation/how-we-test-failover.md.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from amp.kit.clock import SystemClock

CLOCK = SystemClock()
MODELS = Path(__file__).resolve().parent.parent / "models"
#: Bounds of one run: memory in MB, depth of the search in steps, seconds.
MEMORY, DEPTH, SECONDS = 1900, 2_000_000, 900

APPEND = "append LAST=4 EMPTIED=2"
LEASE = "lease SHORT=2 LONG=3"
THREE = "lease NODES=3 SHORT=2 ONE_LENGTH NO_DEATH"
LIVE = "lease LIVE CALM=4 SHORT=2 ONE_LENGTH"

#: Those that must hold; the second group is left out by --short.
HOLD = (APPEND, LEASE, "lease NODES=3 SHORT=1 ONE_LENGTH NO_DEATH", LIVE)
HOLD_TOO = (
    "append LAST=5",
    "lease SHORT=3 LONG=5",
    "lease RATES",
    THREE,
    "lease LIVE CALM=5 SHORT=2 LONG=3",
)
#: Those that must be caught, and where.
CAUGHT = (
    *((bug, "append LAST=4") for bug in ("1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "10B", "C1")),
    *((bug, LEASE) for bug in ("11", "12", "13", "14", "15", "15B", "16B", "17", "18", "19", "20", "21", "22")),
    ("16", THREE),
    ("25", LIVE),
)


@dataclass(frozen=True, slots=True)
class Run:
    """A model, its defines, and the bug that is planted in it, if any."""

    what: str
    bug: str | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What Spin said: `fault` is what it found, None where it found none; `whole`: it has seen all states."""

    run: Run
    states: int
    seconds: float
    fault: str | None
    whole: bool

    @property
    def good(self) -> bool:
        """True where it is as it should be."""
        return self.fault is not None if self.run.bug else self.fault is None and self.whole

    def line(self) -> str:
        """Say it in a line."""
        bug = f"bug {self.run.bug}" if self.run.bug else ""
        if self.fault is not None:
            verdict = f"{'caught' if self.run.bug else 'BROKEN'}: {self.fault}"
        elif not self.whole:
            verdict = "NOT ALL STATES WERE SEEN"
        else:
            verdict = "NOT CAUGHT" if self.run.bug else "holds"
        return f"{self.run.what:<44} {bug:<8} {self.states:>10,} states {self.seconds:>6.1f} s  {verdict}"


def check(run: Run) -> Result:
    """Build the checker for a run and let it search. Raises: RuntimeError when it cannot be built or gives up."""
    model, *defines = run.what.split()
    flags = [f"-D{each}" for each in defines] + ([f"-DBUG_{run.bug}"] if run.bug else [])
    with tempfile.TemporaryDirectory(prefix="amp-model-") as folder:
        _build(["spin", "-a", *flags, str(MODELS / f"{model}.pml")], folder)
        _build(["gcc", "-O2", "-w", "-DSAFETY", f"-DMEMLIM={MEMORY}", "-o", "pan", "pan.c"], folder)
        began = CLOCK.read().raw
        search = subprocess.run(
            [os.path.join(folder, "pan"), f"-m{DEPTH}"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        return read(run, search.stdout, CLOCK.read().raw - began)


def _build(command: list[str], folder: str) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")


def read(run: Run, said: str, seconds: float) -> Result:
    """Read what the checker printed. Raises: RuntimeError when that is no verdict."""
    states = re.search(r"^\s*(\d+) states, stored", said, re.MULTILINE)
    errors = re.search(r"errors: (\d+)", said)
    if states is None or errors is None:
        raise RuntimeError(f"{run.what}: no verdict:\n{said[-2000:]}")
    fault = re.search(r"^pan:\d+: (.*?) \(at depth", said, re.MULTILINE)
    found = fault.group(1) if fault else ("an error" if int(errors.group(1)) else None)
    whole = "Search not completed" not in said and "max search depth too small" not in said
    return Result(run, int(states.group(1)), seconds, found, whole)


def main() -> int:
    """Run what was asked for, two at a time; answer the exit code."""
    parser = argparse.ArgumentParser(description="Check the exhaustive models of the protocol.")
    parser.add_argument("--short", action="store_true", help="leave out the largest runs without a planted bug")
    asked = parser.parse_args()
    runs = [Run(what) for what in (HOLD if asked.short else HOLD + HOLD_TOO)]
    runs += [Run(what, bug) for bug, what in CAUGHT]
    good, began = True, CLOCK.read().raw
    with ThreadPoolExecutor(max_workers=2) as pool:
        for result in pool.map(check, runs):
            print(result.line(), flush=True)
            good = good and result.good
    caught = sum(1 for run in runs if run.bug)
    print(f"{len(runs) - caught} that must hold, {caught} planted bugs, {CLOCK.read().raw - began:.0f} s", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
