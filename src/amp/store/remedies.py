"""Says of a damaged or missing key what that breaks, and what an operator can do about it. Pure."""

from __future__ import annotations

from amp.store.facts import Survey, number_of
from amp.store.findings import COPY, FENCE, PUT_BACK, RESTORE
from amp.store.segment import snapshot_key

_OTHERS = {
    "snapshots": "nodes load the newest snapshot, and a damaged one is never skipped: none may lead",
    "gc": "it tells deleted segments from lost ones",
    "plane": "the plane's id and secret: no node can join",
    "nodes": "nothing but what people see: a record that cannot be read is left out",
    "blobs": "the file that a commit names",
}


def breaks_of(key: str, survey: Survey) -> str:
    """Say what is broken when this key is damaged or missing."""
    folder = key.partition("/")[0]
    if folder != "journal":
        return _OTHERS.get(folder, "nothing")
    seq = number_of(key)
    if seq <= survey.boundary:
        return FENCE
    covering = [each for each, fact in survey.snapshots.items() if each >= seq and fact.whole]
    if covering:
        return f"the history: nodes load {snapshot_key(max(covering))}, but what came before it cannot be checked"
    return f"all from segment {seq} on: no node can load it, so none may lead"


def remedy_of(key: str, survey: Survey) -> str:
    """Say what helps when this key is damaged or missing."""
    folder = key.partition("/")[0]
    if folder == "nodes":
        return "its node writes it again within a third of the heartbeat timeout; if that node is gone, delete it"
    if folder != "journal":
        return RESTORE if folder == "snapshots" else PUT_BACK
    seq = number_of(key)
    later = [fact.snapshot for each, fact in sorted(survey.snapshots.items()) if each >= seq]
    snapshot = next((each for each in reversed(later) if each is not None), None)
    if seq <= survey.boundary or (snapshot is not None and any(post == seq for post, _ in snapshot.posts)):
        return PUT_BACK
    return RESTORE if snapshot is None else COPY
