"""Knows on what file system a directory lies, and what of an NFS mount breaks the rules of a store.

Pure but for `mount_of` and `warnings`, which read the kernel's table. What it finds is told, never refused: the check
at start tries the promises themselves, and these options break them only when something else goes wrong. An export's
own options (`sync`) cannot be seen from a client.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_TABLE = Path("/proc/self/mountinfo")
_ESCAPED = re.compile(r"\\([0-7]{3})")
_NFS = frozenset(("nfs", "nfs4"))
_ABSENCE_ASKED = frozenset(("pos", "positive", "none"))  # of lookupcache; the kernel says `pos`


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of the table. `options`: of the mount and of the file system together."""

    point: str
    kind: str
    source: str
    options: frozenset[str]

    @property
    def is_nfs(self) -> bool:
        """True for a directory of an NFS server."""
        return self.kind in _NFS


def parse(table: str) -> list[Mount]:
    """Read what /proc/self/mountinfo says, in its order; lines that cannot be understood are left out."""
    found = []
    for line in table.splitlines():
        left, mark, right = line.partition(" - ")
        before, after = left.split(" "), right.split(" ")
        if mark and len(before) >= 6 and len(after) >= 3:
            options = frozenset((*before[5].split(","), *after[2].split(",")))
            found.append(Mount(_plain(before[4]), after[0], _plain(after[1]), options))
    return found


def _plain(text: str) -> str:
    """Undo the kernel's way to write spaces and such."""
    return _ESCAPED.sub(lambda code: chr(int(code.group(1), 8)), text)


def above(place: str, mounts: list[Mount]) -> Mount | None:
    """Choose the mount that a resolved, absolute path lies on: the longest point above it, the last of equals."""
    best = None
    for mount in mounts:
        inside = place == mount.point or place.startswith(mount.point.rstrip("/") + "/")
        if inside and (best is None or len(mount.point) >= len(best.point)):
            best = mount
    return best


def mount_of(path: Path) -> Mount | None:
    """Answer the mount that a path, or what there is of it, lies on; None where the kernel does not tell."""
    try:
        return above(os.path.realpath(path), parse(_TABLE.read_text(errors="surrogateescape")))
    except OSError:
        return None


def broken_rules(mount: Mount) -> Iterator[str]:
    """Say what of a mount breaks a rule for stores on NFS: the option, what that breaks, and what to set."""
    if not mount.is_nfs:
        return
    where = f"{mount.point} (NFS, {mount.source})"
    named = dict(option.partition("=")[::2] for option in mount.options)
    if named.get("lookupcache", "all") not in _ABSENCE_ASKED:
        yield (
            f"{where} is mounted without lookupcache=positive: this machine may take a segment for absent for up "
            "to 60 s, so a standby takes the master for silent, and stands in vain; mount it with lookupcache=positive"
        )
    if soft := [option for option in ("soft", "softerr") if option in named]:
        yield (
            f"{where} is mounted {soft[0]}: while the server is slow, writes end with an error that may have been "
            "done; mount it hard"
        )
    if "nocto" in named:
        yield (
            f"{where} is mounted nocto: this machine may read old records of nodes after they have changed; "
            "mount it without nocto"
        )


def warnings(path: Path) -> list[str]:
    """Answer what of the mount that a store's directory lies on breaks the rules; empty where nothing is known."""
    mount = mount_of(path)
    return [] if mount is None else list(broken_rules(mount))
