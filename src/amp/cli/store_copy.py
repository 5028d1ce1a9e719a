"""`amp store backup` and `amp store restore`: a plane out of its store, and into an empty one; judged afterwards."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from amp.cli.exits import DAMAGED, OK
from amp.cli.store import examine, line_of
from amp.cli.store_place import HERE, Where, existing, opened, place_of, progress, run, words_of
from amp.kit.errors import Invalid, Unavailable
from amp.store.audit import summary
from amp.store.backup import back_up, cut_at_time, keys_up_to, last_of, refuse_damaged, refuse_unless_empty
from amp.store.backup import restore as copy_into
from amp.store.facts import Survey
from amp.store.findings import Report
from amp.store.place import DirectoryStore, StoreSettings


def backup(
    words: Annotated[tuple[str, ...], Parameter(name="STORE DEST")] = (),
    /,
    *,
    all_kept: Annotated[bool, Parameter(name="--all", negative="")] = False,
    where: Where = HERE,
) -> int:
    """Copy a plane, which may be running, into an empty directory; then verify the copy.

    The copy holds the newest snapshot and every segment after it, all elections, the boundary and the blobs.

    Parameters
    ----------
    words: tuple
        the store, a directory or s3://BUCKET/PREFIX, and the directory to copy to; with --home only that directory
    all_kept: bool
        all snapshots that are kept and all segments above the boundary, so as to restore to earlier moments
    """
    store, dest = words_of(words, where, "STORE DEST")
    place, target = existing(place_of(store, where)), DirectoryStore(Path(dest))
    seen, report = run(_back_up(place, target, all_kept))
    return _say(f"Copied up to segment {seen.head}", seen, report)


async def _back_up(place: StoreSettings, target: StoreSettings, all_kept: bool) -> tuple[Survey, Report]:
    async with opened(place) as source, opened(target) as copy:
        await back_up(source, copy, all_kept=all_kept, progress=progress("copying"))
        return await examine(copy)


def restore(
    words: Annotated[tuple[str, ...], Parameter(name="BACKUP STORE")] = (),
    /,
    *,
    to: str | None = None,
    where: Where = HERE,
) -> int:
    """Copy a backup into an empty store, exactly; then verify it.

    All nodes must be stopped. A store that holds anything is refused: to go back to an earlier state inside a plane
    that lives is not offered.

    Parameters
    ----------
    words: tuple
        the directory of the backup, and the empty store; with --home only the backup
    to: str
        leave out what came after this segment, or after this time, such as 2026-03-01T12:00:00Z (UTC where no zone is
        named)
    """
    store, source = words_of(words, where, "BACKUP STORE")
    origin, place = existing(DirectoryStore(Path(source))), place_of(store, where)
    last, seen, report = run(_restore(origin, place, to))
    return _say(f"Restored up to segment {last}", seen, report)


async def _restore(origin: StoreSettings, place: StoreSettings, to: str | None) -> tuple[int, Survey, Report]:
    async with opened(origin) as source, opened(place) as target:
        await refuse_unless_empty(target)
        seen, report = await examine(source)
        cut = None if to is None else _cut(seen, to)
        refuse_damaged(seen, report, cut)
        keys = keys_up_to(seen, cut)
        await copy_into(source, target, keys, progress("copying"))
        return last_of(keys), *await examine(target)


def _cut(seen: Survey, to: str) -> int:
    """Read the value of --to. Raises: Invalid."""
    if to.isascii() and to.isdigit():
        return int(to)
    try:
        time = datetime.fromisoformat(to)
    except ValueError:
        raise Invalid(f"--to {to} is neither a segment nor a time: write 1234, or 2026-03-01T12:00:00Z") from None
    if time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    return cut_at_time(seen, round(time.timestamp() * 1000))


def _say(what: str, seen: Survey, report: Report) -> int:
    for finding in report.findings:
        print(line_of(finding))
    print(f"{what}. {summary(seen, report)}")
    if report.verdict == "unreadable":
        raise Unavailable("the copy holds objects of a newer version, which this one cannot check")
    return OK if report.verdict == "whole" else DAMAGED
