"""Datadog's HTTP intakes for logs, events and metrics: what they take and how they answer."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeGuard

from eventtracking.inspector.intake import (
    Answer,
    Intake,
    Received,
    Request,
    as_json,
    blame,
    is_json,
    is_number,
    is_time,
    parse,
    unreadable,
)

DESTINATION = "datadog"

# https://docs.datadoghq.com/api/latest/logs/
MAX_LOGS_BYTES = 5_000_000
MAX_LOGS = 1_000
MAX_LOG_BYTES = 1_000_000

# https://docs.datadoghq.com/api/latest/events/
MAX_TEXT_CHARACTERS = 4_000
MAX_AGGREGATION_KEY_CHARACTERS = 100

# https://docs.datadoghq.com/api/latest/metrics/
MAX_SERIES_BYTES = {1: 62_914_560, 2: 5_242_880}
MAX_PACKED_SERIES_BYTES = {1: 3_200_000, 2: 512_000}

MAX_NAME_CHARACTERS = 200
MAX_TAG_CHARACTERS = 200

MAX_AGE_SECONDS = 18 * 3600
"""Logs and events are older than this in vain."""

MAX_POINT_AGE_SECONDS, MAX_POINT_LEAD_SECONDS = 3600, 600
"""Points of metrics are older, or more in the future, in vain."""

# None is documented for an event; a clock that is wrong by so much is.
_MAX_LEAD_SECONDS = 3600

_METRIC_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.]*", re.ASCII)

_TAG_MARKS = {*"_-:./"}

# Metrics come in two versions; distributions have an intake of their own.
_DISTRIBUTIONS, _FIRST, _SECOND = 0, 1, 2
_TYPES: dict[int, tuple[Any, ...]] = {
    _DISTRIBUTIONS: ("distribution",),
    _FIRST: ("count", "gauge", "rate"),
    _SECOND: (0, 1, 2, 3),
}
_POINTS = {
    _DISTRIBUTIONS: "[timestamp, [value, ...]]",
    _FIRST: "[timestamp, value]",
    _SECOND: '{"timestamp", "value"}',
}

_ALERTS = ("error", "warning", "info", "success", "user_update", "recommendation", "snapshot")

# Milliseconds of 1973 are as many seconds as a date of the year 5138.
_MILLISECONDS_FROM = 100_000_000_000


def receive_logs(request: Request, now: float) -> tuple[Answer, list[Received]]:
    """Check a call of `/api/v2/logs`."""
    content, refusal = _content(request)
    if refusal:
        return refusal
    logs = content if isinstance(content, list) else [content]
    received = [_log(log, now) for log in logs]
    if len(logs) > MAX_LOGS:
        why = f"{len(logs)} logs in a request; it may have {MAX_LOGS}"
        return _refuse(request, 413, why), [unreadable(request.body, why)]
    if not all(isinstance(log, dict) for log in logs):
        return _refuse(request, 400, "a log must be an object"), received
    return Answer(202, b"{}"), _typed(request, received)


def receive_event(request: Request, now: float) -> tuple[Answer, list[Received]]:
    """Check a call of `/api/v1/events`."""
    content, refusal = _content(request)
    if refusal:
        return refusal
    if not isinstance(content, dict):
        return _refuse_all(request, 400, "an event must be an object")
    wrong = [
        f"{field} is required, a string"
        for field in ("title", "text")
        if not _is_text(content.get(field))
    ]
    name = content["title"] if _is_text(content.get("title")) else "(no title)"
    received = Received(name, as_json(content), (*wrong, *_of_event(content, now)))
    if wrong:
        return _refuse(request, 400, *wrong), [received]
    said = {"status": "ok", "event": {"id": 1, "title": content["title"], "text": content["text"]}}
    return Answer(202, as_json(said)), _typed(request, [received])


def receive_series(request: Request, now: float) -> tuple[Answer, list[Received]]:
    """Check a call of `/api/v1/series`, `/api/v2/series` or `/api/v1/distribution_points`."""
    content, refusal = _content(request)
    if refusal:
        return refusal
    series = content.get("series") if isinstance(content, dict) else None
    if not isinstance(series, list) or not all(isinstance(each, dict) for each in series):
        return _refuse_all(request, 400, "there must be an array 'series' of objects")
    version = _version(request)
    received = [_metric(each, version, now) for each in series]
    if not received:
        received = [unreadable(request.body, "the series are empty")]
    said = b'{"errors":[]}' if version == _SECOND else b'{"status":"ok"}'
    return Answer(202, said), _typed(request, received)


INTAKES = {
    "/api/v2/logs": Intake(DESTINATION, receive_logs, MAX_LOGS_BYTES),
    "/api/v1/events": Intake(DESTINATION, receive_event, MAX_LOGS_BYTES),
    **{
        f"/api/v{version}/series": Intake(
            DESTINATION,
            receive_series,
            MAX_SERIES_BYTES[version],
            MAX_PACKED_SERIES_BYTES[version],
        )
        for version in (1, 2)
    },
    "/api/v1/distribution_points": Intake(
        DESTINATION, receive_series, MAX_SERIES_BYTES[1], MAX_PACKED_SERIES_BYTES[1]
    ),
}


def name_problems(name: str) -> list[str]:
    """Return what is wrong with the name of a metric."""
    found = []
    if not _METRIC_NAME.fullmatch(name):
        found.append(
            f"a metric's name starts with a letter, then A-Z a-z 0-9 _ .; got {name[:80]!r}"
        )
    if len(name) > MAX_NAME_CHARACTERS:
        found.append(
            f"a metric's name has at most {MAX_NAME_CHARACTERS} characters, not {len(name)}"
        )
    return found


def tag_problems(tags: Any) -> list[str]:
    """Return what is wrong with the tags of a metric or an event."""
    if not isinstance(tags, list):
        return [] if tags is None else ["tags must be an array of strings"]
    return [problem for tag in tags if (problem := _tag_problem(tag))]


def point_problem(stamp: Any, now: float) -> str:
    """Say what is wrong with the time of a point, in seconds."""
    if not is_number(stamp):
        return f"a point's timestamp must be a number of seconds, got {stamp!r}"
    if stamp < now - MAX_POINT_AGE_SECONDS:
        return f"a point's timestamp, {stamp}, is more than an hour ago"
    if stamp > now + MAX_POINT_LEAD_SECONDS:
        return f"a point's timestamp, {stamp}, is more than ten minutes ahead"
    return ""


def _content(request: Request) -> tuple[Any, tuple[Answer, list[Received]] | None]:
    """Return what a request holds, or the refusal of a request that holds nothing readable."""
    if not (request.headers.get("dd-api-key") or request.query.get("dd-api-key")):
        return None, _refuse_all(request, 403, "Forbidden: no API key in the header DD-API-KEY")
    if request.trouble:
        return None, _refuse_all(request, 413 if request.too_large else 400, request.trouble)
    content, trouble = parse(request.body)
    return content, _refuse_all(request, 400, trouble) if trouble else None


def _refuse_all(request: Request, status: int, why: str) -> tuple[Answer, list[Received]]:
    return _refuse(request, status, why), [unreadable(request.body, why)]


def _refuse(request: Request, status: int, *why: str) -> Answer:
    errors: list[Any] = [*why]
    if request.path == "/api/v2/logs":
        errors = [{"status": str(status), "title": each} for each in why]
    return Answer(status, as_json({"errors": errors}))


def _version(request: Request) -> int:
    if request.path.endswith("/distribution_points"):
        return _DISTRIBUTIONS
    return _FIRST if "/v1/" in request.path else _SECOND


def _typed(request: Request, received: list[Received]) -> list[Received]:
    return (
        received
        if is_json(request.headers)
        else blame(received, "Content-Type must be application/json")
    )


def _log(log: Any, now: float) -> Received:
    payload = as_json(log)
    if not isinstance(log, dict):
        return Received("(no object)", payload, ("a log must be an object",))
    message = log.get("message")
    reasons = [
        f"{field} must be a string"
        for field in ("message", "ddsource", "ddtags", "hostname", "service")
        if log.get(field) is not None and not isinstance(log[field], str)
    ]
    if message is None or message == "":
        reasons.append("message is required")
    if len(payload) > MAX_LOG_BYTES:
        reasons.append(f"{len(payload)} bytes; Datadog cuts a log off after {MAX_LOG_BYTES}")
    for field in ("timestamp", "date"):
        reasons += _age_problems(field, log.get(field), now)
    if isinstance(log.get("ddtags"), str):
        reasons += tag_problems([tag for tag in log["ddtags"].split(",") if tag])
    return Received(_log_name(log), payload, tuple(reasons))


def _log_name(log: dict[str, Any]) -> str:
    """Return what Datadog's standard attributes call the event, or else its message."""
    nested = log.get("evt")
    for name in (log.get("evt.name"), isinstance(nested, dict) and nested.get("name")):
        if _is_text(name):
            return str(name)
    message = log.get("message")
    return message[:MAX_NAME_CHARACTERS] if _is_text(message) else "(no message)"


