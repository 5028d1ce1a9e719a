"""`amp store verify` and `amp store repair`: judge a store, and delete from it what is useless for certain.

The rule: verify only reads, needs no node and may run beside a plane that lives; its exit codes are its own: 0 whole,
1 damaged, 2 unreadable.
"""

from __future__ import annotations

import sys
from typing import Annotated, Any

from cyclopts import Parameter

from amp.cli.access import Output
from amp.cli.exits import DAMAGED, OK, SERVER
from amp.cli.output import show_json
from amp.cli.store_place import HERE, Where, existing, opened, place_of, progress, run
from amp.kit.clock import SystemClock
from amp.kit.errors import AmpError, Invalid, Unavailable
from amp.plane.contents import PlaneContents
from amp.plane.replay import lost_blobs, replay
from amp.store import mounts
from amp.store.audit import judge, plane_of, summary
from amp.store.facts import Survey
from amp.store.findings import Finding, Report
from amp.store.objects import Objects
from amp.store.place import DirectoryStore, StoreSettings
from amp.store.repair import Deletion, carry_out, plan, unfinished_files
from amp.store.survey import survey

Deep = Annotated[bool, Parameter(negative="", help="also play the journal between snapshots, and compare the states")]
_CODES = {"whole": OK, "damaged": DAMAGED, "unreadable": SERVER}


def verify(store: str | None = None, /, *, deep: Deep = False, output: Output = "table", where: Where = HERE) -> int:
    """Check every object of a store, and say what is damaged or missing; only reads.

    Exit code 0: whole, 1: damaged, 2: unreadable.

    Parameters
    ----------
    store: str
        a directory, or s3://BUCKET/PREFIX
    """
    try:
        place = existing(place_of(store, where))
        seen, report = run(_verify(place, deep))
    except AmpError as error:
        raise Unavailable(error.message, details=error.details) from None
    warnings = mounts.warnings(place.path) if isinstance(place, DirectoryStore) else []
    _show(seen, report, warnings, output)
    return _CODES[report.verdict]


async def _verify(place: StoreSettings, deep: bool) -> tuple[Survey, Report]:
    async with opened(place) as objects:
        return await examine(objects, deep)


async def examine(objects: Objects, deep: bool = False) -> tuple[Survey, Report]:
    """Read and judge a store. Raises: Unavailable, also when it holds nothing."""
    seen = await survey(objects, PlaneContents(), progress("reading"))
    if plane_of(seen) is None and not seen.count:
        raise Unavailable(f"{seen.store} holds no plane", details="Is it the right directory, or bucket and prefix?")
    report = judge(seen)
    found = await lost_blobs(objects, seen, report)
    if deep:
        found += await replay(objects, seen, report, progress("replaying"))
    report.findings = sorted([*report.findings, *found], key=lambda finding: finding.key)
    return seen, report


def _show(seen: Survey, report: Report, warnings: list[str], output: str) -> None:
    if output == "json":
        show_json({**_as_json(seen, report), "warnings": warnings})
        return
    for warning in warnings:
        print(f"warning  {warning}.")
    for finding in report.findings:
        print(line_of(finding))
    print(summary(seen, report))


def line_of(finding: Finding) -> str:
    """Say in one line what is wrong with a key, what that breaks, and what to do."""
    return f"{finding.level:<8} {finding.key}: {finding.what}. Breaks: {finding.breaks}. Remedy: {finding.remedy}."


def _as_json(seen: Survey, report: Report) -> dict[str, Any]:
    return {
        "store": seen.store,
        "plane": plane_of(seen),
        "verdict": report.verdict,
        "objects": seen.count,
        "first": min(seen.segments, default=0),
        "last": seen.head,
        "boundary": seen.boundary,
        "snapshots": sorted(seen.snapshots),
        "loadsFrom": report.base,
        "findings": [
            {"key": each.key, "level": each.level, "what": each.what, "breaks": each.breaks, "remedy": each.remedy}
            for each in report.findings
        ],
        "summary": summary(seen, report),
    }


def repair(
    store: str | None = None,
    /,
    *,
    yes: Annotated[bool, Parameter(name=["--yes", "-y"], negative="")] = False,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
    where: Where = HERE,
) -> int:
    """Delete from a store what is useless for certain, and say what only a backup can put right.

    Deletes what start-up checks and unfinished writes left behind an hour ago or more, what lies below the boundary
    and belongs to nothing, and damaged snapshots for which others stand in. It never writes. Asks first.
    Exit code 0: the store is whole now, 1: damage is left, 2: unreadable.

    Parameters
    ----------
    store: str
        a directory, or s3://BUCKET/PREFIX
    yes: bool
        do not ask
    dry_run: bool
        only say what would be deleted
    """
    place = existing(place_of(store, where))
    report, deletions = run(_plan(place))
    for deletion in deletions:
        print(f"{'would delete' if dry_run else 'delete'} {deletion.key}: {deletion.why}")
    left = [finding for finding in report.findings if finding.level != "note" and not finding.deletable]
    if deletions and not dry_run:
        confirmed(f"Delete these {len(deletions)}", yes, "nothing was deleted")
        run(_carry_out(place, deletions))
    for finding in left:
        print(f"cannot repair {finding.key}: {finding.what}. Breaks: {finding.breaks}. Remedy: {finding.remedy}.")
    deleted = "would be deleted" if dry_run else "deleted"
    print(f"{len(deletions)} {deleted}, {len(left)} that cannot be repaired here")
    newer = report.verdict == "unreadable"
    return SERVER if newer else DAMAGED if left or (dry_run and report.verdict == "damaged") else OK


async def _plan(place: StoreSettings) -> tuple[Report, list[Deletion]]:
    async with opened(place) as objects:
        _, report = await examine(objects)
        probes = await objects.list("probe/")
    unfinished = unfinished_files(place.path) if isinstance(place, DirectoryStore) else []
    return report, plan(report, probes, unfinished, SystemClock().read().wall_ms)


def confirmed(question: str, yes: bool, otherwise: str) -> None:
    """Ask on the terminal, unless `yes`. Raises: Invalid, saying `otherwise`, when the answer is not yes."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise Invalid(f"{otherwise}: there is no terminal to ask on", details="Add --yes.")
    print(f"{question}? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Invalid(otherwise)


async def _carry_out(place: StoreSettings, deletions: list[Deletion]) -> None:
    async with opened(place) as objects:
        await carry_out(objects, place.path if isinstance(place, DirectoryStore) else None, deletions)
