"""/v1/server/ha: the plane in Brooklyn's words, and what an operator may change about this node."""

from __future__ import annotations

from starlette.responses import Response

from amp.ha.modes import HaMode
from amp.kit.clock import Clock
from amp.kit.errors import Invalid
from amp.plane.views import HaControl, Views
from amp.server.again import lasting
from amp.server.answers import as_json, nothing
from amp.server.bodies import field
from amp.server.entitlements import Right
from amp.server.routing import FORM, Call, Route
from amp.server.shapes.plane import ha_summary, metrics


class HighAvailability:
    """The resource `/server/ha`."""

    def __init__(self, views: Views, control: HaControl, clock: Clock) -> None:
        self._views = views
        self._control = control
        self._clock = clock

    def routes(self) -> tuple[Route, ...]:
        """What this resource answers."""
        status, figures, admin = Right.SERVER_STATUS, Right.HA_STATS, Right.HA_ADMIN
        form = (FORM,)
        return (
            Route("GET", "/server/ha/state", self.state, "State of this node", status),
            Route("POST", "/server/ha/state", self.set_mode, "Change the mode of this node", admin, consumes=form),
            Route("GET", "/server/ha/states", self.states, "All nodes of the plane", status),
            Route("POST", "/server/ha/states/clear", self.clear, "Forget nodes that are gone", admin),
            Route("POST", "/server/ha/states/clear/node", self.clear_node, "Forget one node", admin, consumes=form),
            Route("GET", "/server/ha/priority", self.priority, "Election priority of this node", figures),
            Route(
                "POST", "/server/ha/priority", self.set_priority, "Change the election priority", admin, consumes=form
            ),
            Route("GET", "/server/ha/metrics", self.metrics, "Figures of this node and its store", figures),
        )

    async def state(self, call: Call) -> Response:
        """Tell this node's state."""
        state = call.ha.state
        return lasting(state, lambda views: views.ha_state().state == state)

    async def set_mode(self, call: Call) -> Response:
        """Change the mode; answers the state before."""
        wanted = (field(call, "mode") or "").strip().upper()
        modes = ", ".join(HaMode)
        if not wanted:
            raise Invalid(f"the form field 'mode' is missing: send one of {modes}")
        if wanted not in HaMode.__members__:
            raise Invalid(f"unknown mode {wanted!r}: send one of {modes}")
        force = (field(call, "force") or "").strip().lower() == "true"
        return as_json(await self._control.set_mode(wanted, force=force))

    async def states(self, call: Call) -> Response:
        """Tell all nodes."""
        return as_json(ha_summary(call.ha))

    async def clear(self, call: Call) -> Response:
        """Forget all nodes that are gone."""
        await self._control.clear_nodes()
        return nothing(200)

    async def clear_node(self, call: Call) -> Response:
        """Forget the node that is named; one that is not known needs nothing."""
        node = field(call, "nodeId")
        if not node:
            raise Invalid("the form field 'nodeId' is missing: send the id of the node to forget")
        await self._control.clear_nodes(node)
        return nothing(200)

    async def priority(self, call: Call) -> Response:
        """Tell this node's election priority."""
        return as_json(call.ha.priority)

    async def set_priority(self, call: Call) -> Response:
        """Change the election priority; answers the one before."""
        text = (field(call, "priority") or "0").strip()
        try:
            priority = int(text)
        except ValueError:
            raise Invalid(f"priority must be a whole number, not {text!r}") from None
        if abs(priority) >= 2**63:
            raise Invalid(f"priority must fit into 64 bits, which {text} does not")
        return as_json(await self._control.set_priority(priority))

    async def metrics(self, call: Call) -> Response:
        """Tell what this node did and how its store answered."""
        return as_json(metrics(call.ha, self._views.store_metrics(), self._clock.read().wall_ms))
