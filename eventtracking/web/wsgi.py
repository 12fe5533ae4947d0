"""Note the current request of a WSGI application."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, TypeAlias

from eventtracking._addresses import TrustedProxies
from eventtracking.request import AskedVisitor, RequestFacts, Visit

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
