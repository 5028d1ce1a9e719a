"""What a client sees while the master changes: writes and reads all the time, and how long they did not work.

`Writes` writes where it was answered last and, when refused, turns to the other node, as a client does that knows both.
`Reads` reads from the standby alone, which is meant to answer throughout. `figures` is pure. What is written leaves
nothing behind: `POST /v1/ha/probe` takes the way of every write, and changes nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from statistics import median

from amp.cli.client import Client
from amp.cli.exits import Refused
from amp.kit.clock import Clock
from amp.kit.errors import AmpError

PROBE = "/v1/ha/probe"
READ = "/v1/applications"
#: Between two requests of one kind, in seconds; and how long one of them may take.
_PAUSE, _PATIENCE = 0.02, 3.0


@dataclass(frozen=True, slots=True)
class Figures:
    """One kind of request. Times in seconds. `away`: the longest time from one success to the next."""

    done: int
    failed: int
    usual_s: float
    away_s: float
    unknown: int = 0


@dataclass(slots=True)
class Tally:
    """Successes, as (begun, ended), and how many were refused, failed, or of unknown fate."""

    ended: list[tuple[float, float]] = field(default_factory=list)
    failed: int = 0
    unknown: int = 0
    why: str = ""


def figures(tally: Tally) -> Figures:
    """Work out what a tally says."""
    ends = [end for _, end in tally.ended]
    gaps = [later - earlier for earlier, later in pairwise(ends)]
    usual = median(end - begun for begun, end in tally.ended) if tally.ended else 0.0
    return Figures(len(ends), tally.failed, usual, max(gaps, default=0.0), tally.unknown)


class _Asking:
    """Asks again and again in a thread of its own, from `start` to `stop`."""

    def __init__(self, clock: Clock) -> None:
        self.tally = Tally()
        self._clock = clock
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> Figures:
        """End, and answer what was seen."""
        self._stopping.set()
        self._thread.join(_PATIENCE * 3)
        return figures(self.tally)

    def has_done(self, more_than: int) -> bool:
        """Tell whether more than so many have succeeded."""
        return len(self.tally.ended) > more_than

    def _run(self) -> None:
        while not self._stopping.is_set():
            begun = self._clock.read().raw
            try:
                self.ask()
            except AmpError as error:
                self.tally.failed += 1
                self.tally.unknown += bool(getattr(error, "unknown", False))
                self.tally.why = error.message
                self.failed(error)
            else:
                self.tally.ended.append((begun, self._clock.read().raw))
            self._stopping.wait(_PAUSE)

    def ask(self) -> None:
        """Ask once. Raises: AmpError."""
        raise NotImplementedError

    def failed(self, error: AmpError) -> None:
        """Something went wrong."""


class Writes(_Asking):
    """Writes to the master of the moment, of these nodes."""

    def __init__(self, clients: Sequence[Client], clock: Clock) -> None:
        super().__init__(clock)
        self._clients = [replace(each, timeout=_PATIENCE) for each in clients]
        self._at = 0

    def ask(self) -> None:
        """Write."""
        self._clients[self._at].call("POST", PROBE)

    def failed(self, error: AmpError) -> None:
        """Turn to the next node."""
        if not isinstance(error, Refused):
            self._at = (self._at + 1) % len(self._clients)


class Reads(_Asking):
    """Reads from one node."""

    def __init__(self, client: Client, clock: Clock) -> None:
        super().__init__(clock)
        self._client = replace(client, timeout=_PATIENCE)

    def ask(self) -> None:
        """Read."""
        self._client.get(READ)


def until(condition: Callable[[], bool], within: float, clock: Clock, wait: Callable[[float], object]) -> bool:
    """Look again and again; False when it has not come true after so many seconds."""
    end = clock.read().raw + within
    while not condition():
        if clock.read().raw > end:
            return False
        wait(_PAUSE)
    return True
