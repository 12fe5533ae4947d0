"""The documented limits of Google's Measurement Protocol, checked on the body of a request."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from eventtracking.destinations.google_analytics import reserved
from eventtracking.inspector.decoding import is_filled_string, is_number

# https://developers.google.com/analytics/devguides/collection/protocol/ga4/sending-events
MAX_EVENTS = 25
MAX_PARAMS = 25
MAX_USER_PROPERTIES = 25
MAX_NAME_CHARACTERS = 40
MAX_VALUE_CHARACTERS = 100
MAX_USER_PROPERTY_NAME_CHARACTERS = 24
MAX_USER_PROPERTY_VALUE_CHARACTERS = 36
MAX_USER_ID_CHARACTERS = 256
MAX_ITEMS = 200
LONGER_VALUES = {"page_title": 300, "page_referrer": 420, "page_location": 1000}

MAX_AGE_SECONDS = 72 * 3600

# Google documents no limit for the future. An hour is more than a clock is usually wrong by.
_MAX_LEAD_SECONDS = 3600

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)

_MAX_SHOWN_CHARACTERS = 80

_RESERVED_USER_PROPERTIES = {
    "first_open_time",
    "first_visit_time",
    "last_deep_link_referrer",
    "user_id",
    "first_open_after_install",
}

_RESERVED_USER_PROPERTY_PREFIXES = ("google_", "ga_", "firebase_")

_CONSENT_FIELDS = ("ad_user_data", "ad_personalization")

_VALIDATION_BEHAVIORS = ("RELAXED", "ENFORCE_RECOMMENDATIONS")


class Message(NamedTuple):
    """
    A validation message, as the validation endpoint returns it.

    Args:
        path: The path of the field.
        description: What is wrong.
        code: One of Google's validation codes.
        event: The index of the event; `None` if the whole request is wrong.
    """

    path: str
    description: str
    code: str
    event: int | None = None


def validate(content: dict[str, Any], *, is_app: bool, now: float) -> Iterator[Message]:
    """Yield a message for each field of a body that is not valid."""
    client = "app_instance_id" if is_app else "client_id"
    if not is_filled_string(content.get(client)):
        yield Message(client, f"{client} is required and must be a string", "VALUE_REQUIRED")
    yield from _validate_user_id(content.get("user_id"))
    yield from _validate_time("timestamp_micros", content.get("timestamp_micros"), now)
    yield from _validate_user_properties(content.get("user_properties"))
    yield from _validate_consent(content.get("consent"))
    if content.get("validation_behavior", "RELAXED") not in _VALIDATION_BEHAVIORS:
        reason = f"validation_behavior must be {' or '.join(_VALIDATION_BEHAVIORS)}"
        yield Message("validation_behavior", reason, "VALUE_INVALID")
    yield from _validate_events(content.get("events"), is_app=is_app, now=now)


def duplicates(body: bytes) -> Iterator[Message]:
    """Yield a message for each name that an object holds twice: a parser keeps only one value."""
    repeated: list[str] = []

    def note_repeated(pairs: list[tuple[str, Any]]) -> None:
        counts = Counter(name for name, _ in pairs)
        repeated.extend(name for name, count in counts.items() if count > 1)

    try:
        json.loads(body, object_pairs_hook=note_repeated)
    except (RecursionError, ValueError):
        # So deeply nested, or with such a long number, that other checks refuse it.
        return
    for name in repeated:
        yield Message(name, f"the name {_short(name)!r} is duplicated", "NAME_DUPLICATED")


def _validate_events(events: Any, *, is_app: bool, now: float) -> Iterator[Message]:
    if not isinstance(events, list) or not events:
        reason = "events is required and must be a non-empty array"
        yield Message("events", reason, "VALUE_REQUIRED")
        return
    if len(events) > MAX_EVENTS:
        reason = f"{len(events)} events in one request; the limit is {MAX_EVENTS}"
        yield Message("events", reason, "EXCEEDED_MAX_ENTITIES")
    for index, event in enumerate(events):
        for message in _validate_event(event, is_app=is_app, now=now):
            path = ".".join(filter(None, (f"events[{index}]", message.path)))
            yield message._replace(path=path, event=index)


def _validate_user_id(user_id: Any) -> Iterator[Message]:
    if user_id is None:
        return
    if not is_filled_string(user_id):
        yield Message("user_id", "user_id must be a string", "VALUE_INVALID")
    elif len(user_id) > MAX_USER_ID_CHARACTERS:
        reason = f"user_id must have at most {MAX_USER_ID_CHARACTERS} characters"
        yield Message("user_id", reason, "VALUE_OUT_OF_BOUNDS")


def _validate_consent(consent: Any) -> Iterator[Message]:
    if not isinstance(consent, dict):
        if consent is not None:
            yield Message("consent", "consent must be an object", "VALUE_INVALID")
        return
    for field, value in consent.items():
        path = f"consent.{field}"
        if field not in _CONSENT_FIELDS:
            reason = f"consent may contain only {' and '.join(_CONSENT_FIELDS)}"
            yield Message(path, reason, "NAME_INVALID")
        elif value not in ("GRANTED", "DENIED"):
            yield Message(path, f"{path} must be GRANTED or DENIED", "VALUE_INVALID")


def _validate_time(path: str, micros: Any, now: float) -> Iterator[Message]:
    if micros is None:
        return
    if isinstance(micros, str) and re.fullmatch(r"[0-9]{1,18}", micros):
        micros = int(micros)
    if type(micros) is not int:
        reason = "timestamp_micros must be a whole number of microseconds"
        yield Message(path, reason, "VALUE_INVALID")
    elif micros < (now - MAX_AGE_SECONDS) * 1e6:
        reason = f"timestamp_micros is more than 72 hours in the past: {micros}"
        yield Message(path, reason, "VALUE_OUT_OF_BOUNDS")
    elif micros > (now + _MAX_LEAD_SECONDS) * 1e6:
        yield Message(path, f"timestamp_micros is in the future: {micros}", "VALUE_OUT_OF_BOUNDS")


def _validate_user_properties(properties: Any) -> Iterator[Message]:
    path = "user_properties"
    if not isinstance(properties, dict):
        if properties is not None:
            yield Message(path, "user_properties must be an object", "VALUE_INVALID")
        return
    if len(properties) > MAX_USER_PROPERTIES:
        reason = f"{len(properties)} user properties; the limit is {MAX_USER_PROPERTIES}"
        yield Message(path, reason, "EXCEEDED_MAX_ENTITIES")
    for name, holder in properties.items():
        yield from _validate_name(
            f"{path}.{name}", "user property", name, MAX_USER_PROPERTY_NAME_CHARACTERS
        )
        if name in _RESERVED_USER_PROPERTIES or name.startswith(_RESERVED_USER_PROPERTY_PREFIXES):
            reason = f"the user property {name} is reserved"
            yield Message(f"{path}.{name}", reason, "NAME_RESERVED")
        value = holder.get("value") if isinstance(holder, dict) else None
        yield from _validate_value(f"{path}.{name}", value, MAX_USER_PROPERTY_VALUE_CHARACTERS)


def _validate_event(event: Any, *, is_app: bool, now: float) -> Iterator[Message]:
    if not isinstance(event, dict):
        yield Message("", "an event must be an object", "VALUE_INVALID")
        return
    name = event.get("name")
    if is_filled_string(name):
        yield from _validate_event_name(name, is_app=is_app)
    else:
        reason = "the name of an event is required and must be a string"
        yield Message("name", reason, "VALUE_REQUIRED")
    yield from _validate_time("timestamp_micros", event.get("timestamp_micros"), now)
    params = event.get("params")
    if isinstance(params, dict):
        yield from _validate_params(params)
    elif params is not None:
        yield Message("params", "params must be an object", "VALUE_INVALID")


def _validate_event_name(name: str, *, is_app: bool) -> Iterator[Message]:
    is_reserved = name in reserved.EVENTS and not (is_app and name in reserved.APP_EVENTS)
    if is_reserved or name.startswith(reserved.PREFIXES):
        yield Message("name", f"the event name {_short(name)} is reserved", "NAME_RESERVED")
    else:
        yield from _validate_name("name", "event", name, MAX_NAME_CHARACTERS)


def _validate_params(params: dict[str, Any]) -> Iterator[Message]:
    if len(params) > MAX_PARAMS:
        reason = f"{len(params)} params in one event; the limit is {MAX_PARAMS}"
        yield Message("params", reason, "EXCEEDED_MAX_ENTITIES")
    for name, value in params.items():
        path = f"params.{name}"
        if name == "firebase_conversion" or name.startswith(reserved.PREFIXES):
            yield Message(path, f"the param {_short(name)} is reserved", "NAME_RESERVED")
        else:
            yield from _validate_name(path, "param", name, MAX_NAME_CHARACTERS)
        if name == "items":
            yield from _validate_items(path, value)
        else:
            yield from _validate_value(path, value, LONGER_VALUES.get(name, MAX_VALUE_CHARACTERS))
        yield from _validate_session_param(path, name, value)


def _validate_session_param(path: str, name: str, value: Any) -> Iterator[Message]:
    """Check the two params without which Google counts no active user."""
    if name == "session_id" and not re.fullmatch(r"[0-9]+", str(value)):
        yield Message(path, "session_id must consist of digits", "VALUE_INVALID")
    if name == "engagement_time_msec" and not re.fullmatch(r"0*[1-9][0-9]*", str(value)):
        reason = "engagement_time_msec must be a whole number above 0"
        yield Message(path, reason, "VALUE_INVALID")


def _validate_items(path: str, items: Any) -> Iterator[Message]:
    if not isinstance(items, list):
        yield Message(path, "items must be an array", "VALUE_INVALID")
        return
    if len(items) > MAX_ITEMS:
        reason = f"{len(items)} items in one event; the limit is {MAX_ITEMS}"
        yield Message(path, reason, "EXCEEDED_MAX_ENTITIES")
    for index, item in enumerate(items):
        if not isinstance(item, dict) or not (item.get("item_id") or item.get("item_name")):
            reason = "an item must have an item_id or an item_name"
            yield Message(f"{path}[{index}]", reason, "VALUE_REQUIRED")
            continue
        for name, value in item.items():
            yield from _validate_value(f"{path}[{index}].{name}", value, MAX_VALUE_CHARACTERS)


def _validate_name(path: str, kind: str, name: str, limit: int) -> Iterator[Message]:
    shown = f"the {kind} name {_short(name)!r}"
    if not _NAME.fullmatch(name):
        reason = f"{shown} must start with a letter, followed by A-Z a-z 0-9 _"
        yield Message(path, reason, "NAME_INVALID")
    elif len(name) > limit:
        reason = f"{shown} has {len(name)} characters; the limit is {limit}"
        yield Message(path, reason, "NAME_INVALID")


def _validate_value(path: str, value: Any, limit: int) -> Iterator[Message]:
    if isinstance(value, str):
        if len(value) > limit:
            reason = f"{path} has {len(value)} characters; the limit is {limit}"
            yield Message(path, reason, "VALUE_OUT_OF_BOUNDS")
    elif not is_number(value):
        yield Message(path, f"{path} must be a string or a number", "VALUE_INVALID")


def _short(name: str) -> str:
    return name[:_MAX_SHOWN_CHARACTERS]
