"""What a leader and a start make of calls of other nodes."""

from __future__ import annotations

import asyncio

import pytest
from test_node import leading, living, node, until

from amp.ha import events as ev
from amp.ha.modes import HaMode
from amp.kit.clock import SystemClock
from amp.kit.errors import Unavailable
from amp.plane.control import Control
from amp.plane.hearsay import Hearsay
from amp.plane.node import PlaneNode
from amp.plane.peers import Standing
from amp.store.memory import MemoryObjects


class Line:
    """Calls that reach the leader here, or nobody."""

    def __init__(self, leader: PlaneNode | None, control: Control | None = None) -> None:
        self.leader, self.control = leader, control
        self.asked: list[tuple[str, str, int]] = []
        self.says = "MASTER"

    async def standing(self, address: str, name: str, limit: float) -> Standing:
        self.asked.append((address, name, 0))
        if self.leader is None:
            raise Unavailable("nobody answers")
        return Standing(name, "testplan", self.leader.term, 0, self.says)

    async def ask(self, address: str, name: str, term: int, limit: float) -> bool:
        self.asked.append((address, name, term))
        if self.control is None:
            raise Unavailable("nobody answers")
        return self.control.asked_to_yield("second", term)


def hearsay(of: PlaneNode, line: Line) -> Hearsay:
    return Hearsay(of.machine, line, of.elector.feed)  # type: ignore[arg-type]


async def test_a_leader_yields_to_an_ask_of_its_own_term_and_names_who_asked() -> None:
    objects = MemoryObjects()
    async with leading(objects) as first, living(node(objects, "second")) as second:
        await until(lambda: second.ha().state == "HOT_STANDBY")
        control = Control(first, objects, SystemClock())
        assert not control.asked_to_yield("second", first.term - 1)
        assert not control.asked_to_yield("second", first.term + 1)
        assert not control.asked_to_yield("first", first.term)
        assert first.ha().state == "MASTER"
        assert control.asked_to_yield("second", first.term)
        await until(lambda: second.ha().state == "MASTER")
        await until(lambda: first.ha().state == "HOT_STANDBY")
        assert not control.asked_to_yield("second", first.term)


@pytest.mark.parametrize("answers", [True, False])
async def test_who_is_promoted_calls_the_leader_once_and_leads_also_without_an_answer(answers: bool) -> None:
    objects = MemoryObjects()
    async with leading(objects) as first, living(node(objects, "second")) as second:
        await until(lambda: second.ha().state == "HOT_STANDBY")
        line = Line(first, Control(first, objects, SystemClock()) if answers else None)
        own = Control(second, objects, SystemClock(), hearsay=hearsay(second, line))
        term = first.term
        assert await own.set_mode("MASTER") == "HOT_STANDBY"
        assert second.ha().state == "MASTER"
        assert line.asked == [("http://first", "first", term)]


@pytest.mark.parametrize(("says", "fails"), [("MASTER", True), ("HOT_STANDBY", False), (None, False)])
async def test_a_start_that_must_lead_or_fail_asks_a_quiet_leader(says: str | None, fails: bool) -> None:
    objects = MemoryObjects()
    async with living(node(objects, "first", timeout=60.0)) as first:  # a beat comes each 10 s
        await until(lambda: first.ha().in_office and first.machine.append is None)
        second = node(objects, "second", mode=HaMode.MASTER, timeout=60.0)
        line = Line(first if says is not None else None)
        line.says = says or ""
        running = asyncio.create_task(second.run())
        asking = asyncio.create_task(hearsay(second, line).of_leader())
        if fails:
            async with asyncio.timeout(5):
                await running
                await asking
            assert "node first is master already at http://first" in str(second.elector.reason)
        else:
            await until(lambda: len(line.asked) >= 3)
            assert not second.decided.is_set(), "no answer is no sign of anything"
            asking.cancel()
            second.stop()
            await asyncio.gather(asking, running, return_exceptions=True)


async def test_an_answer_about_another_term_decides_nothing() -> None:
    objects = MemoryObjects()
    async with living(node(objects, "first", timeout=60.0)) as first:
        await until(lambda: first.ha().in_office and first.machine.append is None)
        async with living(node(objects, "second", mode=HaMode.MASTER, timeout=60.0)) as second:
            await until(lambda: second.machine.log.term == first.term)
            for name, term in (("first", first.term + 1), ("third", first.term)):
                second.elector.tell(ev.LeaderAnswered(name, term))
            assert not second.machine.decided
