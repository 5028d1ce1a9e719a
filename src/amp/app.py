"""The only place where objects are made and wired: settings in, a node that serves out.

Order: the port is bound before anything is written; the store is opened and proved; the plane is found or founded; then
the node and its server run side by side until one of them ends. A clean stop resigns first and closes the port last.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from amp import __version__
from amp.entities.types import standard_registry
from amp.ha import founding
from amp.ha.instance import InstanceLock
from amp.ha.machine import Identity, Machine
from amp.ha.modes import PersistMode
from amp.ha.offices import DEATHS, Offices
from amp.kit.clock import Clock, SystemClock
from amp.kit.durations import parse_duration
from amp.kit.errors import AmpError, Conflict, Internal, Invalid, Unavailable
from amp.kit.ids import Entropy, NodeId, Term, nonce, random_id, system_entropy
from amp.plane.control import Control
from amp.plane.door import Door
from amp.plane.hearsay import Hearsay
from amp.plane.leader import Leader
from amp.plane.node import PlaneNode
from amp.plane.peers import Peers
from amp.server.app import build
from amp.server.run import bind, serve
from amp.settings import Settings
from amp.store import blobs, mounts
from amp.store.memory import MemoryObjects
from amp.store.objects import Objects
from amp.store.open import open_store
from amp.store.place import DirectoryStore
from amp.store.probe import probe

_LOG = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Arrival:
    """The plane that the store holds; or the problem with which a node comes up as FAILED, for an operator."""

    plane: founding.Founding | None
    problem: str | None


@dataclass(frozen=True, slots=True)
class Assembled:
    """The parts of a node that is ready to run."""

    node: PlaneNode
    door: Door
    control: Control
    peers: Peers
    hearsay: Hearsay


async def run(
    settings: Settings,
    *,
    ready: Callable[[str], None],
    reload: Callable[[], Settings],
    clock: Clock | None = None,
    entropy: Entropy = system_entropy,
) -> int:
    """Serve until stopped; answers the exit code. `ready` is told the state once HTTP answers and the mode is decided.

    Raises: AmpError, when the start fails; nothing of the node is left behind then.
    """
    clock = clock or SystemClock()
    for warning in settings.warnings:
        _LOG.warning("%s", warning)
    sock = bind(settings.host, settings.port)
    try:
        objects = _open(settings)
        lock = InstanceLock(settings.home / "data" / "instance.lock")
        lock.take()
        try:
            arrival = await _unless_stopped(_arrive(settings, objects, clock, entropy))
            if arrival is None:
                return 0
            assembled = assemble(settings, objects, arrival, clock, entropy, lock)
            return await _run(settings, assembled, sock, ready, reload, clock, entropy)
        finally:
            lock.release()
            await objects.close()
    finally:
        sock.close()


async def _unless_stopped(work: Coroutine[Any, Any, T]) -> T | None:
    """Await what comes before there is a node to stop; None when a signal to stop came first."""
    task = asyncio.get_running_loop().create_task(work)
    _on_stop(task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        if not task.cancelled():
            raise
        _LOG.info("stopped before it took part")
        return None


def _on_stop(act: Callable[[], object]) -> None:
    """Let the signals that ask for a clean stop do this, from now on."""
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, act)


def assemble(
    settings: Settings,
    objects: Objects,
    arrival: Arrival,
    clock: Clock,
    entropy: Entropy,
    lock: InstanceLock,
) -> Assembled:
    """Make a node of its parts."""
    registry = standard_registry()
    offices = Offices(settings.home / "data" / "offices")
    identity = Identity(
        node=random_id(entropy, 8),
        instance=_instance(settings),
        plane=arrival.plane.id if arrival.plane is not None else "",
        name=settings.home.name,
        address=settings.uri,
        version=__version__,
        mode=settings.ha_mode,
        timeout=settings.heartbeat_timeout,
        poll=settings.poll_period,
        hot=settings.standby_is_hot,
        clean=settings.persist_mode is PersistMode.CLEAN,
        rebind=settings.persist_mode is PersistMode.REBIND,
        exit_on_failure=not settings.ignore_persistence_errors,
        local=objects.local,
        started_ms=clock.read().wall_ms,
        dead=frozenset([lock.dead] if lock.dead is not None else []),
        unlucky=offices.deaths() >= DEATHS,
    )
    if identity.unlucky:
        _LOG.warning("%d runs in a row died within a minute of leading: this node ranks last for a while", DEATHS)
    lock.write(identity.node)
    node = PlaneNode(
        Machine(identity, lambda: nonce(entropy)),
        objects,
        clock,
        persist_mode=settings.persist_mode,
        persist_period=settings.persist_period,
        problem=arrival.problem,
    )
    if arrival.plane is not None:
        node.join(arrival.plane)

    def leader(term: int) -> Leader:
        return Leader(
            node.journaling,
            node,
            registry,
            clock,
            entropy,
            NodeId(identity.node),
            Term(term),
            plane=node.machine.identity.plane,
            keep=partial(blobs.keep, objects) if settings.store is not None else None,
        )

    node.make_leader, node.offices = leader, offices
    door = Door(node, node.journaling, registry, clock, entropy, lambda: node.leader)

    async def find() -> founding.Founding:
        return await _find_plane(settings, objects, clock, entropy)

    peers = Peers(identity.node, lambda: node.plane, settings.node_ca)
    hearsay = Hearsay(node.machine, peers, node.elector.feed)
    return Assembled(node, door, Control(node, objects, clock, find, hearsay), peers, hearsay)


def _instance(settings: Settings) -> str:
    """Answer the id of the home directory, which all its runs share."""
    path = settings.home / "data" / "instance"
    try:
        return path.read_text().strip()
    except OSError as problem:
        raise Invalid(
            f"{path} cannot be read ({problem.strerror}): make it with one line of letters and digits"
        ) from None


def _open(settings: Settings) -> Objects:
    if settings.store is None:
        return MemoryObjects()
    return open_store(settings.store, timeout=max(1.0, settings.heartbeat_timeout / 6))


async def _arrive(settings: Settings, objects: Objects, clock: Clock, entropy: Entropy) -> Arrival:
    """Find the plane; where the store cannot be used, say why, if the node is to stay up all the same.

    Raises: as `_find_plane`, unless ignorePersistenceErrors=true.
    """
    try:
        return Arrival(await _find_plane(settings, objects, clock, entropy), None)
    except AmpError as problem:
        if not settings.ignore_persistence_errors:
            raise
        return Arrival(None, problem.message)


async def _find_plane(settings: Settings, objects: Objects, clock: Clock, entropy: Entropy) -> founding.Founding:
    """Prove the store, and find its plane or found one. Raises: Invalid, Unavailable, naming what to do."""
    found = await _first_look(objects)
    if isinstance(settings.store, DirectoryStore):  # only now: a look at a mount that hangs would hang
        for warning in mounts.warnings(settings.store.path):
            _LOG.warning("%s", warning)
    if found is None or found.probed != __version__:
        await probe(objects, entropy)
    if found is None:
        if settings.persist_mode is PersistMode.REBIND:
            raise Invalid(
                f"persistMode=REBIND, but there is no state in {objects.name}: set persistMode=AUTO to start fresh, "
                "or correct persistenceLocation and persistenceDir"
            )
        if settings.ha_mode.needs_master:
            raise Invalid(
                f"highAvailabilityMode={settings.ha_mode}, but there is no master in {objects.name}: "
                "start one first, or set highAvailabilityMode=AUTO"
            )
        found = await founding.found(
            objects, entropy, name=settings.plane_name, version=__version__, now_ms=clock.read().wall_ms
        )
    founding.check_name(found, settings.plane_name)
    if not objects.local and not settings.plane_moved:
        founding.check_place(found, objects.name)
    return found


async def _first_look(objects: Objects) -> founding.Founding | None:
    """Read the plane's object; a store that does not answer at once is given a little time."""
    for attempt in range(3):
        try:
            return await founding.read(objects)
        except Unavailable as problem:
            if attempt == 2:
                raise
            _LOG.warning("%s", problem.message)
            await asyncio.sleep(0.5)
    return None


