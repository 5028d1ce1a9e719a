"""A reader that is behind reads several segments at once; an absence is never old news."""

import asyncio

import pytest

from amp.ha.readahead import AHEAD, ReadAhead
from amp.kit.errors import Unavailable


class Slots:
    """A journal whose reads are answered when the test says so."""

    def __init__(self, count: int) -> None:
        self.content = {seq: b"%d" % seq for seq in range(1, count + 1)}
        self.asked: list[int] = []
        self.together = self.most = 0
        self.broken: set[int] = set()

    async def fetch(self, seq: int) -> bytes | None:
        self.asked.append(seq)
        self.together += 1
        self.most = max(self.most, self.together)
        try:
            await asyncio.sleep(0.001)
            if seq in self.broken:
                self.broken.remove(seq)
                raise Unavailable("gone")
            return self.content.get(seq)
        finally:
            self.together -= 1


async def test_a_reader_that_is_behind_reads_ahead_in_order() -> None:
    slots = Slots(100)
    reader = ReadAhead(slots.fetch)
    assert [await reader.get(seq) for seq in range(1, 101)] == [b"%d" % seq for seq in range(1, 101)]
    assert AHEAD - 1 <= slots.most <= AHEAD + 1
    assert await reader.get(101) is None
    reader.forget()


async def test_one_that_keeps_up_asks_for_one_at_a_time() -> None:
    slots = Slots(0)
    reader = ReadAhead(slots.fetch)
    for seq in range(1, 20):
        assert await reader.get(seq) is None
        slots.content[seq] = b"x"
        assert await reader.get(seq) == b"x"
    assert slots.most == 1
    assert len(slots.asked) == 2 * 19


async def test_absence_is_asked_for_anew() -> None:
    slots = Slots(5)
    reader = ReadAhead(slots.fetch)
    for seq in range(1, 6):
        await reader.get(seq)
    await asyncio.sleep(0.01)  # segment 6 was fetched early and was absent
    slots.content[6] = b"6"
    assert await reader.get(6) == b"6"
    reader.forget()


async def test_an_early_failure_is_tried_again() -> None:
    slots = Slots(10)
    slots.broken = {4}
    reader = ReadAhead(slots.fetch)
    assert [await reader.get(seq) for seq in range(1, 6)] == [b"1", b"2", b"3", b"4", b"5"]
    slots.broken = {11}
    reader.forget()
    with pytest.raises(Unavailable):
        await reader.get(11)
