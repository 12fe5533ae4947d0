"""The identity of an event in Segment's terms, found once for the events of a request."""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType
from typing import Any

from eventtracking.destinations.segment.context import is_from_browser, segment_context
from eventtracking.destinations.segment.values import as_text
from eventtracking.exceptions import EventLost

# The facts that a message depends on. `RequestIdentity.matches` compares all of them.
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

# An object of another type could change while it is remembered.
_IMMUTABLE = frozenset({str, int, float, bool, NoneType})


class RequestIdentity:
    """
    The identity and Segment's context of a request. Its next event usually shares both.

    Args:
        facts: The context of an event.
        library: The name and version of this library, for Segment's context.
        event: The event that has this context.

    Raises:
        EventLost: If *facts* hold no id.
    """

    __slots__ = ("_is_reusable", "_values", "context", "field", "id")

    def __init__(self, facts: Mapping[str, Any], library: object, event: Mapping[str, Any]) -> None:
        self._values = tuple(map(facts.get, _FIELDS))
        # The page in a browser's event comes from the event, not from the request.
        self._is_reusable: bool | None = False if is_from_browser(facts) else None
        self.field, self.id = find_identity(*self._values[:3])
        self.context = segment_context(facts, event)
        self.context["library"] = library

    def matches(self, facts: dict[str, Any]) -> bool:
        """Return whether *facts* are the same objects. `==` could run any code."""
        get = facts.get
        user, anonymous, client, ip, agent, path, referer, page, host, source = self._values
        # Written out, because a loop takes twice as long.
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
            and (self._is_reusable or self._can_be_reused())
        )

    def _can_be_reused(self) -> bool:
        # Found out for the second event only: many requests have one.
        if self._is_reusable is None:
            self._is_reusable = _IMMUTABLE.issuperset(map(type, self._values))
        return self._is_reusable


def find_identity(user_id: Any, *anonymous_ids: Any) -> tuple[str, str]:
    """
    Return `userId` and *user_id*, or else `anonymousId` and the first of *anonymous_ids*.

    `None` and an empty text are not an id. The id is returned as text.

    Raises:
        EventLost: If there is no id. Segment would drop the event.
    """
    if text := as_text(user_id):
        return "userId", text
    for anonymous_id in anonymous_ids:
        if text := as_text(anonymous_id):
            return "anonymousId", text
    raise EventLost("rejected", "no identity")


def identity_of(facts: Mapping[str, Any]) -> tuple[str, str]:
    """Return the identity in the context of an event, as `find_identity` does."""
    get = facts.get
    return find_identity(get("user_id"), get("anonymous_id"), get("client_id"))
