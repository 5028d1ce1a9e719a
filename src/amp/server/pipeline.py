"""What every request of the API passes, in the order that decides which error wins.

Log in (401), the table of paths (404, 405, 406, 415: empty bodies), the HA gate (403), the session's token and what
whoever asks is entitled to (403), what a reader insists on (503), the size of the body (413), then the resource. What
took time may have cost the node its office, so the gate is asked again after it. Every answer carries the plane's term
and the position that it was made at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from amp.kit.clock import Clock
from amp.kit.errors import AmpError, Missing
from amp.kit.ids import Entropy
from amp.plane.views import HaState, Views
from amp.server import errors, freshness, ha_gate
from amp.server.again import Again, may_be_kept
from amp.server.auth import REALM, Authenticator, Refused
from amp.server.entitlements import Level, Right, level_of
from amp.server.errors import Forbidden, TooLarge
from amp.server.forwarding import FORWARDED, Forwarding, Passed
from amp.server.negotiation import chosen, media_type
from amp.server.repeats import Repeats, key_in
from amp.server.routing import Call, Route, Table, segments_of
from amp.server.sessions import MODE_HEADER, TOKEN_COOKIES, Session, Sessions, check_token, parse_mode
from amp.settings import Settings

_HEADERS = [
    (b"cache-control", b"no-cache, no-store"),
    (b"pragma", b"no-cache"),
    (b"expires", b"0"),
    (b"x-content-type-options", b"nosniff"),
]
_CONSOLE = "AMP-Console"
_READS = ("GET", "HEAD")


class Pipeline:
    """Answers requests below /v1."""

    def __init__(
        self,
        table: Table,
        views: Views,
        settings: Settings,
        sessions: Sessions,
        clock: Clock,
        entropy: Entropy,
        forwarding: Forwarding | None = None,
    ) -> None:
        self._table = table
        self._views = views
        self._sessions = sessions
        self._clock = clock
        self._entropy = entropy
        self._settings = settings
        self._authenticator = Authenticator(settings, clock, entropy)
        self._levels: dict[str | None, Level] = {}  # only of users who have logged in: there are no others
        self.again = Again(views, lambda: self._authenticator.slows, self._failed, entropy)
        self._repeats = Repeats(views)
        self._forwarding = forwarding

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self._settings

    def adopt(self, settings: Settings) -> None:
        """Let other users, passwords and entitlements count from now on."""
        self._settings = settings
        self._authenticator = Authenticator(settings, self._clock, self._entropy)
        self._sessions.close_all()
        self._levels.clear()
        self.again.forget()

    def _failed(self, problem: BaseException) -> Response:
        """Answer a write that was begun without the pipeline and has failed."""
        if isinstance(problem, AmpError):
            response = errors.answer(problem, self._entropy)
        else:
            response = errors.bug(problem, self._entropy)
        response.raw_headers += _HEADERS
        return response

    async def answer(self, request: Request) -> Response:
        """Answer one request."""
        try:
            response = await self._answer(request)
        except AmpError as error:
            response = errors.answer(error, self._entropy)
        except ClientDisconnect:
            response = Response(status_code=400)
        except Exception as error:  # noqa: BLE001  the edge: a bug becomes a 500 with a reference, and a log entry
            response = errors.bug(error, self._entropy)
        response.raw_headers += _HEADERS
        query = request.scope["query_string"]
        target = request.scope["raw_path"] + (b"?" + query if query else b"")
        self.again.keep(request.method, target, request.scope["headers"], response)
        if isinstance(response, Passed):
            return response  # with the term and the position of the master
        response.raw_headers.append((b"amp-term", b"%d" % self._views.term))
        response.raw_headers.append((b"amp-seq", b"%d" % self._views.seq))
        return response

    async def _answer(self, request: Request) -> Response:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.scope["headers"]}
        console = headers.get("x-requested-with") == _CONSOLE
        session = self._sessions.of(request.cookies) if "cookie" in headers else None
        given = headers.get("authorization")
        user = session.user if session is not None else None
        if given is not None or session is None:
            verdict = self._authenticator.check(given, request.client.host if request.client else "")
            if isinstance(verdict, Refused):
                stream = "text/event-stream" in headers.get("accept", "")  # a page's EventSource sends no other sign
                quiet = console or stream or self._sessions.cookie in request.cookies
                return _refused(verdict, quiet)
            if session is not None and session.user != verdict.user:
                session = None
            user = verdict.user
        segments = segments_of(request.scope.get("raw_path") or request.scope["path"].encode())[1:]
        found = self._table.find(segments)
        if found is None:
            return Response(status_code=404)
        routes, values = found
        match = _route(request.method, headers, routes)
        if isinstance(match, Response):
            return match
        route, accepted = match
        asked = _Asked(request.method, "/".join(segments), route, headers.get(ha_gate.HEADER.lower()))
        closed = _closed(asked, self._views.ha_state())
        if closed is not None and not self._passes_on(asked, headers):
            return closed
        _check_origin(request.method, headers.get("sec-fetch-site"))
        opened = self._session_asked_for(headers.get(MODE_HEADER.lower()), session, user)
        session = opened or session
        if session is not None and opened is None and (route.token or given is None):
            token = headers.get("x-csrf-token", headers.get("x-xsrf-token"))
            try:
                check_token(session, request.method, token, by_cookie=given is None)
            except Forbidden as error:
                # The other node of this address may have overwritten the cookie: give it again, so that a retry works.
                return self._with_cookies(errors.api_error(403, error.message), request, session)
        level = self._level(user)
        _check_right(route, level, user, values)
        took_time = closed is None and await freshness.insist(self._views, headers, freshness.PATIENCE)
        body = await _body(request, headers, route.body_limit)
        if took_time or request.method not in _READS:
            closed = _closed(asked, self._views.ha_state())
            if closed is not None:
                return await self._elsewhere(request, asked, headers, body) or closed
        call = Call(
            method=request.method,
            params=dict(zip(route.names, values, strict=True)),
            query=request.query_params,
            cookies=request.cookies,
            body=body,
            content_type=media_type(headers.get("content-type")),
            accepted=accepted,
            user=user,
            level=level,
            session=session,
            status=self._views.ha,
            scheme=request.scope["scheme"],
            host=headers.get("host", ""),
            console=console,
        )
        response = await self._handled(request, call, route, segments)
        may_be_kept(response, call, hot=route.hot)
        if opened is not None or (session is not None and request.cookies.get(TOKEN_COOKIES[0]) != session.token):
            self._with_cookies(response, request, session)
        return response

    def _level(self, user: str | None) -> Level:
        known = self._levels.get(user)
        if known is None:
            known = self._levels[user] = level_of(user, self._settings.properties)
        return known

    def _passes_on(self, asked: _Asked, headers: Mapping[str, str]) -> bool:
        """Tell whether this node has the master do what it may not do itself."""
        known = "authorization" in headers or self._authenticator.open_to_all  # a session is known to one node alone
        return self._forwarding is not None and asked.route.change and known and FORWARDED.lower() not in headers

    async def _elsewhere(
        self, request: Request, asked: _Asked, headers: Mapping[str, str], body: bytes
    ) -> Response | None:
        if self._forwarding is None or not self._passes_on(asked, headers):
            return None
        base = f"{request.scope['scheme']}://{headers.get('host', '')}"
        return await self._forwarding.forward(request, headers, body, base)

    async def _handled(self, request: Request, call: Call, route: Route, segments: tuple[str, ...]) -> Response:
        key = key_in(request.scope["headers"]) if request.method not in _READS else None
        if key is None or not route.change:  # what concerns this node alone is no commit that could hold an answer
            return await route.handle(call)
        return await self._repeats.answer(call, key, segments, route.handle)

    def _session_asked_for(self, mode: str | None, session: Session | None, user: str | None) -> Session | None:
        """Begin a session where the client's header asks for one; answers it only when it is new."""
        if mode is None:
            return None
        if session is None:
            return self._sessions.open(user, mode)
        if parse_mode(mode) != session.mode:
            self._sessions.with_mode(session, mode)
        return None

    def _with_cookies(self, response: Response, request: Request, session: Session | None) -> Response:
        # A logout has set its own cookies: an answer that ends the session must not give it again.
        if session is not None and self._sessions.is_open(session):
            self._sessions.give_cookies(response, session, https=request.scope["scheme"] == "https")
        return response


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the HA gate is told of a request."""

    method: str
    path: str
    route: Route
    header: str | None


def _closed(asked: _Asked, ha: HaState) -> Response | None:
    """Answer the 403 of a node that does not do this in its state, None where it does."""
    message = ha_gate.refusal(
        state=ha.state,
        loaded=ha.loaded,
        method=asked.method,
        path=asked.path,
        hot=asked.route.hot,
        change=asked.route.change,
        header=asked.header,
    )
    return errors.closed(message, ha.poll_period_s if ha.fenced else None) if message is not None else None


def _refused(verdict: Refused, quiet: bool) -> Response:
    status = 429 if verdict.retry_after is not None else 401
    response = Response(verdict.text, status, media_type="text/plain")
    if verdict.retry_after is not None:
        response.headers["Retry-After"] = str(verdict.retry_after)
    elif not quiet:  # a challenge would make a browser open a box of its own over the console
        response.headers["WWW-Authenticate"] = REALM
    return response


def _route(verb: str, headers: Mapping[str, str], routes: Mapping[str, Route]) -> tuple[Route, str] | Response:
    method = "GET" if verb == "HEAD" else verb
    route = routes.get(method)
    if route is None:
        allowed = sorted({*routes, *(["HEAD"] if "GET" in routes else ()), "OPTIONS"})
        return Response(status_code=200 if method == "OPTIONS" else 405, headers={"Allow": ", ".join(allowed)})
    accepted = chosen(headers.get("accept"), route.produces)
    if accepted is None:
        return Response(status_code=406)
    has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    if route.consumes is not None and has_body and media_type(headers.get("content-type")) not in route.consumes:
        return Response(status_code=415)
    return route, accepted


def _check_origin(method: str, site: str | None) -> None:
    # A browser sends Basic credentials that it remembers along with any page's form; only browsers send this header.
    if method not in ("GET", "HEAD", "OPTIONS") and site in ("cross-site", "same-site"):
        raise Forbidden("Writes that a browser sends for a page of another site are refused")


def _check_right(route: Route, level: Level, user: str | None, values: tuple[str, ...]) -> None:
    if route.right is None or route.right in level.rights:
        return
    if route.right is Right.SEE_ENTITY and values:
        # What somebody may not see does not exist for them.
        raise Missing(f"Application '{values[0]}' not found")
    raise Forbidden(f"User '{user or ''}' is not authorized to {route.right.value}")


async def _body(request: Request, headers: Mapping[str, str], limit: int) -> bytes:
    if request.method in _READS:
        return b""
    declared = headers.get("content-length", "")
    parts, size = [], int(declared) if declared.isdigit() else 0
    if size <= limit:
        size = 0
        more = True
        while more and size <= limit:
            message = await request.receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            part, more = message.get("body", b""), message.get("more_body", False)
            size += len(part)
            parts.append(part)
    if size > limit:
        raise TooLarge(f"the body is larger than the {limit} bytes that are taken here")
    return b"".join(parts)


#: Reads the settings files again. Raises: Invalid.
Reload = Callable[[], Settings]
