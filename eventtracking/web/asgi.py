"""Note the current request of an ASGI application, and take the events that browsers send to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias, Unpack

from eventtracking.request import AskedVisitor, RequestFacts, TrustedProxies, Visit, current_request
from eventtracking.web.options import CollectorOptions

if TYPE_CHECKING:
    from eventtracking.web.answer import Answer

Scope: TypeAlias = dict[str, Any]
Application: TypeAlias = Callable[[Scope, Any, Any], Awaitable[None]]


class TrackMiddleware:
    """
    Let events know which request they happened in, as long as the application works on it.

    For `http` and `websocket`; everything else passes through. Nothing is read from the
    scope before an event asks. The application's tasks, and its threads by way of
    `asyncio.to_thread`, know the request too, until the application is done with it.

    Args:
        app: The ASGI application.
        trusted_proxies: Addresses and networks of the proxies in front, whose
            `X-Forwarded-For` or `Forwarded` is believed; `unix` for a Unix socket.
            Each must overwrite, or remove, whichever of the two it does not write
            itself: what a client sent under that name would be believed.
        session: Given the scope, returns text that tells the session. Not its key,
            which is as good as a password: see `eventtracking.request.session_digest`.
        user: Given the scope, returns `(user_id, username)`.

    Raises:
        ImproperlyConfigured: If *trusted_proxies* holds anything else.
    """

    def __init__(
        self,
        app: Application,
        *,
        trusted_proxies: Iterable[Any] = (),
        session: Callable[[Scope], str] | None = None,
        user: Callable[[Scope], tuple[Any, str]] | None = None,
    ) -> None:
        self._app = app
        self._trusted_proxies = TrustedProxies(
            trusted_proxies, option="TrackMiddleware: trusted_proxies"
        )
        self._session = session
        self._user = user

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Serve the connection in *scope*."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        facts = RequestFacts(
            # A copy: frameworks that mount applications change the path on the way.
            partial(_environ, scope.copy()),
            visitor=AskedVisitor(scope, session=self._session, user=self._user),
            trusted_proxies=self._trusted_proxies,
        )
        with Visit(facts):
            await self._app(scope, receive, send)

    def __repr__(self) -> str:
        return f"<TrackMiddleware of {self._app!r}>"


class CollectorMiddleware:
    """
    Answer at *path* what the pages of a site send, and leave all the rest to the application.

    Its place is inside `TrackMiddleware`, which tells whose events they are. The client lies
    below the path: `/event/eventtracking.js`.

    Args:
        app: The ASGI application.
        path: Where events are sent to.
        options: The options of `eventtracking.web.collector.Collector`.

    Raises:
        ImproperlyConfigured: If an option is wrong.
    """

    def __init__(
        self, app: Application, path: str = "/event", **options: Unpack[CollectorOptions]
    ) -> None:
        # Here: whoever only notes requests need not load what takes events.
        from eventtracking.web.collector import Collector
        from eventtracking.web.collector.places import places_below

        self._app = app
        self._places = places_below(path)
        self.collector = Collector(**options)

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Serve the connection in *scope*."""
        name = self._name(scope)
        if name is None:
            await self._app(scope, receive, send)
            return
        method, headers = scope["method"], _headers(scope)
        if name:
            answer = self.collector.client_file(name, method, headers)
        else:
            found = await self._answer(method, headers, scope, receive)
            if found is None:
                return
            answer = found
        await _send(answer, send, is_head=method == "HEAD")

    def __repr__(self) -> str:
        return f"<CollectorMiddleware of {self._app!r}>"

    def _name(self, scope: Scope) -> str | None:
        if scope["type"] != "http":
            return None
        return self._places.get(_path(scope["path"], scope.get("root_path") or ""))

    async def _answer(
        self, method: str, headers: Mapping[str, str], scope: Scope, receive: Any
    ) -> Answer | None:
        """Return what to answer; `None` if the client went away."""
        facts = current_request() or _plain_facts(scope)
        refusal = self.collector.refusal(method, headers, facts)
        # What is refused is read as well: a server that closes on unread bytes takes the
        # answer along.
        most = self.collector.max_body_bytes + 1 if refusal is None else 0
        body = await _read(receive, most, read_on=self.collector.max_expanded_bytes)
        if body is None:
            return None
        return refusal or self.collector.take(method, headers, body, facts)


async def _read(receive: Any, most: int, *, read_on: int) -> bytes | None:
    """
    Return the first *most* bytes of the body; `None` if the client went away.

    What is beyond is passed over, up to *read_on* bytes.
    """
    body = bytearray()
    passed = 0
    while passed <= read_on:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part = message.get("body", b"")
        body += part[: most - len(body)]
        passed += len(part)
        if not message.get("more_body", False):
            break
    return bytes(body)


async def _send(answer: Answer, send: Any, *, is_head: bool) -> None:
    headers = [(name.lower().encode(), value.encode()) for name, value in answer.headers]
    if answer.status not in _WITHOUT_BODY:
        headers.append((b"content-length", str(len(answer.body)).encode()))
    start = {"type": "http.response.start", "status": answer.status, "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": b"" if is_head else answer.body})


_WITHOUT_BODY = (204, 304)


def _headers(scope: Scope) -> Mapping[str, str]:
    """Return the headers of the request, their names in small; those that repeat, joined."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope.get("headers") or ():
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers


def _plain_facts(scope: Scope) -> RequestFacts:
    """Return the facts about a request that no `TrackMiddleware` noted."""
    return RequestFacts(
        partial(_environ, scope.copy()),
        visitor=AskedVisitor(scope, session=None, user=None),
        trusted_proxies=TrustedProxies(),
    )


def _environ(scope: Scope) -> Mapping[str, Any]:
    """Return what of *scope* facts are made of, under the names that WSGI has for it."""
    environ = {
        # A websocket begins with a GET, which its scope does not say.
        "REQUEST_METHOD": scope.get("method", "GET"),
        "QUERY_STRING": scope.get("query_string", b""),
        "PATH_INFO": _path(scope["path"], scope.get("root_path") or ""),
        "REMOTE_ADDR": (scope.get("client") or ("",))[0],
        "SERVER_NAME": (scope.get("server") or ("",))[0],
    }
    for raw_name, raw_value in scope.get("headers") or ():
        # With an underscore in its name, a header could pose as one that a proxy set.
        if b"_" not in raw_name:
            name = "HTTP_" + raw_name.decode("latin-1").upper().replace("-", "_")
            value = raw_value.decode("latin-1")
            glue = "; " if name == "HTTP_COOKIE" else ","
            environ[name] = f"{environ[name]}{glue}{value}" if name in environ else value
    return environ


def _path(path: str, root: str) -> str:
    """Return *path* without the *root* under which a server or a framework mounted this."""
    root = root.rstrip("/")
    return path[len(root) :] if f"{path}/".startswith(f"{root}/") else path
