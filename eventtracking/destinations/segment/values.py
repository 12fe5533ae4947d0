"""The names, times, texts and mappings that Segment accepts, made from any value."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from eventtracking.exceptions import EventLost
from eventtracking.serialization import plain

# orjson, and so `plain`, writes an integer of up to 63 bits unchanged.
_INTEGER_BITS = 63


def as_dict(value: Any) -> dict[str, Any]:
    """Return *value* as a plain dict; an empty one if it is not a mapping. Never raises."""
    known = value if type(value) is dict else plain(value)
    return known if type(known) is dict else {}


def as_text(value: Any) -> str:
    """Return *value* as text; an empty one for `None`. Never raises."""
    kind = type(value)
    if kind is str:
        return value  # type: ignore[no-any-return]
    if value is None:
        return ""
    if kind is int and value.bit_length() <= _INTEGER_BITS:
        return str(value)
    # Anything else may be a lazy text, a UUID, or an object whose `str()` raises.
    return str(plain(value))


def required_name(name: Any) -> str:
    """
    Return the *name* of an event as text.

    Raises:
        EventLost: If it is `None` or empty. Segment would drop the event.
    """
    if text := as_text(name):
        return text
    raise EventLost("rejected", "no name")


def event_time(event: Mapping[str, Any]) -> datetime | str:
    """Return the time of *event*, or the current time if the event has none in ISO 8601."""
    stamp = event.get("timestamp")
    if type(stamp) is datetime:
        return stamp
    # The legacy processor moves the time there.
    text = plain(event.get("time") if stamp is None else stamp)
    return text if _is_iso(text) else datetime.now(UTC)


def _is_iso(text: Any) -> bool:
    try:
        datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return False
    return True
