"""Datadog's metrics APIs: two versions of `/series`, and `/distribution_points`."""

from __future__ import annotations

from typing import Any

from eventtracking.inspector.datadog.http_api import (
    Checked,
    check_content_type,
    read_content,
    refuse_all,
)
from eventtracking.inspector.datadog.limits import (
    name_reasons,
    point_time_reasons,
    tag_reasons,
)
from eventtracking.inspector.decoding import encode_json, is_filled_string, is_number
from eventtracking.inspector.endpoint import ReceivedEvent, Request, Response, unreadable_event

# https://docs.datadoghq.com/api/latest/metrics/
MAX_SERIES_BYTES = {1: 62_914_560, 2: 5_242_880}
MAX_COMPRESSED_SERIES_BYTES = {1: 3_200_000, 2: 512_000}

# Distributions have an endpoint of their own; the other metrics have two versions of one.
_DISTRIBUTIONS, _VERSION_1, _VERSION_2 = 0, 1, 2
_TYPES: dict[int, tuple[Any, ...]] = {
    _DISTRIBUTIONS: ("distribution",),
    _VERSION_1: ("count", "gauge", "rate"),
    _VERSION_2: (0, 1, 2, 3),
}
_POINTS = {
    _DISTRIBUTIONS: "[timestamp, [value, ...]]",
    _VERSION_1: "[timestamp, value]",
    _VERSION_2: '{"timestamp", "value"}',
}


def receive(request: Request, now: float) -> Checked:
    """Check a call."""
    content, refusal = read_content(request)
    if refusal:
        return refusal
    series = content.get("series") if isinstance(content, dict) else None
    if not isinstance(series, list) or not all(isinstance(each, dict) for each in series):
        return refuse_all(request, 400, "'series' must be an array of objects")
    version = _version(request)
    received = [_check(each, version, now) for each in series]
    if not received:
        received = [unreadable_event(request.body, "'series' is empty")]
    body = b'{"errors":[]}' if version == _VERSION_2 else b'{"status":"ok"}'
    return Response(202, body), check_content_type(request, received)


def _version(request: Request) -> int:
    if request.path.endswith("/distribution_points"):
        return _DISTRIBUTIONS
    return _VERSION_1 if "/v1/" in request.path else _VERSION_2


def _check(series: dict[str, Any], version: int, now: float) -> ReceivedEvent:
    name = series.get("metric")
    has_name = is_filled_string(name)
    reasons = name_reasons(str(name)) if has_name else ["metric is required and must be a string"]
    kind = series.get("type")
    if kind is not None and (isinstance(kind, bool) or kind not in _TYPES[version]):
        types = ", ".join(map(str, _TYPES[version]))
        reasons.append(f"type must be one of {types}, got {kind!r}")
    points = series.get("points")
    if isinstance(points, list) and points:
        for point in points:
            reasons += _point_reasons(point, version, now)
    else:
        reasons.append("points must be a non-empty array")
    reasons += tag_reasons(series.get("tags"))
    return ReceivedEvent(
        str(name) if has_name else "(no name)", encode_json(series), tuple(reasons)
    )


def _point_reasons(point: Any, version: int, now: float) -> list[str]:
    parsed = _parse_point(point, version)
    if parsed is None:
        return [f"a point must be {_POINTS[version]}"]
    timestamp, values = parsed
    reasons = [
        f"the value of a point must be a number, got {value!r}"
        for value in values
        if not is_number(value)
    ]
    return reasons + point_time_reasons(timestamp, now)


def _parse_point(point: Any, version: int) -> tuple[Any, list[Any]] | None:
    """Return the time and the values of a point; `None` if it has the wrong form."""
    if version == _VERSION_2:
        is_object = isinstance(point, dict)
        return (point.get("timestamp"), [point.get("value")]) if is_object else None
    if not isinstance(point, list) or len(point) != 2:  # noqa: PLR2004
        return None
    timestamp, value = point
    if version == _VERSION_1:
        return timestamp, [value]
    return (timestamp, value) if isinstance(value, list) and value else None
