"""/v1/server: this node itself. Answers in every state; load balancers, monitoring and `br` read it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from starlette.responses import Response

from amp import __version__
from amp.kit.durations import parse_duration
from amp.kit.errors import AmpError, Invalid, Unavailable
from amp.plane.requests import Requests
from amp.plane.views import HaControl, Views
from amp.server.answers import as_json, nothing, raw, value_or_nothing
from amp.server.bodies import field
from amp.server.entitlements import Right
from amp.server.errors import Forbidden
from amp.server.routing import FORM, Call, Route
from amp.server.shapes.plane import is_healthy, is_up, up_extended
from amp.settings import Settings

Reload = Callable[[], Settings]


class Node:
    """The resource `/server`, without `/server/ha`. `adopt` takes settings that were read again."""

    def __init__(
        self,
        views: Views,
        control: HaControl,
        requests: Requests,
        settings: Callable[[], Settings],
        reload: Reload,
        adopt: Callable[[Settings], None],
    ) -> None:
        self._views = views
        self._control = control
        self._requests = requests
        self._settings = settings
        self._reload = reload
        self._adopt = adopt

    def routes(self) -> tuple[Route, ...]:
        """What this resource answers."""
        status, info = Right.SERVER_STATUS, Right.SEE_ALL_SERVER_INFO
        return (
            Route("GET", "/server/version", self.version, "Version of this server", status),
            Route("GET", "/server/up", self.up, "Whether this node serves", status),
            Route("GET", "/server/up/extended", self.up_extended, "Whether it serves, and how the plane is", status),
            Route("GET", "/server/healthy", self.healthy, "Whether it serves and nothing is wrong", status),
            Route("GET", "/server/shuttingDown", self.shutting_down, "Whether it is stopping", status),
            Route("GET", "/server/planeid", self.plane_id, "Id of the plane", status),
            Route("GET", "/server/user", self.user, "Name of whoever asks"),
            Route("GET", "/server/config/{key}", self.config, "A key of brooklyn.cfg", info),
            Route("POST", "/server/properties/reload", self.reload, "Read users and rights from the files again", info),
            Route("POST", "/server/shutdown", self.shut_down, "Stop this node", Right.SHUTDOWN, consumes=(FORM,)),
        )

    async def version(self, call: Call) -> Response:
        """Tell the version."""
        return as_json(
            {"version": __version__, "buildSha1": None, "buildBranch": "UNKNOWN_BRANCH", "features": []},
        )

    async def up(self, call: Call) -> Response:
        """Tell whether this node serves."""
        return as_json(is_up(call.ha))

    async def up_extended(self, call: Call) -> Response:
        """Tell whether this node serves, and the plane with it."""
        return as_json(up_extended(call.ha))

    async def healthy(self, call: Call) -> Response:
        """Tell whether this node is well."""
        return as_json(is_healthy(call.ha))

    async def shutting_down(self, call: Call) -> Response:
        """Tell whether this node is stopping."""
        return as_json(call.ha.shutting_down)

    async def plane_id(self, call: Call) -> Response:
        """Tell the plane's id, unquoted; empty while it is not known."""
        return raw(call.ha.plane or "")

    async def user(self, call: Call) -> Response:
        """Tell whoever asks who they are."""
        return value_or_nothing(call.user)

    async def config(self, call: Call) -> Response:
        """Show a configuration key, secret or not: this needs a right that only administrators have."""
        return value_or_nothing(self._settings().properties.get(call.params["key"]))

    async def reload(self, call: Call) -> Response:
        """Read the files again; users, passwords and rights count from now on, and sessions end."""
        self._adopt(await asyncio.to_thread(self._reload))
        return nothing()

    async def shut_down(self, call: Call) -> Response:
        """Stop this node cleanly, after all applications where that is asked for."""
        delay = _duration(call, "delayForHttpReturn", "5s")
        millis = field(call, "delayMillis")
        if millis is not None:
            delay = _duration(call, "delayMillis", "0")
        if _flag(call, "stopAppsFirst"):
            if call.ha.state != "MASTER":
                raise Forbidden("Not allowed to stop all apps when server is not master")
            try:
                await self._stop_applications(call.by, _duration(call, "shutdownTimeout", "20s"))
            except AmpError:
                if _flag(call, "forceShutdownOnError"):
                    self._control.shut_down(delay)
                raise
        self._control.shut_down(delay)
        return nothing()

    async def _stop_applications(self, user: str, timeout: float) -> None:
        async def stop(application: str) -> None:
            model = self._views.model
            entity = next((each for each in model.applications() if each.id == application), None)
            if entity is None:
                return
            task = await self._requests.invoke(entity.id, "stop", {}, user=user)
            await self._requests.wait_task(task, None)
            ended = self._views.model.tasks.get(task)
            if ended is not None and ended.status == "failed":
                raise Unavailable(f"{entity.name} ({entity.id}) did not stop: {ended.error}")

        applications = [each.id for each in self._views.model.applications()]
        try:
            async with asyncio.timeout(timeout or None):
                failures = await asyncio.gather(*map(stop, applications), return_exceptions=True)
        except TimeoutError:
            raise Invalid(f"Error or timeout while stopping applications: not all stopped in {timeout:g} s") from None
        for failure in failures:
            if isinstance(failure, AmpError):
                raise Invalid(f"Error or timeout while stopping applications: {failure.message}")
            if failure is not None:
                raise failure


def _flag(call: Call, name: str) -> bool:
    return (field(call, name) or "").strip().lower() == "true"


def _duration(call: Call, name: str, default: str) -> float:
    seconds = parse_duration((field(call, name) or "").strip() or default)
    if not math.isfinite(seconds) or seconds < 0:
        raise Invalid(f"{name} must be a duration of zero or more")
    return seconds
