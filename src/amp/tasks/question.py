"""What is asked where the end of an act cannot be known and the blueprint says `ask`, and what may be answered. Pure.

A question is a pure step of the task that asks, under way until it is answered: its outcome is the answer, and a note
beside it holds why it is asked. So it is in the journal like any step, and the next leader finds it as it is. Who waits
for the answer is `attempt`; who takes it is the door.
"""

from __future__ import annotations

from amp.model.entity import Step, Task
from amp.tasks.step import DONE, FAIL, PURE, RERUN, RUNNING

#: What may be answered: another try; it did its work, go on; as `on-interrupt: fail`.
ANSWERS = (RERUN, DONE, FAIL)


def question_id(tried: str) -> str:
    """Name the question about a try; `tried` is empty where nothing is recorded of that but its task."""
    return f"ask {tried}".strip()


def reason_id(tried: str) -> str:
    """Name the note that says why there is a question about a try."""
    return f"why {tried}".strip()


def question_about(task: Task, tried: str) -> Step | None:
    """Answer the question about a try, answered or not; None where none was asked."""
    return _pure(task, question_id(tried))


def reason_of(task: Task, tried: str) -> str:
    """Answer why there is a question about a try."""
    note = _pure(task, reason_id(tried))
    return str(note.outcome) if note is not None else ""


def open_question(task: Task) -> Step | None:
    """Answer the question that a task waits for an answer to; None where it asks nothing now."""
    # Nothing else that is pure is ever under way: a note ends in the commit that begins it.
    return next((step for step in task.steps if step.kind == PURE and step.status == RUNNING), None)


def asked(task: Task) -> str:
    """Tell what a task asks, and how to answer; empty where it asks nothing now."""
    question = open_question(task)
    if question is None:
        return ""
    return words(task.id, task.name, reason_of(task, question.id.removeprefix("ask").strip()))


def words(task: str, name: str, why: str) -> str:
    """Tell that a task asks, and how to answer."""
    known = f"{', '.join(ANSWERS[:-1])} or {ANSWERS[-1]}"
    return f"{name} was interrupted: {why}. Look at what it has done and answer {known}: amp task answer {task} rerun"


def _pure(task: Task, id: str) -> Step | None:
    return next((step for step in task.steps if step.kind == PURE and step.id == id), None)
