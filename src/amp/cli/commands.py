"""The commands of `amp` that are not about running a node: init, ha, deploy, app, generate-password.

The rule: noun verb; `-o json` prints what the server said, for scripts; a command that starts something waits for it
unless told to `--detach`. Parsing is cyclopts'; showing is `cli.output`; HTTP is `cli.client`.
"""

from __future__ import annotations

import getpass
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote

import msgspec
from cyclopts import App, CycloptsError, Parameter

from amp import __version__
from amp.cli.client import DEFAULT_URL, Client, wait_for_task
from amp.cli.exits import INTERRUPTED, MEANINGS, OK, UNHEALTHY
from amp.cli.home import make_home
from amp.cli.node import NODE_COMMANDS, run_node_command, seconds
from amp.cli.output import SHOWN_SENSORS, entity_tree, ha_table, show, show_error, show_json, table, terminal
from amp.cli.users import user_lines
from amp.kit.clock import SystemClock
from amp.kit.errors import AmpError, Invalid, Missing, Unavailable
from amp.kit.ids import system_entropy
from amp.plane.views import HaStatus

#: What a lone `-` is turned into before parsing, since cyclopts takes it for an option.
_STDIN = "/dev/stdin"

_EPILOGUE = "\n\n".join(["Exit codes:", *(f"{code:>5}  {meaning}" for code, meaning in MEANINGS)])

app = App(
    name="amp",
    help="Run AMP servers, and ask them. A server is a home directory: make one with amp init.",
    help_epilogue=_EPILOGUE,
    version=f"amp {__version__}",
    help_format="plaintext",
)
ha = App(name="ha", help="Ask about the high-availability plane.")
apps = App(name="app", help="List, show and delete applications.")
app.command(ha)
app.command(apps)

Output = Annotated[
    Literal["table", "json"], Parameter(name=["--output", "-o"], help="table for people, json for scripts")
]
Patience = Annotated[str | None, Parameter(help="wait no longer than this, such as 90s or 10m; default: no limit")]
Detach = Annotated[bool, Parameter(negative="", help="do not wait until it is done")]


@Parameter(name="*")
@dataclass(frozen=True)
class Access:
    """Which server to ask, and as whom."""

    url: Annotated[str, Parameter(env_var="AMP_URL", help="the server's address")] = DEFAULT_URL
    user: Annotated[str | None, Parameter(env_var="AMP_USER", help="who asks")] = None
    password: Annotated[
        str | None,
        Parameter(
            env_var="AMP_PASSWORD",
            show_env_var=True,
            help="the password; better in AMP_PASSWORD, since other users of this machine can read command lines",
        ),
    ] = None

    def client(self) -> Client:
        """Make the client."""
        return Client(self.url, self.user, self.password)


_ANYWHERE = Access()


def dispatch(words: Sequence[str]) -> int:
    """Run a client command; answers the exit code. Raises: AmpError."""
    if not words:
        app.help_print([])
        return OK
    try:
        code = app(
            [_STDIN if word == "-" else word for word in words],
            exit_on_error=False,
            print_error=False,
            result_action="return_value",
        )
    except CycloptsError as error:
        raise Invalid(" ".join(str(error).split()), details="See amp --help.") from None
    return code if isinstance(code, int) else OK


def _node(name: str) -> None:
    def node(*words: Annotated[str, Parameter(allow_leading_hyphen=True)]) -> int:
        return run_node_command([name, *words])

    node.__doc__ = NODE_COMMANDS[name]
    app.command(node, name=name)


for _name in NODE_COMMANDS:
    _node(_name)


@app.command
def init(home: Path, /, *, port: int = 8081, host: str = "0.0.0.0") -> int:  # noqa: S104  # as Brooklyn; standbys must reach it
    """Make the home directory of a server, with its files and a user admin whose password is shown once.

    Parameters
    ----------
    home: Path
        an empty directory, or one that is not there yet
    port: int
        the port of REST and console
    host: str
        the address to listen on; 0.0.0.0 is all
    """
    made = make_home(home, port=port, host=host, entropy=system_entropy)
    print(
        f"Made an AMP server in {made.path}\n\n  address   {made.url}\n  user      {made.user}\n"
        f"  password  {made.password}   (kept only as a hash: note it now)\n\n"
        f"Next steps\n  start it        {made.path}/bin/start\n  see its state   {made.path}/bin/status\n"
        f"  configure it    {made.path}/etc/brooklyn.cfg\n"
        f"  make it highly available: set the options in {made.path}/etc/org.apache.brooklyn.osgilauncher.cfg"
    )
    return OK


