"""`amp ha status`: the plane and its nodes as one server sees them, once or as they change.

The rule: a watch survives what it watches: a server that is away is reported, and asked again.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

from amp.cli.access import ANYWHERE, Access, Output
from amp.cli.client import Client
from amp.cli.exits import INTERRUPTED, OK, UNHEALTHY
from amp.cli.output import ha_table, show, show_error, show_json, terminal
from amp.kit.errors import AmpError, Unavailable
from amp.plane.views import HaStatus


def ha_status(
    *, watch: Annotated[bool, Parameter(negative="")] = False, output: Output = "table", access: Access = ANYWHERE
) -> int:
    """Show the plane and each of its nodes, as one server sees them.

    Parameters
    ----------
    watch: bool
        go on showing what changes, until Ctrl-C
    """
    client = access.client()
    if not watch:
        raw, status = plane_of(client)
        show_json(raw) if output == "json" else show(ha_table(status))
        return OK if status.master else UNHEALTHY
    return _watch(client, output)


def plane_of(client: Client) -> tuple[Any, HaStatus]:
    """Read the plane as a server sees it: as it said it, and as a value. Raises: AmpError."""
    raw = client.get("/v1/ha/plane")
    try:
        return raw, msgspec.convert(raw, HaStatus)
    except msgspec.ValidationError as error:
        raise Unavailable(f"{client.url} answered what this amp does not understand: {error}") from None


def _changes(client: Client) -> Iterator[tuple[Any, HaStatus] | AmpError]:
    """Look again and again; yields what differs from the look before, and each new way of failing."""
    last: object = None
    while True:
        wait = 1.0
        try:
            raw, status = plane_of(client)
            wait = status.poll_period_s
            shown: object = [(node.id, node.state, node.priority, node.term) for node in status.nodes]
            answer: tuple[Any, HaStatus] | AmpError = (raw, status)
        except Unavailable as error:
            shown, answer = error.message, error
        if shown != last or sys.stdout.isatty():
            last = shown
            yield answer
        time.sleep(min(max(wait, 0.2), 5.0))


def _watch(client: Client, output: str) -> int:
    if output == "table" and sys.stdout.isatty():
        from rich.live import Live

        with Live(console=terminal(), auto_refresh=False, screen=False) as live:
            for answer in _changes(client):
                live.update(
                    f"amp: {answer.message}" if isinstance(answer, AmpError) else ha_table(answer[1]), refresh=True
                )
    for answer in _changes(client):
        if isinstance(answer, AmpError):
            show_error(answer, as_json=output == "json")
        elif output == "json":
            show_json(answer[0])
        else:
            show(ha_table(answer[1]))
    return INTERRUPTED
