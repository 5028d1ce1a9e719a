"""A store that cannot be relied upon, and each node's way to it: delays, lost requests and answers, outages.

What was the first to be created under a key is kept, and told to whoever watches: the one history, whatever a node
believes of it. A request that has left a node has its effect also when that node is gone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from amp.kit.errors import Unavailable
from amp.store.objects import ObjectInfo, Outcome
from amp.testing.simwork.loop import Loop, settle
from amp.testing.simwork.world import World

_LOST = object()


@dataclass(slots=True)
class Faults:
    """How bad the store is now: chances per request, mean latency in seconds."""

    lost_request: float = 0.0
    lost_answer: float = 0.0
    late: float = 0.0  # has its effect long after it was given up
    latency: float = 0.005
    down: bool = False


class Store:
    """Objects with an atomic create. `told` hears of each object under `journal/` as it comes into being."""

    def __init__(self, world: World, told: Callable[[str, bytes], None]) -> None:
        self.world = world
        self.objects: dict[str, bytes] = {}
        self.faults = Faults()
        self._told = told

    def create(self, key: str, data: bytes) -> Outcome:
        """Create an object, now."""
        if key in self.objects:
            return Outcome.EXISTS
        self.objects[key] = data
        if key.startswith("journal/"):
            self._told(key, data)
        return Outcome.DONE

    def list(self, prefix: str, after: str) -> list[ObjectInfo]:
        """List keys, now."""
        keys = sorted(key for key in self.objects if key.startswith(prefix) and key > after)
        return [ObjectInfo(key, len(self.objects[key]), None) for key in keys]


class Link:
    """One node's way to the store (`Objects`). `cut`: nothing gets through. `limit`: seconds until it gives up.
    `about_to` is told of each append, and how to send it."""

    def __init__(
        self, store: Store, loop: Loop, limit: float, about_to: Callable[[str, Callable[[], None]], None]
    ) -> None:
        self._store, self._loop, self._limit = store, loop, limit
        self._about_to = about_to
        self.cut = False

    @property
    def name(self) -> str:
        """What people call this store."""
        return "simulated store"

    @property
    def local(self) -> bool:
        """Requests cost something."""
        return False

    async def create(self, key: str, data: bytes) -> Outcome:
        """Create the object unless the key exists."""
        answer = await self._ask(lambda: self._store.create(key, data), append=key.startswith("journal/"))
        return Outcome.UNKNOWN if answer is _LOST else answer

    async def put(self, key: str, data: bytes) -> None:
        """Create or replace."""
        self._checked(await self._ask(lambda: self._store.objects.__setitem__(key, data)))

    async def get(self, key: str) -> bytes | None:
        """Read an object; None when absent."""
        found: bytes | None = self._checked(await self._ask(lambda: self._store.objects.get(key)))
        return found

    async def list(self, prefix: str, after: str = "") -> list[ObjectInfo]:
        """List keys that begin with `prefix` and come after `after`, sorted by key."""
        found: list[ObjectInfo] = self._checked(await self._ask(lambda: self._store.list(prefix, after)))
        return found

    async def delete(self, key: str) -> None:
        """Delete; no error when absent."""
        self._checked(await self._ask(lambda: self._store.objects.pop(key, None)))

    async def close(self) -> None:
        """Do nothing."""

    async def _ask(self, effect: Callable[[], Any], *, append: bool = False) -> Any:
        world, faults = self._store.world, self._store.faults
        rng = world.rng
        answer = self._loop.create_future()

        def give(what: Any) -> None:
            if not answer.done() and not self._loop.dead:
                # Set in a round of the loop, as a socket would be read: a frozen node learns of it when it thaws.
                self._loop.call_soon(settle, answer, what)

        def land() -> None:
            if world.over:
                return
            what = effect()
            if rng.random() >= faults.lost_answer:
                world.after(rng.expovariate(1 / faults.latency), lambda: give(what))

        if not (self.cut or faults.down or rng.random() < faults.lost_request):
            delay = rng.expovariate(1 / faults.latency)
            if append:
                delay += rng.uniform(0.2, 15.0) if rng.random() < faults.late else 0.0
                self._about_to("append", lambda: world.after(delay, land))
            else:
                world.after(delay, land)
        world.after(self._limit, lambda: give(_LOST))
        return await answer

    def _checked(self, answer: Any) -> Any:
        if answer is _LOST:
            raise Unavailable(f"no answer within {self._limit:g} s")
        return answer
