"""Records the journal of this version, to hold later ones to reading it: `python -m amp.testing.recording DIR`.

Two nodes lead one after the other; every kind of Change is committed, one write is spread over segments, snapshots are
taken. DIR gets the store as it then is (`whole`), again with its old segments deleted (`collected`), and `state.jsonl`:
what a node must have after reading either. What is recorded for a release is never recorded again; a Change of a new
kind belongs to the next format.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path

from amp.ha import founding
from amp.kit.clock import SystemClock
from amp.kit.ids import EntityId, LocationId, TaskId
from amp.model import changes as c
from amp.plane import codec, snapshots
from amp.plane.node import PlaneNode
from amp.store import blobs
from amp.store.collect import collect
from amp.store.file import DirectoryObjects
from amp.store.segment import Boundary, seal
from amp.testing.planes import PLANE, leading, until

APP, CHILD, GONE = EntityId("app"), EntityId("child"), EntityId("gone")
HOST, PLACE = LocationId("host"), LocationId("place")
TASK, STEP = TaskId("task"), "step"
#: Segments between two snapshots of a recording.
BETWEEN = 6


def writes(blob: str) -> list[list[c.AnyChange]]:
    """Every kind of Change, with every field set somewhere. `blob`: a content that is in the store."""
    return [
        [
            c.EntityAdded(APP, "App", "an application", APP, None, {"a": 1}, ["tag"], "services: []", 1_000),
            c.EntityAdded(CHILD, "Server", "é ☃ \U0001f600", APP, APP),
            c.EntityAdded(GONE, "Server", "gone", APP, APP),
        ],
        [c.LocationAdded(PLACE, "Localhost", "localhost", "localhost", None, {"onbox.base.dir": "/tmp/x"})],  # noqa: S108
        [c.LocationAdded(HOST, "Machine", "127.0.0.1", "", PLACE), c.EntityLocated(CHILD, [HOST])],
        [c.ConfigSet(CHILD, "nested", {"list": [1, 2.5, None, True], "map": {"k": "v"}})],
        [c.SensorSet(CHILD, "one", 1, 2_000), c.SensorsSet(CHILD, {"two": "2", "three": [3]})],
        [c.SensorSet(CHILD, "cleared", 1), c.SensorCleared(CHILD, "cleared")],
        [c.EntityRenamed(APP, "renamed"), c.TagsSet(APP, ["x", {"y": 1}])],
        [c.TaskStarted(TASK, CHILD, "start", "Starting", "start", {"p": 1}, None, 3_000, "n1", 1, "admin", {"w": 1})],
        [c.StepStarted(TASK, "pure", "pure", "n1", 1, 3_001), c.StepEnded(TASK, "pure", "completed", 3_002, {"v": 1})],
        [c.StepStarted(TASK, STEP, "attachable", "n1", 1, 3_003, "here", "turn", {"E": "1"}, "rerun")],
        [c.TaskResumed(TASK, "n2", 2, 3_004), c.TaskRecalled(TASK)],
        [c.StepEnded(TASK, STEP, "interrupted", 3_005, {"exit": 1}, "out", "err", {"stdout": blob})],
        [c.TaskEnded(TASK, "failed", 3_006, None, "it failed")],
        [c.TaskStarted(TaskId("next"), CHILD, "stop", parent=TASK), c.TaskEnded(TaskId("next"), "completed", 1, 7)],
        [c.AccessSet(False)],
        [c.RequestAnswered("admin", "POST", "/v1/x", "key-1", "d" * 64, 201, "/v1/x/1", "{}")],
        [c.RequestAnswered("admin", "POST", "/v1/x", "key-2", "e" * 64, 204), c.AnswersForgotten(1)],
        [c.LocationAdded(LocationId("left"), "Localhost", "left", "localhost"), c.LocationRemoved(LocationId("left"))],
        [c.EntityRemoved(GONE)],
        [c.ConfigSet(CHILD, f"large{number}", "x" * 2_500_000) for number in range(3)],
        [c.ConfigSet(CHILD, f"large{number}", None) for number in range(3)],
    ]


async def record(folder: Path) -> None:
    """Write a store and its state into an empty folder."""
    objects = DirectoryObjects(folder / "whole")
    await objects.create(founding.KEY, seal(founding.Founding(id=PLANE, secret="0" * 64, name="recorded"), b"")[0])
    blob = await blobs.keep(objects, b"a long output\n" * 100)
    snapshots.SEGMENTS = BETWEEN
    everything: list[list[c.AnyChange]] = [[c.PlaneReset()], *writes(blob)]
    middle = len(everything) // 2
    async with leading(objects, "n1") as first:
        await _write(first, everything[:middle])
    async with leading(objects, "n2") as second:
        await _write(second, everything[middle:])
        await until(lambda: not second.upkeep.saves)
        state = codec.encode(second.model.as_changes())
    (folder / "state.jsonl").write_bytes(b"\n".join(state) + b"\n")
    await objects.close()
    shutil.copytree(folder / "whole", folder / "collected")
    copy, log = DirectoryObjects(folder / "collected"), second.machine.log
    by = Boundary(log.plane, 0, log.term, "n2", at=SystemClock().read().wall_ms)
    await collect(copy, by, {seq for seq, _ in log.posts}, lambda: True, kept=2, age_ms=0)
    await copy.close()


async def _write(node: PlaneNode, rows: list[list[c.AnyChange]]) -> None:
    for changes in rows:
        await node.journaling.commit(changes)


if __name__ == "__main__":
    asyncio.run(record(Path(sys.argv[1])))
