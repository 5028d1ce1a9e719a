"""An act outside is recorded before it begins, found again by its id, and tried again only where that is safe."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from amp.kit.errors import Fenced, Invalid
from amp.kit.ids import EntityId, NodeId, TaskId, Term
from amp.model import changes as c
from amp.model.entity import Step, Task
from amp.tasks.question import asked, open_question
from amp.tasks.runner import Run, Runner
from amp.tasks.step import ONCE, Ended, Fate, Traits
from amp.tasks.task import Order
from amp.testing.clock import FakeClock, settle
from amp.testing.fakes import FakePlane, seeded_entropy

E = EntityId("e")
WELL = Ended(outcome=0, stdout="out", stderr="err")
CUT = Ended(outcome=None, failed=True, stdout="cut")
LOST = Ended(Fate.UNKNOWN, stdout="half", why="its machine is gone")


@dataclass
class FakeAct:
    """Plays an act: `fate` is what a successor finds, `ends` how each try ends in turn; without one it hangs."""

    plane: FakePlane
    fate: Fate | Exception = Fate.BEGUN
    ends: Sequence[Ended | Exception] = (WELL,)
    traits: Traits = field(default_factory=Traits)
    did: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    stopped: Ended = CUT

    async def begin(self, id: str) -> None:
        # Nothing begins that is not recorded.
        assert [step.status for task in self.plane.model.tasks.values() for step in task.steps if step.id == id]
        self.did.append("begin")

    async def resolve(self, id: str, step: Step) -> Fate:
        self.did.append("resolve")
        self.known.append(step.id)
        if isinstance(self.fate, Exception):
            raise self.fate
        return self.fate

    async def end(self, id: str, step: Step | None) -> Ended:
        self.did.append("end" if step is None else "attach")
        if not self.ends:
            await asyncio.Event().wait()
        ended, *self.ends = self.ends
        if isinstance(ended, Exception):
            raise ended
        return ended

    async def stop(self, id: str) -> Ended:
        self.did.append("stop")
        return self.stopped

    def asks(self, said: str | None) -> Sequence[c.AnyChange]:
        return [c.SensorSet(E, "question", said)]

    async def forget(self, id: str) -> None:
        steps = [step for task in self.plane.model.tasks.values() for step in task.steps if step.id == id]
        assert steps[0].status != "running"  # only what is durable is forgotten
        self.did.append("forget")

    def streams(self) -> Mapping[str, str]:
        return {"stdout": "so far"}


@pytest.fixture
def plane() -> FakePlane:
    plane = FakePlane()
    plane.model.apply(c.EntityAdded(E, "t", "e", E))
    return plane


async def lived(plane: FakePlane, act: FakeAct, past: Task | None = None, term: int = 1) -> Task:
    """Run a task that is this act, from its beginning or on from what is recorded; answers it as it is then."""

    async def body(run: Run) -> object:
        return (await run.act(act)).outcome

    async with asyncio.TaskGroup() as group:
        runner = Runner(
            plane, FakeClock(), seeded_entropy(term), group, node=NodeId(f"n{term}"), term=Term(term),
            model=lambda: plane.model,
        )  # fmt: skip
        if past is None:
            task = await runner.begin(Order(E, "it"), body)
        else:
            task = past.id
            runner.resume(past, body)
        await settle()
        if act.did[-1:] in (["end"], ["attach"]) and not act.ends and task in runner.running():
            assert runner.streams(task) == {"stdout": "so far"}
            runner.cancel(task)
    return plane.model.tasks[task]


def recorded(plane: FakePlane, *changes: c.AnyChange) -> Task:
    task = TaskId("old")
    for change in (c.TaskStarted(task, E, "it", node="n0", term=1), *changes):
        plane.model.apply(change)
    return plane.model.tasks[task]


def tries(task: Task) -> list[tuple[str, int]]:
    return [(step.status, step.term) for step in task.steps]


async def test_its_record_is_durable_before_it_begins_and_its_end_goes_with_the_end_of_the_task(
    plane: FakePlane,
) -> None:
    act = FakeAct(plane)
    task = await lived(plane, act)
    assert act.did == ["begin", "end", "forget"]
    assert (task.status, task.result, tries(task)) == ("completed", 0, [("completed", 1)])
    assert (task.steps[0].stdout, task.steps[0].stderr) == ("out", "err")
    assert [[type(each).__name__ for each in commit] for commit in plane.commits] == [
        ["TaskStarted"],
        ["StepStarted"],
        ["StepEnded", "TaskEnded"],
    ]


async def test_what_has_ended_is_not_done_again(plane: FakePlane) -> None:
    begun = c.StepStarted(TaskId("old"), "one", term=1)
    act = FakeAct(plane)
    task = await lived(plane, act, recorded(plane, begun, c.StepEnded(TaskId("old"), "one", outcome=7)), term=2)
    assert (act.did, task.status, task.result) == ([], "completed", 7)


async def test_what_runs_is_waited_for(plane: FakePlane) -> None:
    act = FakeAct(plane)
    task = await lived(plane, act, recorded(plane, c.StepStarted(TaskId("old"), "one", term=1)), term=2)
    assert (act.did, act.known) == (["resolve", "attach", "forget"], ["one"])
    assert (task.status, tries(task)) == ("completed", [("completed", 1)])


@pytest.mark.parametrize("traits", [Traits(), Traits(ONCE)])
async def test_what_never_began_is_begun_under_another_id(plane: FakePlane, traits: Traits) -> None:
    act = FakeAct(plane, Fate.NEVER, traits=traits)
    task = await lived(plane, act, recorded(plane, c.StepStarted(TaskId("old"), "one", term=1)), term=2)
    assert act.did == ["resolve", "begin", "end", "forget"]
    assert (task.status, tries(task)) == ("completed", [("void", 1), ("completed", 2)])
    assert [type(each).__name__ for each in plane.commits[0]] == ["StepEnded", "StepStarted"]  # as one


async def test_an_end_that_cannot_be_known_is_interrupted_and_not_repeated(plane: FakePlane) -> None:
    act = FakeAct(plane, ends=[LOST], traits=Traits(ONCE))
    task = await lived(plane, act, recorded(plane, c.StepStarted(TaskId("old"), "one", term=1)), term=2)
    assert act.did == ["resolve", "attach", "forget"]
    assert (task.status, tries(task), task.steps[0].stdout) == ("interrupted", [("interrupted", 1)], "half")
    assert "its machine is gone" in (task.error or "")


async def test_what_may_be_run_again_is_but_not_for_ever(plane: FakePlane) -> None:
    act = FakeAct(plane, ends=[LOST, LOST, LOST, WELL], traits=Traits(on_interrupt="rerun"))
    task = await lived(plane, act, recorded(plane, c.StepStarted(TaskId("old"), "one", term=1)), term=2)
    assert tries(task) == [("interrupted", 1), ("interrupted", 2), ("interrupted", 2)]
    assert len({step.id for step in task.steps}) == 3
    assert task.status == "interrupted"
    again = await lived(plane, FakeAct(plane, ends=[LOST, WELL], traits=Traits(on_interrupt="rerun")), term=3)
    assert tries(again) == [("interrupted", 3), ("completed", 3)]


async def test_a_task_of_a_version_without_steps_may_have_done_it(plane: FakePlane) -> None:
    act = FakeAct(plane)
    task = await lived(plane, act, recorded(plane), term=2)
    assert (task.status, act.did) == ("interrupted", [])
    act = FakeAct(plane, traits=Traits(on_interrupt="rerun"))
    plane.model.tasks.clear()
    assert (await lived(plane, act, recorded(plane), term=2)).status == "completed"


async def test_what_could_not_begin_fails_and_says_why(plane: FakePlane) -> None:
    task = await lived(plane, FakeAct(plane, ends=[Ended(Fate.NEVER, why="the disk is full")]))
    assert (task.status, task.error, tries(task)) == ("failed", "the disk is full", [("void", 1)])
    task = await lived(plane, FakeAct(plane, ends=[Invalid("no such directory")]), term=2)
    assert (task.status, task.error, tries(task)) == ("failed", "no such directory", [("failed", 2)])


async def test_a_cancelled_task_ends_its_act_and_keeps_what_it_said(plane: FakePlane) -> None:
    act = FakeAct(plane, ends=[])
    task = await lived(plane, act)
    assert act.did == ["begin", "end", "stop", "forget"]
    assert (task.status, tries(task), task.steps[0].stdout) == ("cancelled", [("cancelled", 1)], "cut")


async def test_a_second_cancel_does_not_break_off_the_first(plane: FakePlane) -> None:
    slow = asyncio.Event()

    class SlowToStop(FakeAct):
        async def stop(self, id: str) -> Ended:
            await slow.wait()
            return await super().stop(id)

    act = SlowToStop(plane, ends=[])

    async def body(run: Run) -> None:
        await run.act(act)

    async with asyncio.TaskGroup() as group:
        runner = Runner(
            plane, FakeClock(), seeded_entropy(), group, node=NodeId("n1"), term=Term(1), model=lambda: plane.model
        )
        id = await runner.begin(Order(E, "work"), body)
        await settle()
        for _ in range(2):
            runner.cancel(id)
            await settle()
        assert "stop" not in act.did
        slow.set()
    task = plane.model.tasks[id]
    assert (task.status, tries(task)) == ("cancelled", [("cancelled", 1)])


async def test_a_cancelled_act_that_never_began_stays_void(plane: FakePlane) -> None:
    """Its request may still be on its way to the machine: what says that it is void must not be removed."""
    act = FakeAct(plane, ends=[], stopped=Ended(Fate.NEVER, why="it never began"))
    task = await lived(plane, act)
    assert act.did == ["begin", "end", "stop"]
    assert (task.status, tries(task)) == ("cancelled", [("void", 1)])


async def test_an_act_that_cannot_be_looked_for_fails_with_its_task(plane: FakePlane) -> None:
    act = FakeAct(plane, fate=Invalid("the disk is full"))
    task = await lived(plane, act, recorded(plane, c.StepStarted(TaskId("old"), "d1", term=1)), term=2)
    assert (task.status, task.error, tries(task)) == ("failed", "the disk is full", [("failed", 1)])


async def test_leaving_office_leaves_the_act_alone(plane: FakePlane) -> None:
    act = FakeAct(plane, ends=[])

    async def office() -> None:
        await lived(plane, act)

    job = asyncio.create_task(office())
    for _ in range(8):
        await asyncio.sleep(0)
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    assert "stop" not in act.did
    (task,) = plane.model.tasks.values()
    assert (task.status, tries(task)) == ("running", [("running", 1)])


async def test_a_fenced_act_is_left_to_the_next_leader(plane: FakePlane) -> None:
    act = FakeAct(plane, ends=[Fenced("a master of term 9 acts here")])
    job = asyncio.create_task(lived(plane, act))
    await settle()
    job.cancel()
    await asyncio.gather(job, return_exceptions=True)
    (task,) = plane.model.tasks.values()
    assert task.status == "running"
    assert "forget" not in act.did


async def test_a_cancel_waits_until_the_act_under_way_is_come_to(plane: FakePlane) -> None:
    act, gate = FakeAct(plane, ends=[]), asyncio.Event()

    async def body(run: Run) -> None:
        await gate.wait()  # what has to be looked at again takes its time
        await run.act(act)

    past = recorded(plane, c.StepStarted(TaskId("old"), "one", term=1))
    async with asyncio.TaskGroup() as group:
        runner = Runner(
            plane, FakeClock(), seeded_entropy(), group, node=NodeId("n2"), term=Term(2), model=lambda: plane.model
        )
        runner.resume(past, body)
        await settle()
        assert runner.cancel(past.id)
        await settle()
        assert plane.model.tasks[past.id].status == "running"
        gate.set()
    assert "stop" in act.did
    assert (plane.model.tasks[past.id].status, tries(plane.model.tasks[past.id])) == ("cancelled", [("cancelled", 1)])


async def test_a_part_that_was_cancelled_is_ended_by_the_next_leader_though_another_is_not_yet_come_to(
    plane: FakePlane,
) -> None:
    gate, act, other = asyncio.Event(), FakeAct(plane, ends=[]), FakeAct(plane)

    async def stopped(run: Run) -> None:
        await run.act(act)

    async def late(run: Run) -> None:
        await gate.wait()
        await run.act(other)

    async def body(run: Run) -> None:
        await run.together([(Order(E, "stopped"), stopped), (Order(E, "late"), late)])

    whole, part, second = TaskId("old"), TaskId("part"), TaskId("second")
    past = recorded(
        plane,
        c.TaskStarted(part, E, "stopped", parent=whole),
        c.StepStarted(part, "one", term=1),
        c.TaskStarted(second, E, "late", parent=whole),
        c.StepStarted(second, "two", term=1),
        c.TaskRecalled(part),
    )
    async with asyncio.TaskGroup() as group:
        runner = Runner(
            plane, FakeClock(), seeded_entropy(), group, node=NodeId("n2"), term=Term(2), model=lambda: plane.model
        )
        runner.resume(past, body)
        await settle()
        gate.set()
        await settle()
        assert plane.model.tasks[part].status == "cancelled"
    assert "stop" in act.did
    assert plane.model.tasks[second].status == "completed"


async def test_a_cancel_does_not_wait_for_an_act_that_is_never_come_to(plane: FakePlane) -> None:
    async def fails(run: Run) -> None:
        raise Invalid("its machine is gone")

    async def hangs(run: Run) -> None:
        await asyncio.Event().wait()

    async def body(run: Run) -> None:
        await run.together([(Order(E, "fails"), fails), (Order(E, "hangs"), hangs)])

    whole, part = TaskId("old"), TaskId("part")
    past = recorded(
        plane,
        c.TaskStarted(part, E, "fails", parent=whole),
        c.StepStarted(part, "one", term=1),
        c.TaskStarted(TaskId("other"), E, "hangs", parent=whole),
    )
    async with asyncio.TaskGroup() as group:
        runner = Runner(
            plane, FakeClock(), seeded_entropy(), group, node=NodeId("n2"), term=Term(2), model=lambda: plane.model
        )
        runner.resume(past, body)
        assert runner.cancel(whole)
    assert plane.model.tasks[whole].status == "cancelled"
    assert plane.model.tasks[part].status == "failed"


async def test_what_an_act_has_in_hands_goes_with_its_end(plane: FakePlane) -> None:
    async def begin_and_end() -> weakref.ref[FakeAct]:
        act = FakeAct(plane)

        async def body(run: Run) -> None:
            act.run = run  # type: ignore[attr-defined]  # a command asks its run for the right to act
            await run.act(act)

        async with asyncio.TaskGroup() as group:
            runner = Runner(
                plane, FakeClock(), seeded_entropy(1), group, node=NodeId("n1"), term=Term(1),
                model=lambda: plane.model,
            )  # fmt: skip
            await runner.begin(Order(E, "it"), body)
        assert act.did == ["begin", "end", "forget"]
        return weakref.ref(act)

    gc.disable()  # up to 8 MiB of what a command wrote must not wait for it
    try:
        gone = await begin_and_end()
        await settle()
        assert gone() is None
    finally:
        gc.enable()


class Asking:
    """Runs a task that asks; `again` goes on with it under the next leader."""

    def __init__(self, plane: FakePlane) -> None:
        self.plane, self.act = plane, FakeAct(plane, ends=[LOST, WELL], traits=Traits(on_interrupt="ask"))
        self.results: list[Ended] = []
        self.term, self.id = 0, TaskId("")

    async def body(self, run: Run) -> None:
        self.results.append(await run.act(self.act))

    async def led(self, steps: Callable[[Runner], Awaitable[None]]) -> Task:
        """Lead for as long as `steps` take, then leave."""
        self.term += 1

        async def office() -> None:
            async with asyncio.TaskGroup() as group:
                runner = Runner(
                    self.plane, FakeClock(), seeded_entropy(self.term), group, node=NodeId(f"n{self.term}"),
                    term=Term(self.term), model=lambda: self.plane.model,
                )  # fmt: skip
                if self.id:
                    runner.resume(self.task, self.body)
                else:
                    self.id = await runner.begin(Order(E, "it"), self.body)
                await settle()
                await steps(runner)
                await settle()
                raise asyncio.CancelledError

        with pytest.raises(asyncio.CancelledError):
            await asyncio.create_task(office())
        return self.task

    @property
    def task(self) -> Task:
        return self.plane.model.tasks[self.id]

    def shown(self) -> list[tuple[str, str]]:
        return [(step.id.partition(" ")[0] if " " in step.id else "try", step.status) for step in self.task.steps]

    async def answer(self, runner: Runner | None, word: str) -> None:
        question = open_question(self.task)
        assert question is not None
        await self.plane.commit([c.StepEnded(self.id, question.id, outcome=word)])
        if runner is not None:
            runner.heard(self.id)


async def nothing(runner: Runner) -> None:
    """Only lead."""


QUESTION = [("try", "interrupted"), ("why", "completed"), ("ask", "running")]
ANSWERED = [*QUESTION[:2], ("ask", "completed")]


async def test_what_is_to_be_asked_waits_for_an_answer(plane: FakePlane) -> None:
    asking = Asking(plane)

    async def look(runner: Runner) -> None:
        assert (asking.task.status, asking.shown()) == ("running", QUESTION)
        assert "its machine is gone" in asked(asking.task)
        assert f"answer rerun, done or fail: amp task answer {asking.id} rerun" in asked(asking.task)
        assert plane.model.entities[E].sensors["question"] == asked(asking.task)
        runner.heard(None)  # of something else
        await settle()
        assert asking.task.status == "running"
        await asking.answer(runner, "rerun")

    task = await asking.led(look)
    assert (task.status, asking.shown()) == ("completed", [*ANSWERED, ("try", "completed")])
    # What is known and the question are one commit.
    kinds = next([type(each).__name__ for each in made] for made in plane.commits if len(made) == 5)
    assert kinds == ["StepEnded", "StepStarted", "StepEnded", "StepStarted", "SensorSet"]


@pytest.mark.parametrize(("word", "status", "shown"), [
    ("rerun", "completed", [*ANSWERED, ("try", "completed")]),
    ("done", "completed", ANSWERED),
    ("fail", "interrupted", ANSWERED),
])  # fmt: skip
@pytest.mark.parametrize("between", [False, True])
async def test_an_answer_holds_past_failovers(
    plane: FakePlane, word: str, status: str, shown: list[tuple[str, str]], between: bool
) -> None:
    asking = Asking(plane)
    await asking.led(nothing)
    await asking.led(nothing)
    assert (asking.task.status, asking.shown()) == ("running", QUESTION)  # nothing is asked twice
    if between:
        await asking.answer(None, word)
    task = await asking.led(nothing if between else lambda runner: asking.answer(runner, word))
    assert (task.status, asking.shown()) == (status, shown)
    assert [ended.vouched for ended in asking.results] == ([] if word == "fail" else [word == "done"])
    assert ("the answer was fail" in (task.error or "")) is (word == "fail")
    assert asking.act.did.count("begin") == (2 if word == "rerun" else 1)


async def test_it_is_asked_again_about_another_try(plane: FakePlane) -> None:
    asking = Asking(plane)
    asking.act.ends = [LOST, LOST, WELL]

    async def twice(runner: Runner) -> None:
        for _ in range(2):
            await asking.answer(runner, "rerun")
            await settle()

    task = await asking.led(twice)
    assert (task.status, asking.shown()) == ("completed", [*ANSWERED, *ANSWERED, ("try", "completed")])


@pytest.mark.parametrize("resumed", [False, True])
async def test_a_cancel_withdraws_the_question(plane: FakePlane, resumed: bool) -> None:
    asking = Asking(plane)

    async def cancel(runner: Runner) -> None:
        runner.cancel(asking.id)
        assert runner.recalled(asking.id)

    if resumed:
        await asking.led(nothing)
        await plane.commit([c.TaskRecalled(asking.id)])
    task = await asking.led(nothing if resumed else cancel)
    assert (task.status, asking.shown()) == ("cancelled", [*QUESTION[:2], ("ask", "cancelled")])
    assert plane.model.entities[E].sensors["question"] is None
    assert asking.act.did.count("begin") == 1


async def test_a_question_that_was_withdrawn_is_no_leave_for_another_try(plane: FakePlane) -> None:
    asking = Asking(plane)
    await asking.led(nothing)
    question = open_question(asking.task)
    assert question is not None
    await plane.commit([c.StepEnded(asking.id, question.id, "cancelled")])
    task = await asking.led(nothing)
    assert (task.status, asking.act.did.count("begin")) == ("interrupted", 1)
    assert "the question was withdrawn" in (task.error or "")


async def test_a_question_that_is_not_come_to_again_ends_with_its_task(plane: FakePlane) -> None:
    asking = Asking(plane)
    await asking.led(nothing)

    async def fails(run: Run) -> None:
        raise Invalid("its machine is gone")

    asking.body = fails  # type: ignore[method-assign]
    task = await asking.led(nothing)
    assert (task.status, asking.shown()) == ("failed", [*QUESTION[:2], ("ask", "interrupted")])


async def test_a_task_of_a_version_without_steps_asks_too(plane: FakePlane) -> None:
    asking = Asking(plane)
    asking.act.ends = [WELL]
    asking.id = recorded(plane).id
    await asking.led(nothing)
    task = await asking.led(lambda runner: asking.answer(runner, "rerun"))
    assert (task.status, asking.act.did) == ("completed", ["begin", "end", "forget"])