def _age_problems(field: str, value: Any, now: float) -> list[str]:
    seconds = _seconds(value)
    # What is no time is an attribute like any other.
    if seconds is None:
        return []
    if seconds < now - MAX_AGE_SECONDS:
        return [f"{field} is more than 18 hours ago: {value}"]
    if seconds > now + _MAX_LEAD_SECONDS:
        return [f"{field} is in the future: {value}"]
    return []


def _seconds(value: Any) -> float | None:
    if isinstance(value, str) and is_time(value):
        stamp = datetime.fromisoformat(value)
        # Without a zone Datadog takes it as UTC.
        return (
            stamp.timestamp() if stamp.tzinfo else datetime.fromisoformat(f"{value}Z").timestamp()
        )
    if is_number(value):
        return float(value / 1000 if value >= _MILLISECONDS_FROM else value)
    return None


def _of_event(event: dict[str, Any], now: float) -> list[str]:
    checks: dict[str, tuple[Callable[[Any], bool], str]] = {
        "text": (lambda text: len(str(text)) <= MAX_TEXT_CHARACTERS, "has at most 4000 characters"),
        "priority": (lambda value: value in ("normal", "low"), "must be normal or low"),
        "alert_type": (lambda value: value in _ALERTS, f"must be one of {', '.join(_ALERTS)}"),
        "aggregation_key": (
            lambda key: isinstance(key, str) and len(key) <= MAX_AGGREGATION_KEY_CHARACTERS,
            f"must be a string of at most {MAX_AGGREGATION_KEY_CHARACTERS} characters",
        ),
        "date_happened": (lambda stamp: type(stamp) is int, "must be a whole number of seconds"),
        "host": (lambda host: isinstance(host, str), "must be a string"),
    }
    found = [
        f"{field} {rule}"
        for field, (holds, rule) in checks.items()
        if event.get(field) is not None and not holds(event[field])
    ]
    if type(event.get("date_happened")) is int:
        found += _age_problems("date_happened", event["date_happened"], now)
    return found + tag_problems(event.get("tags"))


