"""A write that is spread over segments takes effect as one, or not at all."""

import pytest

from amp.ha.parts import Parts
from amp.store.segment import Header


def header(kind: str = "commit", more: bool = False) -> Header:
    return Header(plane="p", seq=1, term=1, kind=kind, node="n", nonce="", prev="", timeout_ms=1, more=more)


def test_nothing_takes_effect_before_the_last_part() -> None:
    parts = Parts[str]()
    assert [*parts.take(header(more=True), ["a"])] == []
    assert [*parts.take(header(more=True), ["b", "c"])] == []
    assert parts
    assert [*parts.take(header(), ["d"])] == ["a", "b", "c", "d"]
    assert not parts
    assert [*parts.take(header(), ["e"])] == ["e"]


def test_a_beat_in_between_changes_nothing() -> None:
    parts = Parts[str]()
    parts.take(header(more=True), ["a"])
    assert [*parts.take(header(), [])] == []
    assert [*parts.take(header(), ["b"])] == ["a", "b"]


@pytest.mark.parametrize("kind", ["elect", "resign", "reset"])
def test_what_ends_a_term_voids_them(kind: str) -> None:
    parts = Parts[str]()
    parts.take(header(more=True), ["a"])
    assert [*parts.take(header(kind), [])] == []
    assert not parts
    assert [*parts.take(header(), ["b"])] == ["b"]
