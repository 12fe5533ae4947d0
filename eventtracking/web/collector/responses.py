"""The responses of the collector."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orjson import dumps

from eventtracking.web.collector.origins import Origins
from eventtracking.web.collector.refusals import REQUEST_REASONS, RequestRefused
from eventtracking.web.response import Response

_METHODS = ("Allow", "POST, OPTIONS")

_COMMON = (("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"))

_PREFLIGHT = (
    ("Access-Control-Allow-Methods", "POST"),
    ("Access-Control-Allow-Headers", "Content-Type, Content-Encoding, X-CSRFToken"),
    ("Access-Control-Max-Age", "600"),
)


class Responses:
    """
    Makes responses that pages of listed origins may read.

    Args:
        origins: The listed origins.
    """

    def __init__(self, origins: Origins) -> None:
        self._origins = origins

    def results(self, results: list[dict[str, Any]], headers: Mapping[str, str]) -> Response:
        """Return the response with the result of each event of a batch."""
        return self._json(200, {"results": results}, headers)

    def form_received(self, headers: Mapping[str, str]) -> Response:
        """Return the response to the legacy form."""
        content_type = ("Content-Type", "text/plain; charset=utf-8")
        return self.readable(Response(200, [content_type, *_COMMON], b"success"), headers)

    def preflight(self, headers: Mapping[str, str]) -> Response:
        """Return the response to a CORS preflight."""
        response = self.readable(Response(204, [_METHODS], b""), headers)
        if self._origins.is_listed(headers):
            response.headers.extend(_PREFLIGHT)
        return response

    def refusal(self, refused: RequestRefused, headers: Mapping[str, str]) -> Response:
        """Return the response to a refused request."""
        reason = refused.reason
        response = self._json(REQUEST_REASONS[reason], {"error": reason}, headers)
        if reason == "method":
            response.headers.append(_METHODS)
        if refused.retry_after is not None:
            response.headers.append(("Retry-After", str(refused.retry_after)))
        return response

    def readable(self, response: Response, headers: Mapping[str, str]) -> Response:
        """Return *response* with the CORS headers for a request with these *headers*."""
        response.headers.extend(self._origins.cors_headers(headers))
        return response

    def _json(self, status: int, value: Any, headers: Mapping[str, str]) -> Response:
        content_type = ("Content-Type", "application/json")
        return self.readable(Response(status, [content_type, *_COMMON], dumps(value)), headers)
