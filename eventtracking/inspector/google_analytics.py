"""Google Analytics 4's Measurement Protocol: what it counts, what it drops, what it validates."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeGuard

from eventtracking.destinations.google_analytics import reserved
from eventtracking.inspector.intake import (
    Answer,
    Intake,
    Received,
    Request,
    as_json,
    is_json,
    is_number,
    parse,
    unreadable,
)

DESTINATION = "google_analytics"

# https://developers.google.com/analytics/devguides/collection/protocol/ga4/sending-events
MAX_BODY_BYTES = 129_999  # "smaller than 130 kB"
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

# None is documented; a clock that is wrong by so much is.
_MAX_LEAD_SECONDS = 3600

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)

_RESERVED_USER_PROPERTIES = {
    "first_open_time",
    "first_visit_time",
    "last_deep_link_referrer",
    "user_id",
    "first_open_after_install",
}

_RESERVED_USER_PROPERTY_PREFIXES = ("google_", "ga_", "firebase_")

_CONSENTS = ("ad_user_data", "ad_personalization")

_BEHAVIORS = ("RELAXED", "ENFORCE_RECOMMENDATIONS")


class Message(NamedTuple):
    """What the validation endpoint says of one thing that is wrong."""

    path: str
    description: str
    code: str
    event: int | None = None


def receive(request: Request, now: float) -> tuple[Answer, list[Received]]:
    """Check a call of `/mp/collect`. Google answers 204, whatever it is."""
    content, trouble = _content(request)
    if trouble:
        return Answer(204), [unreadable(request.body, trouble)]
    messages = [*_of_request(request), *_validate(content, request, now), *_repeated(request.body)]
    return Answer(204), [*_records(content, messages, request.body)]


def validate(request: Request, now: float) -> tuple[Answer, list[Received]]:
    """Answer a call of `/debug/mp/collect`. Such events get into no report, so none is recorded."""
    content, trouble = _content(request)
    if trouble:
        messages = [Message("", trouble, "VALUE_INVALID")]
    else:
        messages = [*_validate(content, request, now), *_repeated(request.body)]
    said = [
        {"fieldPath": each.path, "description": each.description, "validationCode": each.code}
        for each in messages
    ]
    return Answer(200, as_json({"validationMessages": said})), []


INTAKES = {
    "/mp/collect": Intake(DESTINATION, receive, MAX_BODY_BYTES),
    "/debug/mp/collect": Intake(DESTINATION, validate, MAX_BODY_BYTES),
}


def _content(request: Request) -> tuple[Any, str]:
    if request.trouble:
        return None, request.trouble
    content, trouble = parse(request.body)
    if not trouble and not isinstance(content, dict):
        trouble = "the body must be an object"
    return content, trouble


def _records(content: dict[str, Any], messages: list[Message], body: bytes) -> Iterator[Received]:
    events = content.get("events")
    around = tuple(each.description for each in messages if each.event is None)
    if not isinstance(events, list) or not events:
        yield unreadable(body, around[0] if around else "there are no events")._replace(
            reasons=around
        )
        return
    shared = {name: value for name, value in content.items() if name != "events"}
    for index, event in enumerate(events):
        reasons = (*around, *(each.description for each in messages if each.event == index))
        is_event = isinstance(event, dict)
        name = event.get("name") if is_event else None
        shown = {**shared, **event} if is_event else event
        yield Received(name if isinstance(name, str) else "(no name)", as_json(shown), reasons)


def _of_request(request: Request) -> Iterator[Message]:
    """Check what the validation endpoint never looks at."""
    query = request.query
    if not (query.get("measurement_id") or query.get("firebase_app_id")):
        yield Message("", "measurement_id is missing in the URL", "VALUE_REQUIRED")
    if not query.get("api_secret"):
        yield Message("", "api_secret is missing in the URL", "VALUE_REQUIRED")
    if not is_json(request.headers):
        yield Message("", "Content-Type must be application/json", "VALUE_INVALID")


def _validate(content: dict[str, Any], request: Request, now: float) -> Iterator[Message]:
    is_app = bool(request.query.get("firebase_app_id"))
    client = "app_instance_id" if is_app else "client_id"
    if not _is_text(content.get(client)):
        yield Message(client, f"{client} is required, a string", "VALUE_REQUIRED")
    yield from _user(content)
    yield from _time("timestamp_micros", content.get("timestamp_micros"), now)
    yield from _user_properties(content.get("user_properties"))
    yield from _choices(content)
    events = content.get("events")
    if not isinstance(events, list) or not events:
        yield Message("events", "events is required, an array, and not empty", "VALUE_REQUIRED")
        return
    if len(events) > MAX_EVENTS:
        why = f"{len(events)} events in a request; it may have {MAX_EVENTS}"
        yield Message("events", why, "EXCEEDED_MAX_ENTITIES")
    for index, event in enumerate(events):
        for message in _event(event, is_app=is_app, now=now):
            path = ".".join(filter(None, (f"events[{index}]", message.path)))
            yield message._replace(path=path, event=index)


def _user(content: dict[str, Any]) -> Iterator[Message]:
    user = content.get("user_id")
    if user is None:
        return
    if not _is_text(user):
        yield Message("user_id", "user_id must be a string", "VALUE_INVALID")
    elif len(user) > MAX_USER_ID_CHARACTERS:
        why = f"user_id has at most {MAX_USER_ID_CHARACTERS} characters"
        yield Message("user_id", why, "VALUE_OUT_OF_BOUNDS")


def _choices(content: dict[str, Any]) -> Iterator[Message]:
    consent = content.get("consent")
    if consent is not None and not isinstance(consent, dict):
        yield Message("consent", "consent must be an object", "VALUE_INVALID")
    for field, value in consent.items() if isinstance(consent, dict) else ():
        path = f"consent.{field}"
        if field not in _CONSENTS:
            yield Message(path, f"consent knows {' and '.join(_CONSENTS)} only", "NAME_INVALID")
        elif value not in ("GRANTED", "DENIED"):
            yield Message(path, f"{path} must be GRANTED or DENIED", "VALUE_INVALID")
    if content.get("validation_behavior", "RELAXED") not in _BEHAVIORS:
        why = f"validation_behavior must be {' or '.join(_BEHAVIORS)}"
        yield Message("validation_behavior", why, "VALUE_INVALID")


def _time(path: str, micros: Any, now: float) -> Iterator[Message]:
    if micros is None:
        return
    if isinstance(micros, str) and re.fullmatch(r"[0-9]{1,18}", micros):
        micros = int(micros)
    if type(micros) is not int:
        yield Message(path, "timestamp_micros must be whole microseconds", "VALUE_INVALID")
    elif micros < (now - MAX_AGE_SECONDS) * 1e6:
        why = f"timestamp_micros is more than 72 hours ago: {micros}"
        yield Message(path, why, "VALUE_OUT_OF_BOUNDS")
    elif micros > (now + _MAX_LEAD_SECONDS) * 1e6:
        yield Message(path, f"timestamp_micros is in the future: {micros}", "VALUE_OUT_OF_BOUNDS")


def _user_properties(properties: Any) -> Iterator[Message]:
    path = "user_properties"
    if not isinstance(properties, dict):
        if properties is not None:
            yield Message(path, "user_properties must be an object", "VALUE_INVALID")
        return
    if len(properties) > MAX_USER_PROPERTIES:
        why = f"{len(properties)} user properties; a request may have {MAX_USER_PROPERTIES}"
        yield Message(path, why, "EXCEEDED_MAX_ENTITIES")
    for name, holder in properties.items():
        yield from _name(f"{path}.{name}", "user property", name, MAX_USER_PROPERTY_NAME_CHARACTERS)
        if name in _RESERVED_USER_PROPERTIES or name.startswith(_RESERVED_USER_PROPERTY_PREFIXES):
            yield Message(
                f"{path}.{name}", f"the user property {name} is reserved", "NAME_RESERVED"
            )
        value = holder.get("value") if isinstance(holder, dict) else None
        yield from _value(f"{path}.{name}", value, MAX_USER_PROPERTY_VALUE_CHARACTERS)


def _event(event: Any, *, is_app: bool, now: float) -> Iterator[Message]:
    if not isinstance(event, dict):
        yield Message("", "an event must be an object", "VALUE_INVALID")
        return
    name = event.get("name")
    if not _is_text(name):
        yield Message("name", "an event needs a name, a string", "VALUE_REQUIRED")
    else:
        yield from _event_name(str(name), is_app=is_app)
    yield from _time("timestamp_micros", event.get("timestamp_micros"), now)
    params = event.get("params")
    if params is not None and not isinstance(params, dict):
        yield Message("params", "params must be an object", "VALUE_INVALID")
    yield from _params(params if isinstance(params, dict) else {})


def _event_name(name: str, *, is_app: bool) -> Iterator[Message]:
    is_reserved = name in reserved.EVENTS and not (is_app and name in reserved.APP_EVENTS)
    if is_reserved or name.startswith(reserved.PREFIXES):
        yield Message("name", f"the event name {name[:80]} is reserved", "NAME_RESERVED")
    else:
        yield from _name("name", "event", name, MAX_NAME_CHARACTERS)


def _params(params: dict[str, Any]) -> Iterator[Message]:
    if len(params) > MAX_PARAMS:
        why = f"{len(params)} params; an event may have {MAX_PARAMS}"
        yield Message("params", why, "EXCEEDED_MAX_ENTITIES")
    for name, value in params.items():
        path = f"params.{name}"
        if name == "firebase_conversion" or name.startswith(reserved.PREFIXES):
            yield Message(path, f"the param {name[:80]} is reserved", "NAME_RESERVED")
        else:
            yield from _name(path, "param", name, MAX_NAME_CHARACTERS)
        if name == "items":
            yield from _items(path, value)
        else:
            yield from _value(path, value, LONGER_VALUES.get(name, MAX_VALUE_CHARACTERS))
        yield from _of_session(path, name, value)


def _of_session(path: str, name: str, value: Any) -> Iterator[Message]:
    """Check the two params without which no active user is counted."""
    if name == "session_id" and not re.fullmatch(r"[0-9]+", str(value)):
        yield Message(path, "session_id must be digits", "VALUE_INVALID")
    if name == "engagement_time_msec" and not re.fullmatch(r"0*[1-9][0-9]*", str(value)):
        yield Message(path, "engagement_time_msec must be a whole number above 0", "VALUE_INVALID")


def _items(path: str, items: Any) -> Iterator[Message]:
    if not isinstance(items, list):
        yield Message(path, "items must be an array", "VALUE_INVALID")
        return
    if len(items) > MAX_ITEMS:
        why = f"{len(items)} items; an event may have {MAX_ITEMS}"
        yield Message(path, why, "EXCEEDED_MAX_ENTITIES")
    for index, item in enumerate(items):
        if not isinstance(item, dict) or not (item.get("item_id") or item.get("item_name")):
            yield Message(
                f"{path}[{index}]", "an item needs an item_id or an item_name", "VALUE_REQUIRED"
            )
            continue
        for name, value in item.items():
            yield from _value(f"{path}[{index}].{name}", value, MAX_VALUE_CHARACTERS)


def _name(path: str, what: str, name: str, limit: int) -> Iterator[Message]:
    if not _NAME.fullmatch(name):
        why = f"the {what} name {name[:80]!r} must start with a letter, then A-Z a-z 0-9 _"
        yield Message(path, why, "NAME_INVALID")
    elif len(name) > limit:
        why = f"the {what} name {name[:80]!r} has {len(name)} characters; {limit} are allowed"
        yield Message(path, why, "NAME_INVALID")


def _value(path: str, value: Any, limit: int) -> Iterator[Message]:
    if isinstance(value, str):
        if len(value) > limit:
            why = f"{path} has {len(value)} characters; {limit} are allowed"
            yield Message(path, why, "VALUE_OUT_OF_BOUNDS")
    elif not is_number(value):
        yield Message(path, f"{path} must be a string or a number", "VALUE_INVALID")


def _repeated(body: bytes) -> Iterator[Message]:
    """Find names that stand twice in one object, of which a reader keeps but one."""
    repeated: list[str] = []

    def note(pairs: list[tuple[str, Any]]) -> None:
        repeated.extend(
            name for name, times in Counter(name for name, _ in pairs).items() if times > 1
        )

    try:
        json.loads(body, object_pairs_hook=note)
    except (RecursionError, ValueError):
        # So deep, or with a number so long, that it is refused for other reasons.
        return
    for name in repeated:
        yield Message(name, f"the name {name[:80]!r} stands twice", "NAME_DUPLICATED")


def _is_text(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and bool(value)
