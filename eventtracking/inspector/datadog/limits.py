"""Datadog's limits on names, tags, texts and ages, which its APIs share."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from eventtracking.inspector.decoding import is_iso_time, is_number

# https://docs.datadoghq.com/api/latest/events/
MAX_TEXT_CHARACTERS = 4_000

# https://docs.datadoghq.com/api/latest/metrics/
MAX_NAME_CHARACTERS = 200
MAX_TAG_CHARACTERS = 200

MAX_AGE_SECONDS = 18 * 3600
"""Datadog drops logs and events that are older."""

MAX_POINT_AGE_SECONDS, MAX_POINT_LEAD_SECONDS = 3600, 600
"""Datadog drops points of metrics that are older, or further in the future."""

# Datadog documents no limit for the future. An hour is more than a clock is usually wrong by.
_MAX_LEAD_SECONDS = 3600

_METRIC_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.]*", re.ASCII)

_TAG_PUNCTUATION = {*"_-:./"}

# As seconds, this is the year 5138; as milliseconds, it is 1973.
_MILLISECONDS_FROM = 100_000_000_000

_MAX_SHOWN_CHARACTERS = 80


def name_reasons(name: str) -> list[str]:
    """Return all that is wrong with the name of a metric."""
    reasons = []
    if not _METRIC_NAME.fullmatch(name):
        shown = name[:_MAX_SHOWN_CHARACTERS]
        reasons.append(
            f"a metric name must start with a letter, followed by A-Z a-z 0-9 _ ., got {shown!r}"
        )
    if len(name) > MAX_NAME_CHARACTERS:
        reasons.append(
            f"a metric name must have at most {MAX_NAME_CHARACTERS} characters, got {len(name)}"
        )
    return reasons


def tag_reasons(tags: Any) -> list[str]:
    """Return all that is wrong with the tags of a metric or an event."""
    if not isinstance(tags, list):
        return [] if tags is None else ["tags must be an array of strings"]
    return [reason for tag in tags if (reason := _tag_reason(tag))]


def age_reasons(field: str, value: Any, now: float) -> list[str]:
    """Return what is wrong with the age of a log or an event, if *value* is a time."""
    seconds = _seconds(value)
    if seconds is None:
        return []
    if seconds < now - MAX_AGE_SECONDS:
        return [f"{field} is more than 18 hours in the past: {value}"]
    if seconds > now + _MAX_LEAD_SECONDS:
        return [f"{field} is in the future: {value}"]
    return []


def point_time_reasons(timestamp: Any, now: float) -> list[str]:
    """Return what is wrong with the time of a point, which is in seconds."""
    if not is_number(timestamp):
        return [f"the timestamp of a point must be a number of seconds, got {timestamp!r}"]
    if timestamp < now - MAX_POINT_AGE_SECONDS:
        return [f"the timestamp of a point is more than an hour in the past: {timestamp}"]
    if timestamp > now + MAX_POINT_LEAD_SECONDS:
        return [f"the timestamp of a point is more than ten minutes in the future: {timestamp}"]
    return []


def _seconds(value: Any) -> float | None:
    """Return a time in seconds; `None` for an attribute that is not a time."""
    if isinstance(value, str) and is_iso_time(value):
        time = datetime.fromisoformat(value)
        # Datadog takes a time without a zone as UTC.
        return time.timestamp() if time.tzinfo else datetime.fromisoformat(f"{value}Z").timestamp()
    if is_number(value):
        return float(value / 1000 if value >= _MILLISECONDS_FROM else value)
    return None


def _tag_reason(tag: Any) -> str:
    if not isinstance(tag, str):
        return f"a tag must be a string, got {tag!r}"
    shown = tag[:_MAX_SHOWN_CHARACTERS]
    if not tag[:1].isalpha():
        return f"a tag must start with a letter, got {shown!r}"
    if len(tag) > MAX_TAG_CHARACTERS:
        return f"a tag must have at most {MAX_TAG_CHARACTERS} characters, got {shown!r}"
    if not all(character.isalnum() or character in _TAG_PUNCTUATION for character in tag):
        return f"a tag may contain letters, digits and _ - : . /, got {shown!r}"
    return ""
