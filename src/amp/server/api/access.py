"""/v1/access: whether locations may be provisioned, for the whole plane."""

from __future__ import annotations

from starlette.responses import Response

from amp.kit.errors import Invalid
from amp.plane.requests import Requests
from amp.plane.views import Views
from amp.server.answers import as_json, nothing
from amp.server.entitlements import Right
from amp.server.routing import Call, Route


class Access:
    """The resource `/access`."""

    def __init__(self, views: Views, requests: Requests) -> None:
        self._views = views
        self._requests = requests

    def routes(self) -> tuple[Route, ...]:
        """What this resource answers."""
        return (
            Route("GET", "/access", self.show, "What is allowed", Right.SERVER_STATUS),
            Route(
                "POST",
                "/access/locationProvisioningAllowed",
                self.allow_provisioning,
                "Allow or forbid provisioning",
                Right.HA_ADMIN,
                change=True,
            ),
        )

    async def show(self, call: Call) -> Response:
        """Tell what is allowed."""
        allowed = self._views.model.location_provisioning_allowed
        return as_json({"locationProvisioningAllowed": allowed, "links": {"self": "/v1/access"}})

    async def allow_provisioning(self, call: Call) -> Response:
        """Allow or forbid provisioning."""
        if "allowed" not in call.query:
            raise Invalid("the parameter 'allowed' is missing: write ?allowed=true or ?allowed=false")
        await self._requests.set_access(call.flag("allowed"), receipt=call.receipt_for(lambda *_: nothing(200)))
        return nothing(200)
