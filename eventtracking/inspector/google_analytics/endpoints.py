"""The paths of Google Analytics 4: `/mp/collect`, and `/debug/mp/collect` for validation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from eventtracking.inspector.decoding import encode_json, parse_json
from eventtracking.inspector.endpoint import (
    GOOGLE_ANALYTICS,
    Endpoint,
    ReceivedEvent,
    Request,
    Response,
    is_json_request,
    unreadable_event,
)
from eventtracking.inspector.google_analytics.validation import Message, duplicates, validate

# https://developers.google.com/analytics/devguides/collection/protocol/ga4/sending-events
MAX_BODY_BYTES = 129_999  # "smaller than 130 kB"


def receive(request: Request, now: float) -> tuple[Response, list[ReceivedEvent]]:
    """Check a call of `/mp/collect`. Google responds with 204 to everything."""
    content, error = _content(request)
    if error:
        return Response(204), [unreadable_event(request.body, error)]
    messages = [*_request_messages(request), *_body_messages(content, request, now)]
    return Response(204), [*_events(content, messages, request.body)]


def receive_for_validation(request: Request, now: float) -> tuple[Response, list[ReceivedEvent]]:
    """Check a call of `/debug/mp/collect`. Its events appear in no report, so none is recorded."""
    content, error = _content(request)
    messages = (
        [Message("", error, "VALUE_INVALID")] if error else _body_messages(content, request, now)
    )
    shown = [
        {"fieldPath": each.path, "description": each.description, "validationCode": each.code}
        for each in messages
    ]
    return Response(200, encode_json({"validationMessages": shown})), []


ENDPOINTS = {
    "/mp/collect": Endpoint(GOOGLE_ANALYTICS, receive, MAX_BODY_BYTES),
    "/debug/mp/collect": Endpoint(GOOGLE_ANALYTICS, receive_for_validation, MAX_BODY_BYTES),
}


def _content(request: Request) -> tuple[Any, str]:
    if request.error:
        return None, request.error
    content, error = parse_json(request.body)
    if not error and not isinstance(content, dict):
        error = "the body must be an object"
    return content, error


def _request_messages(request: Request) -> Iterator[Message]:
    """Check the parts of a request that the validation endpoint ignores."""
    query = request.query
    if not (query.get("measurement_id") or query.get("firebase_app_id")):
        yield Message("", "measurement_id is missing from the URL", "VALUE_REQUIRED")
    if not query.get("api_secret"):
        yield Message("", "api_secret is missing from the URL", "VALUE_REQUIRED")
    if not is_json_request(request.headers):
        yield Message("", "Content-Type must be application/json", "VALUE_INVALID")


def _body_messages(content: dict[str, Any], request: Request, now: float) -> list[Message]:
    is_app = bool(request.query.get("firebase_app_id"))
    return [*validate(content, is_app=is_app, now=now), *duplicates(request.body)]


def _events(
    content: dict[str, Any], messages: list[Message], body: bytes
) -> Iterator[ReceivedEvent]:
    """Yield each event with the fields that it shares with the others of its request."""
    events = content.get("events")
    of_request = tuple(each.description for each in messages if each.event is None)
    if not isinstance(events, list) or not events:
        yield unreadable_event(body, *of_request)
        return
    shared = {name: value for name, value in content.items() if name != "events"}
    for index, event in enumerate(events):
        reasons = (*of_request, *(each.description for each in messages if each.event == index))
        is_object = isinstance(event, dict)
        name = event.get("name") if is_object else None
        shown = {**shared, **event} if is_object else event
        name = name if isinstance(name, str) else "(no name)"
        yield ReceivedEvent(name, encode_json(shown), reasons)
