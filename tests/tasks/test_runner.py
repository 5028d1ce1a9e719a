"""Tasks tell their story in Changes, and stop telling when the node may not act."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from amp.kit.errors import Conflict, Fenced, Invalid, Unavailable
from amp.kit.ids import EntityId, NodeId, TaskId, Term
from amp.model.changes import AnyChange, EntityAdded, EntityRemoved, SensorSet, TaskEnded, TaskStarted
from amp.model.entity import Task
from amp.tasks.runner import Body, Run, Runner
from amp.tasks.task import Order
from amp.testing.clock import FakeClock, settle
from amp.testing.fakes import FakePlane, seeded_entropy

E = EntityId("e")


@pytest.fixture
def plane() -> FakePlane:
    plane = FakePlane()
    plane.model.apply(EntityAdded(E, "t", "e", E))
    return plane


@asynccontextmanager
async def runner(plane: FakePlane) -> AsyncIterator[Runner]:
    async with asyncio.TaskGroup() as group:
        yield Runner(
            plane, FakeClock(), seeded_entropy(), group, node=NodeId("n"), term=Term(4), model=lambda: plane.model
        )


def named(plane: FakePlane, name: str) -> Task:
    return next(task for task in plane.model.tasks.values() if task.name == name)


async def finished(plane: FakePlane, body: Body) -> Task:
    async with runner(plane) as run:
        task = await run.begin(Order(E, "whole", effector="start", user="u"), body)
        assert await run.wait(task, 5)
        assert not run.running()
    return plane.model.tasks[task]


async def test_a_task_has_steps_and_a_result(plane: FakePlane) -> None:
    async def inner(run: Run) -> str:
        run.mark("nothing to do")
        await run.commit([SensorSet(E, "seen", 1)])
        return "inner"

    async def body(run: Run) -> str:
        return f"{await run.step('first', inner)} and {await run.step('second', inner)}"

    whole = await finished(plane, body)
    assert (whole.status, whole.result, whole.error) == ("completed", "inner and inner", None)
    assert (whole.node, whole.term, whole.user, whole.effector) == ("n", 4, "u", "start")
    assert [plane.model.tasks[child].name for child in whole.children] == ["first", "second"]
    assert [plane.model.tasks[child].name for child in named(plane, "first").children] == ["nothing to do"]
    assert {task.status for task in plane.model.tasks.values()} == {"completed"}


async def test_the_end_of_a_step_goes_with_the_beginning_of_the_next(plane: FakePlane) -> None:
    async def quick(run: Run) -> None: ...

    async def body(run: Run) -> None:
        for name in ("a", "b", "c"):
            await run.step(name, quick)

    await finished(plane, body)
    kinds = [[type(change).__name__ for change in commit] for commit in plane.commits]
    assert kinds == [
        ["TaskStarted"],
        ["TaskStarted"],
        ["TaskEnded", "TaskStarted"],
        ["TaskEnded", "TaskStarted"],
        ["TaskEnded", "TaskEnded"],
    ]


async def test_a_step_that_fails_fails_the_whole(plane: FakePlane) -> None:
    async def broken(run: Run) -> None:
        raise Invalid("the disk is full")

    async def body(run: Run) -> None:
        await run.step("write", broken)
        raise AssertionError("not reached")

    whole = await finished(plane, body)
    assert (whole.status, whole.error) == ("failed", "the disk is full")
    assert named(plane, "write").error == "the disk is full"


async def test_a_bug_ends_its_task_and_nothing_else(plane: FakePlane, caplog: pytest.LogCaptureFixture) -> None:
    async def body(run: Run) -> None:
        raise ZeroDivisionError("oh")

    whole = await finished(plane, body)
    assert (whole.status, whole.error) == ("failed", "internal error: ZeroDivisionError: oh")
    assert "ZeroDivisionError" in caplog.text


async def test_parts_run_side_by_side_and_all_come_to_their_end(plane: FakePlane) -> None:
    met = asyncio.Event()

    async def waits(run: Run) -> None:
        await asyncio.wait_for(met.wait(), 5)

    async def meets(run: Run) -> None:
        met.set()
        raise Invalid("no")

    async def body(run: Run) -> None:
        await run.together([(Order(E, "waits"), waits), (Order(E, "meets"), meets)])

    whole = await finished(plane, body)
    assert (whole.status, whole.error) == ("failed", "1 of 2 failed: meets of e: no")
    assert (named(plane, "waits").status, named(plane, "meets").status) == ("completed", "failed")


async def forever(run: Run) -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("asked", ["whole", "step", "part"])
async def test_cancelling_ends_what_it_must(plane: FakePlane, asked: str) -> None:
    async def body(run: Run) -> None:
        if asked == "part":
            await run.together([(Order(E, "part"), forever)])
        else:
            await run.step("step", forever)

    async with runner(plane) as run:
        task = await run.begin(Order(E, "whole"), body)
        await settle()
        assert run.cancel(named(plane, asked).id)
        assert await run.wait(task, 5)
    whole = plane.model.tasks[task]
    # A part that runs beside others is cancelled alone; the whole then fails for want of it.
    assert whole.status == ("failed" if asked == "part" else "cancelled")
    assert {each.status for each in plane.model.tasks.values()} <= {"cancelled", "failed"}
    assert not run.cancel(task)


async def test_cancelling_right_after_the_beginning_is_told_too(plane: FakePlane) -> None:
    async with runner(plane) as run:
        task = await run.begin(Order(E, "whole"), forever)
        assert run.cancel(task)
        assert await run.wait(task, 5)
    assert plane.model.tasks[task].status == "cancelled"


async def test_a_node_that_may_not_act_writes_nothing_more(plane: FakePlane) -> None:
    acted = []

    async def act(run: Run) -> None:
        plane.leading = False
        run.may_act()
        acted.append("acted")

    async def body(run: Run) -> None:
        await run.step("act", act)

    async def office() -> None:
        async with runner(plane) as run:
            await run.begin(Order(E, "whole"), body)

    job = asyncio.create_task(office())
    await settle()
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    assert not acted
    assert named(plane, "whole").status == "running"  # its end is told by the next leader
    assert not [change for change in plane.changes() if isinstance(change, TaskEnded)]


async def test_a_lease_that_lapses_and_comes_back_lets_tasks_go_on(plane: FakePlane) -> None:
    clock = FakeClock()
    did: list[str] = []
    reserved: list[str] = []

    async def act(run: Run) -> None:
        if "lapsed" not in did:
            did.append("lapsed")
            plane.leading = False
        run.may_act()
        did.append("acted")

    async def quick(run: Run) -> None:
        did.append("quick")

    async def body(run: Run) -> str:
        await run.step("quick", quick)
        await run.step("act", act)
        return "done"

    async with asyncio.TaskGroup() as group:
        run = Runner(
            plane, clock, seeded_entropy(), group, node=NodeId("n"), term=Term(4), model=lambda: plane.model,
            reserve=lambda tasks: reserved.extend(task.name for task in tasks), sleep=clock.sleep,
        )  # fmt: skip
        task = await run.begin(Order(E, "whole"), body)
        await clock.advance(2)
        assert plane.model.tasks[task].status == "running"
        plane.leading = True
        await clock.advance(2)
    assert (plane.model.tasks[task].status, plane.model.tasks[task].result) == ("completed", "done")
    assert did == ["quick", "lapsed", "acted"]
    assert reserved == ["whole"]
    assert {each.status for each in plane.model.tasks.values()} == {"completed"}


async def test_what_stops_while_the_office_ends_is_left_to_the_next_leader(plane: FakePlane) -> None:
    # A write under way is refused as unknown in the moment in which all work of this office is cancelled.
    tidied: list[str] = []
    runners: list[Runner] = []

    async def tidy() -> None:
        tidied.append("tidied")

    async def late(run: Run) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            run.tell([SensorSet(E, "seen", 1)], tidy)
            await run.commit([])
            assert await runners[0].wait(await runners[0].begin(Order(E, "too late"), forever), 5)
            plane.leading = False
            raise Unavailable("its fate is not known", unknown=True) from None

    async def office() -> None:
        async with runner(plane) as run:
            runners.append(run)
            await run.begin(Order(E, "whole"), late)

    job = asyncio.create_task(office())
    await settle()
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    assert {named(plane, name).status for name in ("whole", "too late")} == {"running"}
    assert not tidied


async def test_a_task_whose_beginning_is_refused_never_runs(plane: FakePlane) -> None:
    plane.leading = False
    async with runner(plane) as run:
        with pytest.raises(Fenced):
            await run.begin(Order(E, "whole"), forever)
        assert not run.running()


async def test_what_belongs_to_the_end_is_one_with_it(plane: FakePlane) -> None:
    async def body(run: Run) -> None:
        run.at_end.append(SensorSet(E, "last", 1))

    await finished(plane, body)
    assert [type(change) for change in plane.commits[-1]] == [SensorSet, TaskEnded]

    async def fails(run: Run) -> None:
        run.at_end.append(SensorSet(E, "never", 1))
        raise Conflict("no")

    await finished(plane, fails)
    assert "never" not in plane.model.entities[E].sensors


class QueuePlane(FakePlane):
    """A plane whose commits wait until `write`, in order; they are written whether or not somebody still waits."""

    def __init__(self) -> None:
        super().__init__()
        self.queue: list[tuple[Sequence[AnyChange], asyncio.Future[int]]] = []

    def submit(self, changes: Sequence[AnyChange]) -> asyncio.Future[int]:
        if not self.leading:
            raise Fenced("this node does not lead")
        self.queue.append((changes, asyncio.get_running_loop().create_future()))
        return self.queue[-1][1]

    async def write(self, count: int = 1000) -> None:
        while self.queue and count:
            count -= 1
            changes, done = self.queue.pop(0)
            self.commits.append(list(changes))
            self._apply(changes)
            if not done.done():
                done.set_result(self.seq)
            await settle()


def queued(plane: QueuePlane, clock: FakeClock, group: asyncio.TaskGroup) -> Runner:
    return Runner(
        plane, clock, seeded_entropy(), group, node=NodeId("n"), term=Term(4), model=lambda: plane.model,
        sleep=clock.sleep,
    )  # fmt: skip


async def begun_in(plane: QueuePlane, runner: Runner, body: Body) -> TaskId:
    beginning = asyncio.create_task(runner.begin(Order(E, "whole", effector="start"), body))
    await settle()
    await plane.write(1)
    return await beginning


async def test_a_cancel_that_comes_after_the_end_changes_nothing() -> None:
    plane = QueuePlane()

    async def quick(run: Run) -> None: ...

    async with asyncio.TaskGroup() as group:
        runner = queued(plane, FakeClock(), group)
        task = await begun_in(plane, runner, quick)
        assert [type(change) for change in plane.queue[0][0]] == [TaskEnded]  # on its way
        assert runner.cancel(task)
        await settle()
        await plane.write()
    ends = [each for commit in plane.commits for each in commit if isinstance(each, TaskEnded)]
    assert [each.status for each in ends] == ["completed"]


async def test_a_stop_does_not_begin_beside_what_a_lapse_of_the_lease_has_stopped() -> None:
    plane, clock = QueuePlane(), FakeClock()
    plane.model.apply(EntityAdded(E, "t", "e", E))
    go = asyncio.Event()

    async def acts(run: Run) -> None:
        await go.wait()
        run.may_act()
        await asyncio.Event().wait()

    async with asyncio.TaskGroup() as group:
        runner = queued(plane, clock, group)
        task = await begun_in(plane, runner, acts)
        plane.leading = False
        go.set()
        await settle()
        with pytest.raises(Fenced):
            await runner.recall([E], frozenset(["start"]))
        plane.leading = True
        recall = asyncio.create_task(runner.recall([E], frozenset(["start"])))
        await settle()
        assert not recall.done()
        for _ in range(3):
            await clock.advance(1)
            await plane.write()
        await recall
    assert plane.model.tasks[task].status == "cancelled"


async def test_a_lapse_in_the_middle_of_a_cancel_is_told_to_who_waits_for_the_end() -> None:
    plane, clock = QueuePlane(), FakeClock()
    lapses = True

    async def stops(run: Run) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            plane.leading = not lapses

    async with asyncio.TaskGroup() as group:
        runner = queued(plane, clock, group)
        task = await begun_in(plane, runner, stops)
        with pytest.raises(Fenced):
            await runner.recall([E], None)
        assert plane.model.tasks[task].status == "running"
        lapses, plane.leading = False, True
        recall = asyncio.create_task(runner.recall([E], None))
        for _ in range(3):
            await clock.advance(1)
            await plane.write()
        await recall
    assert plane.model.tasks[task].status == "cancelled"


async def test_what_is_forgotten_is_nobody_elses_work() -> None:
    plane, clock = QueuePlane(), FakeClock()
    plane.model.apply(EntityAdded(E, "t", "e", E))
    quiet = asyncio.Event()

    async def waits(run: Run) -> None:
        await asyncio.Event().wait()

    async def quick(run: Run) -> None: ...

    async def removes(run: Run) -> None:
        await run.step(Order(E, "stop", effector="stop"), quick)  # its end goes with the next commit
        await run.have_to_itself([E])
        quiet.set()

    async with asyncio.TaskGroup() as group:
        runner = queued(plane, clock, group)
        other = await begun_in(plane, runner, waits)
        await begun_in(plane, runner, removes)
        await settle()
        await plane.write(1)
        assert not quiet.is_set()
        await plane.write()
        assert quiet.is_set()
        assert plane.model.tasks[other].status == "cancelled"
        late = await begun_in(plane, runner, waits)
        await plane.write()
        plane.model.apply(EntityRemoved(E))
        runner.cancel_gone()
        await settle()
        await plane.write()
    assert plane.model.tasks[late].status == "cancelled"


async def test_what_stopped_goes_on_from_behind_what_it_had_told() -> None:
    """Its last words were on their way when the lease lapsed: said twice, they would leave a part that never ends."""
    plane = QueuePlane()
    plane.model.apply(EntityAdded(E, "t", "e", E))
    clock = FakeClock()

    async def quick(run: Run) -> None: ...

    async def talks(run: Run) -> None:
        await run.step("first", quick)
        await run.step("second", quick)

    async def body(run: Run) -> None:
        await run.together([(Order(E, "talks"), talks), (Order(E, "acts"), waits)])

    go = asyncio.Event()

    async def waits(run: Run) -> None:
        await go.wait()
        run.may_act()

    async with asyncio.TaskGroup() as group:
        run = queued(plane, clock, group)
        begun = asyncio.create_task(run.begin(Order(E, "whole"), body))
        await settle()
        await plane.write(1)
        await begun
        await plane.write(2)  # both parts have begun, and `first` of the one
        assert [type(change).__name__ for change in plane.queue[0][0]] == ["TaskEnded", "TaskStarted"]
        plane.leading = False
        go.set()
        await settle()
        plane.leading = True
        await clock.advance(1)
        await plane.write()
        await clock.advance(1)
        await plane.write()
    assert {task.status for task in plane.model.tasks.values()} == {"completed"}
    assert sum(task.name == "second" for task in plane.model.tasks.values()) == 1


async def test_parts_whose_beginning_is_on_its_way_when_they_are_cancelled_end_too() -> None:
    plane = QueuePlane()
    plane.model.apply(EntityAdded(E, "t", "e", E))

    async def body(run: Run) -> None:
        await run.together([(Order(E, "part"), forever)])

    async with runner(plane) as run:
        begun = asyncio.create_task(run.begin(Order(E, "whole"), body))
        await settle()
        await plane.write(1)
        task = await begun
        await settle()
        assert run.cancel(task)
        await settle()
        await plane.write()
    assert {each.name: each.status for each in plane.model.tasks.values()} == {
        "whole": "cancelled", "part": "cancelled",
    }  # fmt: skip


@pytest.mark.parametrize("lost", [Fenced("no"), None])
async def test_a_task_that_stops_while_its_node_leaves_office_does_no_harm(
    plane: FakePlane, lost: Exception | None
) -> None:
    """What it would begin beside itself, to wait for the lease or to tidy up, is begun no more."""

    async def body(run: Run) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            if lost is not None:
                raise lost
            run.tell([], lambda: asyncio.sleep(0))
            await run.commit([SensorSet(E, "seen", 1)])

    async def office() -> None:
        async with runner(plane) as run:
            await run.begin(Order(E, "whole"), body)
            await asyncio.Event().wait()

    job = asyncio.create_task(office())
    await settle()
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job


async def test_leaving_office_ends_tasks_without_a_word(plane: FakePlane) -> None:
    seen: list[TaskId] = []

    async def office() -> None:
        async with runner(plane) as run:
            seen.append(await run.begin(Order(E, "whole"), forever))

    job = asyncio.create_task(office())
    await settle()
    assert seen
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    assert [type(change) for change in plane.changes()] == [TaskStarted]
