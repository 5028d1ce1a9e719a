"""Whether this node answers a request, given its state. Pure; the rules are Brooklyn's, with one difference.

The header `Brooklyn-Allow-Non-Master-Access: true` opens reads and what concerns the node alone. What needs a Change
stays closed on a node that does not lead: Brooklyn would let it run and lose it.
"""

from __future__ import annotations

from amp.server.errors import HOT_ONLY, PRIMARY_ONLY

HEADER = "Brooklyn-Allow-Non-Master-Access"
_READS = frozenset({"GET", "HEAD"})
HOT = frozenset({"MASTER", "HOT_STANDBY", "HOT_BACKUP"})


def refusal(
    *, state: str, loaded: bool, method: str, path: str, hot: bool, change: bool, header: str | None
) -> str | None:
    """Answer the message of the 403, or None when the request may run.

    `path`: below /v1, without a leading slash. `hot`: the resource needs the model. `change`: it needs a Change.
    """
    leads = state == "MASTER"
    if change and not leads:
        return PRIMARY_ONLY
    if header is not None and header.strip().lower() == "true":
        return None
    if method not in _READS and not leads and not _always_open(path):
        return PRIMARY_ONLY
    if hot and not (state in HOT and loaded):
        return HOT_ONLY
    return None


def _always_open(path: str) -> bool:
    return path.startswith(("logout", "login")) or path == "server/shutdown"