@app.command(name="generate-password")
def generate_password(*, user: str, stdin: Annotated[bool, Parameter(negative="")] = False) -> int:
    """Print the lines for etc/brooklyn.cfg that let a user in; asks for the password twice.

    Parameters
    ----------
    user: str
        who may log in
    stdin: bool
        read the password from standard input (its first line) rather than ask
    """
    if not user or any(c in user for c in ",*") or not user.isprintable():
        raise Invalid(f"--user {user!r} is not a user name: it must not be empty nor hold commas or *")
    if stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    elif not sys.stdin.isatty():
        raise Invalid("there is no terminal to ask for the password: pipe it in, and add --stdin")
    else:
        password = getpass.getpass("Password: ")
        if password and getpass.getpass("Re-enter password: ") != password:
            raise Invalid("Passwords do not match")
    if not password.strip():
        raise Invalid("Password must not be blank")
    print("Please add the following to your etc/brooklyn.cfg:\n")
    print("\n".join(user_lines(user, password, system_entropy)))
    return OK


@ha.command(name="status")
def ha_status(
    *, watch: Annotated[bool, Parameter(negative="")] = False, output: Output = "table", access: Access = _ANYWHERE
) -> int:
    """Show the plane and each of its nodes, as one server sees them.

    Parameters
    ----------
    watch: bool
        go on showing what changes, until Ctrl-C
    """
    client = access.client()
    if not watch:
        raw, status = _plane(client)
        show_json(raw) if output == "json" else show(ha_table(status))
        return OK if status.master else UNHEALTHY
    return _watch(client, output)


def _plane(client: Client) -> tuple[Any, HaStatus]:
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
            raw, status = _plane(client)
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


@app.command
def deploy(
    file: str,
    /,
    *,
    detach: Detach = False,
    timeout: Patience = None,
    output: Output = "table",
    access: Access = _ANYWHERE,
) -> int:
    """Deploy a blueprint, and wait until its application has started.

    Parameters
    ----------
    file: str
        a file of YAML; - reads standard input
    """
    limit = _limit(timeout)
    client = access.client()
    task = client.call("POST", "/v1/applications", _blueprint(file), "application/x-yaml")
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
        data = sys.stdin.buffer.read() if file == _STDIN else Path(file).read_bytes()
    except OSError as error:
        raise Invalid(f"{file} cannot be read: {error.strerror}") from None
    if not data.strip():
        raise Invalid(f"{'standard input' if file == _STDIN else file} is empty: there is no blueprint in it")
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


@apps.command(name="ls")
def app_ls(*, output: Output = "table", access: Access = _ANYWHERE) -> int:
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


@apps.command(name="show")
def app_show(name: str, /, *, output: Output = "table", access: Access = _ANYWHERE) -> int:
    """Show an application and all its entities, with their state.

    Parameters
    ----------
    name: str
        id or name of the application
    """
    client = access.client()
    summary = client.get(f"/v1/applications/{quote(name, safe='')}")
    sensors = ",".join(SHOWN_SENSORS)
    tree = next((a for a in client.get(f"/v1/applications/fetch?sensors={sensors}") if a["id"] == summary["id"]), None)
    if tree is None:
        raise Missing(f"application {name} was deleted just now")
    if output == "json":
        show_json(tree)
    else:
        show(entity_tree(tree))
    return OK


@apps.command(name="delete")
def app_delete(
    name: str,
    /,
    *,
    yes: Annotated[bool, Parameter(name=["--yes", "-y"], negative="")] = False,
    detach: Detach = False,
    timeout: Patience = None,
    output: Output = "table",
    access: Access = _ANYWHERE,
) -> int:
    """Stop an application and forget it; on a terminal asks first.

    Parameters
    ----------
    name: str
        id or name of the application
    yes: bool
        do not ask
    """
    limit = _limit(timeout)
    client = access.client()
    summary = client.get(f"/v1/applications/{quote(name, safe='')}")
    title = f"{(summary.get('spec') or {}).get('name') or name} ({summary['id']})"
    if not yes and sys.stdin.isatty():
        print(f"Stop and delete {title}? [y/N] ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise Invalid("nothing was deleted")
    task = client.call("DELETE", f"/v1/applications/{summary['id']}")
    if not isinstance(task, dict):
        raise Unavailable(f"{client.url} did not say how it deletes {title}: see amp app ls")
    if not detach:
        task = _follow(client, task, f"deleting {title}", limit)
    if output == "json":
        show_json(task)
    else:
        print(f"{'Deleting' if detach else 'Deleted'} {title}")
    return OK


def _limit(timeout: str | None) -> float | None:
    if timeout is None:
        return None
    limit = seconds(timeout)
    if limit is None:
        raise Invalid(f"--timeout {timeout} is not a time: write 90s or 10m")
    return limit
