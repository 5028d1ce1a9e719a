"""`amp store ls` and `amp store cat`: what is in a store, and what is in one object of it. They only read.

The rule: secrets are shown as REST shows them when it is asked to suppress them; the plane's own secret never is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from cyclopts import Parameter

from amp.cli.access import Output
from amp.cli.exits import OK
from amp.cli.output import show, show_json, table
from amp.cli.store_place import HERE, Where, existing, opened, place_of, run, words_of
from amp.ha.founding import Founding
from amp.ha.members import Record
from amp.kit.errors import Missing
from amp.plane import codec
from amp.server.events import public
from amp.store.facts import Kind, kind_of, number_of, readable
from amp.store.keys import check_key
from amp.store.objects import ObjectInfo, Objects
from amp.store.place import StoreSettings
from amp.store.segment import Boundary, Damaged, Header, Snapshot, TooNew, parse, segment_key, snapshot_key, unseal
from amp.store.survey import each, fetch

_KIND = Literal["plane", "journal", "snapshots", "gc", "nodes", "blobs", "probe", "other"]


@dataclass(frozen=True, slots=True)
class Term:
    """One term as the journal tells it. Times in wall-clock ms of the node; None: the term has not ended."""

    term: int
    node: str
    seq: int
    at: int
    resigned_at: int | None = None
    resigned_seq: int | None = None


def store_ls(
    store: str | None = None,
    /,
    *,
    kind: Annotated[_KIND | None, Parameter(show_choices=True)] = None,
    output: Output = "table",
    where: Where = HERE,
) -> int:
    """Show what is in a store: how many objects of each kind, how large, and who has led when.

    Parameters
    ----------
    store: str
        a directory, or s3://BUCKET/PREFIX
    kind: str
        list the objects of this kind instead
    """
    place = existing(place_of(store, where))
    listed, terms = run(_look(place, None if kind is None else Kind(kind)))
    if kind is not None:
        _show_objects(listed, output)
    elif output == "json":
        show_json({"kinds": [_as_json(*row) for row in _by_kind(listed)], "terms": terms})
    else:
        _show_kinds(listed, terms)
    return OK


async def _look(place: StoreSettings, kind: Kind | None) -> tuple[list[ObjectInfo], list[Term]]:
    async with opened(place) as objects:
        listed = await objects.list("")
        if kind is not None:
            return [info for info in listed if kind_of(info.key) is kind], []
        return listed, await _terms(objects, listed)


async def _terms(objects: Objects, listed: list[ObjectInfo]) -> list[Term]:
    """Tell who led when: by the list of the newest snapshot that can be read, and all segments after it."""
    posts, start = await _listed_posts(objects, listed)
    after = [seq for info in listed if kind_of(info.key) is Kind.JOURNAL and (seq := number_of(info.key)) > start]
    found: list[Header | None] = await each(map(segment_key, [*posts, *after]), lambda key: _header(objects, key))
    terms: list[Term] = []
    for header in sorted((header for header in found if header is not None), key=lambda header: header.seq):
        if header.kind == "elect":
            terms.append(Term(header.term, header.node, header.seq, header.at))
        elif header.kind == "resign" and terms and terms[-1].term == header.term:
            terms[-1] = replace(terms[-1], resigned_at=header.at, resigned_seq=header.seq)
    return terms


async def _listed_posts(objects: Objects, listed: list[ObjectInfo]) -> tuple[list[int], int]:
    for seq in sorted((number_of(info.key) for info in listed if kind_of(info.key) is Kind.SNAPSHOTS), reverse=True):
        key = snapshot_key(seq)
        data = await fetch(objects, key)
        try:
            if data is not None:
                return [post for post, _ in unseal(data, key, Snapshot)[0].posts], seq
        except (Damaged, TooNew):
            continue  # `verify` names it
    return [], 0


async def _header(objects: Objects, key: str) -> Header | None:
    data = await fetch(objects, key)
    try:
        return parse(data, number_of(key)).header if data is not None else None
    except (Damaged, TooNew):
        return None  # `verify` names it


def _by_kind(listed: list[ObjectInfo]) -> Iterator[tuple[Kind, list[ObjectInfo]]]:
    for kind in Kind:
        found = [info for info in listed if kind_of(info.key) is kind]
        if found:
            yield kind, found


def _as_json(kind: Kind, found: list[ObjectInfo]) -> dict[str, Any]:
    numbers = [number_of(info.key) for info in found]
    row: dict[str, Any] = {"kind": kind.value, "objects": len(found), "bytes": sum(info.size for info in found)}
    return {**row, "first": min(numbers), "last": max(numbers)} if any(numbers) else row


def _show_kinds(listed: list[ObjectInfo], terms: list[Term]) -> None:
    rows = [_as_json(*row) for row in _by_kind(listed)]
    columns = ["kind", "objects", "bytes", "first", "last"]
    show(table([name.upper() for name in columns], [[str(row.get(name, "-")) for name in columns] for row in rows]))
    if terms:
        print()
        show(table(["TERM", "NODE", "ELECTED", "AT", "RESIGNED", "AT"], [_term_row(term) for term in terms]))


def _term_row(term: Term) -> list[str]:
    resigned = "-" if term.resigned_seq is None else str(term.resigned_seq)
    return [str(term.term), term.node, str(term.seq), _time(term.at), resigned, _time(term.resigned_at)]


def _time(ms: int | None) -> str:
    if not ms:
        return "-"
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _show_objects(listed: list[ObjectInfo], output: str) -> None:
    if output == "json":
        for info in listed:
            show_json({"key": readable(info.key), "bytes": info.size, "modified": info.modified_ms})
        return
    show(table(["KEY", "BYTES", "MODIFIED"], [[readable(i.key), str(i.size), _time(i.modified_ms)] for i in listed]))


def store_cat(words: Annotated[tuple[str, ...], Parameter(name="STORE KEY")] = (), /, *, where: Where = HERE) -> int:
    """Print one object: its header, then each change in it, one line of JSON each; secrets are masked.

    Parameters
    ----------
    words: tuple
        the store, a directory or s3://BUCKET/PREFIX, and the key of the object; with --home only the key
    """
    store, key = words_of(words, where, "STORE KEY")
    place = existing(place_of(store, where))
    check_key(key)
    data = run(_fetch(place, key))
    if data is None:
        raise Missing(f"there is no object {key}", details="See what there is: amp store ls STORE --kind journal")
    for line in _lines(key, data):
        show_json(line)
    return OK


async def _fetch(place: StoreSettings, key: str) -> bytes | None:
    async with opened(place) as objects:
        return await fetch(objects, key)


def _lines(key: str, data: bytes) -> Iterator[Any]:
    match kind_of(key):
        case Kind.JOURNAL:
            segment = parse(data, number_of(key))
            yield _with(segment.header, segment.hash)
            yield from map(public, codec.decode(segment.body, key))
        case Kind.SNAPSHOTS:
            header, body, digest = unseal(data, key, Snapshot)
            yield _with(header, digest)
            yield from map(public, codec.decode(body, key))
        case Kind.PLANE:
            founding, _, digest = unseal(data, key, Founding)
            yield {**_with(founding, digest), "secret": "***"}
        case Kind.GC:
            if data:
                boundary, _, digest = unseal(data, key, Boundary)
                yield _with(boundary, digest)
            else:
                yield {"seq": number_of(key)}  # its name says all
        case Kind.NODES:
            yield unseal(data, key, Record)[0]
        case _:
            yield {"key": key, "bytes": len(data)}


def _with(header: msgspec.Struct, digest: str) -> dict[str, Any]:
    return {**msgspec.to_builtins(header), "sha256": digest}
