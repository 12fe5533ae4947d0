"""Map events to the format of legacy tracking logs."""

from __future__ import annotations

import json
from typing import Any, cast

from eventtracking.serialization import encode
from eventtracking.types import Event

_REQUEST_FIELDS = ("username", "session", "ip", "agent", "host", "referer", "accept_language")


class LegacyFieldMappingProcessor:
    """
    Rename `data` to `event` and `timestamp` to `time`, and move request fields to the top.

    The event is changed in place, completely or not at all. The data of a browser event
    becomes JSON in a string, as in legacy logs. Values that JSON does not have are written
    as by `eventtracking.serialization`.

    This processor belongs at the end of a chain, before the backends that write legacy
    logs, because other processors expect `data`.
    """

    def __call__(self, event: Event, /) -> None:
        """Change *event* in place."""
        has_context = isinstance(event.get("context"), dict)
        context = dict(event["context"]) if has_context else {}
        payload = _payload(event["data"], context.get("event_source")) if "data" in event else {}
        # Nothing can fail from here on. The keys of a legacy event differ from those of `Event`.
        legacy = cast(dict[str, Any], event)
        if has_context:
            _move_request_fields(legacy, context)
        _rename(legacy, context, payload)

    def __repr__(self) -> str:
        return "<LegacyFieldMappingProcessor>"


def _move_request_fields(event: dict[str, Any], context: dict[str, Any]) -> None:
    """Move the facts about the request from *context* to the top of *event*."""
    for field in _REQUEST_FIELDS:
        event[field] = context.pop(field, "")
    context.pop("client_id", None)
    event["context"] = context


def _rename(event: dict[str, Any], context: dict[str, Any], payload: Any) -> None:
    event.pop("data", None)
    event["event"] = payload
    for source in (event, context):
        if "timestamp" in source:
            event["time"] = source.pop("timestamp")
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
        # Decoded and encoded again, because readers expect the spacing of `json`.
        return json.dumps(json.loads(encode(data)))
