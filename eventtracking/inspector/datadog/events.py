"""Datadog's events API: `/api/v1/events`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from eventtracking.inspector.datadog.http_api import (
    Checked,
    check_content_type,
    read_content,
    refuse,
    refuse_all,
)
from eventtracking.inspector.datadog.limits import (
    MAX_TEXT_CHARACTERS,
    age_reasons,
    tag_reasons,
)
from eventtracking.inspector.decoding import encode_json, is_filled_string
from eventtracking.inspector.endpoint import ReceivedEvent, Request, Response

# https://docs.datadoghq.com/api/latest/events/
MAX_BODY_BYTES = 5_000_000
MAX_AGGREGATION_KEY_CHARACTERS = 100

_ALERT_TYPES = (
    "error",
    "warning",
    "info",
    "success",
    "user_update",
    "recommendation",
    "snapshot",
)

# The test that the value of each field must pass, and what it must be.
_RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "text": (
        lambda text: len(str(text)) <= MAX_TEXT_CHARACTERS,
        f"must have at most {MAX_TEXT_CHARACTERS} characters",
    ),
    "priority": (lambda value: value in ("normal", "low"), "must be normal or low"),
    "alert_type": (
        lambda value: value in _ALERT_TYPES,
        f"must be one of {', '.join(_ALERT_TYPES)}",
    ),
    "aggregation_key": (
        lambda key: isinstance(key, str) and len(key) <= MAX_AGGREGATION_KEY_CHARACTERS,
        f"must be a string of at most {MAX_AGGREGATION_KEY_CHARACTERS} characters",
    ),
    "date_happened": (lambda stamp: type(stamp) is int, "must be a whole number of seconds"),
    "host": (lambda host: isinstance(host, str), "must be a string"),
}


def receive(request: Request, now: float) -> Checked:
    """Check a call."""
    content, refusal = read_content(request)
    if refusal:
        return refusal
    if not isinstance(content, dict):
        return refuse_all(request, 400, "an event must be an object")
    missing = [
        f"{field} is required and must be a string"
        for field in ("title", "text")
        if not is_filled_string(content.get(field))
    ]
    title, text = content.get("title"), content.get("text")
    name = title if is_filled_string(title) else "(no title)"
    received = ReceivedEvent(name, encode_json(content), (*missing, *_reasons(content, now)))
    if missing:
        return refuse(request, 400, *missing), [received]
    created = {"status": "ok", "event": {"id": 1, "title": title, "text": text}}
    return Response(202, encode_json(created)), check_content_type(request, [received])


def _reasons(event: dict[str, Any], now: float) -> list[str]:
    reasons = [
        f"{field} {rule}"
        for field, (is_valid, rule) in _RULES.items()
        if event.get(field) is not None and not is_valid(event[field])
    ]
    if type(event.get("date_happened")) is int:
        reasons += age_reasons("date_happened", event["date_happened"], now)
    return reasons + tag_reasons(event.get("tags"))
