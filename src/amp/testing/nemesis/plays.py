"""What can be played on a stage: a campaign, a soak, kills of a leader of many entities.

Every play answers whether a promise was broken, prints the verdict as its last line, and leaves `verdict.json`.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import subprocess
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from amp.kit.clock import Clock
from amp.kit.errors import Invalid
from amp.testing.nemesis import report, soak
from amp.testing.nemesis.campaign import Campaign
from amp.testing.nemesis.checker import judge, lags
from amp.testing.nemesis.faults import Fault, draw_faults, kinds_of
from amp.testing.nemesis.history import Journal, Recorder, load
from amp.testing.nemesis.stage import Stage
from amp.testing.nemesis.takeover import Takeovers
from amp.testing.nemesis.verdict import Verdict

ROUNDS = 10  # unless told
_NAMES = ("store", "server", "nodes", "timeout", "poll", "seed", "planted", "entities", "soak")


def chosen(kinds: Sequence[str], words: Sequence[str]) -> tuple[str, ...]:
    """Answer the kinds that are named, or have one of the words in their name. Raises: Invalid."""
    named = set(words) & set(kinds)
    found = tuple(k for k in kinds if not words or k in named or any(w in k for w in set(words) - named))
    if not found:
        raise Invalid(f"no fault has one of these words: {', '.join(words)} (there are: {'; '.join(kinds)})")
    return found


class Play:
    """One play. `folder` gets all that it leaves."""

    def __init__(
        self, options: argparse.Namespace, stage: Stage, recorder: Recorder, clock: Clock, folder: Path
    ) -> None:
        self._options, self._stage, self._recorder = options, stage, recorder
        self._clock, self._folder, self._began = clock, folder, clock.read()
        self._ending = False

    def end_soon(self, at_once: Callable[[], object]) -> None:
        """End after the round that is under way, with a verdict on what was played; asked again, do `at_once`."""
        if self._ending:
            at_once()
        else:
            self._ending = True
            _tell("ending after this round")

    async def campaign(self) -> bool:
        """Play faults until there were enough rounds or failovers."""
        options, disk = self._options, self._stage.disk
        if disk is not None and disk.why_not:
            _tell(f"left out: what is done to disks ({disk.why_not})")
        kinds = chosen(kinds_of(options.store, disk is not None and not disk.why_not), options.only)
        rounds = ROUNDS if options.rounds is None and options.failovers is None else options.rounds
        self._head(f"{options.failovers} failovers" if options.failovers is not None else f"{rounds} rounds")
        played = Campaign(self._stage, self._recorder, self._clock, options.seed, _tell)

        def enough() -> bool:
            return self._ending or (options.failovers is not None and played.failovers >= options.failovers)

        verdict = await self._judged(played, draw_faults(kinds, rounds, options.seed), enough)
        (self._folder / "verdict.json").write_bytes(
            report.as_json(self._conditions(), played.rounds, played.failovers, verdict)
        )
        _tell(report.conclusion(verdict))
        return bool(verdict.violations)

    async def soak(self) -> bool:
        """Play faults that end no process for some minutes, and sample what the processes hold."""
        self._head(f"a soak of {self._options.soak:g} min")
        seconds = 60 * self._options.soak
        played = Campaign(self._stage, self._recorder, self._clock, self._options.seed, _tell, soak.peace(seconds))
        found: dict[str, list[soak.Sample]] = {}
        end = self._began.raw + seconds
        sampling = soak.watch(self._stage.servers, self._clock, found, soak.period(seconds))
        faults = draw_faults(soak.KINDS, None, self._options.seed)
        verdict = await self._judged(played, faults, lambda: self._ending or self._clock.read().raw >= end, sampling)
        grown = [name for name, samples in found.items() if not soak.trend(samples).flat]
        for name in grown:
            verdict.add("memory", f"what {name} holds is not flat")
        _tell("\n".join(soak.table(found)))
        conditions = self._conditions() | {"memory": soak.as_values(found)}
        (self._folder / "verdict.json").write_bytes(
            report.as_json(conditions, played.rounds, played.failovers, verdict)
        )
        _tell(report.conclusion(verdict))
        return bool(verdict.violations)

    async def kills(self) -> bool:
        """Kill a leader of many entities again and again."""
        options = self._options
        rounds = ROUNDS if options.rounds is None else options.rounds
        self._head(f"{rounds} times kill -9 of a leader of {options.entities} entities")
        played = Takeovers(self._stage, self._recorder, self._clock, options.entities, options.poll, _tell)
        await played.play(rounds)
        away = [kill.away for kill in played.kills]
        if away:
            shown = f"median {statistics.median(away):.2f} s, min {min(away):.2f}, max {max(away):.2f}"
            reads = sum(kill.reads for kill in played.kills)
            slowest = max(kill.slowest for kill in played.kills) * 1000
            _tell(f"writes back after {shown} (bound {played.bound:.2f} s); {reads} reads, slowest {slowest:.0f} ms")
        document = self._conditions() | {
            "bound": played.bound, "kills": [msgspec.to_builtins(kill) for kill in played.kills],
            "violations": played.broken,
        }  # fmt: skip
        (self._folder / "verdict.json").write_bytes(msgspec.json.format(msgspec.json.encode(document)) + b"\n")
        _tell("\n".join(f"BROKEN {each}" for each in played.broken) or "verdict: no promise was broken")
        return bool(played.broken)

    async def _judged(
        self, played: Campaign, faults: Iterable[Fault], enough: Callable[[], bool], *beside: Any
    ) -> Verdict:
        """Play and judge; prints everything but the last line."""
        journal: Journal = await played.play(faults, enough, *beside)
        (self._folder / "journal.json").write_bytes(msgspec.json.encode(journal))
        _tell("\n".join(report.unavailability(played.rounds)))
        behind = sorted(lags(self._recorder.records)) or [0]
        _tell(
            f"standbys behind: median {statistics.median(behind):g} segments, "
            f"95 % up to {behind[int(0.95 * len(behind))]}, max {behind[-1]}"
        )
        _tell(f"{played.so_far} in {self._clock.read().raw - self._began.raw:.0f} s")
        verdict = judge(self._recorder.records, journal)
        _tell("\n".join(report.said(verdict)))
        return verdict

    def _head(self, what: str) -> None:
        options = self._options
        _tell(
            f"{what} on {options.store}, {len(self._stage.servers)} nodes, time-out {options.timeout:g} s, "
            f"poll {options.poll:g} s, seed {options.seed}"
        )

    def _conditions(self) -> dict[str, Any]:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],  # noqa: S607 -- of whoever runs this
            cwd=Path(__file__).parent, capture_output=True, text=True, check=False,
        )  # fmt: skip
        given = {name: value for name in _NAMES if (value := getattr(self._options, name)) is not None}
        if self._options.store != "s3":
            del given["server"]
        took = round(self._clock.read().raw - self._began.raw, 1)
        return {**given, "commit": done.stdout.strip(), "at_ms": self._began.wall_ms, "seconds": took}


def judged_again(folder: Path) -> bool:
    """Judge what a campaign has left once more; answers whether a promise was broken."""
    journal = msgspec.json.decode((folder / "journal.json").read_bytes(), type=Journal)
    verdict = judge(load(folder / "history.jsonl"), journal)
    _tell("\n".join(itertools.chain(report.said(verdict), [report.conclusion(verdict)])))
    return bool(verdict.violations)


def _tell(text: str) -> None:
    print(text, flush=True)
