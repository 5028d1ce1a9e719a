"""YAML as Brooklyn's users know it (YAML 1.1 as SnakeYAML reads it), with the place of every key and value.

PyYAML's C parser composes the node tree; the values are made here, because places must be kept and because the two
libraries differ: `1e3` is a number, a plain `=` and `0x_` are texts, a tab after a key's colon is refused. Values are
plain JSON data, so what JSON cannot hold (dates, infinities) stays the text that was written. Only safe data is read:
no tag makes an object. Sizes are bounded, aliases are counted as often as they are used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from amp.kit.errors import Invalid

MAX_BYTES = 1024 * 1024
MAX_VALUES = 100_000
MAX_DEPTH = 64

_TAG = "tag:yaml.org,2002:"
_FLOAT = re.compile(r"[-+]?(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?")
_SEXAGESIMAL = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
_EXPONENT = re.compile(r"[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?[eE][-+]?[0-9]+")
_TAB_AFTER_COLON = re.compile(r" *:\t")
_TRUE = frozenset(("yes", "true", "on"))


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in a text, counted from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}"


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text, number, boolean or null. `text`: as written, without quotes."""

    value: Any
    text: str
    place: Place


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    values: tuple[Value, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a map, with its own place."""

    key: str
    place: Place
    value: Value


@dataclass(frozen=True, slots=True)
class Fields:
    """A map, in the order written; of a key given twice the last value, at the first one's turn."""

    entries: tuple[Entry, ...]
    place: Place

    def get(self, key: str) -> Entry | None:
        """Answer the entry of that key, None when absent."""
        return next((entry for entry in self.entries if entry.key == key), None)


Value = Scalar | Items | Fields


def invalid(message: str, place: Place) -> Invalid:
    """Make an error that names the place, for people in its text and for programs in its data."""
    return Invalid(f"{message} at {place}", data={"line": place.line, "column": place.column})


def read(text: str, *, max_bytes: int = MAX_BYTES) -> Value | None:
    """Read one YAML (or JSON) document; None when there is nothing in it.

    Raises: Invalid, with line and column.
    """
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > max_bytes:
        raise Invalid(f"Invalid YAML: the text has {size} bytes, and at most {max_bytes} are read")
    _refuse_depth(text)
    try:
        node = yaml.compose(text, Loader=yaml.CSafeLoader)  # composes only: nothing is constructed by PyYAML
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = ", ".join(part for part in (error.context, error.problem) if part)
        where = Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
        raise invalid(f"Invalid YAML: {said}", where) from None
    except yaml.reader.ReaderError as error:
        before = text[: error.position] if isinstance(error.position, int) else ""
        where = Place(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
        raise invalid(f"Invalid YAML: {error.reason}", where) from None
    except UnicodeEncodeError as error:
        before = text[: error.start]
        where = Place(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
        raise invalid("Invalid YAML: a character that is half of a pair", where) from None
    return None if node is None else _Builder(text).build(node, ())


def plain(value: Value) -> Any:
    """Answer the value as plain JSON data, without places."""
    if isinstance(value, Scalar):
        return value.value
    if isinstance(value, Items):
        return [plain(each) for each in value.values]
    return {entry.key: plain(entry.value) for entry in value.entries}


def walk(value: Value) -> Iterator[Value]:
    """Answer a value and all inside it."""
    yield value
    if isinstance(value, Items):
        for each in value.values:
            yield from walk(each)
    elif isinstance(value, Fields):
        for entry in value.entries:
            yield from walk(entry.value)


def _refuse_depth(text: str) -> None:
    # The composer recurses in C: nesting is bounded before it is called. Brackets inside quotes count too, which
    # refuses only texts that open a thousand of them without closing.
    depth = indents = line = 0
    for line, row in enumerate(text.splitlines(), 1):
        indents = max(indents, len(row) - len(row.lstrip(" -?")))
        depth += row.count("[") + row.count("{") - row.count("]") - row.count("}")
        if depth > 1000 or indents > 2000:
            raise invalid("Invalid YAML: nested too deeply", Place(line, 1))
        for run in re.finditer(r"[\[{]{65,}", row):
            raise invalid("Invalid YAML: nested too deeply", Place(line, run.start() + 1))


class _Builder:
    """Makes values from nodes, counting them."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._count = 0

    def build(self, node: Node, above: tuple[int, ...]) -> Value:
        place = _place(node)
        self._count += 1
        if self._count > MAX_VALUES:
            raise invalid(f"Invalid YAML: more than {MAX_VALUES} values once its aliases are written out", place)
        if id(node) in above:
            raise invalid("Invalid YAML: an alias that contains itself", place)
        if len(above) >= MAX_DEPTH:
            raise invalid(f"Invalid YAML: nested more than {MAX_DEPTH} deep", place)
        if isinstance(node, ScalarNode):
            return _scalar(node)
        inside = (*above, id(node))
        if isinstance(node, SequenceNode) and node.tag == _TAG + "seq":
            return Items(tuple(self.build(each, inside) for each in node.value), place)
        if isinstance(node, MappingNode) and node.tag == _TAG + "map":
            return Fields(tuple(self._entries(node, inside)), place)
        raise invalid(f"Invalid YAML: the tag {_shown(node.tag)} is not supported", place)

    def _entries(self, node: MappingNode, above: tuple[int, ...]) -> list[Entry]:
        own: dict[str, Entry] = {}
        merged: dict[str, Entry] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                raise invalid("Invalid YAML: a key must be a text, not a list or map", _place(key))
            if _TAB_AFTER_COLON.match(self._text, key.end_mark.index):
                raise invalid("Invalid YAML: a tab after the key's colon, write a space", _place(key))
            if key.tag == _TAG + "merge":
                for entry in self._merged(value, above):
                    merged.setdefault(entry.key, entry)
            else:
                own[key.value] = Entry(key.value, _place(key), self.build(value, above))
        return [*(entry for entry in merged.values() if entry.key not in own), *own.values()]

    def _merged(self, node: Node, above: tuple[int, ...]) -> Iterator[Entry]:
        value = self.build(node, above)
        for each in value.values if isinstance(value, Items) else (value,):
            if not isinstance(each, Fields):
                raise invalid("Invalid YAML: `<<` takes a map or a list of maps", each.place)
            yield from each.entries


def _scalar(node: ScalarNode) -> Scalar:
    text: str = node.value
    place = _place(node)
    kind = node.tag.removeprefix(_TAG)
    value: Any = text
    if kind == "null":
        value = None
    elif kind == "bool":
        value = text.lower() in _TRUE
    elif kind == "int":
        value = _integer(text, place)
    elif kind == "float" or (kind == "str" and not node.style and _EXPONENT.fullmatch(text)):
        value = _real(text)
    elif kind not in ("str", "timestamp", "value", "merge"):
        raise invalid(f"Invalid YAML: the tag {_shown(node.tag)} is not supported", place)
    return Scalar(value, text, place)


def _integer(text: str, place: Place) -> int | str:
    digits = text.replace("_", "")
    sign = -1 if digits.startswith("-") else 1
    digits = digits.lstrip("+-")
    try:
        if digits.startswith("0b"):
            number = int(digits[2:], 2)
        elif digits.startswith("0x"):
            number = int(digits[2:], 16)
        elif ":" in digits:
            number = 0
            for part in digits.split(":"):
                number = number * 60 + int(part)
        elif digits.startswith("0") and len(digits) > 1:
            number = int(digits, 8)
        else:
            number = int(digits) if len(digits) < 30 else 1 << 64
    except ValueError:
        return text  # 0x_, 0b_: texts
    if number >= 1 << 63:
        raise invalid("Invalid YAML: a whole number beyond 64 bits; write it in quotes", place)
    return sign * number


def _real(text: str) -> float | str:
    if _SEXAGESIMAL.fullmatch(text):
        whole = 0.0
        for part in text.replace("_", "").lstrip("+-").split(":"):
            whole = whole * 60 + float(part)
        return -whole if text.startswith("-") else whole
    if not _FLOAT.fullmatch(text):
        return text  # .inf, .nan: no JSON number
    try:
        number = float(text.replace("_", ""))
    except ValueError:
        return text
    return number if abs(number) != float("inf") else text


def _place(node: Node) -> Place:
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)


def _shown(tag: str) -> str:
    return "!!" + tag.removeprefix(_TAG) if tag.startswith(_TAG) else tag
