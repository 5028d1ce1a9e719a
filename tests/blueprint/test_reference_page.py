"""The reference page names every type, key, flag, sensor, effector and parameter that there is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from amp.blueprint.parse import LATER, ROOT_KEYS, SERVICE_KEYS, parse_application
from amp.entities.types import standard_registry

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "blueprints.md").read_text()


def words() -> Iterator[str]:
    registry = standard_registry()
    for kind in registry.entity_types:
        yield from (kind.name, *kind.aliases)
        for key in kind.config:
            yield from (name for name in (key.name, key.flag) if name)
        yield from (sensor.name for sensor in kind.sensors)
        for effector in kind.effectors:
            yield from (effector.name, *(parameter.name for parameter in effector.parameters))
            yield from (choice for parameter in effector.parameters for choice in parameter.choices)
    for place in registry.location_types:
        yield from (place.spec, *(key.name for key in place.keys))
    yield from (*ROOT_KEYS, *SERVICE_KEYS, *LATER)


@pytest.mark.parametrize("word", sorted(set(words())))
def test_it_is_on_the_page(word: str) -> None:
    assert word in PAGE


def test_the_example_on_the_page_can_be_deployed() -> None:
    text = PAGE.split("```yaml\n")[1].split("```")[0]
    assert parse_application(text, standard_registry()).name == "Example"
