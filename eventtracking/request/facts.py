"""The facts about a request: its path, its client, its user, its campaign."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, KeysView, Mapping
from typing import Any, Protocol, overload
from urllib.parse import parse_qsl

import six

from eventtracking.request.client_address import TrustedProxies
from eventtracking.request.visitor import Visitor
from eventtracking.stats import LogThrottle

logger = logging.getLogger(__name__)

DEFAULT_FACTS = (
    "session",
    "user_id",
    "username",
    "ip",
    "host",
    "agent",
    "path",
    "referer",
    "accept_language",
    "client_id",
)
"""The facts that the context of an event has by default."""

FACTS = (*DEFAULT_FACTS, "method", "query", "request_id", "campaign", "ga_session_id")
"""The names of all facts."""

# The facts that are not empty text if they cannot be determined.
_EMPTY: Mapping[str, Any] = {"client_id": None, "campaign": {}}

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")

# https://www.w3.org/TR/trace-context/: version, trace, parent, flags. Later versions may add
# fields.
_TRACEPARENT = re.compile(
    r"(?!ff|00.{54})[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?"
)

# GA4 writes `GS1.1.<session>.<number>...` or `GS2.1.s<session>$o<number>$...`.
_GA_SESSION = re.compile(r"GS[0-9]+\.[0-9]+\.s?([0-9]+)(?:[.$].*)?")

_throttle = LogThrottle()


class RequestFacts(Protocol):
    """The facts about one request: a mapping with the names in `FACTS`, and a cache."""

    cache: dict[object, dict[str, Any]]
    """Results that processors keep for the next event of the request, by a key of their own."""

    def __getitem__(self, name: str, /) -> Any:
        """Return the fact *name*. Raise `KeyError` if there is no such fact."""

    def __contains__(self, name: object, /) -> bool:
        """Return whether there is a fact *name*."""

    def __iter__(self) -> Iterator[str]:
        """Return the names of the facts."""

    def __len__(self) -> int:
        """Return the number of facts."""

    @overload
    def get(self, name: str, /) -> Any | None: ...
    @overload
    def get(self, name: str, default: Any, /) -> Any: ...

    def keys(self) -> KeysView[str]:
        """Return the names of the facts."""


class FactsMapping(Mapping[str, Any]):
    """The names of all facts, as the keys of a mapping. A subclass has the values."""

    def __iter__(self) -> Iterator[str]:
        return iter(FACTS)

    def __len__(self) -> int:
        return len(FACTS)

    def __contains__(self, name: object) -> bool:
        return name in FACTS


class EnvironFacts(FactsMapping):
    """
    The facts about the request in a WSGI environ.

    Each fact is determined once, when it is first needed, except `LIVE_FACTS`: users log in
    while a request runs. A fact that cannot be determined is empty, and a warning is logged
    once a minute.

    Args:
        environ: Returns the environ. Called once, for the first fact.
        visitor: The user and the session.
        trusted_proxies: The proxies whose headers are believed about the client's address.
    """

    def __init__(
        self,
        environ: Callable[[], Mapping[str, Any]],
        *,
        visitor: Visitor,
        trusted_proxies: TrustedProxies,
    ) -> None:
        self.visitor = visitor
        self.trusted_proxies = trusted_proxies
        self.cache: dict[object, dict[str, Any]] = {}
        self._read_environ = environ
        self._environ: Mapping[str, Any] | None = None
        self._known: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name in _LIVE:
            return self._determine(name, _LIVE[name])
        if name not in self._known:
            self._known[name] = self._determine(name, _FIXED[name])
        known = self._known[name]
        # A processor may change the mapping, which must not affect the next event.
        return dict(known) if type(known) is dict else known

    def __repr__(self) -> str:
        return f"<EnvironFacts {self['method']} {self['path']}>"

    def variable(self, name: str) -> str:
        """Return the variable *name* of the environ, such as `HTTP_HOST`; empty if missing."""
        if self._environ is None:
            self._environ = self._read_environ()
        value = self._environ.get(name)
        # HTTP headers are bytes, and latin-1 preserves each of them.
        return six.ensure_text(value, "latin-1") if value else ""

    def _determine(self, name: str, determine: Callable[[EnvironFacts], Any]) -> Any:
        try:
            return determine(self)
        except Exception:
            # A database or session store may fail. The other facts are still of use.
            number = _throttle.due(name)
            if number is not None:
                logger.warning(
                    "Cannot determine %r of a request (%d times)", name, number, exc_info=True
                )
            return _EMPTY.get(name, "")


def _ip(facts: EnvironFacts) -> str:
    return facts.trusted_proxies.client_ip(
        facts.variable("REMOTE_ADDR"),
        forwarded=facts.variable("HTTP_FORWARDED"),
        x_forwarded_for=facts.variable("HTTP_X_FORWARDED_FOR"),
    )


def _client_id(facts: EnvironFacts) -> str | None:
    # The last of two cookies with one name counts, as in Django.
    cookie = dict(_cookies(facts)).get("_ga")
    if cookie is None:
        return facts.variable("HTTP_X_EDX_GA_CLIENT_ID") or None
    return ".".join(cookie.split(".")[2:])


def _ga_session_id(facts: EnvironFacts) -> str:
    for name, value in _cookies(facts):
        match = _GA_SESSION.fullmatch(value) if name.startswith("_ga_") else None
        if match is not None:
            return match[1]
    return ""


def _cookies(facts: EnvironFacts) -> Iterator[tuple[str, str]]:
    for cookie in facts.variable("HTTP_COOKIE").split(";"):
        name, equals_sign, value = cookie.partition("=")
        if equals_sign:
            yield name.strip(), value.strip().strip('"')


def _request_id(facts: EnvironFacts) -> str:
    request_id = facts.variable("HTTP_X_REQUEST_ID")
    if _REQUEST_ID.fullmatch(request_id):
        return request_id
    match = _TRACEPARENT.fullmatch(facts.variable("HTTP_TRACEPARENT"))
    return "" if match is None else match[1]


def _campaign(facts: EnvironFacts) -> dict[str, str]:
    query = facts.variable("QUERY_STRING")
    if "utm_" not in query:
        return {}
    # In reverse, so that the first of several parameters with one name counts.
    pairs = reversed(parse_qsl(query))
    return {name[4:]: value for name, value in pairs if name[:4] == "utm_" and name[4:]}


_LIVE: Mapping[str, Callable[[EnvironFacts], Any]] = {
    "session": lambda facts: facts.visitor.session(),
    "user_id": lambda facts: facts.visitor.user()[0],
    "username": lambda facts: facts.visitor.user()[1],
}

_FIXED: Mapping[str, Callable[[EnvironFacts], Any]] = {
    "ip": _ip,
    "host": lambda facts: facts.variable("SERVER_NAME"),
    "agent": lambda facts: facts.variable("HTTP_USER_AGENT"),
    "path": lambda facts: facts.variable("PATH_INFO"),
    "referer": lambda facts: facts.variable("HTTP_REFERER"),
    "accept_language": lambda facts: facts.variable("HTTP_ACCEPT_LANGUAGE"),
    "client_id": _client_id,
    "method": lambda facts: facts.variable("REQUEST_METHOD"),
    "query": lambda facts: facts.variable("QUERY_STRING"),
    "request_id": _request_id,
    "campaign": _campaign,
    "ga_session_id": _ga_session_id,
}

LIVE_FACTS = frozenset(_LIVE)
"""The facts that may change while a request runs."""
