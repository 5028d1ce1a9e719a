"""Shows results and errors: tables and trees for people, JSON for scripts.

The rule: data goes to stdout, all else to stderr; colours only on a terminal and without NO_COLOR; JSON is one line per
value. rich is imported only when a table is shown.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import msgspec

from amp.cli.exits import code_of
from amp.kit.durations import format_duration
from amp.kit.errors import AmpError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from amp.plane.views import HaStatus, NodeView

_STYLES = {
    "MASTER": "green",
    "HOT_STANDBY": "cyan",
    "RUNNING": "green",
    "FAILED": "red",
    "ERROR": "red",
    "ON_FIRE": "red",
    "STARTING": "yellow",
    "INITIALIZING": "yellow",
    "STOPPING": "yellow",
    "TERMINATED": "dim",
}


def show_error(error: AmpError, *, as_json: bool = False) -> None:
    """Write what went wrong and the next step to stderr."""
    if as_json:
        said: dict[str, Any] = {"code": code_of(error), "message": error.message}
        if error.details:
            said["hint"] = error.details
        if isinstance(error.data, dict):
            said.update(error.data)
        print(msgspec.json.encode({"error": said}).decode(), file=sys.stderr)
        return
    print(f"amp: {error.message}", file=sys.stderr)
    if error.details:
        print(f"     {error.details}", file=sys.stderr)


def show_json(value: Any) -> None:
    """Write one value as one line of JSON."""
    print(msgspec.json.encode(value).decode(), flush=True)


def terminal(*, stderr: bool = False) -> Console:
    """Make a console for people. Where output is not a terminal nothing is cut to its width."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(file=stream, highlight=False, width=None if stream.isatty() else 240, soft_wrap=not stream.isatty())


def show(value: RenderableType) -> None:
    """Write a table or tree to stdout, without trailing blanks where it is not a terminal."""
    console = terminal()
    if console.is_terminal:
        console.print(value)
        return
    with console.capture() as captured:
        console.print(value)
    print("\n".join(line.rstrip() for line in captured.get().splitlines()), flush=True)


def table(columns: list[str], rows: list[list[str]]) -> RenderableType:
    """Make a plain table; known states get their colour."""
    from rich.table import Table
    from rich.text import Text

    made = Table(*columns, box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for row in rows:
        made.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
    return made


def ha_table(status: HaStatus) -> RenderableType:
    """Show the plane and each of its nodes."""
    from rich.console import Group
    from rich.text import Text

    name = f" ({status.plane_name})" if status.plane_name else ""
    head = [
        f"Plane    {status.plane or 'unknown'}{name}, term {status.term}, segment {status.seq}",
        f"Verdict  {status.verdict}",
        f"Master   {status.master_uri or status.master or 'none'}",
    ]
    if status.problem:
        head.append(f"Problem  {status.problem}")
    columns = ["NODE", "STATUS", "PRIORITY", "URI", "LAST SEEN", "TERM", "LAG", "VERSION"]
    return Group(Text("\n".join([*head, ""])), table(columns, [_node_row(node) for node in status.nodes]))


def _node_row(node: NodeView) -> list[str]:
    def known(value: int | None) -> str:
        return "-" if value is None else str(value)

    seen = "now" if node.is_self else "-" if node.age_s is None else f"{format_duration(node.age_s)} ago"
    mark = "*" if node.is_self else ""
    lag = "-" if node.lag is None else f"{node.lag}"
    priority = str(node.priority)
    return [f"{node.id}{mark}", node.state, priority, node.uri or "-", seen, known(node.term), lag, node.version]


#: The sensors that `amp app show` prints beside an entity, where it has them.
SHOWN_SENSORS = ("host.address", "process.pid", "softwareprocess.pid", "pid", "run.dir", "main.uri")


def entity_tree(entity: dict[str, Any]) -> RenderableType:
    """Show an application and all below it, with state and what helps to find its processes."""
    from rich.tree import Tree

    tree = Tree(_entity_text(entity))
    waiting = [(tree, child) for child in entity.get("children") or []]
    while waiting:
        parent, child = waiting.pop(0)
        branch = parent.add(_entity_text(child))
        waiting.extend((branch, below) for below in child.get("children") or [])
    return tree


def _entity_text(entity: dict[str, Any]) -> RenderableType:
    from rich.text import Text

    state = str(entity.get("serviceState") or "-")
    up = {True: "up", False: "down"}.get(entity.get("serviceUp"), "up unknown")  # type: ignore[arg-type]
    text = Text(f"{entity.get('name')}  ")
    text.append(state, style=_STYLES.get(state, ""))
    text.append(f"  {up}  {entity.get('id')}  {str(entity.get('type')).rsplit('.', 1)[-1]}")
    sensors = entity.get("sensors") or {}
    for name in SHOWN_SENSORS:
        if sensors.get(name) is not None:
            text.append(f"  {name}={sensors[name]}")
    return text
