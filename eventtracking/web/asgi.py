"""Middleware for ASGI: track the current request, and collect the events that browsers send."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, Unpack

from eventtracking.request import RequestScope, current_request
from eventtracking.web.middleware import CollectorEndpoint, FactsFactory
from eventtracking.web.options import CollectorOptions

if TYPE_CHECKING:
    from eventtracking.web.response import Response

Scope: TypeAlias = dict[str, Any]
Application: TypeAlias = Callable[[Scope, Any, Any], Awaitable[None]]


class TrackMiddleware:
    """
    Make the current request known to the events that the application emits while serving it.

    It applies to `http` and `websocket` connections; others pass through. Nothing is read
    from the scope until an event needs it. Tasks of the application, and threads that it
    starts with `asyncio.to_thread`, know the request too, until the application returns.

    Args:
        app: The ASGI application.
        trusted_proxies: Addresses and networks of the proxies whose `X-Forwarded-For` or
            `Forwarded` is believed; `unix` for a Unix socket. Each proxy must overwrite or
            remove the header that it does not write, because a client may send it.
        session: Given the scope, returns text that identifies the session. Do not return the
            session key, which is as good as a password: see
            `eventtracking.request.session_digest`.
        user: Given the scope, returns `(user_id, username)`.

    Raises:
        ImproperlyConfigured: If an option is wrong.
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
        self._facts = FactsFactory(
            _to_environ, trusted_proxies=trusted_proxies, session=session, user=user
        )

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Serve the connection in *scope*."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        with RequestScope(self._facts(scope)):
            await self._app(scope, receive, send)

    def __repr__(self) -> str:
        return f"<TrackMiddleware of {self._app!r}>"


class CollectorMiddleware:
    """
    Collect the events that pages send to *path*, and pass other requests to the application.

    Put it inside `TrackMiddleware`, which determines the user and the client's address. The
    browser client is served below the path: `/event/eventtracking.js`.

    Args:
        app: The ASGI application.
        path: The path that events are sent to.
        options: The options of `eventtracking.web.collector.Collector`.

    Raises:
        ImproperlyConfigured: If an option is wrong.
    """

    def __init__(
        self, app: Application, path: str = "/event", **options: Unpack[CollectorOptions]
    ) -> None:
        self._app = app
        self._endpoint = CollectorEndpoint(path, options)
        self.collector = self._endpoint.collector

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Serve the connection in *scope*."""
        if scope["type"] == "http" and self._endpoint.serves(_path(scope)):
            await self._serve(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def __repr__(self) -> str:
        return f"<CollectorMiddleware of {self._app!r}>"

    async def _serve(self, scope: Scope, receive: Any, send: Any) -> None:
        method, headers = scope["method"], _headers(scope)
        facts = current_request() or _UNTRACKED(scope)
        response = self._endpoint.response_without_body(_path(scope), method, headers, facts)
        kept_bytes = 0 if response else self.collector.max_body_bytes + 1
        body = await _read(receive, kept_bytes, most=self.collector.max_expanded_bytes)
        if body is None:
            # The client disconnected.
            return
        response = response or self.collector.take(method, headers, body, facts)
        await _send(response, send, is_head=method == "HEAD")


async def _read(receive: Any, kept_bytes: int, *, most: int) -> bytes | None:
    """
    Return the first *kept_bytes* of the body; `None` if the client disconnected.

    The rest, up to *most* bytes, is read and discarded: a client may lose the response if
    the server closes the connection with unread bytes.
    """
    body = bytearray()
    received = 0
    while received <= most:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunk = message.get("body", b"")
        body += chunk[: kept_bytes - len(body)]
        received += len(chunk)
        if not message.get("more_body", False):
            break
    return bytes(body)


async def _send(response: Response, send: Any, *, is_head: bool) -> None:
    headers = [(name.lower().encode(), value.encode()) for name, value in response.headers]
    if response.may_have_body:
        headers.append((b"content-length", str(len(response.body)).encode()))
    start = {"type": "http.response.start", "status": response.status, "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": b"" if is_head else response.body})


def _headers(scope: Scope) -> Mapping[str, str]:
    """Return the headers with lowercase names; the values of repeated headers are joined."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope.get("headers") or ():
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers


def _to_environ(scope: Scope) -> Mapping[str, Any]:
    """Return the variables of a WSGI environ that the facts are determined from."""
    environ = {
        # A websocket begins with a GET request, but its scope has no method.
        "REQUEST_METHOD": scope.get("method", "GET"),
        "QUERY_STRING": scope.get("query_string", b""),
        "PATH_INFO": _path(scope),
        "REMOTE_ADDR": (scope.get("client") or ("",))[0],
        "SERVER_NAME": (scope.get("server") or ("",))[0],
    }
    for raw_name, raw_value in scope.get("headers") or ():
        # In the environ, a header with an underscore would look like one with a hyphen, which
        # only proxies may set.
        if b"_" not in raw_name:
            name = "HTTP_" + raw_name.decode("latin-1").upper().replace("-", "_")
            value = raw_value.decode("latin-1")
            separator = "; " if name == "HTTP_COOKIE" else ","
            environ[name] = f"{environ[name]}{separator}{value}" if name in environ else value
    return environ


def _path(scope: Scope) -> str:
    """Return the path below the one where the server or the framework mounted the application."""
    path: str = scope["path"]
    root = (scope.get("root_path") or "").rstrip("/")
    return path[len(root) :] if f"{path}/".startswith(f"{root}/") else path


# For requests outside of a `TrackMiddleware`.
_UNTRACKED = FactsFactory(_to_environ)
