"""The current request, as facts: who asks for what, from where, and with which program."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from hashlib import shake_128
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import parse_qsl

import six

from eventtracking.request.client_address import TrustedProxies
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
"""What the context of an event carries unless it is told otherwise."""

FACTS = (*DEFAULT_FACTS, "method", "query", "request_id", "campaign", "ga_session_id")
"""Every fact there is."""

# What a fact is when it cannot be worked out. Otherwise: no text.
_UNKNOWN: Mapping[str, Any] = {"client_id": None, "campaign": {}}

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")

# https://www.w3.org/TR/trace-context/: version, trace, parent, flags; later versions may add.
_TRACEPARENT = re.compile(
    r"(?!ff|00.{54})[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?"
)

# GA4 writes `GS1.1.<session>.<number>...` or `GS2.1.s<session>$o<number>$...`.
_GA_SESSION = re.compile(r"GS[0-9]+\.[0-9]+\.s?([0-9]+)(?:[.$].*)?")


_throttle = LogThrottle()

_visit: ContextVar[Visit | None] = ContextVar("eventtracking_request", default=None)


class Visitor(Protocol):
    """Who makes a request. It is asked at every event, and so may change its mind."""

    def session(self) -> str:
        """Return what tells this session from others, and lets nobody take it over."""

    def user(self) -> tuple[Any, str]:
        """Return the user's id and name: `("", "")` if not known, `(None, "")` if nobody."""


class RequestFacts(Mapping[str, Any]):
    """
    The facts about one request, each worked out when it is first asked for, and once.

    A fact that cannot be worked out is empty, and a warning says why, once a minute.
    Session and user are asked for at every event: people log in while a request runs.

    Args:
        environ: Returns the request as WSGI has it. Called once, by the first question.
        visitor: Who makes the request.
        trusted_proxies: Whose word about the client's address counts.
    """

    def __init__(
        self,
        environ: Callable[[], Mapping[str, Any]],
        *,
        visitor: Visitor,
        trusted_proxies: TrustedProxies,
    ) -> None:
        self._environ = environ
        self.visitor = visitor
        self.trusted_proxies = trusted_proxies
        self._variables: Mapping[str, Any] | None = None
        self._known: dict[str, Any] = {}
        self._work: dict[object, dict[str, Any]] = {}

    def __getitem__(self, name: str) -> Any:
        if name in _LIVE:
            return self._worked_out(name, _LIVE[name])
        if name not in self._known:
            self._known[name] = self._worked_out(name, _STEADY[name])
        known = self._known[name]
        # One event's processors must not spoil it for the next event.
        return dict(known) if type(known) is dict else known

    def __iter__(self) -> Iterator[str]:
        return iter(FACTS)

    def __len__(self) -> int:
        return len(FACTS)

    def __contains__(self, name: object) -> bool:
        return name in FACTS

    def __repr__(self) -> str:
        return f"<RequestFacts {self['method']} {self['path']}>"

    def once(self, key: object, work: Callable[[RequestFacts], dict[str, Any]]) -> dict[str, Any]:
        """Return what *work* makes of these facts, worked out once a request for each *key*."""
        if key not in self._work:
            self._work[key] = work(self)
        return self._work[key]

    def header(self, name: str) -> str:
        """Return the header, or the variable, that WSGI calls *name*; empty if there is none."""
        if self._variables is None:
            self._variables = self._environ()
        value = self._variables.get(name)
        # Headers are bytes that HTTP reads as latin-1: every byte survives.
        return six.ensure_text(value, "latin-1") if value else ""

    def _worked_out(self, name: str, way: Callable[[RequestFacts], Any]) -> Any:
        try:
            return way(self)
        except Exception:
            # Whatever a database or a session store does: the other facts still count.
            number = _throttle.due(name)
            if number is not None:
                logger.warning(
                    "Cannot tell %r of a request (%d times)", name, number, exc_info=True
                )
            return _UNKNOWN.get(name, "")


