"""Add the facts about the current request to the context of each event."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from eventtracking._imports import did_you_mean
from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.request import DEFAULT_FACTS, FACTS, LIVE_FACTS, RequestFacts, current_request
from eventtracking.request.client_address import anonymize_ip
from eventtracking.types import Event


class RequestContext:
    r"""
    Say in the context of an event who asked for what. Outside of a request, add nothing.

    What the application entered wins over a fact by the same name.

    Args:
        fields: The facts to add, exactly. Default: session, user_id, username, ip, host,
            agent, path, referer, accept_language and client_id. There are also method,
            query, request_id, campaign and ga_session_id.
        url_patterns: Regular expressions, searched for in the path. Their named groups
            are added too, such as `/courses/(?P<course_id>[^/]+)`. A group that took no
            part is left out; the first pattern that finds a name decides.
        anonymize_ip: Whether to make the last octet of the address zero, or of an IPv6
            address the last 80 bits.

    Raises:
        ImproperlyConfigured: If there is no such fact, or a pattern is no regular
            expression with a named group, or has one that is called as one of *fields*.
    """

    def __init__(
        self,
        *,
        fields: Iterable[str] | None = None,
        url_patterns: Iterable[str | re.Pattern[str]] = (),
        anonymize_ip: bool = False,
    ) -> None:
        if not isinstance(anonymize_ip, bool):
            raise ImproperlyConfigured(
                f"RequestContext: anonymize_ip must be true or false, got {anonymize_ip!r}"
            )
        self.fields = _checked_fields(DEFAULT_FACTS if fields is None else fields)
        self.anonymize_ip = anonymize_ip
        self._patterns = [
            _compiled(each, self.fields) for each in _listed("url_patterns", url_patterns)
        ]
        # The others are worked out once a request; `campaign` is a mapping, new each time.
        self._each_time = frozenset(self.fields) & {*LIVE_FACTS, "campaign"}

    def __call__(self, event: Event, /) -> Event:
        """Return a copy of *event* with the facts in its context, or *event* itself."""
        request = current_request()
        if request is None:
            return event
        steady = request.cache.get(self)
        if steady is None:
            steady = request.cache[self] = self._steady(request)
        context = steady.copy()
        for name in self._each_time:
            context[name] = request[name]
        context.update(event.get("context") or {})
        return {**event, "context": context}

    def __repr__(self) -> str:
        return f"<RequestContext fields={self.fields} url_patterns={len(self._patterns)}>"

    def _steady(self, request: RequestFacts) -> dict[str, Any]:
        # What changes keeps its place among the others.
        context: dict[str, Any] = {
            name: None if name in self._each_time else request[name] for name in self.fields
        }
        if self.anonymize_ip and "ip" in context:
            context["ip"] = anonymize_ip(context["ip"])
        found: dict[str, Any] = {}
        for pattern in self._patterns:
            match = pattern.search(request["path"])
            groups = {} if match is None else match.groupdict()
            taken = {name: text for name, text in groups.items() if text is not None}
            found = {**taken, **found}
        return {**context, **found}


def _checked_fields(fields: Any) -> tuple[str, ...]:
    names = tuple(_listed("fields", fields))
    for name in names:
        if name not in FACTS:
            raise ImproperlyConfigured(
                f"RequestContext: fields must hold facts of a request, got {name!r}."
                f"{did_you_mean(str(name), FACTS)} There are: {', '.join(FACTS)}"
            )
    return names


def _listed(option: str, value: Any) -> list[Any]:
    if isinstance(value, str | bytes | re.Pattern) or not isinstance(value, Iterable):
        raise ImproperlyConfigured(f"RequestContext: {option} must be a list, got {value!r}")
    return [*value]


def _compiled(pattern: Any, fields: tuple[str, ...]) -> re.Pattern[str]:
    try:
        compiled = re.compile(pattern)
    except (re.error, TypeError) as error:
        raise ImproperlyConfigured(
            f"RequestContext: url_patterns must hold regular expressions, got {pattern!r}: {error}"
        ) from error
    if not isinstance(compiled.pattern, str) or not compiled.groupindex:
        raise ImproperlyConfigured(
            "RequestContext: url_patterns must hold text with named groups such as "
            f"'/courses/(?P<course_id>[^/]+)', got {pattern!r}"
        )
    if taken := [name for name in compiled.groupindex if name in fields]:
        raise ImproperlyConfigured(
            f"RequestContext: url_patterns must not name a group {taken[0]!r}, got {pattern!r}: "
            "that is a fact in fields. Give the group another name, or leave the fact out"
        )
    return compiled
