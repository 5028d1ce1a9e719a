"""How many answers are kept, how long, and what they are made from."""

from __future__ import annotations

import asyncio

import pytest

from amp.kit.ids import EntityId
from amp.model import changes as c
from amp.model.model import Model, answer_size, built
from amp.plane import receipts
from amp.plane.forgetting import AGE, EVERY, Ages, forget_old
from amp.plane.receipts import Receipt, Said, with_answer
from amp.testing.clock import FakeClock
from amp.testing.fakes import FakePlane

APP = EntityId("app")
ROOT = c.EntityAdded(id=APP, type="t.App", name="shop", application=APP)
CHILD = c.EntityAdded(id=EntityId("web"), type="t.Web", name="web", application=APP, parent=APP)


def answered(number: int, body: str = "") -> c.RequestAnswered:
    return c.RequestAnswered("u", "POST", "/v1/x", f"k{number}", "d", 200, "", body)


def receipt(number: int, body: str = "") -> Receipt:
    return Receipt("u", "POST", "/v1/x", f"k{number}", "d", lambda model, done: Said(200, body))


def keys(model: Model) -> list[str]:
    return [each.key for each in model.answers.values()]


def test_an_answer_sees_what_is_about_to_be_and_what_is_above_it() -> None:
    model = built([ROOT, CHILD, c.EntityAdded(id=EntityId("x"), type="t", name="x", application=EntityId("x"))])
    seen: list[object] = []

    def said(after: Model, done: object) -> Said:
        seen.extend([list(after.entities), after.tasks["t"].entity_name, done])
        return Said(201, "body", "/v1/there")

    wanted = Receipt("u", "POST", "/v1/x", "k", "d", said)
    work = c.TaskStarted("t", "web", "start")
    assert with_answer(wanted, model, EntityId("web"), [work], "t") == [
        work,
        c.RequestAnswered("u", "POST", "/v1/x", "k", "d", 201, "/v1/there", "body"),
    ]
    assert seen == [["app", "web"], "web", "t"]
    assert model.tasks == {}
    assert with_answer(None, model, None, [work], "t") == [work]


def test_no_more_than_so_many_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipts, "MOST", 3)
    model = Model()
    for number in range(5):
        for change in with_answer(receipt(number), model, None, [], None):
            model.apply(change)
        assert len(model.answers) <= 3
    assert keys(model) == ["k2", "k3", "k4"]


def test_no_more_than_so_many_bytes_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipts, "MOST_BYTES", 3 * answer_size(answered(0, "x" * 100)))
    model = Model()
    for number in range(5):
        for change in with_answer(receipt(number, "x" * 100), model, None, [], None):
            model.apply(change)
    assert keys(model) == ["k2", "k3", "k4"]
    for change in with_answer(receipt(5, "x" * 250), model, None, [], None):
        model.apply(change)
    assert keys(model) == ["k4", "k5"]
    assert model.answers_size == sum(map(answer_size, model.answers.values()))


def test_the_first_answer_stays_and_a_snapshot_has_them_in_order() -> None:
    model = built([answered(1, "first"), answered(2), answered(1, "second"), answered(3), c.AnswersForgotten(1)])
    assert keys(model) == ["k2", "k3"]
    again = built(model.as_changes())
    assert (again.answers, again.answers_size) == (model.answers, model.answers_size)
    copy = model.copy()
    model.apply(c.AnswersForgotten(5))
    assert (keys(model), model.answers_size, len(copy.answers)) == ([], 0, 2)
    model.apply(answered(1, "anew"))
    assert model.answers["u", "POST", "/v1/x", "k1"].answer == "anew"
    model.apply(c.PlaneReset())
    assert (model.answers, model.answers_size) == ({}, 0)


def test_an_answer_is_due_a_day_after_it_was_seen_and_never_sooner() -> None:
    ages = Ages()
    for at, taken in ((0.0, 2), (10.0, 5), (20.0, 5)):
        ages.mark(at, taken)
        assert ages.due(at, 0) == 0
    assert ages.due(AGE - 0.1, 0) == 0
    assert ages.due(AGE, 0) == 2
    assert ages.due(AGE + 9, 2) == 0
    assert ages.due(AGE + 10, 2) == 3
    assert ages.due(AGE + 11, 5) == 0


async def test_a_leader_forgets_what_is_a_day_old_and_each_leader_counts_anew() -> None:
    plane, clock = FakePlane(built([answered(1), answered(2)])), FakeClock()
    await clock.advance(AGE)  # under another leader
    office = asyncio.create_task(forget_old(plane, lambda: plane.model, clock, clock.sleep))
    await clock.advance(AGE / 2)
    await plane.commit([answered(3)])
    await clock.advance(AGE / 2 - EVERY)
    assert keys(plane.model) == ["k1", "k2", "k3"]
    await clock.advance(EVERY * 2)
    assert keys(plane.model) == ["k3"]
    plane.leading = False  # its lease has lapsed: that ends nothing
    await clock.advance(AGE / 2)
    plane.leading = True
    await clock.advance(EVERY)
    assert keys(plane.model) == []
    assert plane.commits[-1] == [c.AnswersForgotten(1)]
    office.cancel()
