"""Who did it and where, worked out once for the events of one request."""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType
from typing import Any

from eventtracking._segment.facts import identity, segment_context
from eventtracking.serialization import encode

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
)

# What nobody can change once it is remembered.
_FIXED = frozenset({str, int, float, bool, NoneType})


# The encoder is fast for what has a timestamp, as events do.
_STAMP = {"timestamp": None}
_STAMP_BYTES = len('{"timestamp":null,')


class Scene:
    """
    What a message of Segment's says about some facts. The next event mostly has the same.

    Args:
        facts: The context of an event.
        library: Who tells Segment.
        integrations: Which of Segment's destinations are told.

    Raises:
        EventLost: If they do not say who it was.
    """

    __slots__ = ("_values", "end", "is_fixed", "start")

    def __init__(self, facts: Mapping[str, Any], library: object, integrations: object) -> None:
        self._values = tuple(map(facts.get, _FIELDS))
        kind, who = identity(*self._values[:3])
        context = {**segment_context(facts), "library": library}
        self.start = b'{"type":"track",%b,' % _written({kind: who})
        self.end = b",%b}" % _written({"context": context, "integrations": integrations})
        self.is_fixed = _FIXED.issuperset(map(type, self._values))

    def is_of(self, facts: dict[str, Any]) -> bool:
        """Tell whether *facts* are those, the same objects: comparing may run anything."""
        get = facts.get
        user, anonymous, client, ip, agent, path, referer, page, host = self._values
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
        )


def _written(fields: Mapping[str, Any]) -> bytes:
    """Return *fields* as JSON without the braces."""
    return encode({**_STAMP, **fields})[_STAMP_BYTES:-2]
