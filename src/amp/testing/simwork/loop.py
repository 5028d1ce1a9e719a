"""An asyncio event loop in simulated time: one for each node, driven by the world, so that one node can stand still.

It runs what is ready, one round at a time, and asks the world to be called again; it never waits and never looks at a
real clock. What it is given by others while its node is frozen waits in it, as it would in a stopped process. What
asyncio would hash by address has a number instead, so that a seed replays.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from typing import Any, TypeVar, TypeVarTuple, Unpack

from amp.testing.simwork.world import HostClock, World

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class _Task(asyncio.Task[T]):
    """Hashed by number: sets of tasks have the same order each time a seed is played."""

    def __init__(self, number: int, coro: Coroutine[Any, Any, T], **more: Any) -> None:
        self._number = number
        super().__init__(coro, **more)

    def __hash__(self) -> int:
        return self._number


class _Future(asyncio.Future[Any]):
    def __init__(self, number: int, loop: asyncio.AbstractEventLoop) -> None:
        self._number = number
        super().__init__(loop=loop)

    def __hash__(self) -> int:
        return self._number


def settle(future: asyncio.Future[Any], result: Any, problem: Exception | None = None) -> None:
    """Answer whoever waits, if anybody still does."""
    if not future.done():
        if problem is not None:
            future.set_exception(problem)
        else:
            future.set_result(result)


class Loop(asyncio.AbstractEventLoop):
    """The loop of one process. `odd`: what asyncio complained of. A dead one never runs again."""

    def __init__(self, world: World, clock: HostClock) -> None:
        self._world, self._clock = world, clock
        self._ready: deque[asyncio.Handle] = deque()
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._armed: float | None = None  # the true time at which the world calls next
        self._tasks: list[asyncio.Task[Any]] = []
        self.odd: list[dict[str, Any]] = []
        self._in_round = False
        self.frozen = False
        self.dead = False

    # ---- what the world does with it

    def freeze(self) -> None:
        """Let nothing of it run until `thaw`; clocks go on."""
        self.frozen = True

    def thaw(self) -> None:
        """Go on as if nothing had been."""
        self.frozen = False
        self._arm()

    def bury(self) -> None:
        """End what is left of it when the story is over, so that nothing runs when it is collected."""
        self.dead = False
        self.frozen = False
        for _ in range(50):
            tasks = self._tasks = [task for task in self._tasks if not task.done()]
            if not tasks:
                break
            for task in tasks:
                task.cancel()
            for _ in range(20):
                self._round()
        self.dead = True
        self._ready.clear()
        self._timers.clear()

    def _turn(self, when: float) -> None:
        if self._armed != when:
            return  # it was called earlier than that
        self._armed = None
        if not self.dead and not self.frozen:
            self._round()
            self._arm()

    def _round(self) -> None:
        now = self.time()
        while self._timers and self._timers[0][0] <= now:
            self._ready.append(heapq.heappop(self._timers)[2])
        before = asyncio._get_running_loop()
        asyncio._set_running_loop(self)
        self._in_round = True
        try:
            for _ in range(len(self._ready)):
                if self.dead or self.frozen:
                    break  # struck in the middle: what is left never runs, or when it thaws
                handle = self._ready.popleft()
                if not handle.cancelled():
                    handle._run()
        finally:
            self._in_round = False
            asyncio._set_running_loop(before)

    def _arm(self) -> None:
        if self._in_round or self.frozen or self.dead:
            return  # it is seen to at the end of the round, when it thaws, or never
        while self._timers and self._timers[0][2].cancelled():
            heapq.heappop(self._timers)
        if self._ready:
            when = self._world.time
        elif self._timers:
            when = max(self._world.time, self._clock.true_time(self._timers[0][0]))
        else:
            return
        if self._armed is None or when < self._armed:
            self._armed = when
            self._world.at(when, lambda: self._turn(when))

    # ---- what asyncio asks of a loop

    def time(self) -> float:
        """Answer the host's clock."""
        return self._clock.read().raw

    def call_soon(
        self, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        """Call in the next round."""
        handle = asyncio.Handle(callback, args, self, context)
        if not self.dead:
            self._ready.append(handle)
            self._arm()
        return handle

    def call_soon_threadsafe(
        self,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        """Call in the next round: there are no threads."""
        return self.call_soon(callback, *args, context=context)

    def call_later(
        self,
        delay: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        """Call after some seconds."""
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        """Call when the host's clock shows that."""
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        if not self.dead:
            heapq.heappush(self._timers, (when, self._world.number(), timer))
            self._arm()
        return timer

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Leave it in the heap: it is passed over when its time has come."""

    def create_future(self) -> asyncio.Future[Any]:
        """Make a future of this loop."""
        return _Future(self._world.number(), self)

    def create_task(self, coro: Coroutine[Any, Any, T] | Generator[Any, None, T], **more: Any) -> asyncio.Task[T]:
        """Make a task of this loop."""
        assert asyncio.iscoroutine(coro)
        task: asyncio.Task[T] = _Task(self._world.number(), coro, loop=self, **more)
        if len(self._tasks) > 200:
            self._tasks = [each for each in self._tasks if not each.done()]
        self._tasks.append(task)
        return task

    def run_in_executor(self, executor: Any, func: Callable[[Unpack[Ts]], T], *args: *Ts) -> asyncio.Future[T]:
        """Do it now and answer a little later, as a thread would."""
        done = self.create_future()
        try:
            result = func(*args)
        except Exception as problem:  # noqa: BLE001 - handed to whoever waits
            self.call_later(0.001, settle, done, None, problem)
        else:
            self.call_later(0.001, settle, done, result)
        return done

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Keep what nobody has handled."""
        self.odd.append(context)

    def get_debug(self) -> bool:
        """Answer no."""
        return False

    def is_running(self) -> bool:
        """Answer yes: it runs whenever the world lets it."""
        return True

    def is_closed(self) -> bool:
        """Answer no: what comes too late is passed over."""
        return False
