"""The stand-in for Segment: the checks of its tracking API, and its responses."""

from __future__ import annotations

from typing import Any

from eventtracking.inspector.decoding import encode_json, is_iso_time, parse_json
from eventtracking.inspector.endpoint import (
    SEGMENT,
    Endpoint,
    ReceivedEvent,
    Request,
    Response,
    is_json_request,
    unreadable_event,
    with_reasons,
)

# https://segment.com/docs/connections/sources/catalog/libraries/server/http-api/
MAX_EVENT_BYTES = 32 * 1024
MAX_BATCH_BYTES = 500 * 1024
MAX_BATCH_EVENTS = 2_500
MAX_MESSAGE_ID_CHARACTERS = 100

# The fields that each type requires in addition to the identity of the user.
_REQUIRED: dict[Any, tuple[str, ...]] = {
    "track": ("event",),
    "identify": (),
    "page": (),
    "screen": (),
    "group": ("groupId",),
    "alias": ("previousId", "userId"),
}

_OBJECTS = ("properties", "traits", "context", "integrations")

_MAX_SHOWN_CHARACTERS = 80

_SUCCESS = Response(200, b'{"success": true}')


def receive_batch(request: Request, now: float) -> tuple[Response, list[ReceivedEvent]]:  # noqa: ARG001
    """Check a call of `/v1/batch`."""
    content, error = _content(request)
    events = content.get("batch") if isinstance(content, dict) else None
    if not error and not isinstance(events, list):
        error = "the body must be an object with an array 'batch'"
    if error or not isinstance(events, list):
        return _refuse(error), [unreadable_event(request.body, error)]
    received = [_check_event(event) for event in events]
    if too_large := [event for event in received if len(event.payload) > MAX_EVENT_BYTES]:
        return _refuse(f"an event is over {MAX_EVENT_BYTES} bytes"), too_large
    if not events:
        return _SUCCESS, [unreadable_event(request.body, "the batch is empty")]
    reasons = _request_reasons(request, content)
    if len(events) > MAX_BATCH_EVENTS:
        reasons.append(f"{len(events)} events in one batch; the limit is {MAX_BATCH_EVENTS}")
    return _SUCCESS, with_reasons(received, *reasons) if reasons else received


def receive_call(request: Request, now: float) -> tuple[Response, list[ReceivedEvent]]:  # noqa: ARG001
    """Check a call of `/v1/track`, or of the path of another type."""
    content, error = _content(request)
    if error:
        return _refuse(error), [unreadable_event(request.body, error)]
    reasons = _request_reasons(request, content)
    if isinstance(content, dict):
        kind = request.path.rpartition("/")[2]
        given = content.get("type", kind)
        if given != kind:
            reasons.insert(0, f"an event of type {_short(given)} was sent to {request.path}")
        content = {name: value for name, value in content.items() if name != "writeKey"}
        content["type"] = kind
    return _SUCCESS, with_reasons([_check_event(content)], *reasons)


ENDPOINTS = {
    "/v1/batch": Endpoint(SEGMENT, receive_batch, MAX_BATCH_BYTES),
    **{f"/v1/{kind}": Endpoint(SEGMENT, receive_call, MAX_EVENT_BYTES) for kind in _REQUIRED},
}


def _content(request: Request) -> tuple[Any, str]:
    return (None, request.error) if request.error else parse_json(request.body)


def _refuse(reason: str) -> Response:
    return Response(400, encode_json({"success": False, "message": reason}))


def _request_reasons(request: Request, content: Any) -> list[str]:
    """Return all that is wrong with a request apart from its events."""
    reasons = []
    if not is_json_request(request.headers):
        reasons.append("Content-Type must be application/json")
    if not _has_write_key(request, content):
        reasons.append("no write key in the Authorization header or in writeKey")
    return reasons + _shared_field_reasons(content) if isinstance(content, dict) else reasons


def _shared_field_reasons(content: dict[str, Any]) -> list[str]:
    """Return all that is wrong with the fields that apply to all events of a request."""
    sent_at = content.get("sentAt")
    is_invalid = sent_at is not None and not is_iso_time(sent_at)
    reasons = [f"sentAt must be a time in ISO 8601, got {_short(sent_at)}"] if is_invalid else []
    # In a single call these belong to its event, and are checked with it.
    shared = ("context", "integrations") if "batch" in content else ()
    return reasons + [
        f"{field} of a batch must be an object"
        for field in shared
        if content.get(field) is not None and type(content[field]) is not dict
    ]


def _has_write_key(request: Request, content: Any) -> bool:
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    in_body = isinstance(content, dict) and isinstance(content.get("writeKey"), str)
    # A bearer token names the sender; the write key still has to name the source.
    in_header = scheme.lower() == "basic" and bool(credentials.strip())
    return in_header or (in_body and bool(content["writeKey"]))


def _check_event(event: Any) -> ReceivedEvent:
    # Its size is measured without spaces: the size that it had in the body is not known.
    payload = encode_json(event)
    if type(event) is not dict:
        return ReceivedEvent("(not an object)", payload, ("an event must be an object",))
    name = event.get("event") if event.get("type") == "track" else event.get("type")
    if type(name) is not str:
        name = "(no name)"
    return ReceivedEvent(name, payload, _event_reasons(event, len(payload)))


def _event_reasons(event: dict[Any, Any], size: int) -> tuple[str, ...]:
    get = event.get
    reasons = _type_reasons(event)
    user, anonymous, stamp, message = (
        get("userId"),
        get("anonymousId"),
        get("timestamp"),
        get("messageId"),
    )
    if not user and not anonymous:
        reasons.append("no_user_anon_id: userId or anonymousId is required")
    # One test for both fields, for speed: nearly every event passes it.
    if not (type(user) is str or user is None) or not (type(anonymous) is str or anonymous is None):
        reasons.append("userId and anonymousId must be strings")
    if message is not None and not (
        type(message) is str and len(message) <= MAX_MESSAGE_ID_CHARACTERS
    ):
        reasons.append(
            f"messageId must be a string of at most {MAX_MESSAGE_ID_CHARACTERS} characters"
        )
    if stamp is not None and not is_iso_time(stamp):
        reasons.append(f"timestamp must be a time in ISO 8601, got {_short(stamp)}")
    for field in _OBJECTS:
        value = get(field)
        if value is not None and type(value) is not dict:
            reasons.append(f"{field} must be an object")
    if size > MAX_EVENT_BYTES:
        reasons.append(f"{size} bytes; the limit for an event is {MAX_EVENT_BYTES}")
    return tuple(reasons)


def _type_reasons(event: dict[Any, Any]) -> list[str]:
    kind = event.get("type")
    required = _REQUIRED.get(kind) if type(kind) is str else None
    if required is None:
        return [f"type must be one of {', '.join(_REQUIRED)}, got {_short(kind)}"]
    return [
        f"{kind}: {field} must be a non-empty string"
        for field in required
        if not event.get(field) or type(event[field]) is not str
    ]


def _short(value: Any) -> str:
    text = repr(value)
    if len(text) <= _MAX_SHOWN_CHARACTERS:
        return text
    return f"{text[:_MAX_SHOWN_CHARACTERS]}..."
