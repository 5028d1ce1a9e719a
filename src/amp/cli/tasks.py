"""`amp task answer`: what an operator says of a command whose end nobody knows.

The rule: the answer goes to the plane once, also where it has to be sent to several servers; what it leads to is told
by the task, and is not waited for.
"""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import quote

import msgspec

from amp.cli.access import ANYWHERE, Access, Output
from amp.cli.exits import OK
from amp.cli.output import show_json
from amp.kit.ids import random_id, system_entropy

_GOES_ON = {
    "rerun": "the command is run again",
    "done": "the task goes on as if the command had succeeded",
    "fail": "the task fails",
}


def task_answer(
    task: str,
    answer: Literal["rerun", "done", "fail"],
    /,
    *,
    output: Output = "table",
    access: Access = ANYWHERE,
) -> int:
    """Answer what a task asks about a command whose end cannot be known (on-interrupt: ask).

    Parameters
    ----------
    task: str
        the id of the task, as the problems of its entity tell it
    answer: str
        rerun: run the command again; done: it did its work, go on; fail: give up
    """
    body: dict[str, Any] = {"answer": answer}
    path = f"/v1/activities/{quote(task, safe='')}/answer"
    access.client().call("POST", path, msgspec.json.encode(body), key=random_id(system_entropy, 24))
    if output == "json":
        show_json({"task": task, **body})
    else:
        print(f"Answered {answer}: {_GOES_ON[answer]}")
    return OK
