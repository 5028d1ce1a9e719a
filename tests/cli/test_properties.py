"""The properties reader: Java's own rules (with javaproperties as the oracle), and what it refuses, with its place."""

from __future__ import annotations

import javaproperties
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from amp.cli.properties import parse_properties
from amp.kit.errors import Invalid


def pairs(text: str) -> list[tuple[str, str]]:
    return [(entry.key, entry.value) for entry in parse_properties(text.encode(), "f.cfg")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=b", [("a", "b")]),
        ("a: b", [("a", "b")]),
        ("a b c", [("a", "b c")]),
        ("  a\t=  b  ", [("a", "b  ")]),
        ("a", [("a", "")]),
        ("a=", [("a", "")]),
        ("# c\n! c\n\n  # c\na=1", [("a", "1")]),
        ("a=1,\\\n   2,\\\r\n   3", [("a", "1,2,3")]),
        ("a=x\\\\\nb=y", [("a", "x\\"), ("b", "y")]),
        ("a\\:b\\=c\\ d=e", [("a:b=c d", "e")]),
        ("a=\\t\\n\\u00e9\\q", [("a", "\t\n\u00e9q")]),
        ("a=\\ud83d\\ude00", [("a", "\U0001f600")]),
        ("a=1\ra=2", [("a", "1"), ("a", "2")]),
        ("\ufeffa=1", [("a", "1")]),
        ("clé=é", [("clé", "é")]),
        ("a=b=c:d", [("a", "b=c:d")]),
        ("a=\\\n# not a comment", [("a", "# not a comment")]),
    ],
)
def test_reads(text: str, expected: list[tuple[str, str]]) -> None:
    assert pairs(text) == expected


@pytest.mark.parametrize(
    ("data", "place", "reason"),
    [
        (b"a=1\nb=\\u12g4\n", "f.cfg:2:3: ", "four hexadecimal digits"),
        (b"a=1\\\n  2\\u12\n", "f.cfg:2:4: ", "bad escape"),
        (b"\n  =value\n", "f.cfg:2:3: ", "no key"),
        (b"\n:\n", "f.cfg:2:1: ", "no key"),
        (b"a=1\nb=caf\xe9\n", "f.cfg:2:6: ", "0xe9 is not UTF-8"),
        (b"a=\\ud83d", "f.cfg:1:3: ", "surrogate"),
    ],
)
def test_refuses_with_the_place(data: bytes, place: str, reason: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_properties(data, "f.cfg")
    assert refused.value.message.startswith(place)
    assert reason in refused.value.message


def test_entries_know_their_first_line() -> None:
    entries = parse_properties(b"# c\na=1\\\n2\n\nb=3\n", "f.cfg")
    assert [(entry.key, entry.where) for entry in entries] == [("a", "f.cfg:2"), ("b", "f.cfg:5")]


@settings(max_examples=400)
@given(st.text(alphabet="ab=: \t\f\\\n\r#!unt019\u00e9\U0001f600", max_size=40))
def test_reads_what_java_reads(text: str) -> None:
    try:
        expected = [
            (item.key, item.value) for item in javaproperties.parse(text) if isinstance(item, javaproperties.KeyValue)
        ]
    except javaproperties.InvalidUEscapeError:
        with pytest.raises(Invalid):
            pairs(text)
        return
    if any(key == "" for key, _ in expected):
        with pytest.raises(Invalid, match="no key"):
            pairs(text)
        return
    assume(not text.endswith("\\"))  # the oracle keeps nothing of a key that only a lone last backslash makes
    assert pairs(text) == expected


@given(st.dictionaries(st.text(min_size=1).filter(str.isprintable), st.text()))
def test_reads_back_what_the_oracle_writes(values: dict[str, str]) -> None:
    assert dict(pairs(javaproperties.dumps(values, timestamp=False))) == values
