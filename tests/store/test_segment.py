"""The bytes of a segment: what was written comes back, and any change to any byte is noticed and named."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amp.store.segment import (
    NO_HASH,
    Damaged,
    Header,
    Member,
    Position,
    Segment,
    TooNew,
    build,
    check_follows,
    pack,
    pack_many,
    parse,
    seal,
    unpack,
)


def header(seq: int = 1, **fields: object) -> Header:
    values = {"term": 1, "kind": "elect", "node": "n", "nonce": "x", "prev": NO_HASH, "timeout_ms": 30_000}
    return Header(plane="p", seq=seq, **{**values, **fields})  # type: ignore[arg-type]


def made(seq: int = 1, body: bytes = b"", **fields: object) -> Segment:
    return build(header(seq, **fields), body)[1]


@given(st.lists(st.binary(min_size=1).filter(lambda line: b"\n" not in line)))
def test_a_body_comes_back(lines: list[bytes]) -> None:
    assert list(unpack(pack(lines))) == lines
    assert pack(lines) == pack(lines)
    assert list(unpack(pack_many(lines))) == lines


@pytest.mark.parametrize("count", [0, 1, 2, 99, 100, 101, 5000])
def test_many_lines_come_back(count: int) -> None:
    lines = [bytes([97 + number % 7]) * (number * 37 % 700 + 1) for number in range(count)]
    assert list(unpack(pack_many(iter(lines)))) == lines


@pytest.mark.parametrize("damaged", [slice(0, -1), slice(1, None), slice(0, 20)])
def test_a_body_that_is_not_whole_is_refused(damaged: slice) -> None:
    body = pack_many(b"%d" % number for number in range(1000))
    with pytest.raises((EOFError, zlib.error)):
        list(unpack(body[damaged]))
    with pytest.raises(EOFError):
        list(unpack(body + b"more"))


def test_a_segment_comes_back() -> None:
    data, segment = build(header(members=[Member("a", priority=3)]), pack([b"{}"]))
    assert parse(data, 1) == segment
    assert data.startswith(b"AMP1 " + segment.hash.encode() + b"\n")


def test_every_changed_byte_is_noticed() -> None:
    data, _ = build(header(), pack([b'{"change":"x"}']))
    for place in range(len(data)):
        changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        with pytest.raises(Damaged, match="journal/0000000000000001 is damaged"):
            parse(changed, 1)


def test_every_truncation_is_noticed() -> None:
    data, _ = build(header(), pack([b'{"change":"x"}']))
    for length in range(len(data)):
        with pytest.raises(Damaged):
            parse(data[:length], 1)


def test_a_segment_under_another_key_is_noticed() -> None:
    data, _ = build(header(seq=2), b"")
    with pytest.raises(Damaged, match="journal/0000000000000003 is damaged: it says that it is segment 2"):
        parse(data, 3)


def test_a_newer_format_asks_for_an_upgrade() -> None:
    data, _ = seal(header(format=2), b"")
    with pytest.raises(TooNew, match="upgrade this node"):
        parse(data, 1)


FIRST = made()
AFTER = Position(FIRST.header, FIRST.hash)
RESIGNED = made(2, kind="resign", prev=FIRST.hash)


@pytest.mark.parametrize(
    ("segment", "before", "why"),
    [
        (made(2, kind="commit", prev="0" * 63 + "1"), AFTER, "it follows a segment"),
        (made(2, kind="elect", prev=FIRST.hash), AFTER, "it elects for term 1 after term 1"),
        (made(2, kind="commit", prev=FIRST.hash, term=2), AFTER, "wrote it in term 2"),
        (made(2, kind="commit", prev=FIRST.hash, node="m"), AFTER, "node m wrote it"),
        (made(2, kind="party", prev=FIRST.hash), AFTER, "its kind 'party' is unknown"),
        (made(3, kind="commit", prev=RESIGNED.hash), Position(RESIGNED.header, RESIGNED.hash), "only an election"),
        (made(1, kind="commit"), None, "a journal begins with segment 1, an election"),
        (build(Header("q", 1, 1, "elect", "n", "x", NO_HASH, 1), b"")[1], None, "it belongs to the plane q"),
    ],
)
def test_what_does_not_follow_is_named(segment: Segment, before: Position | None, why: str) -> None:
    with pytest.raises(Damaged, match=why):
        check_follows(segment, before, "p")


@pytest.mark.parametrize("kind", ["commit", "resign", "reset"])
def test_what_follows_is_taken(kind: str) -> None:
    check_follows(made(2, kind=kind, prev=FIRST.hash), AFTER, "p")
    check_follows(made(2, kind="elect", prev=FIRST.hash, term=2, node="m"), AFTER, "p")


@pytest.mark.parametrize("at", [8, 60])
def test_two_hashes_that_differ_are_shown_so_that_one_sees_it(at: int) -> None:
    data, _ = build(header(), b"")
    with pytest.raises(Damaged) as caught:
        parse(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :], 1)
    found, _, stated = str(caught.value).partition("has the hash ")[2].partition(", but it says ")
    assert stated
    assert found != stated
