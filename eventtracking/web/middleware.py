"""The parts that the WSGI and the ASGI middleware share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from eventtracking._options import Options, Rule, optional
from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.request import CallbackVisitor, EnvironFacts, RequestFacts, TrustedProxies
from eventtracking.web.options import CollectorOptions

if TYPE_CHECKING:
    from eventtracking.web.collector import Collector
    from eventtracking.web.response import Response

Connection: TypeAlias = dict[str, Any]
"""A WSGI environ or an ASGI scope."""

_URL_PATH = Rule(
    "a path such as '/event'",
    lambda path: isinstance(path, str) and path.startswith("/") and not path.endswith("/"),
)


_FUNCTION = Rule("a function", callable)


class FactsFactory:
    """
    Makes the facts about each connection.

    Args:
        to_environ: Converts a connection to a WSGI environ.
        trusted_proxies: As for `TrackMiddleware`.
        session: As for `TrackMiddleware`.
        user: As for `TrackMiddleware`.

    Raises:
        ImproperlyConfigured: If an option is wrong.
    """

    def __init__(
        self,
        to_environ: Callable[[Connection], Mapping[str, Any]],
        *,
        trusted_proxies: Iterable[Any] = (),
        session: Callable[[Connection], str] | None = None,
        user: Callable[[Connection], tuple[Any, str]] | None = None,
    ) -> None:
        options = Options("TrackMiddleware")
        self._to_environ = to_environ
        self._trusted_proxies = options.build(
            lambda: TrustedProxies(trusted_proxies, owner=options.owner, option="trusted_proxies")
        )
        options.check("session", session, optional(_FUNCTION))
        options.check("user", user, optional(_FUNCTION))
        options.raise_problems()
        self._session = session
        self._user = user

    def __call__(self, connection: Connection) -> EnvironFacts:
        """Return the facts about *connection*, none of which is determined yet."""
        return EnvironFacts(
            # A copy, because applications that mount others change the path.
            partial(self._to_environ, connection.copy()),
            visitor=CallbackVisitor(connection, session=self._session, user=self._user),
            trusted_proxies=self._trusted_proxies,
        )


class CollectorEndpoint:
    """
    The URLs that a collector serves.

    Args:
        path: The path that events are sent to. The files of the client are below it.
        options: The options of the collector.

    Raises:
        ImproperlyConfigured: If *path* or an option is wrong.
    """

    def __init__(self, path: Any, options: CollectorOptions) -> None:
        # Imported here, because an application that only tracks its requests needs no collector.
        from eventtracking.web.collector.client_files import MEDIA_TYPES

        checks = Options("CollectorMiddleware")
        checks.check("path", path, _URL_PATH)
        self.collector = build_collector(options, checks)
        self._files = {path: "", **{f"{path}/{name}": name for name in MEDIA_TYPES}}

    def serves(self, path: str) -> bool:
        """Return whether *path* is one of the URLs."""
        return path in self._files

    def response_without_body(
        self, path: str, method: str, headers: Mapping[str, str], facts: RequestFacts
    ) -> Response | None:
        """Return the response, or `None` if it depends on the body of the request."""
        file = self._files[path]
        if file:
            return self.collector.client_file(file, method, headers)
        return self.collector.refusal(method, headers, facts)


def build_collector(options: CollectorOptions, checks: Options) -> Collector:
    """
    Return a collector with *options*.

    Raises:
        ImproperlyConfigured: If an option is wrong, or *checks* have found a problem already.
    """
    from eventtracking.web.collector import Collector

    known = CollectorOptions.__annotations__
    checks.check_known(options, known)
    valid: Any = {name: value for name, value in options.items() if name in known}
    try:
        collector = Collector(**valid)
    except ImproperlyConfigured as error:
        for name, line in error.options:
            checks.problem(name, line.removeprefix("Collector: "))
        checks.raise_problems()
        raise
    checks.raise_problems()
    return collector
