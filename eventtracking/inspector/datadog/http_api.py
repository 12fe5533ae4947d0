"""The rules of Datadog's HTTP APIs for every request: the key, the body and the errors."""

from __future__ import annotations

from typing import Any, TypeAlias

from eventtracking.inspector.decoding import encode_json, parse_json
from eventtracking.inspector.endpoint import (
    ReceivedEvent,
    Request,
    Response,
    is_json_request,
    unreadable_event,
    with_reasons,
)

Checked: TypeAlias = tuple[Response, list[ReceivedEvent]]
"""The response to a request, and the events in it."""

LOGS_PATH = "/api/v2/logs"


def read_content(request: Request) -> tuple[Any, Checked | None]:
    """Return the content of a request, and its refusal if it has no readable content."""
    if not (request.headers.get("dd-api-key") or request.query.get("dd-api-key")):
        return None, refuse_all(request, 403, "Forbidden: no API key in the header DD-API-KEY")
    if request.error:
        return None, refuse_all(request, 413 if request.is_too_large else 400, request.error)
    content, error = parse_json(request.body)
    return content, refuse_all(request, 400, error) if error else None


def refuse(request: Request, status: int, *reasons: str) -> Response:
    """Return a response with an error for each of *reasons*."""
    errors: list[Any] = [*reasons]
    if request.path == LOGS_PATH:
        errors = [{"status": str(status), "title": reason} for reason in reasons]
    return Response(status, encode_json({"errors": errors}))


def refuse_all(request: Request, status: int, reason: str) -> Checked:
    """Refuse a request whose body holds no events that could be told apart."""
    return refuse(request, status, reason), [unreadable_event(request.body, reason)]


def check_content_type(request: Request, received: list[ReceivedEvent]) -> list[ReceivedEvent]:
    """Return *received*, with a reason added if the request is not JSON."""
    if is_json_request(request.headers):
        return received
    return with_reasons(received, "Content-Type must be application/json")
