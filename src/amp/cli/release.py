"""`amp ha release`, for service managers: after the node of a home died, tells the others at once.

The rule: it has the home's `instance.lock` from before it reads the journal until after it has written, and never
writes into that file, so that the next start of the home has its proof, too. What may be written is decided by
`ha.release`. Nothing to do is no failure.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from pathlib import Path

from amp.cli.claim import running
from amp.cli.config import load
from amp.cli.exits import OK
from amp.ha.instance import InstanceLock
from amp.ha.release import Released
from amp.ha.release import release as resign_for
from amp.kit.clock import Clock
from amp.kit.errors import Invalid, Unavailable
from amp.kit.ids import system_entropy
from amp.store.open import open_store
from amp.store.place import StoreSettings

#: Seconds: for a process that was killed just now to be gone; for one request; for all of them.
_PATIENCE, _REQUEST, _LIMIT = 1.0, 5.0, 30.0
_TICK = 0.05


def release(home: Path, clock: Clock) -> int:
    """Resign for the node of `home`, if it led and is proven dead; says what was done, answers the exit code.

    Raises: Unavailable, when the store cannot be reached; Invalid.
    """
    home = home.absolute()
    path = home / "data" / "instance.lock"
    try:
        is_home, has_run = (home / "etc").is_dir(), path.exists()
    except OSError as error:
        raise Invalid(
            f"{error.filename}: cannot be read: {error.strerror}: run this as the user who runs AMP"
        ) from None
    if not is_home:
        raise Invalid(f"{home} is not the home of an AMP server (it has no etc/): make one with: amp init {home}")
    if not has_run:
        return _nothing(f"no node of {home} has run yet")
    place = load(home, os.environ).store
    if place is None:
        return _nothing(f"{home} has no store that it shares: its persistMode is DISABLED")
    lock = InstanceLock(path)
    try:
        if not _take(lock, home, clock):
            return _nothing(_no_proof(lock, home))
        done = _resign(place, lock, clock)
    finally:
        lock.release()
    if not done.done:
        return _nothing(done.why)
    heir = f"node {done.successor} is" if done.successor else "no other node is known"
    print(f"{done.why}: {heir} to take over")
    return OK


def _nothing(why: str) -> int:
    print(f"nothing to do: {why}")
    return OK


def _take(lock: InstanceLock, home: Path, clock: Clock) -> bool:
    """Take the lock with its proof; a process that ends just now is given a moment."""
    begin = clock.read().raw
    while running(home) is None:  # a node that starts must not find its lock taken by us
        lock.take()
        if lock.dead is not None:
            return True
        if clock.read().raw - begin > _PATIENCE:
            return False
        lock.release()
        time.sleep(_TICK)
    return False


def _no_proof(lock: InstanceLock, home: Path) -> str:
    node = running(home)
    if node is not None:
        return f"a node of {home} runs, pid {node.pid}"
    if not lock.held:
        return f"another process has {home}/data/instance.lock"
    return f"{home}/data/instance.lock does not prove that the last run is dead, so the others wait for their timers"


def _resign(place: StoreSettings, lock: InstanceLock, clock: Clock) -> Released:
    # what a store's own log would say is in the error that ends the command
    logging.getLogger("amp.store").addHandler(logging.NullHandler())

    async def work() -> Released:
        objects = open_store(place, timeout=_REQUEST)
        try:
            async with asyncio.timeout(_LIMIT):
                return await resign_for(objects, lock, clock, system_entropy)
        except TimeoutError:
            raise Unavailable(f"{objects.name} has not answered all that was asked within {_LIMIT:g} s") from None
        finally:
            await objects.close()

    return asyncio.run(work())
