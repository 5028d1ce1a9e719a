"""Run a campaign: `python -m amp.testing.nemesis --rounds N --store directory|s3 --seed S`. Exit 1 with a proof.

Prints a line a round, what was looked at, the histogram of unavailability, and the verdict. After a verdict of broken
promises the folder with the history, the journal, the store and the nodes' logs is kept and named.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import signal
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec

from amp.kit.clock import SystemClock
from amp.kit.errors import AmpError, Invalid
from amp.testing.nemesis.campaign import Campaign, Round
from amp.testing.nemesis.checker import Verdict, judge, lags
from amp.testing.nemesis.faults import draw_faults, kinds_of
from amp.testing.nemesis.history import Journal, Recorder, load
from amp.testing.nemesis.planted import PLANTED, planted_python
from amp.testing.nemesis.stage import staged

_EDGES = (0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 10.0, 20.0)
_SHOWN = 3  # of each rule


def main() -> int:
    """Run one campaign, or judge one again."""
    parser = argparse.ArgumentParser(prog="python -m amp.testing.nemesis", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10, help="how many faults (10)")
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
    options = parser.parse_args()
    if options.judge is not None:
        records = load(options.judge / "history.jsonl")
        journal = msgspec.json.decode((options.judge / "journal.json").read_bytes(), type=Journal)
        return _say(judge(records, journal), options.judge)
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
    if not broken and options.folder is None:
        shutil.rmtree(folder, ignore_errors=True)
    return broken


async def _run(options: argparse.Namespace, folder: Path) -> int:
    clock, recorder = SystemClock(), Recorder(folder / "history.jsonl")
    draw = random.Random(f"proxies {options.seed}")
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
            python=planted_python(options.planted, folder) if options.planted else None,
        ) as stage:
            if stage.disk is not None and stage.disk.why_not:
                print(f"left out: disk full ({stage.disk.why_not})")
            kinds = kinds_of(options.store, stage.disk is not None and not stage.disk.why_not)
            kinds = _chosen(kinds, options.only)
            print(
                f"{options.rounds} rounds on {options.store}, {options.nodes} nodes, time-out {options.timeout:g} s, "
                f"poll {options.poll:g} s, seed {options.seed}"
            )
            campaign = Campaign(stage, recorder, clock, options.seed, lambda line: print(line, flush=True))
            journal = await campaign.play(draw_faults(kinds, options.rounds, options.seed))
            (folder / "journal.json").write_bytes(msgspec.json.encode(journal))
    finally:
        recorder.close()
    _histogram(campaign.rounds)
    behind = sorted(lags(recorder.records)) or [0]
    print(
        f"standbys behind: median {statistics.median(behind):g} segments, "
        f"95 % up to {behind[int(0.95 * len(behind))]}, max {behind[-1]}"
    )
    print("deployments: " + ", ".join(f"{count} {what}" for what, count in campaign.deployed.items()))
    return _say(judge(recorder.records, journal), folder)


def _chosen(kinds: tuple[str, ...], words: Sequence[str]) -> tuple[str, ...]:
    """Answer the kinds that are named, or have one of the words in their name. Raises: Invalid."""
    named = set(words) & set(kinds)
    chosen = tuple(k for k in kinds if not words or k in named or any(w in k for w in set(words) - named))
    if not chosen:
        raise Invalid(f"no fault has one of these words: {', '.join(words)} (there are: {'; '.join(kinds)})")
    return chosen


def _histogram(rounds: Sequence[Round]) -> None:
    if not rounds:
        return
    print("unavailable (longest time without an acknowledged write in a round):")
    gaps = [each.gap for each in rounds]
    for low, high in zip((0.0, *_EDGES), (*_EDGES, float("inf")), strict=True):
        if count := sum(low <= gap < high for gap in gaps):
            print(f"  {low:5g} to {high:4g} s  {count:4}  {'#' * count}")
    for kind in sorted({each.fault.kind for each in rounds}):
        own = [each.gap for each in rounds if each.fault.kind == kind]
        line = f"median {statistics.median(own):.2f} s, min {min(own):.2f}, max {max(own):.2f}, n={len(own)}"
        print(f"  {kind:18} {line}")


def _say(verdict: Verdict, folder: Path) -> int:
    print("looked at: " + ", ".join(f"{count} {what}" for what, count in sorted(verdict.counts.items())))
    if not verdict.violations:
        print("verdict: no promise was broken")
        return 0
    shown = Counter[str]()
    for violation in verdict.violations:
        shown[violation.rule] += 1
        if shown[violation.rule] > _SHOWN:
            continue
        print(f"BROKEN {violation}")
        for each in violation.evidence:
            print(f"       {each}")
    rules = ", ".join(f"{count} {rule}" for rule, count in shown.items())
    print(f"verdict: {len(verdict.violations)} proofs ({rules}) of broken promises; everything is in {folder}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
