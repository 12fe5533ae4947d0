"""Datadog's logs API: `/api/v2/logs`."""

from __future__ import annotations

from typing import Any

from eventtracking.inspector.datadog.http_api import (
    Checked,
    check_content_type,
    read_content,
    refuse,
    refuse_all,
)
from eventtracking.inspector.datadog.limits import (
    MAX_NAME_CHARACTERS,
    age_reasons,
    tag_reasons,
)
from eventtracking.inspector.decoding import encode_json, is_filled_string
from eventtracking.inspector.endpoint import ReceivedEvent, Request, Response

# https://docs.datadoghq.com/api/latest/logs/
MAX_BODY_BYTES = 5_000_000
MAX_LOGS = 1_000
MAX_LOG_BYTES = 1_000_000

_STRINGS = ("message", "ddsource", "ddtags", "hostname", "service")


def receive(request: Request, now: float) -> Checked:
    """Check a call."""
    content, refusal = read_content(request)
    if refusal:
        return refusal
    logs = content if isinstance(content, list) else [content]
    if len(logs) > MAX_LOGS:
        return refuse_all(request, 413, f"{len(logs)} logs in one request; the limit is {MAX_LOGS}")
    received = [_check(log, now) for log in logs]
    if not all(isinstance(log, dict) for log in logs):
        return refuse(request, 400, "a log must be an object"), received
    return Response(202, b"{}"), check_content_type(request, received)


def _check(log: Any, now: float) -> ReceivedEvent:
    payload = encode_json(log)
    if not isinstance(log, dict):
        return ReceivedEvent("(not an object)", payload, ("a log must be an object",))
    reasons = [
        f"{field} must be a string"
        for field in _STRINGS
        if log.get(field) is not None and not isinstance(log[field], str)
    ]
    if log.get("message") in (None, ""):
        reasons.append("message is required")
    if len(payload) > MAX_LOG_BYTES:
        reasons.append(f"{len(payload)} bytes; Datadog truncates a log after {MAX_LOG_BYTES}")
    for field in ("timestamp", "date"):
        reasons += age_reasons(field, log.get(field), now)
    if isinstance(log.get("ddtags"), str):
        reasons += tag_reasons([tag for tag in log["ddtags"].split(",") if tag])
    return ReceivedEvent(_name(log), payload, tuple(reasons))


def _name(log: dict[str, Any]) -> str:
    """Return the event name in Datadog's standard attribute, or else the message."""
    nested = log.get("evt")
    for name in (log.get("evt.name"), isinstance(nested, dict) and nested.get("name")):
        if is_filled_string(name):
            return name
    message = log.get("message")
    return message[:MAX_NAME_CHARACTERS] if is_filled_string(message) else "(no message)"
