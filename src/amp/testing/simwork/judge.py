"""What must hold of the work, whatever happens: told of everything that really happens, it names the first thing wrong.

It knows what no node knows: the journal as it came into being, each command as it began and ended on its machine, what
clients were told, and which troubles the story has made. Its state is never seen by a node.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from amp.ha.parts import Parts
from amp.kit.ids import TaskId
from amp.model import changes as c
from amp.model.entity import Step, Task
from amp.model.model import Model
from amp.plane import codec
from amp.store.segment import parse
from amp.tasks.question import open_question
from amp.tasks.step import ASK, FAIL, PURE, RERUN
from amp.testing.simwork.node import Node
from amp.testing.simwork.target import Begun, Target, exit_code, output

#: Calls that change something on a machine. To forget a command is none: its end is durable, and it never comes back.
_ACTS = frozenset(("start", "void", "kill", "raise", "write", "delete", "signal", "run", "make"))


class Broken(AssertionError):
    """A property does not hold. The message names it; the seed replays it."""


@dataclass(slots=True)
class Trouble:
    """What the story has done to the work, as an excuse for what did not go well."""

    reboots: dict[str, list[float]] = field(default_factory=dict)  # target -> when
    lost: set[str] = field(default_factory=set)  # commands whose processes were killed
    cuts: dict[str, list[float]] = field(default_factory=dict)  # target -> until when a node did not reach it
    touched: set[str] = field(default_factory=set)  # applications whose work a client has cancelled or ended


class Judge:
    """The only one who knows all. `broken`: the first property that does not hold."""

    def __init__(self, nodes: list[Node]) -> None:
        self.broken: str | None = None
        self.model = Model()
        self.seq = 0
        self.trouble = Trouble()
        self.count: Counter[str] = Counter()
        self.begun: dict[str, Begun] = {}
        self.applications: dict[str, str] = {}  # by name, the id of each that was ever deployed
        self.running: set[str] = set()
        self._nodes = nodes
        self._parts: Parts[c.AnyChange] = Parts()
        self._task_of: dict[str, TaskId] = {}
        self._steps: dict[str, c.StepStarted] = {}
        self._tries: dict[TaskId, list[str]] = {}
        self._asked: set[str] = set()
        self._answers: dict[str, str] = {}  # by the try that they are about
        self._ended: dict[str, str] = {}  # how the journal says that steps ended
        self._voided: set[str] = set()
        self._recalled: dict[TaskId, int] = {}  # in which term
        self._newest: dict[str, int] = {}  # entity -> term of its last command
        self._ever: set[tuple[str, ...]] = set()  # tasks, entities and values of sensors that were ever written

    def fail(self, what: str) -> None:
        """Note what is broken, the first time."""
        self.broken = self.broken or what

    # ---- the journal

    def landed(self, key: str, data: bytes) -> None:
        """A segment has come into being."""
        self.seq += 1
        segment = parse(data, self.seq)
        self.count["segments"] += 1
        if segment.header.kind == "elect":
            self.count["terms"] += 1
        changes = self._parts.take(segment.header, codec.decode(segment.body, key))
        ended = [(each.id, each.status) for each in changes if isinstance(each, c.TaskEnded)]
        for task, status in ended:
            known = self.model.tasks.get(task)
            # A cancellation may come while the end is on its way; what came first holds.
            if known is not None and known.status not in ("running", status) and status != "cancelled":
                self.fail(f"task {_shown(known)} ended as {known.status} and later as {status}")
        for change in changes:
            if isinstance(change, c.StepEnded) and change.id in self.running and not self._lost_sight(change.id):
                self.fail(f"command {change.id} is told to be {change.status}, and it still runs")
            self._note(change, segment.header.term)
            self.model.apply(change)
        self._in_order(changes)

    def _note(self, change: c.AnyChange, term: int) -> None:
        self._hear(change)
        match change:
            case c.StepStarted() if change.kind != PURE:
                self._steps[change.id] = change
                self._tries.setdefault(change.task, []).append(change.id)
            case c.TaskRecalled():
                self._ever.add(("cancelled", change.id))
                self._recalled.setdefault(change.id, term)
            case c.TaskEnded() if change.status == "completed" and self._recalled.get(change.id, term) < term:
                self.fail(f"task {change.id} was cancelled in term {self._recalled[change.id]}, and is completed")
            case c.StepEnded():
                self._ended[change.id] = change.status
            case c.SensorSet():
                self._ever.add((change.entity, change.name, str(change.value)))
            case c.EntityAdded() if change.parent is None:
                self._ever.add((change.id,))
                if change.name in self.applications:
                    self.fail(f"application {change.name} was deployed twice")
                self.applications[change.name] = change.id
            case c.TaskStarted():
                if change.parent is None and (change.user,) in self._ever and change.id not in self.model.tasks:
                    self.fail(f"request {change.user} was done twice: {change.name}")
                self._ever |= {(change.id,), (change.user,)} if change.parent is None else {(change.id,)}
            case c.TaskResumed():
                self.count["resumed"] += 1
            case _:
                pass

    def _hear(self, change: c.AnyChange) -> None:
        """Note what is asked and answered; nothing is asked twice, and nothing goes on without the answer."""
        match change:
            case c.StepStarted() if change.id.startswith("ask "):
                if change.id in self._asked:
                    self.fail(f"it is asked a second time: {change.id}")
                self._asked.add(change.id)
                self.count["asked"] += 1
            case c.StepEnded() if change.id in self._asked:
                self._answer(change)
            case c.TaskEnded() if change.status == "completed" and (problem := self._not_to_be_completed(change.id)):
                self.fail(f"task {change.id} is completed, and {problem}")
            case _:
                pass

    def _answer(self, answered: c.StepEnded) -> None:
        question = self._pure(answered.task, answered.id)
        if question is None or question.status != "running":
            return  # it was answered, or withdrawn, before: what came first holds
        if answered.status == "completed":
            self.count["answered"] += 1
            self._answers[answered.id.removeprefix("ask ")] = answered.outcome
            self._ever.add(("answered", answered.id, answered.outcome))

    def would_ask(self) -> list[str]:
        """Answer the commands that run and are asked about when they break off."""
        return sorted(id for id in self.running if self._steps[id].on_interrupt == ASK)

    def asking(self) -> dict[TaskId, str]:
        """Answer the tasks that ask, each with its question."""
        running = self.model.running_tasks()
        return {task.id: asked.id for task in running if (asked := open_question(task)) is not None}

    def _not_to_be_completed(self, id: TaskId) -> str | None:
        task = self.model.tasks.get(id)
        if task is None or task.status != "running":
            return None
        if (question := open_question(task)) is not None:
            return f"nobody has answered {question.id}"
        last = self._tries.get(id, [""])[-1]
        return f"fail was the answer about {last}" if self._answers.get(last) == FAIL else None

    def _pure(self, task: TaskId, id: str) -> Step | None:
        known = self.model.tasks.get(task)
        return next((step for step in known.steps if step.id == id), None) if known is not None else None

    def _in_order(self, changes: Sequence[c.AnyChange]) -> None:
        """A part's end is durable no later than the next one's beginning."""
        for change in changes:
            if not isinstance(change, c.TaskStarted) or change.parent not in self.model.tasks:
                continue
            siblings = [self.model.tasks[each] for each in self.model.tasks[change.parent].children]
            running = [each for each in siblings if each.entity == change.entity and each.status == "running"]
            if len(running) > 1:
                self.fail(f"{_shown(running[-1])} began before {_shown(running[0])} had ended")

    # ---- machines

    def about_to(self, node: Node, target: Target, name: str, what: str) -> None:
        """A node is about to do something on a machine."""
        if name == "forget":
            status = self._ended.get(what, "not in the journal")  # the plane may have forgotten the task since
            if status in ("not in the journal", "void"):
                self.fail(f"{node.name} forgets {what}, which is {status}")
        if name not in _ACTS:
            return
        self.count["acts"] += 1
        others = [each.name for each in self._nodes if each is not node and each.may_act()]
        if others:
            self.fail(f"{node.name} acts ({name} {what} on {target.name}) while {others[0]} may act")
        if not node.may_act():
            self.fail(f"{node.name} acts ({name} {what} on {target.name}) without a valid lease")

    def voided(self, id: str) -> None:
        """It was decided on a machine that a command never runs."""
        self.count["voided"] += 1
        self._voided.add(id)

    def began(self, begun: Begun) -> None:
        """A command begins to run."""
        self.count["commands"] += 1
        id = begun.id
        told = self._steps.get(id)
        if told is None:
            self.fail(f"command {id} begins, and its start is not in the journal")
            return
        if begun.raised < begun.term:
            self.fail(f"command {id} of term {begun.term} begins where its leader has not raised its term")
        if id in self.begun:
            self.fail(f"command {id} begins a second time")
        if id in self._voided:
            self.fail(f"command {id} begins after it was voided")
        step = self._step(id)
        if step is not None and step.status != "running":
            self.fail(f"command {id} begins, and the journal says that it is {step.status}")
        for each in self._tries[told.task]:
            if each in self.begun and each != id:
                self._second_try(told, each, id)
        task = self.model.tasks[told.task]
        if begun.term < self._newest.get(task.entity, 0):
            self.fail(f"command {id} of term {begun.term} begins after one of term {self._newest[task.entity]}")
        self._newest[task.entity] = begun.term
        for other in self.running:
            if told.turn and self._steps[other].turn == told.turn and self.begun[other].target == begun.target:
                self.fail(f"commands {other} and {id} run at the same time: {told.turn}")
        self.begun[id] = begun
        self.running.add(id)

    def _lost_sight(self, id: str) -> bool:
        """Its machine could not be reached, by some node, since it began."""
        begun = self.begun[id]
        return any(until >= begun.at for until in self.trouble.cuts.get(begun.target, []))

    def _second_try(self, told: c.StepStarted, first: str, second: str) -> None:
        task = self.model.tasks[told.task]
        if first in self.running:
            self.fail(f"{_shown(task)} runs as {second} while it still runs as {first}")
        elif told.on_interrupt != RERUN and self._answers.get(first) != RERUN:
            self.fail(f"{_shown(task)} ran as {first} and runs again as {second}")
        elif not self._broke_off(first):
            self.fail(f"{_shown(task)} runs again as {second}, though nothing interrupted {first}")
        else:
            self.count["reruns"] += 1

    def ended(self, id: str) -> None:
        """A command runs no more, however it ended."""
        self.running.discard(id)

    # ---- clients

    def acked(self, what: str, *proof: str) -> None:
        """A client was told that something is done; `proof` is what the journal must then hold."""
        self.count["acked"] += 1
        if proof not in self._ever:
            self.fail(f"acknowledged, and not in the journal: {what}")

    # ---- the end

    def unfinished(self) -> list[str]:
        """Answer what is under way."""
        found = [_shown(task) for task in self.model.tasks.values() if task.status == "running"]
        found += [
            f"{step.id} of {_shown(task)}" for task in self.model.tasks.values() for step in task.steps
            if step.status == "running"
        ]  # fmt: skip
        return [*found, *(f"command {id}" for id in sorted(self.running))]

    def verdict(self) -> None:
        """Judge the whole once all is quiet."""
        for task in self.model.tasks.values():
            if task.parent is None:
                self.count[task.status] += 1
                if task.status != "completed" and not self._explained(task):
                    self.fail(f"{_shown(task)} is {task.status}, and nothing in this story explains it: {task.error}")
                if task.status == "completed" and task.effector == "start":
                    self._complete(task)
            for step in task.steps:
                if step.kind != PURE:
                    self._whole(task, step)

    def _complete(self, task: Task) -> None:
        for each in self._below(task):
            if each.status == "running":
                self.fail(f"{_shown(task)} is completed, and {_shown(each)} of it is not")

    def _whole(self, task: Task, step: Step) -> None:
        """What a command wrote is all there."""
        begun = self.begun.get(step.id)
        if step.status in ("completed", "failed") and isinstance(step.outcome, dict) and "error" not in step.outcome:
            if begun is None:
                self.fail(f"{_shown(task)} says that {step.id} ended, and it never began")
            elif step.outcome.get("exit") == exit_code(begun.script):
                if (step.stdout, step.stderr) != output(step.id, begun.script):
                    self.fail(f"the output of {step.id} ({_shown(task)}) is not whole: {step.stdout!r}")
            elif step.outcome.get("exit") is not None:
                self.fail(f"{step.id} ended with {exit_code(begun.script)}, and is told to have ended otherwise")
        elif step.status == "void" and begun is not None:
            self.fail(f"{step.id} of {_shown(task)} is told to be void, and it ran")

    def _explained(self, task: Task) -> bool:
        entity = self.model.entities.get(task.entity)
        application = entity.application if entity is not None else task.entity
        if application in self.trouble.touched or entity is None:
            return True
        below = list(self._below(task))
        if any(self._reason(step) for each in below for step in each.steps if step.kind != PURE):
            return True
        if self.trouble.reboots and any(each.name.startswith("check-running") for each in below):
            return True
        if self.trouble.reboots and "could not be begun" in (task.error or ""):
            return True  # its wrapper died at the door: it never ran, and is not tried again
        return "does not answer" in (task.error or "") and bool(self.trouble.reboots or self.trouble.cuts)

    def _reason(self, step: Step) -> bool:
        begun = self.begun.get(step.id)
        if begun is None:
            return False
        if step.status == "failed":
            return exit_code(begun.script) != 0 and step.outcome == {"exit": exit_code(begun.script)}
        return step.status == "interrupted" and self._broke_off(step.id)

    def _broke_off(self, id: str) -> bool:
        begun = self.begun[id]
        return id in self.trouble.lost or any(when >= begun.at for when in self.trouble.reboots.get(begun.target, []))

    def _below(self, task: Task) -> Iterator[Task]:
        yield task
        for child in task.children:
            if child in self.model.tasks:
                yield from self._below(self.model.tasks[child])

    def _step(self, id: str) -> Step | None:
        told = self._steps.get(id)
        task: Any = self.model.tasks.get(told.task) if told is not None else None
        return next((step for step in task.steps if step.id == id), None) if task is not None else None


def _shown(task: Task) -> str:
    return f"{task.name} ({task.id} of {task.entity_name})"
