"""Which keys and prefixes a store takes, and how a prefix is split. What all stores refuse: the conformance suite."""

from __future__ import annotations

import pytest

from amp.kit.errors import Invalid
from amp.store.keys import check_key, check_prefix


@pytest.mark.parametrize(
    "key", ["plane", "journal/0000000000000001", "a/.b/c..", "x" * 255, "/".join(["abcdefg"] * 112)]
)
def test_keys(key: str) -> None:
    assert check_key(key) == key


@pytest.mark.parametrize("key", ["x" * 256, "a/" * 500 + "a", "tmp/a", "tmp", "a\n", "a/..", "../a", "/a"])
def test_no_keys(key: str) -> None:
    with pytest.raises(Invalid, match="not a key of the store"):
        check_key(key)


@pytest.mark.parametrize(
    ("prefix", "parts"),
    [
        ("", ("", "")),
        ("a", ("", "a")),
        ("a/", ("a/", "")),
        ("a/b", ("a/", "b")),
        ("a/.", ("a/", ".")),
        ("..", ("", "..")),
    ],
)
def test_prefixes(prefix: str, parts: tuple[str, str]) -> None:
    assert check_prefix(prefix) == parts


@pytest.mark.parametrize("prefix", ["/", "/a", "a//", "../", "a/../b", "a b", "x" * 901])
def test_no_prefixes(prefix: str) -> None:
    with pytest.raises(Invalid, match="not a prefix of keys"):
        check_prefix(prefix)
