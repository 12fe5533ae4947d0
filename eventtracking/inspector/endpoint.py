"""Requests to the vendors' endpoints, their responses, and the events in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import orjson

SEGMENT = "segment"
DATADOG = "datadog"
GOOGLE_ANALYTICS = "google_analytics"

UNREADABLE = "(unreadable)"
"""The name of an event that stands for a whole body, which holds no readable events."""

# Of a body that is not JSON: enough to see what is wrong with it.
_MAX_SHOWN_CHARACTERS = 2_000


class Request(NamedTuple):
    """
    A request to an endpoint.

    Args:
        path: The path, without the query.
        query: The parameters of the query.
        headers: The headers by lower-case name.
        body: The decompressed body; empty after an error.
        error: Why the body could not be read.
        is_too_large: Whether the body could not be read because of its size.
    """

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    error: str = ""
    is_too_large: bool = False


class Response(NamedTuple):
    """A response, as the vendor would send it."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


class ReceivedEvent(NamedTuple):
    """An event as it was received: its name, its payload as JSON, and all that is wrong with it."""

    name: str
    payload: bytes
    reasons: tuple[str, ...] = ()


class Endpoint(NamedTuple):
    """
    A path of a vendor's API.

    Args:
        destination: The vendor, such as `segment`.
        receive: Checks a request, given the time in seconds. Returns the response and the events.
        max_bytes: The size limit of a body.
        max_compressed_bytes: The size limit of a body as it is sent. Default: the same.
    """

    destination: str
    receive: Callable[[Request, float], tuple[Response, list[ReceivedEvent]]]
    max_bytes: int
    max_compressed_bytes: int | None = None


def unreadable_event(body: bytes, *reasons: str) -> ReceivedEvent:
    """Return an event that stands for a whole *body*."""
    shown = body[:_MAX_SHOWN_CHARACTERS].decode(errors="replace")
    return ReceivedEvent(UNREADABLE, orjson.dumps(shown), reasons)


def with_reasons(events: Iterable[ReceivedEvent], *reasons: str) -> list[ReceivedEvent]:
    """Return *events*, each with *reasons* added to its own."""
    return [event._replace(reasons=(*event.reasons, *reasons)) for event in events]


def is_json_request(headers: Mapping[str, str]) -> bool:
    """Return whether the `Content-Type` is JSON."""
    return headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"
