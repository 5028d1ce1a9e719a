"""Finds out, before a node trusts a store, whether it keeps the two promises that everything rests on.

*Create if absent* must be atomic, and what was written must be read and listed at once. The probe writes a few small
objects under `probe/`, and deletes them. An answer *unknown* proves nothing: the slot is read and the create
sent again. The probe has a limit of its own. It shows that a store breaks a promise, never that it always keeps it.
"""

from __future__ import annotations

import asyncio
import contextlib

from amp.kit.errors import Invalid, Unavailable
from amp.kit.ids import Entropy, nonce
from amp.store.objects import Objects, Outcome

#: So many creators want each of so many keys at once. One key alone let a store pass that looks first and writes then,
#: every second time.
_KEYS, _CREATORS = 8, 4
_PAUSE = 0.1  # seconds between two attempts whose outcome is unknown
_WHAT_TO_DO = (
    "Two nodes could both lead on such a store and lose data, so AMP will not use it. Use a store with conditional "
    "writes (AWS S3, Google Cloud Storage, Azure Blob, a current S3 server) or a directory on a local disk or NFS"
)


async def probe(objects: Objects, entropy: Entropy, *, timeout: float = 10.0) -> None:
    """Try the promises of a store, in at most `timeout` seconds; a fifth of it is kept for cleaning up.

    Raises: Invalid, naming the promise that the store breaks; Unavailable, when it cannot be used or gives no answer.
    """
    trial = _Trial(objects, f"probe/{nonce(entropy)}", entropy)
    try:
        async with asyncio.timeout(timeout * 0.8):
            await trial.run()
    except TimeoutError:
        raise Unavailable(
            f"{objects.name} did not pass its start-up check within {timeout:g} s: {trial.why()}"
        ) from None
    finally:
        with contextlib.suppress(Unavailable, TimeoutError):  # what is left under probe/ is nobody's state
            async with asyncio.timeout(timeout * 0.2):
                await trial.clean()


class _Trial:
    def __init__(self, objects: Objects, prefix: str, entropy: Entropy) -> None:
        self._objects = objects
        self._prefix = prefix
        self._entropy = entropy
        self._written: list[str] = []

    async def run(self) -> None:
        """Reach the store, then try one promise after the other."""
        await self._reach()
        key = f"{self._prefix}-one"
        first, second = self._body("first"), self._body("second")
        if not await self._create(key, first):
            raise self._broken("says that a key exists which nobody has written")
        if await self._read(key) != first:
            raise self._broken("does not give back what was just written: it has no read-after-write")
        if await self._create(key, second):
            raise self._broken("lets a second create overwrite the first: it ignores the condition (If-None-Match: *)")
        if await self._read(key) != first:
            raise self._broken("refuses a second create, yet lets it change the object")
        await self._race()
        listed = [info.key for info in await self._objects.list(f"{self._prefix}-")]
        missing = [name for name in self._written if name not in listed]
        if missing:
            raise self._broken(f"does not list what was just written ({missing[0]}): it has no list-after-write")

    async def clean(self) -> None:
        """Delete what was written. Raises: Unavailable."""
        for key in self._written:
            await self._objects.delete(key)

    def why(self) -> str:
        """Say why there was no certain answer in time, by what the store itself has to say."""
        reason = getattr(self._objects, "trouble", None)
        return reason or "it is too slow; check its load and the network, then start again"

    async def _reach(self) -> None:
        """Read and write once without conditions: these say at once why they fail, a create may not."""
        key = f"{self._prefix}-reach"
        if await self._objects.get(key) is not None:
            raise self._broken("gives an answer for a key that nobody has written")
        self._written.append(key)
        await self._objects.put(key, self._body("reach"))

    async def _race(self) -> None:
        """Let several creators want one key at once, and that with several keys."""
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(_KEYS):
                    group.create_task(self._race_for(f"{self._prefix}-race{number}"))
        except BaseExceptionGroup as failures:
            raise _first(failures) from None

    async def _race_for(self, key: str) -> None:
        """Let several creators want one key at once; exactly one may win, and its bytes must be there."""
        bodies = [self._body(f"creator {number}") for number in range(_CREATORS)]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._create(key, body)) for body in bodies]
        winners = [body for body, task in zip(bodies, tasks, strict=True) if task.result()]
        if len(winners) != 1:
            raise self._broken(
                f"let {len(winners)} of {_CREATORS} creators of one key win that came at once: "
                "its create-if-absent is not atomic"
            )
        if await self._read(key) != winners[0]:
            raise self._broken("told one of several creators that it won, yet holds the bytes of another")

    async def _create(self, key: str, body: bytes) -> bool:
        """Create, certainly: while the outcome is unknown, look, and send the same bytes again. True when ours."""
        if key not in self._written:
            self._written.append(key)
        unsure = False
        while True:
            outcome = await self._objects.create(key, body)
            if outcome is Outcome.DONE:
                return True
            found = await self._read(key)
            if outcome is Outcome.EXISTS and found is None:
                raise self._broken("says that a key exists, yet does not give it: it has no read-after-write")
            if outcome is Outcome.EXISTS and not unsure:
                return False
            if found is not None:
                return found == body  # perhaps our own earlier try; no two bodies are alike
            unsure = True
            await asyncio.sleep(_PAUSE)

    async def _read(self, key: str) -> bytes | None:
        """Read; where that fails, read again: the store was reached before."""
        while True:
            try:
                return await self._objects.get(key)
            except Unavailable:
                await asyncio.sleep(_PAUSE)

    def _body(self, who: str) -> bytes:
        return f"AMP start-up check: {who} {nonce(self._entropy)}\n".encode()

    def _broken(self, what: str) -> Invalid:
        return Invalid(f"{self._objects.name} {what}. {_WHAT_TO_DO}.")


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    """Answer one of the failures, however deep the groups are."""
    found: BaseException = failures
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found
