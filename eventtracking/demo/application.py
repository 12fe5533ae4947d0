"""The demo as a WSGI application: a page of actions, each of which emits an event."""

from __future__ import annotations

import re
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import unquote
from uuid import uuid4
from wsgiref.types import StartResponse, WSGIEnvironment

import orjson

from eventtracking.demo.actions import ACTIONS, COURSE_ID, Action, InvalidInput, user_context
from eventtracking.demo.browser_lines import BrowserLines
from eventtracking.demo.line_capture import captured_lines
from eventtracking.demo.responses import JSON, Refusal, Response, json_response
from eventtracking.inspector.page_files import page_files
from eventtracking.tracker import Tracker
from eventtracking.web.wsgi import CollectorMiddleware, TrackMiddleware

MAX_BODY_BYTES = 300_000
"""The longest essay, with room for the other fields."""

# How much of a body that is too long is read. A client that is cut off while it is still
# sending may never see the response.
_MOST_READ_BYTES = 1_000_000

_COLLECTOR_PATH = "/event"

_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}")


def create_app(tracker: Tracker) -> TrackMiddleware:
    """Return the whole application, with a collector for the events of its page."""
    app = CollectorMiddleware(Application(tracker), path=_COLLECTOR_PATH, tracker=tracker)
    return TrackMiddleware(BrowserLines(app, collector_path=_COLLECTOR_PATH), user=_cookie_user)


def _cookie_user(environ: WSGIEnvironment) -> tuple[Any, str]:
    """Return the id and the name of the user in the cookie, which stands in for a session."""
    try:
        cookie = SimpleCookie(environ.get("HTTP_COOKIE", "")).get("user")
        user = user_context({"user": unquote(cookie.value) if cookie else ""})
    except (InvalidInput, CookieError):
        return None, ""
    return user["user_id"], user["username"]


class Application:
    """
    Serve the page, and emit an event for each action.

    Args:
        tracker: The tracker that the events are emitted to.
    """

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._files = {
            path: Response("200 OK", content, content_type)
            for path, (content, content_type) in page_files("eventtracking.demo").items()
        }

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Respond to one request."""
        try:
            response = self._respond(environ)
        except Refusal as refusal:
            response = refusal.response
        return response.send(environ, start_response)

    def _respond(self, environ: WSGIEnvironment) -> Response:
        # The body is read in any case: a connection that is closed before that may be reset,
        # and the response lost.
        body = _read_body(environ)
        path = environ.get("PATH_INFO", "")
        if path in self._files:
            _require_method(environ, "GET", "HEAD")
            return self._files[path]
        if path in ACTIONS:
            _require_method(environ, "POST")
            return self._act(ACTIONS[path], _parse_form(environ, body), _request_id(environ))
        raise Refusal("404 Not Found", "not found")

    def _act(self, action: Action, form: dict[str, Any], request_id: str) -> Response:
        tracker = self._tracker
        try:
            user, data = user_context(form), action.data(form)
        except InvalidInput as error:
            raise Refusal("400 Bad Request", str(error)) from None
        with (
            tracker.context("edx.request", {"request_id": request_id}),
            tracker.context("edx.user", user),
            tracker.context("edx.course", {"course_id": COURSE_ID, "org_id": "DemoX"}),
            captured_lines() as lines,
        ):
            tracker.emit(action.event, data)
        return json_response("200 OK", {"event": action.event, "lines": lines})


def _require_method(environ: WSGIEnvironment, *methods: str) -> None:
    if environ["REQUEST_METHOD"] not in methods:
        allowed = ", ".join(methods)
        raise Refusal(
            "405 Method Not Allowed", f"the method must be one of: {allowed}", ("Allow", allowed)
        )


def _read_body(environ: WSGIEnvironment) -> bytes:
    length = environ.get("CONTENT_LENGTH") or "0"
    if not re.fullmatch("[0-9]{1,18}", length):
        raise Refusal("400 Bad Request", "Content-Length must be a number")
    try:
        body: bytes = environ["wsgi.input"].read(min(int(length), _MOST_READ_BYTES))
    except TimeoutError:
        raise Refusal("408 Request Timeout", "the body did not arrive in time") from None
    if int(length) > MAX_BODY_BYTES:
        raise Refusal("413 Content Too Large", f"the body is over {MAX_BODY_BYTES} bytes")
    return body


def _parse_form(environ: WSGIEnvironment, body: bytes) -> dict[str, Any]:
    # A page of another origin can send this content type only after a preflight request, which
    # is refused.
    if environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower() != JSON:
        raise Refusal("415 Unsupported Media Type", f"the body must be {JSON}")
    try:
        form = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refusal("400 Bad Request", f"the body is not valid JSON: {error}") from None
    if not isinstance(form, dict):
        raise Refusal("400 Bad Request", "the body must be a JSON object")
    return form


def _request_id(environ: WSGIEnvironment) -> str:
    """Return the id in the headers of the request, or a new one."""
    request_id = environ.get("HTTP_X_REQUEST_ID") or uuid4().hex
    if not _REQUEST_ID.fullmatch(request_id):
        raise Refusal("400 Bad Request", "X-Request-ID must be 1 to 64 letters, digits or -")
    return request_id
