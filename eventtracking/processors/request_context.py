"""Add facts about the current request to the context of events."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from eventtracking._imports import did_you_mean
from eventtracking._options import BOOLEAN, Options, regular_expression
from eventtracking.request import DEFAULT_FACTS, FACTS, LIVE_FACTS, RequestFacts, current_request
from eventtracking.request.client_address import anonymize_ip
from eventtracking.types import Event

_FACT = f"one of {', '.join(FACTS)}"
_PATTERN = "a regular expression with named groups such as '/courses/(?P<course_id>[^/]+)'"


class RequestContext:
    r"""
    Add facts about the current request to the context of an event.

    A value that the application entered under the same name is kept. Outside of a request,
    nothing is added.

    Args:
        fields: The facts to add. Default: session, user_id, username, ip, host, agent, path,
            referer, accept_language and client_id. The others are method, query,
            request_id, campaign and ga_session_id.
        url_patterns: Regular expressions to search for in the path. Their named groups are
            added as well, for example `/courses/(?P<course_id>[^/]+)`. Groups that did not
            match are not added. If several patterns match a group, the first one wins.
        anonymize_ip: Whether to set the last octet of an IPv4 address, or the last 80 bits
            of an IPv6 address, to zero.

    Raises:
        ImproperlyConfigured: If an option is wrong.
    """

    def __init__(
        self,
        *,
        fields: Iterable[str] | None = None,
        url_patterns: Iterable[str | re.Pattern[str]] = (),
        anonymize_ip: bool = False,
    ) -> None:
        options = Options("RequestContext")
        names = DEFAULT_FACTS if fields is None else fields
        self.fields = (*options.parse_list("fields", names, _parse_fact, _FACT),)
        self._patterns = options.parse_list(
            "url_patterns", url_patterns, lambda each: _parse_pattern(each, self.fields), _PATTERN
        )
        options.check("anonymize_ip", anonymize_ip, BOOLEAN)
        options.raise_problems()
        self.anonymize_ip = anonymize_ip
        # The other facts are computed once a request. `campaign` is a mapping, which events
        # must not share.
        self._uncached = frozenset(self.fields) & {*LIVE_FACTS, "campaign"}

    def __call__(self, event: Event, /) -> Event:
        """Return a copy of *event* with the facts in its context, or *event* itself."""
        request = current_request()
        if request is None:
            return event
        cached = request.cache.get(self)
        if cached is None:
            cached = request.cache[self] = self._cached_context(request)
        context = cached.copy()
        for name in self._uncached:
            context[name] = request[name]
        context.update(event.get("context") or {})
        return {**event, "context": context}

    def __repr__(self) -> str:
        return f"<RequestContext fields={self.fields} url_patterns={len(self._patterns)}>"

    def _cached_context(self, request: RequestFacts) -> dict[str, Any]:
        # Uncached facts are placeholders here, to keep the order of the fields.
        context: dict[str, Any] = {
            name: None if name in self._uncached else request[name] for name in self.fields
        }
        if self.anonymize_ip and "ip" in context:
            context["ip"] = anonymize_ip(context["ip"])
        found: dict[str, Any] = {}
        for pattern in self._patterns:
            match = pattern.search(request["path"])
            groups = {} if match is None else match.groupdict()
            matched = {name: text for name, text in groups.items() if text is not None}
            found = {**matched, **found}
        return {**context, **found}


def _parse_fact(name: Any) -> str:
    if name not in FACTS:
        raise ValueError(did_you_mean(str(name), FACTS).strip())
    return str(name)


def _parse_pattern(pattern: Any, fields: Iterable[str]) -> re.Pattern[str]:
    compiled = regular_expression(pattern)
    if not compiled.groupindex:
        raise ValueError("it has no named group")
    if taken := next((name for name in compiled.groupindex if name in fields), None):
        raise ValueError(
            f"the group {taken!r} has the name of a fact in fields. Rename the group, "
            "or leave out the fact"
        )
    return compiled
