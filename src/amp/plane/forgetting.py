"""Forgets answers to requests with a key, a day after this leader first saw them.

Age is counted by the leader's own clock and starts anew with each leader, so no two clocks are compared and nothing is
forgotten early: a key is good for a day at least. It happens by a Change, so that all nodes forget the same.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable

from amp.kit.clock import Clock
from amp.kit.errors import Fenced, Unavailable
from amp.model import changes as c
from amp.model.model import Model
from amp.plane.recorder import Recorder

_LOG = logging.getLogger(__name__)

#: How long an answer is kept at least, and how often it is looked whether some are older, in seconds.
AGE, EVERY = 24 * 3600.0, 600.0


class Ages:
    """How many answers had come by when. `mark` the moment, then ask how many are `due`; `now` in seconds."""

    def __init__(self) -> None:
        self._marks: deque[tuple[float, int]] = deque()

    def mark(self, now: float, taken: int) -> None:
        """Note that by now so many answers have come to this model."""
        self._marks.append((now, taken))

    def due(self, now: float, forgotten: int) -> int:
        """Answer how many of the oldest are over age, when so many are forgotten already."""
        while len(self._marks) > 1 and now - self._marks[1][0] >= AGE:
            self._marks.popleft()
        at, taken = self._marks[0]
        return max(0, taken - forgotten) if now - at >= AGE else 0


async def forget_old(
    recorder: Recorder,
    model: Callable[[], Model],
    clock: Clock,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Forget what is over age, for as long as this office lasts."""
    ages = Ages()
    while True:
        now, known = clock.read().boot, model()
        ages.mark(now, known.answers_taken)
        count = ages.due(now, known.answers_taken - len(known.answers))
        if count:
            try:
                await recorder.commit([c.AnswersForgotten(count)])
            except (Fenced, Unavailable) as problem:
                _LOG.debug("old answers are forgotten later: %s", problem.message)
        await sleep(EVERY)