class Visit:
    """
    Makes *facts* those of the current request, for a `with` block.

    What the block started and left running (a task, a timer) knows the request until the
    block ends, and no longer: a worker that outlives the request which happened to
    start it must not claim every later event for that one. To take a request along on
    purpose, into a thread say, enter a visit of its own there.

    Set *goes_on* in the block to keep the visit for another one: a body that is
    still to be streamed. Clear it for the last one.
    """

    __slots__ = ("facts", "goes_on", "outer")

    def __init__(self, facts: RequestFacts) -> None:
        self.facts: RequestFacts | None = facts
        self.goes_on = False
        self.outer: Visit | None = None

    def __enter__(self) -> Self:
        current = _visit.get()
        if current is not self:
            self.outer = _open(current)
            _visit.set(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not self.goes_on:
            self.facts = None
        # Not by a token: a body may be closed in another context than it began in.
        if _visit.get() is self:
            _visit.set(self.outer)


def current_request() -> RequestFacts | None:
    """Return the facts about the request that this code works for; `None` outside of any."""
    visit = _visit.get()
    if visit is not None and visit.facts is None:
        visit = _open(visit)
    return None if visit is None else visit.facts


def session_digest(secret: str | bytes, key: str | bytes) -> str:
    """
    Return what an event may tell of the session with this *key*: the same for all its events.

    Nobody can get from it to the key, which whoever has it could log in with.

    Args:
        secret: What only this site knows.
        key: The session's key. Without one there is no session, and no digest.
    """
    if not key:
        return ""
    return shake_128(six.ensure_binary(secret) + six.ensure_binary(key)).hexdigest(16)


class AskedVisitor:
    """
    A visitor whom functions tell about, each asked again only while it knows nothing.

    Args:
        request: What they are given.
        session: Returns text.
        user: Returns the user's id and name, or `None`.
    """

    __slots__ = ("_ask_session", "_ask_user", "_request", "_session", "_user")

    def __init__(
        self,
        request: Any,
        *,
        session: Callable[[Any], str] | None,
        user: Callable[[Any], tuple[Any, str] | None] | None,
    ) -> None:
        self._request = request
        self._ask_session = session
        self._ask_user = user
        self._session = ""
        self._user: tuple[Any, str] = ("", "")

    def session(self) -> str:
        """Return what the function said."""
        if self._ask_session is not None and not self._session:
            try:
                self._session = six.ensure_text(self._ask_session(self._request) or "", "latin-1")
            except Exception:
                # Once is enough: the next event would wait for the same broken store.
                self._ask_session = None
                raise
        return self._session

    def user(self) -> tuple[Any, str]:
        """Return what the function said."""
        if self._ask_user is not None and not any(self._user):
            try:
                user_id, username = self._ask_user(self._request) or ("", "")
            except Exception:
                self._ask_user = None
                raise
            self._user = (user_id, username or "")
        return self._user


def _open(visit: Visit | None) -> Visit | None:
    """Return *visit*, or the innermost one around it, that is not over."""
    while visit is not None and visit.facts is None:
        visit = visit.outer
    return visit


def _ip(facts: RequestFacts) -> str:
    return facts.trusted_proxies.client_ip(
        facts.header("REMOTE_ADDR"),
        forwarded=facts.header("HTTP_FORWARDED"),
        x_forwarded_for=facts.header("HTTP_X_FORWARDED_FOR"),
    )


def _client_id(facts: RequestFacts) -> str | None:
    # Of two cookies by one name the last counts, as in Django.
    cookie = dict(_cookies(facts)).get("_ga")
    if cookie is None:
        return facts.header("HTTP_X_EDX_GA_CLIENT_ID") or None
    return ".".join(cookie.split(".")[2:])


def _ga_session_id(facts: RequestFacts) -> str:
    for name, value in _cookies(facts):
        match = _GA_SESSION.fullmatch(value) if name.startswith("_ga_") else None
        if match is not None:
            return match[1]
    return ""


def _cookies(facts: RequestFacts) -> Iterator[tuple[str, str]]:
    for cookie in facts.header("HTTP_COOKIE").split(";"):
        name, is_cookie, value = cookie.partition("=")
        if is_cookie:
            yield name.strip(), value.strip().strip('"')


def _request_id(facts: RequestFacts) -> str:
    request_id = facts.header("HTTP_X_REQUEST_ID")
    if _REQUEST_ID.fullmatch(request_id):
        return request_id
    match = _TRACEPARENT.fullmatch(facts.header("HTTP_TRACEPARENT"))
    return "" if match is None else match[1]


def _campaign(facts: RequestFacts) -> dict[str, str]:
    query = facts.header("QUERY_STRING")
    if "utm_" not in query:
        return {}
    # Backwards, so that of a parameter that is repeated the first one stays.
    pairs = reversed(parse_qsl(query))
    return {name[4:]: value for name, value in pairs if name[:4] == "utm_" and name[4:]}


_LIVE: Mapping[str, Callable[[RequestFacts], Any]] = {
    "session": lambda facts: facts.visitor.session(),
    "user_id": lambda facts: facts.visitor.user()[0],
    "username": lambda facts: facts.visitor.user()[1],
}

_STEADY: Mapping[str, Callable[[RequestFacts], Any]] = {
    "ip": _ip,
    "host": lambda facts: facts.header("SERVER_NAME"),
    "agent": lambda facts: facts.header("HTTP_USER_AGENT"),
    "path": lambda facts: facts.header("PATH_INFO"),
    "referer": lambda facts: facts.header("HTTP_REFERER"),
    "accept_language": lambda facts: facts.header("HTTP_ACCEPT_LANGUAGE"),
    "client_id": _client_id,
    "method": lambda facts: facts.header("REQUEST_METHOD"),
    "query": lambda facts: facts.header("QUERY_STRING"),
    "request_id": _request_id,
    "campaign": _campaign,
    "ga_session_id": _ga_session_id,
}

LIVE_FACTS = frozenset(_LIVE)
"""The facts that may change while a request runs."""
