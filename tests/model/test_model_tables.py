"""What the model keeps beside its values is what one would find by looking through all of them."""

from __future__ import annotations

import random

import pytest

from amp.kit.ids import EntityId, LocationId, TaskId
from amp.model import changes as c
from amp.model.model import TASKS_KEPT, Model, built


def some_changes(seed: int, count: int) -> list[c.AnyChange]:
    """Answer Changes of all sorts about few things, so that they meet."""
    draw = random.Random(seed)
    entities = [EntityId(f"e{n}") for n in range(12)]
    places = [LocationId(f"l{n}") for n in range(4)]
    tasks, parts = [TaskId(f"t{n}") for n in range(20)], [TaskId(f"p{n}") for n in range(20)]
    made: list[c.AnyChange] = []
    for _ in range(count):
        entity, task, part = draw.choice(entities), draw.choice(tasks), draw.choice(parts)
        parent = draw.choice([None, *entities])
        made.append(
            draw.choice(
                [
                    c.EntityAdded(entity, "T", entity, parent or entity, parent),
                    c.EntityAdded(entity, "T", entity, parent or entity, parent),
                    c.EntityLocated(entity, draw.choices(places, k=2)),
                    c.SensorSet(entity, "service.state.expected", draw.choice(["running @ 1", "ON_FIRE @ 2", 7])),
                    c.SensorsSet(entity, {"service.state.expected": "stopping @ 3", "a": 1}),
                    c.SensorCleared(entity, "service.state.expected"),
                    c.SensorSet(entity, "a", draw.random()),
                    c.ConfigSet(entity, "k", 1),
                    c.TaskStarted(task, entity, "n"),
                    c.TaskStarted(part, entity, "n", parent=draw.choice(tasks)),
                    c.TaskEnded(draw.choice([task, part]), "completed", 5),
                ]
            )
        )
        if draw.random() < 0.05:
            made.append(c.EntityRemoved(entity))
    return made


def kept(model: Model) -> dict[str, object]:
    """Answer all that a model holds, in plain values."""
    return {
        **{name: dict(value) for name, value in vars(model).items() if isinstance(value, dict) and name[0] != "_"},
        "left": None,
        "gone": sorted(model._gone, key=model._gone.__getitem__),
    }


def looked_for(model: Model) -> dict[str, object]:
    """Find by looking through all values what the model keeps."""
    meant: dict[str, set[str]] = {}
    guests: dict[str, int] = {}
    for each in model.entities.values():
        said = each.sensors.get("service.state.expected")
        if isinstance(said, str):
            meant.setdefault(said.split()[0].lower().replace("_", "-"), set()).add(each.id)
        for place in each.locations:
            guests[place] = guests.get(place, 0) + 1
    return {
        "roots": [each.id for each in model.entities.values() if each.parent is None],
        "running": {task.id for task in model.tasks.values() if task.status == "running"},
        "meant": meant,
        "guests": guests,
        "gone": [task.id for task in model.tasks.values() if task.entity not in model.entities],
    }


@pytest.mark.parametrize("seed", range(30))
def test_what_is_kept_is_what_is_there(seed: int) -> None:
    model = Model()
    for change in some_changes(seed, 300):
        model.apply(change)
        found = looked_for(model)
        assert list(model.roots) == found["roots"]
        assert set(model.running) == found["running"]
        assert {word: set(among) for word, among in model.meant.items()} == found["meant"]
        assert model.guests == found["guests"]
        assert sorted(model._gone, key=model._gone.__getitem__) == found["gone"]


@pytest.mark.parametrize("seed", range(30))
def test_many_changes_at_once_are_the_same_as_one_by_one(seed: int) -> None:
    changes = some_changes(seed, 300)
    one, other = Model(), Model()
    for change in changes:
        one.apply(change)
    other.apply_all(changes)
    assert kept(one) == kept(other)


@pytest.mark.parametrize("seed", range(10))
def test_a_copy_stays_and_makes_the_same_model_again(seed: int) -> None:
    model = built(some_changes(seed, 300))
    copy, before = model.copy(), sorted(map(repr, model.as_changes()))
    model.apply_all(some_changes(seed + 1000, 100))
    assert sorted(map(repr, copy.as_changes())) == before
    again = built(copy.as_changes())
    assert again.entities.keys() == copy.entities.keys()
    assert all(again.entities[each].sensors == copy.entities[each].sensors for each in again.entities)


def test_tasks_of_what_is_gone_are_forgotten_the_oldest_first() -> None:
    model = Model()
    for number in range(TASKS_KEPT + 5):
        entity = EntityId(f"e{number}")
        model.apply(c.EntityAdded(entity, "T", entity, entity))
        model.apply(c.TaskStarted(TaskId(f"t{number}"), entity, "delete"))
    for number in reversed(range(TASKS_KEPT + 5)):
        model.apply(c.EntityRemoved(EntityId(f"e{number}")))
    for number in range(TASKS_KEPT + 5):
        model.apply(c.TaskEnded(TaskId(f"t{number}"), "completed", 1))
    assert list(model.tasks) == [f"t{number}" for number in range(5, TASKS_KEPT + 5)]


def test_whose_child_something_was_is_known_for_a_while() -> None:
    model = Model()
    root, child = EntityId("root"), EntityId("child")
    model.apply_all([c.EntityAdded(root, "T", "root", root), c.EntityAdded(child, "T", "child", root, root)])
    model.apply(c.EntityRemoved(child))
    assert (model.left, model.entities[root].children) == ({child: root}, ())
