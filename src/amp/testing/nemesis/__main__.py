"""Run a campaign: `python -m amp.testing.nemesis --failovers N --store directory|s3 --seed S`. Exit 1 with a proof.

Prints a line a round, what was looked at, the histogram of unavailability, and the verdict, which is written with all
figures to `verdict.json` too. After a verdict of broken promises the folder with the history, the journal, the store
and the nodes' logs is kept and named.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from amp.kit.clock import SystemClock
from amp.kit.errors import AmpError, Invalid
from amp.testing.nemesis import report
from amp.testing.nemesis.campaign import Campaign
from amp.testing.nemesis.checker import judge, lags
from amp.testing.nemesis.faults import draw_faults, kinds_of
from amp.testing.nemesis.history import Journal, Recorder, load
from amp.testing.nemesis.planted import PLANTED, rigged_python
from amp.testing.nemesis.stage import staged

_ROUNDS = 10


def main() -> int:
    """Run one campaign, or judge one again."""
    options = _parser().parse_args()
    if options.judge is not None:
        records = load(options.judge / "history.jsonl")
        journal = msgspec.json.decode((options.judge / "journal.json").read_bytes(), type=Journal)
        verdict = judge(records, journal)
        print("\n".join([*report.said(verdict), report.conclusion(verdict)]))
        return 1 if verdict.violations else 0
    folder = options.folder or Path(tempfile.mkdtemp(prefix="amp-nemesis-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        broken = asyncio.run(_run(options, folder.absolute()))
    except AmpError as error:
        print(f"no verdict: {error.message}\neverything is in {folder}", file=sys.stderr)
        return 2
    except (KeyboardInterrupt, asyncio.CancelledError):
        print(f"no verdict: interrupted; all nodes were ended, everything is in {folder}", file=sys.stderr)
        return 130
    if broken:
        print(f"everything is in {folder}")
    elif options.folder is None:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if broken else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m amp.testing.nemesis", description=__doc__)
    parser.add_argument(
        "--rounds", type=int, help=f"how many faults ({_ROUNDS}; with --failovers: as many as it takes)"
    )
    parser.add_argument("--failovers", type=int, help="end once the office was taken anew so often")
    parser.add_argument("--store", choices=["directory", "s3"], default="directory")
    parser.add_argument("--seed", type=int, default=1, help="decides which faults, in which order (1)")
    parser.add_argument("--nodes", type=int, default=3, help="servers (3)")
    parser.add_argument("--timeout", type=float, default=2.0, help="brooklyn.ha.heartbeatTimeout in seconds (2)")
    parser.add_argument("--poll", type=float, default=0.25, help="brooklyn.ha.pollPeriod in seconds (0.25)")
    parser.add_argument("--server", default="ministack", help="the S3 server: ministack, versitygw or seaweedfs")
    parser.add_argument("--only", action="append", default=[], help="only this fault, or those with this word")
    parser.add_argument("--planted", choices=list(PLANTED), help="plant a bug in all nodes, which must be found")
    parser.add_argument("--folder", type=Path, help="where to work; kept (a temporary one, kept if a promise broke)")
    parser.add_argument("--judge", type=Path, metavar="FOLDER", help="judge a campaign again that was kept")
    return parser


async def _run(options: argparse.Namespace, folder: Path) -> bool:
    clock, recorder = SystemClock(), Recorder(folder / "history.jsonl")
    draw, began = random.Random(f"proxies {options.seed}"), SystemClock().read()
    rounds = _ROUNDS if options.rounds is None and options.failovers is None else options.rounds
    if (own := asyncio.current_task()) is not None:
        # Nodes live in sessions of their own: whoever ends us must not leave them running.
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, own.cancel)
    try:
        async with staged(
            options.store,
            folder,
            clock,
            nodes=options.nodes,
            timeout=options.timeout,
            poll=options.poll,
            s3=options.server,
            draw=draw,
            python=rigged_python(options.planted, folder),
        ) as stage:
            if stage.disk is not None and stage.disk.why_not:
                print(f"left out: what is done to disks ({stage.disk.why_not})")
            kinds = kinds_of(options.store, stage.disk is not None and not stage.disk.why_not)
            kinds = _chosen(kinds, options.only)
            until = f"{options.failovers} failovers" if options.failovers is not None else f"{rounds} rounds"
            print(
                f"{until} on {options.store}, {options.nodes} nodes, time-out {options.timeout:g} s, "
                f"poll {options.poll:g} s, seed {options.seed}"
            )
            campaign = Campaign(stage, recorder, clock, options.seed, lambda line: print(line, flush=True))
            journal = await campaign.play(draw_faults(kinds, rounds, options.seed), options.failovers)
            (folder / "journal.json").write_bytes(msgspec.json.encode(journal))
    finally:
        recorder.close()
    print("\n".join(report.unavailability(campaign.rounds)))
    behind = sorted(lags(recorder.records)) or [0]
    print(
        f"standbys behind: median {statistics.median(behind):g} segments, "
        f"95 % up to {behind[int(0.95 * len(behind))]}, max {behind[-1]}"
    )
    took = clock.read().raw - began.raw
    print(f"{campaign.so_far} in {took:.0f} s")
    verdict = judge(recorder.records, journal)
    conditions = _conditions(options, began.wall_ms, took)
    (folder / "verdict.json").write_bytes(report.as_json(conditions, campaign.rounds, campaign.failovers, verdict))
    print("\n".join([*report.said(verdict), report.conclusion(verdict)]))
    return bool(verdict.violations)


def _conditions(options: argparse.Namespace, at_ms: int, took: float) -> dict[str, Any]:
    names = ("store", "server", "nodes", "timeout", "poll", "seed", "planted")
    here = Path(__file__).parent
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=12"],  # noqa: S607 -- of whoever runs this
        cwd=here, capture_output=True, text=True, check=False,
    )  # fmt: skip
    chosen = {name: getattr(options, name) for name in names if name != "server" or options.store == "s3"}
    return {**chosen, "commit": done.stdout.strip(), "at_ms": at_ms, "seconds": round(took, 1)}


def _chosen(kinds: tuple[str, ...], words: Sequence[str]) -> tuple[str, ...]:
    """Answer the kinds that are named, or have one of the words in their name. Raises: Invalid."""
    named = set(words) & set(kinds)
    chosen = tuple(k for k in kinds if not words or k in named or any(w in k for w in set(words) - named))
    if not chosen:
        raise Invalid(f"no fault has one of these words: {', '.join(words)} (there are: {'; '.join(kinds)})")
    return chosen


if __name__ == "__main__":
    sys.exit(main())