def _metric(series: dict[str, Any], version: int, now: float) -> Received:
    name = series.get("metric")
    reasons = name_problems(name) if _is_text(name) else ["metric is required, a string"]
    kind = series.get("type")
    if kind is not None and (isinstance(kind, bool) or kind not in _TYPES[version]):
        reasons.append(f"type must be one of {', '.join(map(str, _TYPES[version]))}; got {kind!r}")
    points = series.get("points")
    if isinstance(points, list) and points:
        for point in points:
            reasons += _point_problems(point, version, now)
    else:
        reasons.append("points must be an array, and not empty")
    reasons += tag_problems(series.get("tags"))
    return Received(str(name) if _is_text(name) else "(no name)", as_json(series), tuple(reasons))


def _point_problems(point: Any, version: int, now: float) -> list[str]:
    parts = _taken_apart(point, version)
    if parts is None:
        return [f"a point must be {_POINTS[version]}"]
    stamp, values = parts
    found = [
        f"a point's value must be a number, got {each!r}" for each in values if not is_number(each)
    ]
    problem = point_problem(stamp, now)
    return [*found, problem] if problem else found


def _taken_apart(point: Any, version: int) -> tuple[Any, list[Any]] | None:
    """Return the time and the values of a point; `None` for one of another form."""
    if version == _SECOND:
        is_one = isinstance(point, dict)
        return (point.get("timestamp"), [point.get("value")]) if is_one else None
    if not isinstance(point, list) or len(point) != 2:  # noqa: PLR2004
        return None
    stamp, value = point
    if version == _FIRST:
        return stamp, [value]
    return (stamp, value) if isinstance(value, list) and value else None


def _tag_problem(tag: Any) -> str:
    if not isinstance(tag, str):
        return f"a tag must be a string, got {tag!r}"
    shown = repr(tag[:80])
    if not tag[:1].isalpha():
        return f"a tag starts with a letter: {shown}"
    if len(tag) > MAX_TAG_CHARACTERS:
        return f"a tag has at most {MAX_TAG_CHARACTERS} characters: {shown}"
    if not all(sign.isalnum() or sign in _TAG_MARKS for sign in tag):
        return f"a tag holds letters, digits and _ - : . /; Datadog replaces the rest: {shown}"
    return ""


def _is_text(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and bool(value)
