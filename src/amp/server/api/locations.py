"""/v1/locations: the places that the properties name, and those that entities are at."""

from __future__ import annotations

from collections.abc import Callable

from starlette.responses import Response

from amp.kit.errors import Missing
from amp.kit.ids import LocationId
from amp.plane.views import Views
from amp.server.answers import as_json
from amp.server.entitlements import Right
from amp.server.routing import Call, Route
from amp.server.shapes.locations import location_summary, named_locations, named_summary
from amp.settings import Settings


class Locations:
    """The resource `/locations`."""

    def __init__(self, views: Views, settings: Callable[[], Settings]) -> None:
        self._views = views
        self._settings = settings

    def routes(self) -> tuple[Route, ...]:
        """What this resource answers."""
        see = Right.SEE_LOCATIONS
        return (
            Route("GET", "/locations", self.all, "Named locations", see, hot=True),
            Route("GET", "/locations/{location}", self.one, "One location, by id or name", see, hot=True),
        )

    async def all(self, call: Call) -> Response:
        """List the named locations, by name."""
        return as_json([named_summary(place) for place in named_locations(self._settings().properties)])

    async def one(self, call: Call) -> Response:
        """Show a location: a live one by its id, a named one by id or name."""
        wanted = call.params["location"]
        live = self._views.model.locations.get(LocationId(wanted))
        if live is not None:
            return as_json(location_summary(live))
        for place in named_locations(self._settings().properties):
            if wanted in (place.id, place.name):
                return as_json(named_summary(place))
        raise Missing(f"No location matching {wanted}")
