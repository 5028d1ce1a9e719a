"""YAML as Brooklyn's users know it, with places; and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from amp.blueprint.yaml import MAX_VALUES, Fields, Place, plain, read
from amp.kit.errors import Invalid


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", True), ("Off", False), ("y", "y"), ("~", None), ("null", None),
        ("0755", 493), ("0o755", "0o755"), ("1:30", 90), ("1_000", 1000), ("0b101", 5), ("-0x1f", -31),
        (".5", 0.5), ("1e3", 1000.0), ("1e-3", 0.001), ("-1.5E+2", -150.0), ("'1e3'", "1e3"), ("1.5:30", "1.5:30"),
        ("=", "="), ("0x_", "0x_"), (".inf", ".inf"), ("2001-12-14", "2001-12-14"), ("1e999", "1e999"),
        ("9223372036854775807", 9223372036854775807),
        ("|\n  a\n  b\n", "a\nb\n"), ("'true'", "true"), ("!!str 5", "5"),
    ],
)  # fmt: skip
def test_scalars_are_read_as_brooklyn_reads_them(text: str, value: Any) -> None:
    found = read(f"k: {text}")
    assert found is not None
    assert plain(found) == {"k": value}
    assert type(plain(found)["k"]) is type(value)


def test_merge_keys_give_what_the_map_itself_does_not() -> None:
    found = read("base: &b {x: 1, y: 2}\nother: &o {y: 3, z: 4}\nc:\n  <<: [*b, *o]\n  x: 9\n")
    assert found is not None
    assert plain(found)["c"] == {"y": 2, "z": 4, "x": 9}


def test_of_a_key_given_twice_the_last_counts_and_keys_are_texts() -> None:
    found = read("a: 1\n5: five\ntrue: t\na: 2")
    assert found is not None
    assert plain(found) == {"a": 2, "5": "five", "true": "t"}


def test_keys_and_values_know_their_places() -> None:
    found = read("services:\n- type: X\n  name: y\n")
    assert isinstance(found, Fields)
    service = plain_item(found)
    assert [(entry.key, entry.place, entry.value.place) for entry in service.entries] == [
        ("type", Place(2, 3), Place(2, 9)),
        ("name", Place(3, 3), Place(3, 9)),
    ]


def plain_item(found: Fields) -> Fields:
    entry = found.get("services")
    assert entry is not None
    item = entry.value.values[0]  # type: ignore[union-attr]
    assert isinstance(item, Fields)
    return item


def test_json_is_yaml_and_nothing_is_nothing() -> None:
    found = read('{"a": [1, {"b": null}]}')
    assert found is not None
    assert plain(found) == {"a": [1, {"b": None}]}
    assert read("# only a comment\n") is None


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("name: [unclosed", 2, 1),
        ("services:\n\t- type: x", 2, 1),
        ("a:\tb", 1, 1),
        ("ok: 1\nbad: \x01", 2, 6),
        ("ok: 1\nbad: \ud800", 2, 6),
        ("a: 1\n---\nb: 2", 2, 1),
        ("a: &a [*a]", 1, 4),
        ("a: *nobody", 1, 4),
        ("? [x]\n: b", 1, 3),
        ("a: !!python/object:os.system x", 1, 4),
        ("a: !mine {b: 1}", 1, 4),
        ("x: 99999999999999999999", 1, 4),
        ("c:\n  <<: 5", 2, 7),
        ("a: b: c", 1, 5),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, line: int, column: int) -> None:
    with pytest.raises(Invalid, match="Invalid YAML: ") as caught:
        read(text)
    assert caught.value.data == {"line": line, "column": column}
    assert f"at line {line}, column {column}" in caught.value.message


def test_aliases_count_as_often_as_they_are_used() -> None:
    rows = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"]
    rows += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 8)]
    with pytest.raises(Invalid, match=f"more than {MAX_VALUES} values"):
        read("\n".join(rows))


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "{a: " * 5000,
        "- " * 5000 + "a",
        "\n".join(" " * n + "a:" for n in range(900)),
        "[" * 65 + "]" * 65,
    ],
)
def test_depth_is_bounded(text: str) -> None:
    with pytest.raises(Invalid, match=r"nested|Invalid YAML"):
        read(text)


def test_size_is_bounded() -> None:
    with pytest.raises(Invalid, match="at most 10 are read"):
        read("name: much too long", max_bytes=10)
