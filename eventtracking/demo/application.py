"""The demonstration as a WSGI application: a page of things to do, and an event for each."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping
from http.cookies import CookieError, SimpleCookie
from importlib.resources import files
from itertools import count
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote
from uuid import uuid4
from wsgiref.types import StartResponse, WSGIEnvironment

import orjson

from eventtracking.demo.actions import ACTIONS, COURSE_ID, Action, BadInput, user_of
from eventtracking.demo.echo import listening
from eventtracking.tracker import Tracker
from eventtracking.web.wsgi import CollectorMiddleware, TrackMiddleware

MAX_BODY_BYTES = 300_000
"""A request may say so much: the longest essay, and a little beside it."""

# What is read of a body that is too long. A client that is cut off while it still sends
# may never see the answer.
_MOST_READ_BYTES = 1_000_000

_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}")

_FILES = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/page.svg": ("page.svg", "image/svg+xml"),
}

_JSON = "application/json"

# The page needs its own files and its own actions, and nothing else in the world.
_POLICY = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
)

_HEADERS = (
    ("Content-Security-Policy", "; ".join(_POLICY)),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
)


_MAX_LINES = 200

_MAX_DIGITS = 9


def site(tracker: Tracker) -> TrackMiddleware:
    """Return the application as it is served, with a collector for what happens on its page."""
    collecting = CollectorMiddleware(Application(tracker), path="/event", tracker=tracker)
    return TrackMiddleware(_Overheard(collecting), user=_visitor)


def _visitor(environ: WSGIEnvironment) -> tuple[Any, str]:
    """Return who uses the page: a cookie stands in for a session."""
    try:
        cookie = SimpleCookie(environ.get("HTTP_COOKIE", "")).get("user")
        user = user_of({"user": unquote(cookie.value) if cookie else ""})
    except (BadInput, CookieError):
        return None, ""
    return user["user_id"], user["username"]


class _Overheard:
    """
    Keep the lines of the events that browsers sent, for the page to show them at /lines.

    The collector tells a browser which events it has, and not what became of them.
    """

    def __init__(self, app: CollectorMiddleware) -> None:
        self._app = app
        # Each with a number, in one object: requests come on several threads.
        self._lines: deque[tuple[int, str]] = deque(maxlen=_MAX_LINES)
        self._numbers = count(1)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        path = environ.get("PATH_INFO", "")
        if path == "/lines" and environ["REQUEST_METHOD"] == "GET":
            return self._tell(environ, start_response)
        if path != "/event":
            return self._app(environ, start_response)
        with listening() as lines:
            body = self._app(environ, start_response)
        self._lines.extend(zip(self._numbers, lines, strict=False))
        return body

    def _tell(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        [after] = parse_qs(environ.get("QUERY_STRING", "")).get("after", [""])[:1]
        known = int(after) if after.isdecimal() and len(after) <= _MAX_DIGITS else 0
        kept = list(self._lines)
        last = kept[-1][0] if kept else 0
        content = {"last": last, "lines": [line for number, line in kept if number > known]}
        answer = _json_answer("200 OK", content)
        headers = [("Content-Type", _JSON), ("Content-Length", str(len(answer.body))), *_HEADERS]
        start_response(answer.status, headers)
        return [answer.body]


class Application:
    """
    Serve the page, and emit an event for each request to do something.

    Args:
        tracker: Where events go.
    """

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        folder = files("eventtracking.demo")
        self._pages = {
            path: _Answer("200 OK", (folder / name).read_bytes(), content_type=content_type)
            for path, (name, content_type) in _FILES.items()
        }

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        try:
            answer = self._answer(environ)
        except _Refusal as refusal:
            answer = refusal.answer
        headers = [
            ("Content-Type", answer.content_type),
            ("Content-Length", str(len(answer.body))),
            *answer.headers,
            *_HEADERS,
        ]
        start_response(answer.status, headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [answer.body]

    def _answer(self, environ: WSGIEnvironment) -> _Answer:
        # The body first: closing the connection before it is read could tear the answer.
        body = _body(environ)
        path = environ.get("PATH_INFO", "")
        if path in self._pages:
            _demand_method(environ, "GET", "HEAD")
            return self._pages[path]
        if path in ACTIONS:
            _demand_method(environ, "POST")
            return self._act(ACTIONS[path], _form(environ, body), _request_id(environ))
        raise _Refusal("404 Not Found", "there is nothing here")

    def _act(self, action: Action, form: dict[str, Any], request_id: str) -> _Answer:
        tracker = self._tracker
        try:
            user, data = user_of(form), action.data(form)
        except BadInput as error:
            raise _Refusal("400 Bad Request", str(error)) from None
        with (
            tracker.context("edx.request", {"request_id": request_id}),
            tracker.context("edx.user", user),
            tracker.context("edx.course", {"course_id": COURSE_ID, "org_id": "DemoX"}),
            listening() as lines,
        ):
            tracker.emit(action.event, data)
        return _json_answer("200 OK", {"event": action.event, "lines": lines})


class _Answer(NamedTuple):
    status: str
    body: bytes
    content_type: str = _JSON
    headers: tuple[tuple[str, str], ...] = ()


class _Refusal(Exception):
    """A request is answered with an error, and why."""

    def __init__(self, status: str, why: str, *headers: tuple[str, str]) -> None:
        super().__init__(why)
        self.answer = _json_answer(status, {"error": why}, *headers)


def _json_answer(status: str, content: Mapping[str, Any], *headers: tuple[str, str]) -> _Answer:
    return _Answer(status, orjson.dumps(content), headers=headers)


def _demand_method(environ: WSGIEnvironment, *methods: str) -> None:
    if environ["REQUEST_METHOD"] not in methods:
        allowed = ", ".join(methods)
        raise _Refusal("405 Method Not Allowed", f"only {allowed}", ("Allow", allowed))


def _body(environ: WSGIEnvironment) -> bytes:
    length = environ.get("CONTENT_LENGTH") or "0"
    if not re.fullmatch("[0-9]{1,18}", length):
        raise _Refusal("400 Bad Request", "Content-Length must be a number")
    try:
        body: bytes = environ["wsgi.input"].read(min(int(length), _MOST_READ_BYTES))
    except TimeoutError:
        raise _Refusal("408 Request Timeout", "the body did not come") from None
    if int(length) > MAX_BODY_BYTES:
        raise _Refusal("413 Content Too Large", f"at most {MAX_BODY_BYTES} bytes")
    return body


def _form(environ: WSGIEnvironment, body: bytes) -> dict[str, Any]:
    # A page from elsewhere cannot send this type without asking first, and the answer is no.
    if environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower() != _JSON:
        raise _Refusal("415 Unsupported Media Type", f"the body must be {_JSON}")
    try:
        form = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _Refusal("400 Bad Request", f"the body is not valid JSON: {error}") from None
    if not isinstance(form, dict):
        raise _Refusal("400 Bad Request", "the body must be a JSON object")
    return form


def _request_id(environ: WSGIEnvironment) -> str:
    """Return the id that the request brought, or a new one."""
    request_id = environ.get("HTTP_X_REQUEST_ID") or uuid4().hex
    if not _REQUEST_ID.fullmatch(request_id):
        raise _Refusal("400 Bad Request", "X-Request-ID must be 1 to 64 letters, digits or -")
    return request_id
