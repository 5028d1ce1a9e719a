"""Readers of the live stream: who has gone is told nothing, and nothing is kept for it."""

from __future__ import annotations

from amp.plane.subscriptions import BEHIND, Subscriptions
from amp.plane.views import Event
from amp.testing.clock import settle


def event(seq: int) -> Event:
    """Make something that happened."""
    return Event("model", seq, [])


async def test_a_reader_hears_all_from_its_first_call_on() -> None:
    told = Subscriptions()
    stream = told.follow()
    told.publish_model(event(1))
    told.publish_model(event(2))
    assert [(await anext(stream)).seq, (await anext(stream)).seq] == [1, 2]


async def test_a_reader_that_is_far_behind_gets_a_gap() -> None:
    told = Subscriptions()
    stream = told.follow()
    for seq in range(BEHIND + 1):
        told.publish_model(event(seq))
    first = await anext(stream)
    assert (first.seq, first.data) == (BEHIND, None)


async def test_a_reader_that_ends_is_forgotten() -> None:
    told = Subscriptions()
    stream = told.follow()
    told.publish_model(event(1))
    await anext(stream)
    assert told.any
    del stream
    await settle()  # the loop ends what it began
    assert not told.any


async def test_a_reader_that_never_began_is_forgotten() -> None:
    told = Subscriptions()
    stream = told.follow()  # as of a leader that is deposed on its way into office
    assert told.any
    del stream
    assert not told.any
