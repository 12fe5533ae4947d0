"""Who did it and where, worked out once for the events of one request."""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType
from typing import Any

from eventtracking.destinations.segment.facts import identity, is_of_browser, segment_context

# What Segment is told is made of these facts.
_FIELDS = (
    "user_id",
    "anonymous_id",
    "client_id",
    "ip",
    "agent",
    "path",
    "referer",
    "page",
    "host",
    "event_source",
)

# What nobody can change once it is remembered.
_FIXED = frozenset({str, int, float, bool, NoneType})


class Scene:
    """
    What a message of Segment's says about some facts. The next event mostly has the same.

    Args:
        facts: The context of an event.
        library: Who tells Segment.
        event: The event that has this context.

    Raises:
        EventLost: If they do not say who it was.
    """

    __slots__ = ("_is_fixed", "_values", "context", "kind", "who")

    def __init__(self, facts: Mapping[str, Any], library: object, event: Mapping[str, Any]) -> None:
        self._values = tuple(map(facts.get, _FIELDS))
        # What a page says of itself may be another thing with the next event.
        self._is_fixed: bool | None = False if is_of_browser(facts) else None
        self.kind, self.who = identity(*self._values[:3])
        self.context = segment_context(facts, event)
        self.context["library"] = library

    def is_of(self, facts: dict[str, Any]) -> bool:
        """Tell whether *facts* are those, the same objects: comparing may run anything."""
        get = facts.get
        user, anonymous, client, ip, agent, path, referer, page, host, source = self._values
        # Spelled out: a loop takes twice as long.
        return (
            get("path") is path
            and get("user_id") is user
            and get("ip") is ip
            and get("agent") is agent
            and get("referer") is referer
            and get("client_id") is client
            and get("anonymous_id") is anonymous
            and get("page") is page
            and get("host") is host
            and get("event_source") is source
            and (self._is_fixed or self._can_be_kept())
        )

    def _can_be_kept(self) -> bool:
        # Not asked before it matters: many a request has one event only.
        if self._is_fixed is None:
            self._is_fixed = _FIXED.issuperset(map(type, self._values))
        return self._is_fixed
