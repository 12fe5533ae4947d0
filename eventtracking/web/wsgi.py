"""Note the current request of a WSGI application, and take the events that browsers send to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias, Unpack

from eventtracking.request import AskedVisitor, RequestFacts, TrustedProxies, Visit, current_request
from eventtracking.web.options import CollectorOptions

if TYPE_CHECKING:
    from eventtracking.web.answer import Answer

Environ: TypeAlias = dict[str, Any]
Application: TypeAlias = Callable[[Environ, Any], Iterable[bytes]]


class TrackMiddleware:
    """
    Let events know which request they happened in, until its response is out.

    Nothing is read from the request before an event asks. Answers pass through as they
    are; one that is still to be produced knows its request while it is.

    Args:
        app: The WSGI application.
        trusted_proxies: Addresses and networks of the proxies in front, whose
            `X-Forwarded-For` or `Forwarded` is believed; `unix` for a Unix socket.
            Each must overwrite, or remove, whichever of the two it does not write
            itself: what a client sent under that name would be believed.
        session: Given the environ, returns text that tells the session. Not its key,
            which is as good as a password: see `eventtracking.request.session_digest`.
        user: Given the environ, returns `(user_id, username)`. Default: the username is
            `REMOTE_USER`.

    Raises:
        ImproperlyConfigured: If *trusted_proxies* holds anything else.
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
        self._trusted_proxies = TrustedProxies(
            trusted_proxies, option="TrackMiddleware: trusted_proxies"
        )
        self._session = session
        self._user = _remote_user if user is None else user

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Answer the request in *environ*."""
        facts = RequestFacts(
            # A copy: applications that mount others change the path on the way.
            partial(_decoded, environ.copy()),
            visitor=AskedVisitor(environ, session=self._session, user=self._user),
            trusted_proxies=self._trusted_proxies,
        )
        with Visit(facts) as visit:
            body = self._app(environ, start_response)
            if _is_finished(body, environ):
                return body
            visit.goes_on = True
            return _Body(body, visit)

    def __repr__(self) -> str:
        return f"<TrackMiddleware of {self._app!r}>"


class CollectorMiddleware:
    """
    Answer at *path* what the pages of a site send, and leave all the rest to the application.

    Its place is inside `TrackMiddleware`, which tells whose events they are. The client lies
    below the path: `/event/eventtracking.js`.

    Args:
        app: The WSGI application.
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

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Answer the request in *environ*."""
        name = self._places.get(environ.get("PATH_INFO") or "")
        if name is None:
            return self._app(environ, start_response)
        method, headers = environ["REQUEST_METHOD"], _headers(environ)
        if name:
            answer = self.collector.client_file(name, method, headers)
        else:
            answer = self._answer(method, headers, environ)
        length = ("Content-Length", str(len(answer.body)))
        has_body = answer.status not in _WITHOUT_BODY
        start_response(
            f"{answer.status} {_PHRASES[answer.status]}",
            [*answer.headers, length] if has_body else answer.headers,
        )
        return [answer.body] if has_body and method != "HEAD" else []

    def __repr__(self) -> str:
        return f"<CollectorMiddleware of {self._app!r}>"

    def _answer(self, method: str, headers: Mapping[str, str], environ: Environ) -> Answer:
        facts = current_request() or _plain_facts(environ)
        refusal = self.collector.refusal(method, headers, facts)
        if refusal is not None:
            _pass_over(environ, self.collector.max_expanded_bytes)
            return refusal
        most = self.collector.max_body_bytes + 1
        try:
            body = _read(environ, most)
        except OSError:
            # The client went away, or sent no more.
            body = b""
        return self.collector.take(method, headers, body, facts)


_WITHOUT_BODY = (204, 304)

_PHRASES = {
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

_CHUNK = 65_536


def _headers(environ: Environ) -> Mapping[str, str]:
    """Return the headers of the request, their names in small."""
    headers = {
        name[5:].replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        headers[name.replace("_", "-").lower()] = environ.get(name) or ""
    return headers


def _plain_facts(environ: Environ) -> RequestFacts:
    """Return the facts about a request that no `TrackMiddleware` noted."""
    return RequestFacts(
        partial(_decoded, environ),
        visitor=AskedVisitor(environ, session=None, user=_remote_user),
        trusted_proxies=TrustedProxies(),
    )


def _read(environ: Environ, most: int) -> bytes:
    """Return the body, or its first *most* bytes."""
    wanted = _available(environ, most)
    parts: list[bytes] = []
    # A server may give less than it is asked for.
    while wanted and (part := environ["wsgi.input"].read(min(wanted, _CHUNK))):
        parts.append(part)
        wanted -= len(part)
    return b"".join(parts)


def _pass_over(environ: Environ, most: int) -> None:
    """Read what nobody wants: a server that closes on unread bytes takes the answer along."""
    wanted = _available(environ, most)
    try:
        while wanted > 0 and (part := environ["wsgi.input"].read(min(wanted, _CHUNK))):
            wanted -= len(part)
    except OSError:
        return


def _available(environ: Environ, most: int) -> int:
    """Return how many bytes may be read, up to *most*. Without a length, a server may wait."""
    length = environ.get("CONTENT_LENGTH") or ""
    if length.isascii() and length.isdigit():
        return min(int(length[:18]), most)
    return most if environ.get("wsgi.input_terminated") else 0


class _Body:
    """A body whose every part is produced with its request in mind."""

    def __init__(self, body: Iterable[bytes], visit: Visit) -> None:
        self._body = body
        self._visit = visit
        self._parts: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        with self._visit:
            if self._parts is None:
                self._parts = iter(self._body)
            return next(self._parts)

    def close(self) -> None:
        """Close the body, as every server does at the end, and forget the request."""
        self._visit.goes_on = False
        with self._visit:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()


def _is_finished(body: Any, environ: Environ) -> bool:
    """Tell whether no code of the application runs while *body* is sent."""
    if isinstance(body, list | tuple):
        return True
    # The server has its own, fast way with files, as long as it recognises them.
    wrapper = environ.get("wsgi.file_wrapper")
    return isinstance(wrapper, type) and isinstance(body, wrapper)


def _decoded(environ: Environ) -> Mapping[str, Any]:
    """Return *environ* with its path as text. WSGI has the bytes of it, as if latin-1."""
    path = environ.get("PATH_INFO") or ""
    return {**environ, "PATH_INFO": path.encode("latin-1", "replace").decode("utf-8", "replace")}


def _remote_user(environ: Environ) -> tuple[Any, str]:
    return "", environ.get("REMOTE_USER") or ""
