"""Middleware for WSGI: track the current request, and collect the events that browsers send."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias, Unpack

from eventtracking.request import RequestScope, current_request
from eventtracking.web.middleware import CollectorEndpoint, FactsFactory
from eventtracking.web.options import CollectorOptions

Environ: TypeAlias = dict[str, Any]
Application: TypeAlias = Callable[[Environ, Any], Iterable[bytes]]


class TrackMiddleware:
    """
    Make the current request known to the events that the application emits while serving it.

    Nothing is read from the request until an event needs it. Response bodies pass through
    unchanged, except that the request is also known while a streamed body is produced.

    Args:
        app: The WSGI application.
        trusted_proxies: Addresses and networks of the proxies whose `X-Forwarded-For` or
            `Forwarded` is believed; `unix` for a Unix socket. Each proxy must overwrite or
            remove the header that it does not write, because a client may send it.
        session: Given the environ, returns text that identifies the session. Do not return
            the session key, which is as good as a password: see
            `eventtracking.request.session_digest`.
        user: Given the environ, returns `(user_id, username)`. Default: the username is
            `REMOTE_USER`.

    Raises:
        ImproperlyConfigured: If an option is wrong.
    """

    def __init__(
        self,
        app: Application,
        *,
        trusted_proxies: Iterable[Any] = (),
        session: Callable[[Environ], str] | None = None,
        user: Callable[[Environ], tuple[Any, str]] | None = None,
    ) -> None:
        self._app = app
        self._facts = FactsFactory(
            _decode_path,
            trusted_proxies=trusted_proxies,
            session=session,
            user=_remote_user if user is None else user,
        )

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Serve the request in *environ*."""
        with RequestScope(self._facts(environ)) as scope:
            body = self._app(environ, start_response)
            if _is_finished(body, environ):
                return body
            scope.stays_open = True
            return _StreamedBody(body, scope)

    def __repr__(self) -> str:
        return f"<TrackMiddleware of {self._app!r}>"


class CollectorMiddleware:
    """
    Collect the events that pages send to *path*, and pass other requests to the application.

    Put it inside `TrackMiddleware`, which determines the user and the client's address. The
    browser client is served below the path: `/event/eventtracking.js`.

    Args:
        app: The WSGI application.
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

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Serve the request in *environ*."""
        path = environ.get("PATH_INFO") or ""
        if not self._endpoint.serves(path):
            return self._app(environ, start_response)
        method, headers = environ["REQUEST_METHOD"], _headers(environ)
        facts = current_request() or _UNTRACKED(environ)
        response = self._endpoint.response_without_body(path, method, headers, facts)
        if response is None:
            body = _read(environ, self.collector.max_body_bytes + 1)
            response = self.collector.take(method, headers, body, facts)
        else:
            _discard(environ, self.collector.max_expanded_bytes)
        length = ("Content-Length", str(len(response.body)))
        start_response(
            f"{response.status} {_REASON_PHRASES[response.status]}",
            [*response.headers, length] if response.may_have_body else response.headers,
        )
        return [response.body] if response.may_have_body and method != "HEAD" else []

    def __repr__(self) -> str:
        return f"<CollectorMiddleware of {self._app!r}>"


_REASON_PHRASES = {
    200: "OK",
    204: "No Content",
    304: "Not Modified",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    429: "Too Many Requests",
    503: "Service Unavailable",
}

_CHUNK_BYTES = 65_536


def _headers(environ: Environ) -> Mapping[str, str]:
    """Return the headers of the request with lowercase names."""
    headers = {
        name[5:].replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        headers[name.replace("_", "-").lower()] = environ.get(name) or ""
    return headers


def _read(environ: Environ, most: int) -> bytes:
    """Return the first *most* bytes of the body; nothing if the client disconnected."""
    try:
        return b"".join(_chunks(environ, most))
    except OSError:
        return b""


def _discard(environ: Environ, most: int) -> None:
    """
    Read up to *most* bytes of the body.

    A client may lose the response if the server closes the connection with unread bytes.
    """
    try:
        for _ in _chunks(environ, most):
            pass
    except OSError:
        # The client disconnected.
        return


def _chunks(environ: Environ, most: int) -> Iterator[bytes]:
    missing = _available_bytes(environ, most)
    # A server may return fewer bytes than requested.
    while missing > 0 and (chunk := environ["wsgi.input"].read(min(missing, _CHUNK_BYTES))):
        yield chunk
        missing -= len(chunk)


def _available_bytes(environ: Environ, most: int) -> int:
    """Return how many bytes of the body can be read without blocking, at most *most*."""
    length = environ.get("CONTENT_LENGTH") or ""
    if length.isascii() and length.isdigit():
        return min(int(length[:18]), most)
    return most if environ.get("wsgi.input_terminated") else 0


class _StreamedBody:
    """A response body that knows its request while it is produced."""

    def __init__(self, body: Iterable[bytes], scope: RequestScope) -> None:
        self._body = body
        self._scope = scope
        self._chunks: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        with self._scope:
            if self._chunks is None:
                self._chunks = iter(self._body)
            return next(self._chunks)

    def close(self) -> None:
        """Close the body, as every server does at the end, and release the request."""
        self._scope.stays_open = False
        with self._scope:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()


def _is_finished(body: Any, environ: Environ) -> bool:
    """Return whether no code of the application runs while the server sends *body*."""
    if isinstance(body, list | tuple):
        return True
    # The server sends files efficiently, provided that it gets its own wrapper.
    wrapper = environ.get("wsgi.file_wrapper")
    return isinstance(wrapper, type) and isinstance(body, wrapper)


def _decode_path(environ: Environ) -> Mapping[str, Any]:
    """Return *environ* with its path as text: WSGI decodes the bytes of a path as latin-1."""
    path = environ.get("PATH_INFO") or ""
    return {**environ, "PATH_INFO": path.encode("latin-1", "replace").decode("utf-8", "replace")}


def _remote_user(environ: Environ) -> tuple[Any, str]:
    return "", environ.get("REMOTE_USER") or ""


# For requests outside of a `TrackMiddleware`.
_UNTRACKED = FactsFactory(_decode_path, user=_remote_user)
