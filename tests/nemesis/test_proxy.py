"""The proxy does to requests what its moods say: a real client on one side, a store that keeps count on the other."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from amp.kit.errors import Unavailable
from amp.store.objects import Objects, Outcome
from amp.store.open import open_store
from amp.testing.fakes3 import FakeS3, fake_s3
from amp.testing.nemesis.proxy import MOODS, Proxy, proxied

KEY = "journal/1"


@asynccontextmanager
async def stores() -> AsyncIterator[tuple[Proxy, FakeS3, Objects]]:
    """Give a proxy, the store behind it, and a client that goes through it."""
    async with fake_s3() as fake, proxied(urlsplit(fake.endpoint).port or 0, random.Random(1)) as proxy:
        place = replace(fake.place(), endpoint=f"http://127.0.0.1:{proxy.port}")
        yield proxy, fake, open_store(place, timeout=0.5)


def held(fake: FakeS3) -> list[bytes]:
    return [data for path, data in fake.objects.items() if path.endswith(KEY)]


async def test_without_a_mood_all_goes_through() -> None:
    async with stores() as (proxy, fake, objects):
        assert await objects.create(KEY, b"one") is Outcome.DONE
        assert await objects.create(KEY, b"two") is Outcome.EXISTS
        assert await objects.get(KEY) == b"one"
        assert await objects.get("journal/2") is None
        assert [each.key for each in await objects.list("journal/")] == [KEY]
        assert (held(fake), proxy.struck) == ([b"one"], 0)


@pytest.mark.parametrize(("mood", "applied"), [("cut", False), ("hang", False), ("busy", False), ("drop", True)])
async def test_a_create_whose_fate_its_client_does_not_learn(mood: str, applied: bool) -> None:
    async with stores() as (proxy, fake, objects):
        proxy.turn(mood)
        assert await objects.create(KEY, b"one") is Outcome.UNKNOWN
        assert held(fake) == ([b"one"] if applied else [])
        with pytest.raises(Unavailable):
            await objects.get(KEY)
        proxy.turn(None)
        assert await objects.get(KEY) == (b"one" if applied else None)


async def test_a_create_that_lands_after_its_client_has_given_up() -> None:
    async with stores() as (proxy, fake, objects):
        proxy.turn("late", delay=0.2)
        assert await objects.create(KEY, b"one") is Outcome.UNKNOWN
        assert held(fake) == []
        assert await objects.get(KEY) is None  # reads are not struck
        for _ in range(100):
            if held(fake):
                break
            await asyncio.sleep(0.05)
        assert held(fake) == [b"one"]


async def test_a_full_store_takes_nothing_and_serves_what_it_has() -> None:
    async with stores() as (proxy, fake, objects):
        assert await objects.create(KEY, b"one") is Outcome.DONE
        proxy.turn("full")
        assert await objects.create("journal/2", b"two") is Outcome.UNKNOWN
        assert await objects.get(KEY) == b"one"
        await objects.delete(KEY)
        assert (held(fake), proxy.struck) == ([], 1)


@pytest.mark.parametrize("mood", ["conflict", "error"])
async def test_a_conflict_or_an_error_says_nothing_of_the_fate(mood: str) -> None:
    async with stores() as (proxy, fake, objects):
        proxy.turn(mood)
        outcomes = [await objects.create(f"journal/{each}", b"x") for each in range(20)]
        assert set(outcomes) == {Outcome.UNKNOWN}
        assert 0 < len(fake.objects) < 20


async def test_a_share_is_struck_and_slow_is_late_but_right() -> None:
    async with stores() as (proxy, fake, objects):
        proxy.turn("busy", share=0.5)
        outcomes = [await objects.create(f"journal/{each}", b"x") for each in range(20)]
        assert proxy.struck == outcomes.count(Outcome.UNKNOWN) == 20 - len(fake.objects)
        assert 0 < proxy.struck < 20
        proxy.turn("slow", delay=0.05)
        assert await objects.create("journal/slow", b"x") is Outcome.DONE
    assert "slow" in MOODS
