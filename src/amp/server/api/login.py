"""/v1/login and /v1/logout: the console's sessions. Clients with Basic credentials never need them."""

from __future__ import annotations

from starlette.responses import Response

from amp.server.answers import as_json, nothing
from amp.server.auth import REALM
from amp.server.routing import Call, Route
from amp.server.sessions import Sessions


class Login:
    """The resources `/login`, `/session` and `/logout`."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def routes(self) -> tuple[Route, ...]:
        """What this resource answers."""
        return (
            Route("POST", "/login", self.login, "Begin a session, given Basic credentials", token=False),
            Route("GET", "/session", self.session, "Whose session this is, and its token"),
            Route("POST", "/logout", self.logout, "End the session"),
            Route("POST", "/logout/unauthorize", self.unauthorize, "End the session and answer 401"),
            Route("POST", "/logout/{user}", self.logout_user, "End the session of a user, who must be the caller"),
        )

    async def login(self, call: Call) -> Response:
        """Begin a session for whoever the credentials name. Cookies carry it and its token."""
        if call.session is not None:
            self._sessions.close(call.session)
        session = self._sessions.open(call.user)
        response = as_json({"user": call.user, "csrfToken": session.token})
        self._sessions.give_cookies(response, session, https=call.https)
        return response

    async def session(self, call: Call) -> Response:
        """Tell who is logged in; 204 without a session."""
        if call.session is None:
            return nothing()
        return as_json({"user": call.user, "csrfToken": call.session.token})

    async def logout(self, call: Call) -> Response:
        """End the session; `user` must be the caller, `unauthorize` is the message of a 401 instead of the 200."""
        wanted, message = call.query.get("user"), call.query.get("unauthorize")
        if wanted is not None and wanted != call.user:
            answer = _map(call, f"User '{call.by}' cannot log out '{wanted}'")
            return as_json({**answer, "requestedUser": wanted}, 403)
        return self._ended(call, as_json(_map(call, message or f"Logged out user {call.by}"), 401 if message else 200))

    async def unauthorize(self, call: Call) -> Response:
        """End the session with a 401, which makes browsers forget Basic credentials."""
        challenge = {} if call.console else {"WWW-Authenticate": REALM}
        return self._ended(call, Response(status_code=401, headers=challenge))

    async def logout_user(self, call: Call) -> Response:
        """End the session of the user that is named."""
        if call.params["user"] != call.user:
            return as_json({**_map(call, "Not the current user"), "requestedUser": call.params["user"]}, 403)
        return self._ended(call, nothing(200))

    def _ended(self, call: Call, response: Response) -> Response:
        if call.session is not None:
            self._sessions.close(call.session)
        if call.cookies:
            self._sessions.take_cookies(response)
        return response


def _map(call: Call, message: str) -> dict[str, str]:
    answer = {"message": message}
    if call.user is not None:
        answer["currentUser"] = call.user
    if call.session is not None:
        answer["sessionId"] = call.session.id[:8]
    return answer
