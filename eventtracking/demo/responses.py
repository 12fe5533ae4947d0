"""The responses of the demo's WSGI application."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from wsgiref.types import StartResponse, WSGIEnvironment

import orjson

from eventtracking.inspector.page_files import SECURITY_HEADERS

JSON = "application/json"

# The address of the page holds no secret, and its events show it as their referrer.
_HEADERS = (*SECURITY_HEADERS, ("Referrer-Policy", "same-origin"))


class Response(NamedTuple):
    """A response with its complete body."""

    status: str
    body: bytes
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()

    def send(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Respond to a WSGI request, with its headers alone if it is a HEAD request."""
        headers = [
            ("Content-Type", self.content_type),
            ("Content-Length", str(len(self.body))),
            *self.headers,
            *_HEADERS,
        ]
        start_response(self.status, headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [self.body]


class Refusal(Exception):
    """A request is refused. Its response holds the reason."""

    def __init__(self, status: str, reason: str, *headers: tuple[str, str]) -> None:
        super().__init__(reason)
        self.response = json_response(status, {"error": reason}, *headers)


def json_response(status: str, content: Mapping[str, Any], *headers: tuple[str, str]) -> Response:
    """Return a response with *content* as JSON."""
    return Response(status, orjson.dumps(content), headers=headers)
