"""Run a campaign: `python -m amp.testing.nemesis --failovers N --store directory|s3 --seed S`. Exit 1 with a proof.

Prints a line a round, what was looked at, the histogram of unavailability, and the verdict, which is written with all
figures to `verdict.json` too. After a verdict of broken promises the folder with the history, the journal, the store
and the nodes' logs is kept and named. SIGTERM ends it after the round, with a verdict; a second one at once.
`--entities` and `--soak` play something else on the same stage.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from amp.kit.clock import SystemClock
from amp.kit.errors import AmpError
from amp.testing.nemesis.history import Recorder
from amp.testing.nemesis.planted import PLANTED, rigged_python
from amp.testing.nemesis.plays import ROUNDS, Play, judged_again
from amp.testing.nemesis.stage import staged


def main() -> int:
    """Run one play, or judge one again."""
    options = _parser().parse_args()
    if options.judge is not None:
        return 1 if judged_again(options.judge) else 0
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
    parser.add_argument("--rounds", type=int, help=f"how many faults ({ROUNDS}; or as many as --failovers takes)")
    parser.add_argument("--failovers", type=int, help="end once the office was taken anew so often")
    parser.add_argument("--store", choices=["directory", "s3"], default="directory")
    parser.add_argument("--seed", type=int, default=1, help="decides which faults, in which order (1)")
    parser.add_argument("--nodes", type=int, help="servers (3; with --entities 2)")
    parser.add_argument("--timeout", type=float, default=2.0, help="brooklyn.ha.heartbeatTimeout in seconds (2)")
    parser.add_argument("--poll", type=float, default=0.25, help="brooklyn.ha.pollPeriod in seconds (0.25)")
    parser.add_argument("--server", default="ministack", help="the S3 server: ministack, versitygw or seaweedfs")
    parser.add_argument("--only", action="append", default=[], help="only this fault, or those with this word")
    parser.add_argument("--planted", choices=list(PLANTED), help="plant a bug in all nodes, which must be found")
    parser.add_argument("--folder", type=Path, help="where to work; kept (a temporary one, kept if a promise broke)")
    parser.add_argument("--entities", type=int, help="kill a leader of so many entities ROUNDS times, of two nodes")
    parser.add_argument("--soak", type=float, metavar="MINUTES", help="failovers that end no process, and their memory")
    parser.add_argument("--judge", type=Path, metavar="FOLDER", help="judge a campaign again that was kept")
    return parser


async def _run(options: argparse.Namespace, folder: Path) -> bool:
    clock, recorder = SystemClock(), Recorder(folder / "history.jsonl")
    own = asyncio.current_task()
    assert own is not None
    # Nodes live in sessions of their own: whoever ends us must not leave them running.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, own.cancel)
    options.nodes = options.nodes or (3 if options.entities is None else 2)
    try:
        async with staged(
            options.store,
            folder,
            clock,
            nodes=options.nodes,
            timeout=options.timeout,
            poll=options.poll,
            s3=options.server,
            draw=random.Random(f"proxies {options.seed}"),
            python=rigged_python(options.planted, folder),
        ) as stage:
            play = Play(options, stage, recorder, clock, folder)
            if options.entities is not None:
                return await play.kills()
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, play.end_soon, own.cancel)
            return await (play.campaign() if options.soak is None else play.soak())
    finally:
        recorder.close()


if __name__ == "__main__":
    sys.exit(main())
