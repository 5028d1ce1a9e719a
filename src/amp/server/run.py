"""The listening socket and the HTTP server on it.

The port is bound first of all, before anything is written to the store. Signals belong to `app`, which resigns first;
so the server's own handling of them is switched off. It ends when `stopping` is set: streams end, and requests under
way are answered, within five seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Iterator
from functools import partial

import uvicorn
from starlette.types import ASGIApp

from amp.kit.errors import Conflict, Invalid
from amp.server.again import Again
from amp.server.wire import Wire

_GRACE = 5


def bind(host: str, port: int) -> socket.socket:
    """Bind and listen. Raises: Conflict, when the port is in use; Invalid; both say what to do."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(1024)
        sock.setblocking(False)
    except (OSError, OverflowError) as error:
        sock.close()
        kind = Conflict if isinstance(error, OSError) and error.errno == errno.EADDRINUSE else Invalid
        raise kind(_why(error, host, port)) from None
    return sock


def _why(error: OSError | OverflowError, host: str, port: int) -> str:
    code = error.errno if isinstance(error, OSError) else None
    setting = "org.osgi.service.http.port in etc/org.ops4j.pax.web.cfg"
    if code == errno.EADDRINUSE:
        return f"port {port} is in use on {host}: stop what listens there, or set another port ({setting})"
    if code == errno.EACCES:
        return f"port {port} may not be used by this user: set a port above 1023 ({setting})"
    if code == errno.EADDRNOTAVAIL:
        return f"{host} is not an address of this machine: set one that is, or 0.0.0.0 for all"
    return f"cannot listen on {host} port {port}: {error}"


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to whoever runs the loop."""
        yield


async def serve(app: ASGIApp, sock: socket.socket, stopping: asyncio.Event, again: Again | None = None) -> None:
    """Serve on a bound socket until `stopping` is set; what `again` can answer does not reach the application."""
    config = uvicorn.Config(
        app,
        http=partial(Wire, again) if again is not None else "httptools",  # type: ignore[arg-type]  # called, as a type
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=_GRACE,
        access_log=False,
        log_config=None,
        server_header=False,
    )
    server = _Server(config)

    async def stop() -> None:
        await stopping.wait()
        server.should_exit = True

    async with asyncio.TaskGroup() as group:
        watch = group.create_task(stop())
        await server.serve(sockets=[sock])
        watch.cancel()
