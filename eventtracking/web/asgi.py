"""Note the current request of an ASGI application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import Any, TypeAlias

from eventtracking._addresses import TrustedProxies
from eventtracking.request import AskedVisitor, RequestFacts, Visit

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
