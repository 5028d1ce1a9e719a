"""Specs become Changes that build the right model."""

from __future__ import annotations

from itertools import count

from amp.blueprint.parse import parse_application, parse_services
from amp.blueprint.plan import plan_application, plan_child
from amp.entities.types import LOCALHOST, standard_registry
from amp.kit.ids import EntityId
from amp.model.model import built

TEXT = """
name: app
location: {localhost: {name: here, onbox.base.dir: /x}}
services:
- type: BasicEntity
  name: one
  brooklyn.tags: [t]
  brooklyn.children: [{type: BasicEntity}]
- type: BasicStartable
"""


def test_a_blueprint_becomes_a_tree_with_its_places() -> None:
    numbers = count(1)
    spec = parse_application(TEXT, standard_registry())
    root, changes = plan_application(spec, lambda: f"id{next(numbers)}", now_ms=5, blueprint=TEXT)
    model = built(changes)
    app = model.entities[root]
    assert app.is_application
    assert (app.name, app.blueprint, app.created_ms) == ("app", TEXT, 5)
    place = model.locations[app.locations[0]]
    assert (place.type, place.name, place.spec, place.config) == (
        LOCALHOST.type,
        "here",
        "localhost",
        {"onbox.base.dir": "/x"},
    )
    below = list(model.descendants(root))[1:]
    assert [(each.name, each.tags) for each in below] == [
        ("one", ("t", {"depth_in_ancestor": 1})),
        ("BasicEntity:id4", ({"depth_in_ancestor": 2},)),
        ("BasicStartable:id5", ({"depth_in_ancestor": 1},)),
    ]
    assert {each.application for each in below} == {root}
    assert all(each.sensors["entity.id"] == each.id and each.sensors["application.id"] == root for each in below)


def test_the_client_may_choose_the_id_and_children_join_a_tree() -> None:
    registry, numbers = standard_registry(), count(1)
    spec = parse_application(TEXT, registry)
    root, changes = plan_application(
        spec, lambda: f"id{next(numbers)}", now_ms=5, blueprint=TEXT, application=EntityId("mine")
    )
    assert root == "mine"
    (kid,) = parse_services("type: BasicEntity", registry)
    child, added = plan_child(kid, lambda: f"id{next(numbers)}", now_ms=6, parent=root, application=root, depth=1)
    model = built([*changes, *added])
    assert model.entities[root].children[-1] == child
    assert model.entities[child].parent == root
