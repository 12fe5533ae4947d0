"""Serve the log lines of the events that browsers sent."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import count
from urllib.parse import parse_qs
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from eventtracking.demo.line_capture import captured_lines
from eventtracking.demo.responses import json_response

_MAX_LINES = 200

# More digits than a number of a line has: int() takes long for long texts.
_MAX_DIGITS = 9


class BrowserLines:
    """
    Middleware around the collector, which keeps the lines of its events and serves them.

    The collector's response tells a browser whether an event was accepted, but not which line it
    became. The page gets the lines from `/lines`.

    Args:
        app: The application with the collector.
        collector_path: The path of the collector.
    """

    def __init__(self, app: WSGIApplication, *, collector_path: str) -> None:
        self._app = app
        self._collector_path = collector_path
        # Each line is stored together with its number, since requests run in several threads.
        self._lines: deque[tuple[int, str]] = deque(maxlen=_MAX_LINES)
        self._numbers = count(1)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Respond to one request."""
        path = environ.get("PATH_INFO", "")
        if path == "/lines" and environ["REQUEST_METHOD"] == "GET":
            return self._send_lines(environ, start_response)
        if path != self._collector_path:
            return self._app(environ, start_response)
        with captured_lines() as lines:
            body = self._app(environ, start_response)
        self._lines.extend(zip(self._numbers, lines, strict=False))
        return body

    def _send_lines(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        [after] = parse_qs(environ.get("QUERY_STRING", "")).get("after", [""])[:1]
        last_seen = int(after) if after.isdecimal() and len(after) <= _MAX_DIGITS else 0
        kept = list(self._lines)
        content = {
            "last": kept[-1][0] if kept else 0,
            "lines": [line for number, line in kept if number > last_seen],
        }
        return json_response("200 OK", content).send(environ, start_response)
