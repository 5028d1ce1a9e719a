"""Values as declared types, by Brooklyn's rules."""

from __future__ import annotations

from typing import Any

import pytest

from amp.blueprint.coercion import as_text, coerce, coerce_parameter
from amp.kit.errors import Invalid
from amp.model.registry import BOOLEAN, DURATION, INTEGER, MAP, OBJECT, STRING, Parameter


@pytest.mark.parametrize(
    ("value", "java_type", "coerced"),
    [
        (None, STRING, None), (True, STRING, "true"), (1.5, STRING, "1.5"), ("x", STRING, "x"),
        (" Yes ", BOOLEAN, True), ("f", BOOLEAN, False), (False, BOOLEAN, False),
        ("12", INTEGER, 12), (3.0, INTEGER, 3), (" -4 ", INTEGER, -4),
        ("30s", DURATION, "30s"), (500, DURATION, "500ms"), (1.5, DURATION, "1.5ms"),
        ({"a": 1}, MAP, {"a": 1}), ("{a: 1}", MAP, {"a": 1}), ("", MAP, {}),
        ([1], OBJECT, [1]), ("x", "some.other.Type", "x"),
    ],
)  # fmt: skip
def test_what_fits_becomes_the_type(value: Any, java_type: str, coerced: Any) -> None:
    found = coerce(value, java_type)
    assert found == coerced
    assert type(found) is type(coerced)


@pytest.mark.parametrize(
    ("value", "java_type"),
    [
        ([1], STRING), ({}, STRING), ("maybe", BOOLEAN), (1, BOOLEAN), (True, INTEGER),
        (1.5, INTEGER), ("1.5", INTEGER),
        ("soon", DURATION), (True, DURATION), (-1, DURATION), ([], DURATION), ([1], MAP), ("a", MAP), (5, MAP),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(value: Any, java_type: str) -> None:
    with pytest.raises(Invalid):
        coerce(value, java_type)


@pytest.mark.parametrize("given", ["NEVER", "never", " Never "])
def test_choices_are_taken_in_any_case(given: str) -> None:
    assert coerce_parameter(given, Parameter("p", choices=("ALWAYS", "NEVER"))) == "NEVER"


@pytest.mark.parametrize("given", ["if-not-stopped", "ifNotStopped", "IF_NOT_STOPPED"])
def test_choices_are_taken_however_their_words_are_joined(given: str) -> None:
    assert coerce_parameter(given, Parameter("p", choices=("IF_NOT_STOPPED",))) == "IF_NOT_STOPPED"


def test_parameters_have_defaults_and_say_what_they_take() -> None:
    assert coerce_parameter(None, Parameter("p", BOOLEAN, default=False)) is False
    assert coerce_parameter(True, Parameter("p", choices=("true", "false", "auto"))) == "true"
    with pytest.raises(Invalid, match="parameter 'p': one of A, B"):
        coerce_parameter("C", Parameter("p", choices=("A", "B")))
    with pytest.raises(Invalid, match="parameter 'p'"):
        coerce_parameter("x", Parameter("p", BOOLEAN))


def test_the_environment_gets_maps_as_json() -> None:
    assert [as_text(each) for each in ("a", True, 1.5, {"a": [1]})] == ["a", "true", "1.5", '{"a":[1]}']
