"""`amp deploy` and `amp app ls|show|delete`: applications, by the REST API.

The rule: what starts something waits until its task has ended, unless told to `--detach`; `-o json` prints what the
server said.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from cyclopts import Parameter

from amp.cli.access import ANYWHERE, Access, Detach, Output, Patience, limit_of
from amp.cli.client import Client, wait_for_task
from amp.cli.exits import OK
from amp.cli.output import SHOWN_SENSORS, entity_tree, show, show_json, table, terminal
from amp.kit.clock import SystemClock
from amp.kit.errors import Invalid, Missing, Unavailable
from amp.kit.ids import random_id, system_entropy

#: What the command line turns a lone `-` into, since cyclopts takes it for an option.
STDIN = "/dev/stdin"


def deploy(
    file: str,
    /,
    *,
    detach: Detach = False,
    timeout: Patience = None,
    output: Output = "table",
    access: Access = ANYWHERE,
) -> int:
    """Deploy a blueprint, and wait until its application has started.

    Parameters
    ----------
    file: str
        a file of YAML; - reads standard input
    """
    limit = limit_of(timeout)
    client = access.client()
    task = client.call("POST", "/v1/applications", _blueprint(file), "application/x-yaml", key=_key())
    if not isinstance(task, dict) or not task.get("entityId"):
        raise Unavailable(f"{client.url} took the blueprint, but did not say as which application: see amp app ls")
    name = f"{task.get('entityDisplayName') or task['entityId']} ({task['entityId']})"
    if not detach:
        task = _follow(client, task, f"starting {name}", limit)
    if output == "json":
        show_json(task)
    else:
        print(f"{'Deployed' if detach else 'Running:'} {name}" + (", which starts now" if detach else ""))
    return OK


def _blueprint(file: str) -> bytes:
    try:
        data = sys.stdin.buffer.read() if file == STDIN else Path(file).read_bytes()
    except OSError as error:
        raise Invalid(f"{file} cannot be read: {error.strerror}") from None
    if not data.strip():
        raise Invalid(f"{'standard input' if file == STDIN else file} is empty: there is no blueprint in it")
    return data


def _follow(client: Client, task: dict[str, Any], what: str, limit: float | None) -> dict[str, Any]:
    if not task.get("id"):
        return task
    with terminal(stderr=True).status(what) as spinner:
        return wait_for_task(
            client,
            str(task["id"]),
            clock=SystemClock(),
            timeout=limit,
            progress=lambda now: spinner.update(f"{what}: {now.get('currentStatus') or ''}"),
        )


def app_ls(*, output: Output = "table", access: Access = ANYWHERE) -> int:
    """List the applications."""
    found = access.client().get("/v1/applications")
    if output == "json":
        show_json(found)
        return OK
    rows = [
        [
            a["id"],
            (a.get("spec") or {}).get("name") or "-",
            a.get("status") or "-",
            _short((a.get("spec") or {}).get("type")),
        ]
        for a in found
    ]
    show(table(["ID", "NAME", "STATUS", "TYPE"], rows))
    return OK


def _short(type_name: str | None) -> str:
    return (type_name or "-").rsplit(".", 1)[-1]


def app_show(name: str, /, *, output: Output = "table", access: Access = ANYWHERE) -> int:
    """Show an application and all its entities, with their state.

    Parameters
    ----------
    name: str
        id or name of the application
    """
    client = access.client()
    summary = client.get(f"/v1/applications/{quote(name, safe='')}")
    sensors = ",".join(SHOWN_SENSORS)
    query = f"items={summary['id']}&includeAllApps=false&depth=-1&sensors={sensors}"
    found = client.get(f"/v1/applications/details?{query}")
    if not found:
        raise Missing(f"application {name} was deleted just now")
    tree = found[0]
    if output == "json":
        show_json(tree)
    else:
        show(entity_tree(tree))
    return OK


def app_delete(
    name: str,
    /,
    *,
    yes: Annotated[bool, Parameter(name=["--yes", "-y"], negative="")] = False,
    detach: Detach = False,
    timeout: Patience = None,
    output: Output = "table",
    access: Access = ANYWHERE,
) -> int:
    """Stop an application and forget it; on a terminal asks first.

    Parameters
    ----------
    name: str
        id or name of the application
    yes: bool
        do not ask
    """
    limit = limit_of(timeout)
    client = access.client()
    summary = client.get(f"/v1/applications/{quote(name, safe='')}")
    title = f"{(summary.get('spec') or {}).get('name') or name} ({summary['id']})"
    if not yes and sys.stdin.isatty():
        print(f"Stop and delete {title}? [y/N] ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise Invalid("nothing was deleted")
    task = client.call("DELETE", f"/v1/applications/{summary['id']}", key=_key())
    if not isinstance(task, dict):
        raise Unavailable(f"{client.url} did not say how it deletes {title}: see amp app ls")
    if not detach:
        task = _follow(client, task, f"deleting {title}", limit)
    if output == "json":
        show_json(task)
    else:
        print(f"{'Deleting' if detach else 'Deleted'} {title}")
    return OK


def _key() -> str:
    """Make a key by which the plane knows a repetition of this command's write."""
    return random_id(system_entropy, 24)
