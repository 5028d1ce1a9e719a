"""What every store must do. Each check takes an empty store and raises AssertionError where it falls short.

`CHECKS` are quick; `check_creators` is the race that all leadership rests on, its size an argument, since some servers
make the creators of one key wait a second for each other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from amp.kit.errors import Invalid
from amp.store.objects import Objects, Outcome

LARGE: Final = 2 * 1024 * 1024
_READS: Final = 10_000

_ODD_KEYS = (
    "plane",
    "journal/0000000000000001",
    "a/b/c/d/e/f",
    "dots/..a",
    "dots/a..b",
    "dots/.hidden",
    "dots/a.",
    "marks/-",
    "marks/_",
    "marks/A-b_C.9",
    "case/Key",
    "case/key2",
    "near/a.b",
    "near/a-b",
    "near/a_b",
    "near/ab",
    "long/" + "x" * 200,
    "probe/tmp",
)
_BAD_KEYS = (
    "",
    "/",
    "/a",
    "a/",
    "a//b",
    ".",
    "..",
    "../a",
    "a/../b",
    "a/./b",
    "a b",
    "a\n",
    "ä",
    "a%2fb",
    "a\\b",
    "tmp/x",
    "x" * 901,
)


async def check_create(objects: Objects) -> None:
    """A create says DONE once and EXISTS ever after, whatever bytes come, and keeps the first bytes."""
    assert await objects.create("journal/1", b"one") is Outcome.DONE
    assert await objects.create("journal/1", b"two") is Outcome.EXISTS
    assert await objects.create("journal/1", b"one") is Outcome.EXISTS
    assert await objects.get("journal/1") == b"one"
    assert await objects.create("journal/2", b"") is Outcome.DONE
    assert await objects.get("journal/2") == b""
    assert await objects.create("journal/2", b"filled") is Outcome.EXISTS
    assert await objects.get("journal/2") == b""


async def check_put(objects: Objects) -> None:
    """A put creates and replaces, also by fewer bytes; a create then finds the key taken."""
    await objects.put("nodes/a", b"a long first text")
    assert await objects.get("nodes/a") == b"a long first text"
    await objects.put("nodes/a", b"short")
    assert await objects.get("nodes/a") == b"short"
    assert await objects.create("nodes/a", b"other") is Outcome.EXISTS
    assert await objects.create("nodes/b", b"first") is Outcome.DONE
    await objects.put("nodes/b", b"second")
    assert await objects.get("nodes/b") == b"second"


async def check_absent(objects: Objects) -> None:
    """What was never written is None, not an error, also where its folder or the key of its folder exists."""
    assert await objects.get("nothing") is None
    assert await objects.get("no/such/folder") is None
    assert await objects.list("") == []
    assert await objects.list("nothing/") == []
    await objects.put("folder/a", b"x")
    assert await objects.get("folder/b") is None
    assert await objects.get("folder") is None
    assert await objects.get("folder/a/below") is None


async def check_list(objects: Objects) -> None:
    """A listing is sorted, has sizes, goes down all folders, and knows whole folders from beginnings of names."""
    written = {
        "b/2": b"22",
        "b/10": b"",
        "b/sub/x": b"333",
        "ba": b"4",
        "a/1": b"1",
        "c-1": b"5",
        "c": b"6",
        "c.1": b"7",
    }
    for key, data in written.items():
        await objects.put(key, data)
    everything = await objects.list("")
    assert [(info.key, info.size) for info in everything] == sorted((key, len(data)) for key, data in written.items())
    for info in everything:
        assert info.modified_ms is None or info.modified_ms > 1_600_000_000_000
    for prefix in ("b/", "b", "b/1", "b/sub/", "c", "c.", "d", "a/1", "a/1x"):
        found = [info.key for info in await objects.list(prefix)]
        assert found == sorted(key for key in written if key.startswith(prefix)), prefix
    for after in ("b/10", "b/0", "b/sub/x"):
        found = [info.key for info in await objects.list("b/", after)]
        assert found == sorted(key for key in written if key.startswith("b/") and key > after), after


async def check_many(objects: Objects) -> None:
    """A listing has no end at a page: 1,100 keys are all there."""
    keys = [f"journal/{number:016d}" for number in range(1, 1_101)]
    for start in range(0, len(keys), 50):
        async with asyncio.TaskGroup() as group:
            for key in keys[start : start + 50]:
                group.create_task(objects.put(key, b"x"))
    assert [info.key for info in await objects.list("journal/")] == keys


async def check_delete(objects: Objects) -> None:
    """What was deleted is absent, unlisted, and may be created again; deleting nothing is no error."""
    await objects.create("journal/1", b"one")
    await objects.create("journal/2", b"two")
    await objects.delete("journal/1")
    assert await objects.get("journal/1") is None
    assert [info.key for info in await objects.list("journal/")] == ["journal/2"]
    await objects.delete("journal/1")
    await objects.delete("never/was")
    assert await objects.create("journal/1", b"again") is Outcome.DONE
    assert await objects.get("journal/1") == b"again"


async def check_large(objects: Objects) -> None:
    """A body of 2 MiB with all byte values comes back whole, by create and by put."""
    body = bytes(range(256)) * (LARGE // 256)
    assert await objects.create("snapshots/1", body) is Outcome.DONE
    assert await objects.get("snapshots/1") == body
    await objects.put("snapshots/2", body[::-1])
    assert await objects.get("snapshots/2") == body[::-1]
    assert {info.key: info.size for info in await objects.list("snapshots/")} == {
        "snapshots/1": LARGE,
        "snapshots/2": LARGE,
    }


async def check_keys(objects: Objects) -> None:
    """Keys of all allowed kinds are kept apart; those not allowed are refused by every method, and nothing is made."""
    for key in _ODD_KEYS:
        assert await objects.create(key, key.encode()) is Outcome.DONE, key
    for key in _ODD_KEYS:
        assert await objects.get(key) == key.encode(), key
    for key in _BAD_KEYS:
        for refused in (objects.create(key, b""), objects.put(key, b""), objects.get(key), objects.delete(key)):
            await _refuses(refused, key)
    for prefix in ("/", "../", "a//", "a/../", "a b"):
        await _refuses(objects.list(prefix), prefix)
    assert [info.key for info in await objects.list("")] == sorted(_ODD_KEYS)


async def check_readers(objects: Objects) -> None:
    """Who reads while others create sees nothing or all of it, never a part."""
    body = b"0123456789abcdef" * 8192
    keys = [f"journal/{number}" for number in range(20)]

    async def read(key: str) -> None:
        for _ in range(_READS):
            found = await objects.get(key)
            if found is not None:
                assert found == body
                return
        raise AssertionError(f"{key} is still absent after {_READS} reads")

    async with asyncio.TaskGroup() as group:
        for key in keys:
            group.create_task(read(key))
        for key in keys:
            group.create_task(objects.create(key, body))


async def check_creators(objects: Objects, *, keys: int, creators: int) -> None:
    """Of `creators` at once on each of `keys` keys exactly one is told DONE, and its bytes are there."""
    for number in range(keys):
        key = f"race/{number:016d}"
        bodies = [f"{key} by {creator}".encode() for creator in range(creators)]
        outcomes = await asyncio.gather(*(objects.create(key, body) for body in bodies))
        winners = [body for body, outcome in zip(bodies, outcomes, strict=True) if outcome is Outcome.DONE]
        assert len(winners) == 1, f"{key}: {len(winners)} of {creators} creators won"
        assert outcomes.count(Outcome.EXISTS) == creators - 1, f"{key}: {outcomes}"
        assert await objects.get(key) == winners[0], f"{key}: the bytes of another than the winner are there"


CHECKS: Final[tuple[Callable[[Objects], Awaitable[None]], ...]] = (
    check_create,
    check_put,
    check_absent,
    check_list,
    check_many,
    check_delete,
    check_large,
    check_keys,
    check_readers,
)


async def _refuses(call: Awaitable[object], key: str) -> None:
    refusal = None
    try:
        await call
    except Invalid as error:
        refusal = error.message
    assert refusal is not None, f"{key!r} was taken"
    assert "key" in refusal, refusal
