"""The tree of commands of `amp`, noun verb, as cyclopts parses it.

The commands themselves: `cli.node` (run a server), `cli.setup` (make one), `cli.plane`, `cli.operate` and
`cli.applications` and `cli.tasks` (ask one), `cli.store_commands` (look after what one has written).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from cyclopts import App, CycloptsError, Parameter

from amp import __version__
from amp.cli.applications import STDIN, app_delete, app_ls, app_show, deploy
from amp.cli.drill import ha_drill
from amp.cli.exits import MEANINGS, OK
from amp.cli.node import NODE_COMMANDS, run_node_command
from amp.cli.operate import ha_demote, ha_priority, ha_promote, ha_remove
from amp.cli.plane import ha_status
from amp.cli.setup import generate_password, init
from amp.cli.tasks import task_answer
from amp.kit.errors import Invalid

_EPILOGUE = "\n\n".join(["Exit codes:", *(f"{code:>5}  {meaning}" for code, meaning in MEANINGS)])

app = App(
    name="amp",
    help="Run AMP servers, and ask them. A server is a home directory: make one with amp init.",
    help_epilogue=_EPILOGUE,
    version=f"amp {__version__}",
    help_format="plaintext",
)
#: The options of `Access`, which may stand before the command, too.
_WHOM = ("--url", "--user", "--password")

ha = App(name="ha", help="Look at the high-availability plane, and change who leads it.")
apps = App(name="app", help="List, show and delete applications.")
tasks = App(name="task", help="Say how a task is to go on that asks.")
app.command(ha)
app.command(apps)
app.command(tasks)
# Loaded when it is used: it brings the model and the stores with it.
app.command(
    "amp.cli.store_commands:store",
    name="store",
    help="Look after what planes have written: check, list, copy, repair.",
)


def dispatch(words: Sequence[str]) -> int:
    """Run a client command; answers the exit code. Raises: AmpError."""
    if not words:
        app.help_print([])
        return OK
    try:
        code = app(
            [STDIN if word == "-" else word for word in _command_first(words)],
            exit_on_error=False,
            print_error=False,
            result_action="return_value",
        )
    except CycloptsError as error:
        raise Invalid(" ".join(str(error).split()), details="See amp --help.") from None
    return code if isinstance(code, int) else OK


def _command_first(words: Sequence[str]) -> list[str]:
    """Move what says which server to ask, where it stands before the command, to behind it: `amp --url U ha status`."""
    at = 0
    while at < len(words) and words[at].partition("=")[0] in _WHOM:
        at += 1 if "=" in words[at] else 2
    if at and at >= len(words):
        raise Invalid(f"there is no command after {words[0].partition('=')[0]}", details="See amp --help.")
    end = words.index("--") if "--" in words else len(words)
    return [*words[at:end], *words[:at], *words[end:]]


def _node(name: str) -> None:
    def node(*words: Annotated[str, Parameter(allow_leading_hyphen=True)]) -> int:
        return run_node_command([name, *words])

    node.__doc__ = NODE_COMMANDS[name]
    first, _, second = name.partition(" ")
    app[first].command(node, name=second) if second else app.command(node, name=first)


for _name in NODE_COMMANDS:
    _node(_name)

app.command(init)
app.command(generate_password, name="generate-password")
app.command(deploy)
ha.command(ha_status, name="status")
ha.command(ha_promote, name="promote")
ha.command(ha_demote, name="demote")
ha.command(ha_drill, name="drill")
ha.command(ha_priority, name="priority")
ha.command(ha_remove, name="remove")
apps.command(app_ls, name="ls")
apps.command(app_show, name="show")
apps.command(app_delete, name="delete")
tasks.command(task_answer, name="answer")
