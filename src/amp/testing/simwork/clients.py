"""Clients of a simulated plane: they deploy, disturb, cancel, write and answer, and remember what they were told.

A request whose answer did not come is sent again where that is safe: under an id of the client's choice, or with a key.
The judge is told of each answer, and of what is an excuse for work that does not come to a good end.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from amp.kit.errors import AmpError, Conflict, Fenced, Unavailable
from amp.kit.ids import EntityId, TaskId
from amp.plane.receipts import Receipt
from amp.tasks.question import ANSWERS
from amp.testing.simwork.blueprints import blueprint
from amp.testing.simwork.judge import Judge
from amp.testing.simwork.node import Node
from amp.testing.simwork.world import World

#: Does a request at a node; with a receipt its answer is kept with its work.
_Request = Callable[[Node, Receipt | None], Awaitable[Any]]
_AGAIN = 0.5


class Clients:
    """All clients of one story. `leader` answers the node that takes requests now. `waiting`: requests that will be
    sent until they are answered; `busy` False: no new ones come."""

    def __init__(self, world: World, judge: Judge, targets: list[str], leader: Callable[[], Node | None]) -> None:
        self._world, self._judge, self._targets, self._leader = world, judge, targets, leader
        self._rng = world.rng
        self.busy = True
        self.waiting = 0
        self._answers: dict[str, tuple[str, bool]] = {}

    def deploy(self, name: str, after: float) -> None:
        """Deploy an application some time from now; by its id, or with a key."""
        asks = self._world.asks and self._world.aside.random() < 0.8
        text = blueprint(self._rng, name, self._targets, asks=asks)
        own = name if self._rng.random() < 0.5 else None
        self.waiting += 1
        user = f"deployer of {name}"

        def request(node: Node, receipt: Receipt | None) -> Awaitable[Any]:
            return node.door.deploy(text, user=user, app_id=own, receipt=receipt)

        self._world.after(after, lambda: self._insist(user, request, keyed=own is None))

    def write(self) -> None:
        """Write a sensor, now and then."""
        if not self.busy:
            return
        self._world.after(self._rng.uniform(0.2, 1.5), self.write)
        leader, name = self._leader(), self._one()
        if leader is None or name is None:
            return
        value = str(self._world.number())

        def answered(answer: Any) -> None:
            if answer is not None and not isinstance(answer, AmpError):
                self._judge.acked(f"sensor {value} of {name}", name, "told", value)

        async def ask() -> str:
            await leader.door.set_sensors(EntityId(name), {"told": value})
            return value

        leader.ask(ask(), answered)

    def act(self) -> None:
        """Do something to an application, now and then."""
        if not self.busy:
            return
        self._world.after(self._rng.uniform(2.0, 12.0), self.act)
        leader, name, model = self._leader(), self._one(), self._judge.model
        parts = [each.id for each in model.entities.values() if each.application == name and each.parent]
        if leader is None or name is None or not parts:
            return
        part = self._rng.choice(parts)
        what = self._rng.choice(["restart", "restart", "populateServiceNotUpDiagnostics", "stop", "cancel", "delete"])
        self._judge.count[f"client {what}"] += 1
        if what != "populateServiceNotUpDiagnostics":
            self._judge.trouble.touched.add(name)
        if what == "cancel":
            running = [
                task.id for task in model.tasks.values() if task.status == "running" and task.entity in (name, part)
            ]
            if running:
                self._cancel(leader, self._rng.choice(running))
            return
        user = f"client {self._world.number()}"

        def request(node: Node, receipt: Receipt | None) -> Awaitable[Any]:
            if what == "delete":
                return node.door.delete_application(EntityId(name), user=user, receipt=receipt)
            return node.door.invoke(part, what, {}, user=user, receipt=receipt)

        self.waiting += 1
        self._insist(user, request, keyed=True)

    def answer(self) -> None:
        """Answer what a task asks, now and then, and as long as there is one that asks; some with a key."""
        aside = self._world.aside
        self._world.after(aside.uniform(0.5, 6.0), self.answer)
        leader, asking = self._leader(), sorted(self._judge.asking().items())
        if leader is None or not asking:
            return
        task, question = aside.choice(asking)
        # A request that is repeated with its key is the same request; without one a client may think better of it.
        word, keyed = self._answers.get(question, (aside.choice(ANSWERS), aside.random() < 0.5))
        if keyed:
            self._answers[question] = word, keyed

        def request(receipt: Receipt | None) -> Awaitable[Any]:
            return leader.door.answer_task(task, word, receipt=receipt)

        async def plain() -> str:
            await request(None)
            return word

        def answered(answer: Any) -> None:
            if isinstance(answer, str):
                self._judge.acked(f"{word}, the answer to {question}", "answered", question, word)

        leader.ask(leader.once(f"client who answers {question}", request) if keyed else plain(), answered)

    def _cancel(self, leader: Node, task: TaskId) -> None:
        def answered(answer: Any) -> None:
            if answer is True:
                self._judge.acked(f"cancellation of {task}", "cancelled", task)

        leader.ask(leader.door.cancel_task(task), answered)

    def _insist(self, user: str, request: _Request, *, keyed: bool) -> None:
        """Ask, and ask again until there is an answer."""
        leader = self._leader()
        if leader is None:
            self._world.after(_AGAIN, lambda: self._insist(user, request, keyed=keyed))
            return

        def answered(answer: Any) -> None:
            if answer is None or isinstance(answer, Fenced | Unavailable):
                self._world.after(_AGAIN, lambda: self._insist(user, request, keyed=keyed))
                return
            self.waiting -= 1
            if isinstance(answer, str):
                self._judge.acked(f"request of {user}", answer.split()[-1])
            elif isinstance(answer, Conflict) or keyed:
                return  # it was deployed by an earlier try; or what it was about is gone

        async def plain() -> str:
            return str((await request(leader, None))[1])

        leader.ask(leader.once(user, lambda receipt: request(leader, receipt)) if keyed else plain(), answered)

    def _one(self) -> str | None:
        there = list(self._judge.applications.values())
        return self._rng.choice(there) if there else None
