"""Reads Java properties files: `key=value`, `key: value`, `key value`, comments, continued lines, escapes.

The rule: what Java's `Properties.load` reads, this reads the same, from UTF-8; what would surprise (a bad `\\u` escape,
half of a surrogate pair, an empty key, bytes that are not UTF-8) is refused with file, line and column. It knows no
key and substitutes nothing; that is `cli.layers`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

from amp.kit.errors import Invalid

_BLANK = " \t\f"
_LINE_END = re.compile(r"\r\n|\r|\n")
_HEX4 = re.compile(r"[0-9a-fA-F]{4}")
_ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One `key=value` of a file; `line` (from 1) is where it begins. `file` is what people call the file."""

    key: str
    value: str
    file: str
    line: int

    @property
    def where(self) -> str:
        """`FILE:LINE`, for messages."""
        return f"{self.file}:{self.line}"


def parse_properties(data: bytes, file: str) -> list[Entry]:
    """Read all entries, in order; a key that is set twice comes twice.

    Raises: Invalid, naming file, line and column.
    """
    return [_entry(logical, file) for logical in _logical_lines(_decode(data, file))]


def _decode(data: bytes, file: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = _LINE_END.split(data[: error.start].decode("utf-8", "replace"))
        raise Invalid(
            f"{file}:{len(before)}:{len(before[-1]) + 1}: byte 0x{data[error.start]:02x} is not UTF-8: "
            "save the file as UTF-8, or write the character as an escape such as \\u00e9"
        ) from None


@dataclass(frozen=True, slots=True)
class _Logical:
    """A line after continuation. `marks`: where each of its pieces begins, as (offset, line, column)."""

    text: str
    marks: tuple[tuple[int, int, int], ...]

    def position(self, offset: int) -> tuple[int, int]:
        begin, line, column = next(mark for mark in reversed(self.marks) if mark[0] <= offset)
        return line, column + offset - begin


def _logical_lines(text: str) -> Iterator[_Logical]:
    pieces: list[str] = []
    marks: list[tuple[int, int, int]] = []
    for number, natural in enumerate(_LINE_END.split(text), start=1):
        piece = natural.lstrip(_BLANK)
        if not pieces and (not piece or piece[0] in "#!"):
            continue
        marks.append((sum(map(len, pieces)), number, len(natural) - len(piece) + 1))
        continued = (len(piece) - len(piece.rstrip("\\"))) % 2 == 1
        pieces.append(piece[:-1] if continued else piece)
        if not continued:
            if any(pieces):
                yield _Logical("".join(pieces), tuple(marks))
            pieces, marks = [], []
    if any(pieces):
        yield _Logical("".join(pieces), tuple(marks))


def _entry(logical: _Logical, file: str) -> Entry:
    text, end = logical.text, 0
    while end < len(text) and text[end] not in "=:" + _BLANK:
        end += 2 if text[end] == "\\" else 1
    end = min(end, len(text))
    begin = _skip_blank(text, end)
    if begin < len(text) and text[begin] in "=:":
        begin = _skip_blank(text, begin + 1)
    if end == 0:
        _refuse(logical, file, 0, "there is no key before the value: write key=value, or start a comment with #")
    return Entry(
        _unescape(logical, file, 0, end), _unescape(logical, file, begin, len(text)), file, logical.marks[0][1]
    )


def _skip_blank(text: str, at: int) -> int:
    while at < len(text) and text[at] in _BLANK:
        at += 1
    return at


def _unescape(logical: _Logical, file: str, begin: int, end: int) -> str:
    text, out, at = logical.text, [], begin
    while at < end:
        if text[at] != "\\" or at + 1 >= end:
            if text[at] != "\\":  # a lone backslash at the very end stands for nothing, as in Java
                out.append(text[at])
            at += 1
        elif text[at + 1] != "u":
            out.append(_ESCAPES.get(text[at + 1], text[at + 1]))
            at += 2
        else:
            unit, at = _code_unit(logical, file, at, end)
            out.append(unit)
    return _join_surrogates("".join(out), logical, file, begin)


def _code_unit(logical: _Logical, file: str, at: int, end: int) -> tuple[str, int]:
    digits = _HEX4.fullmatch(logical.text[at + 2 : min(at + 6, end)])
    if digits is None:
        shown = logical.text[at : min(at + 6, end)]
        _refuse(logical, file, at, f"{shown!r} is a bad escape: \\u takes four hexadecimal digits, as in \\u00e9")
    return chr(int(digits.group(), 16)), at + 6


def _join_surrogates(value: str, logical: _Logical, file: str, begin: int) -> str:
    try:
        return value.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        _refuse(logical, file, begin, "a \\u escape is half of a surrogate pair: write both halves, or the character")


def _refuse(logical: _Logical, file: str, offset: int, reason: str) -> NoReturn:
    line, column = logical.position(offset)
    raise Invalid(f"{file}:{line}:{column}: {reason}")