async def _run(
    settings: Settings,
    assembled: Assembled,
    sock: socket.socket,
    ready: Callable[[str], None],
    reload: Callable[[], Settings],
    clock: Clock,
    entropy: Entropy,
) -> int:
    node = assembled.node
    stopping = asyncio.Event()
    app = build(
        node,
        assembled.control,
        assembled.door,
        settings,
        standard_registry(),
        clock,
        entropy,
        reload=reload,
        stopping=stopping,
        peers=assembled.peers,
        plane=lambda: node.plane,
    )
    _on_stop(node.stop)
    was_ready = False

    async def announce() -> None:
        nonlocal was_ready
        await node.decided.wait()
        status = node.ha()
        if node.elector.reason is None and not status.shutting_down:
            was_ready = True
            ready(status.state)
            await _prune(settings, assembled.control)

    async def live() -> None:
        try:
            await node.run()
        finally:
            stopping.set()

    async with asyncio.TaskGroup() as group:
        server = group.create_task(serve(app, sock, stopping, app.again), name="http")
        announcing = group.create_task(announce(), name="announce")
        asking = group.create_task(assembled.hearsay.of_leader(), name="ask the leader")
        await group.create_task(live(), name="node")
        announcing.cancel()
        asking.cancel()
        await server
    reason = node.elector.reason
    if reason is None:
        return 0
    if not was_ready:
        raise _failure(node.machine, reason)
    _LOG.error("%s", reason)
    return 1


async def _prune(settings: Settings, control: Control) -> None:
    """Forget nodes that have not been heard of for long, where that is wanted."""
    wanted = settings.properties.get("brooklyn.ha.timeoutForInactiveNodeRemovalOnStartup", "0")
    limit = parse_duration(wanted)
    if limit > 0:
        try:
            await control.prune(limit)
        except Unavailable as problem:
            _LOG.warning("old nodes could not be removed: %s", problem.message)


def _failure(machine: Machine, reason: str) -> AmpError:
    """Make the error of a start that failed: its kind tells a script what to do next."""
    if machine.problem is None:
        return Internal(reason)
    return Conflict(reason) if machine.is_taken else Invalid(reason)
