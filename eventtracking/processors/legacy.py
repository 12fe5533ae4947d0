"""Put the fields of an event where the readers of legacy tracking logs look for them."""

from __future__ import annotations

import json
from typing import Any, cast

from eventtracking.serialization import encode
from eventtracking.types import Event

_MOVED = ("username", "session", "ip", "agent", "host", "referer", "accept_language")


class LegacyFieldMappingProcessor:
    """
    Make `event` of `data` and `time` of `timestamp`, and lift the request's fields to the top.

    The event is changed in place, as a whole or not at all. What a browser sent becomes
    JSON in a string, as it always was; what JSON does not know is written in it as
    `eventtracking.serialization` writes it.

    It belongs at the end of a chain, in front of the backends that write legacy logs:
    other processors look for `data`.
    """

    def __call__(self, event: Event, /) -> None:
        """Change *event* in place."""
        has_context = isinstance(event.get("context"), dict)
        context = dict(event["context"]) if has_context else {}
        payload = _payload(event["data"], context.get("event_source")) if "data" in event else {}
        # Nothing can fail from here on. A legacy event has other keys than an `Event`.
        legacy = cast(dict[str, Any], event)
        if has_context:
            _lift(legacy, context)
        _rename(legacy, context, payload)

    def __repr__(self) -> str:
        return "<LegacyFieldMappingProcessor>"


def _lift(event: dict[str, Any], context: dict[str, Any]) -> None:
    """Move the facts about the request from *context* to the top of *event*."""
    for field in _MOVED:
        event[field] = context.pop(field, "")
    context.pop("client_id", None)
    event["context"] = context


def _rename(event: dict[str, Any], context: dict[str, Any], payload: Any) -> None:
    event.pop("data", None)
    event["event"] = payload
    for part in (event, context):
        if "timestamp" in part:
            event["time"] = part.pop("timestamp")
    event["event_type"] = context.pop("event_type", event.get("name", ""))
    event["event_source"] = context.pop("event_source", "server")
    event["page"] = context.pop("page", None)


def _payload(data: Any, source: Any) -> Any:
    is_text = source == "browser" and isinstance(data, dict)
    return _as_text(data) if is_text else data


def _as_text(data: dict[Any, Any]) -> str:
    try:
        return json.dumps(data, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        # Read back and written once more, because readers have seen json's spacing so far.
        return json.dumps(json.loads(encode(data)))
