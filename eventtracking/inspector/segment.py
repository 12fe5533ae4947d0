"""Segment's tracking API: what it takes, what it refuses, and how it answers."""

from __future__ import annotations

from typing import Any

from eventtracking.inspector.intake import (
    Answer,
    Intake,
    Received,
    Request,
    as_json,
    blame,
    is_json,
    is_time,
    parse,
    unreadable,
)

DESTINATION = "segment"

# https://segment.com/docs/connections/sources/catalog/libraries/server/http-api/
MAX_EVENT_BYTES = 32 * 1024
MAX_BATCH_BYTES = 500 * 1024
MAX_BATCH_EVENTS = 2_500
MAX_MESSAGE_ID_CHARACTERS = 100

# What each type needs beside somebody who did it.
_REQUIRED: dict[Any, tuple[str, ...]] = {
    "track": ("event",),
    "identify": (),
    "page": (),
    "screen": (),
    "group": ("groupId",),
    "alias": ("previousId", "userId"),
}

_OBJECTS = ("properties", "traits", "context", "integrations")

_TAKEN = Answer(200, b'{"success": true}')


def receive_batch(request: Request, now: float) -> tuple[Answer, list[Received]]:  # noqa: ARG001
    """Check a call of `/v1/batch`."""
    content, trouble = _content(request)
    events = content.get("batch") if isinstance(content, dict) else None
    if not trouble and not isinstance(events, list):
        trouble = "a batch must be an object with an array 'batch'"
    if trouble or not isinstance(events, list):
        return _refuse(trouble), [unreadable(request.body, trouble)]
    received = [_received(event) for event in events]
    if too_large := [event for event in received if len(event.payload) > MAX_EVENT_BYTES]:
        return _refuse(f"an event is over {MAX_EVENT_BYTES} bytes"), too_large
    reasons = _of_request(request, content)
    if len(events) > MAX_BATCH_EVENTS:
        reasons.append(
            f"{len(events)} events in a batch; Segment drops more than {MAX_BATCH_EVENTS}"
        )
    if not events:
        return _TAKEN, [unreadable(request.body, "the batch is empty")]
    return _TAKEN, blame(received, *reasons) if reasons else received


def receive_one(request: Request, now: float) -> tuple[Answer, list[Received]]:  # noqa: ARG001
    """Check a call of `/v1/track` and its kind."""
    content, trouble = _content(request)
    if trouble:
        return _refuse(trouble), [unreadable(request.body, trouble)]
    if isinstance(content, dict):
        kind = request.path.rpartition("/")[2]
        said = content.get("type", kind)
        event = {name: value for name, value in content.items() if name != "writeKey"}
        received = _received({**event, "type": kind})
        if said != kind:
            [received] = blame(
                [received], f"an event of type {_short(said)} went to {request.path}"
            )
    else:
        received = _received(content)
    return _TAKEN, blame([received], *_of_request(request, content))


INTAKES = {
    "/v1/batch": Intake(DESTINATION, receive_batch, MAX_BATCH_BYTES),
    **{f"/v1/{kind}": Intake(DESTINATION, receive_one, MAX_EVENT_BYTES) for kind in _REQUIRED},
}


def _content(request: Request) -> tuple[Any, str]:
    return (None, request.trouble) if request.trouble else parse(request.body)


def _refuse(why: str) -> Answer:
    return Answer(400, as_json({"success": False, "message": why}))


def _of_request(request: Request, content: Any) -> list[str]:
    """Return what is wrong with the request around the events."""
    reasons = []
    if not is_json(request.headers):
        reasons.append("Content-Type must be application/json")
    if not _has_key(request, content):
        reasons.append("no write key: neither in the Authorization header nor as writeKey")
    return reasons + _of_all(content) if isinstance(content, dict) else reasons


def _of_all(content: dict[str, Any]) -> list[str]:
    """Return what is wrong with what a request says of all its events."""
    sent_at = content.get("sentAt")
    is_wrong = sent_at is not None and not is_time(sent_at)
    reasons = [f"sentAt must be a time in ISO 8601, got {_short(sent_at)}"] if is_wrong else []
    # Those of a single call are its event's, and checked with it.
    shared = ("context", "integrations") if "batch" in content else ()
    return reasons + [
        f"{field} of a batch must be an object"
        for field in shared
        if content.get(field) is not None and type(content[field]) is not dict
    ]


def _has_key(request: Request, content: Any) -> bool:
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    in_body = isinstance(content, dict) and isinstance(content.get("writeKey"), str)
    # A bearer token says who sends; the key still says to which source.
    in_header = scheme.lower() == "basic" and bool(credentials.strip())
    return in_header or (in_body and bool(content["writeKey"]))


def _received(event: Any) -> Received:
    # Measured as it would be written without spaces: how it stood in the batch is not known.
    payload = as_json(event)
    if type(event) is not dict:
        return Received("(no object)", payload, ("an event must be an object",))
    name = event.get("event") if event.get("type") == "track" else event.get("type")
    if type(name) is not str:
        name = "(no name)"
    return Received(name, payload, _reasons(event, len(payload)))


def _reasons(event: dict[Any, Any], size: int) -> tuple[str, ...]:
    get = event.get
    found = _of_type(event)
    user, anonymous, stamp, message = (
        get("userId"),
        get("anonymousId"),
        get("timestamp"),
        get("messageId"),
    )
    if not user and not anonymous:
        found.append("no_user_anon_id: userId or anonymousId is required")
    # The fast way for what nearly every event has; which field it is, is looked up later.
    if not (type(user) is str or user is None) or not (type(anonymous) is str or anonymous is None):
        found.append("userId and anonymousId must be strings")
    if message is not None and not (
        type(message) is str and len(message) <= MAX_MESSAGE_ID_CHARACTERS
    ):
        found.append(
            f"messageId must be a string of at most {MAX_MESSAGE_ID_CHARACTERS} characters"
        )
    if stamp is not None and not is_time(stamp):
        found.append(f"timestamp must be a time in ISO 8601, got {_short(stamp)}")
    for field in _OBJECTS:
        value = get(field)
        if value is not None and type(value) is not dict:
            found.append(f"{field} must be an object")
    if size > MAX_EVENT_BYTES:
        found.append(f"{size} bytes; an event may have {MAX_EVENT_BYTES}")
    return tuple(found)


def _of_type(event: dict[Any, Any]) -> list[str]:
    kind = event.get("type")
    required = _REQUIRED.get(kind) if type(kind) is str else None
    if required is None:
        return [f"type must be one of {', '.join(_REQUIRED)}; got {_short(kind)}"]
    return [
        f"{kind} needs {field}, a string"
        for field in required
        if not event.get(field) or type(event[field]) is not str
    ]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}..."  # noqa: PLR2004
