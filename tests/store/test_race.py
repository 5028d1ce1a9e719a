"""`python -m amp.testing.race` passes what keeps its promise, and says what breaks it; it leaves nothing behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from amp.store.memory import MemoryObjects
from amp.store.objects import Outcome
from amp.testing import race
from amp.testing.fakes3 import fake_s3


def test_a_directory_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert race.main([str(tmp_path / "store"), "--keys", "5", "--probes", "2"]) == 0
    said = capsys.readouterr().out
    assert said == f"{tmp_path}/store: nothing wrong was seen in 2 start-up checks, 5 keys with 16 creators each\n"
    assert [name for _, _, files in os.walk(tmp_path) for name in files] == []


class DoubleWinner(MemoryObjects):
    """Tells two creators of the third key of the race that they won: more seldom than the start-up check can see."""

    async def create(self, key: str, data: bytes) -> Outcome:
        await super().create(key, data)
        won = await self.get(key) == data or (key.endswith("0002") and data.endswith(b"by 7"))
        return Outcome.DONE if won else Outcome.EXISTS


async def test_a_second_winner_is_told_of() -> None:
    store = DoubleWinner()
    assert await race.race(store, keys=2, creators=16, probes=1) is None
    wrong = await race.race(store, keys=3, creators=16, probes=1)
    assert wrong == "memory: race/0000000000000002: 2 of 16 creators won"
    assert await store.list("") == []


async def test_a_server_that_ignores_conditions_does_not_come_to_the_race() -> None:
    from amp.store.cloud import CloudObjects

    async with fake_s3(ignore_conditions=True) as server:
        wrong = await race.race(CloudObjects(server.place()), keys=1, creators=2, probes=1)
        assert "lets a second create overwrite the first" in (wrong or "")
        assert server.objects == {}


def test_bad_words_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert race.main(["ftp://x/y"]) == 1
    assert "stores begin with s3://" in capsys.readouterr().out
