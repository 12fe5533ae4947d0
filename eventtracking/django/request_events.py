"""Emit an event for each request, as the Open edX platform does. Off by default."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.http import QueryDict

from eventtracking._options import Options, Rule
from eventtracking.request import EnvironFacts
from eventtracking.request.courses import course_context, find_course_id, parse_course_key
from eventtracking.tracker import DEFAULT_TRACKER_NAME, TRACKERS

REQUEST_EVENTS = "EVENT_TRACKING_REQUEST_EVENTS"
"""The setting that enables request events if it is `"legacy"`."""

IGNORE_URL_PATTERNS = "TRACKING_IGNORE_URL_PATTERNS"
"""The setting with regular expressions of the beginnings of ignored paths."""

LEGACY = "legacy"

_KIND = Rule(f"{LEGACY!r} or None", lambda kind: kind == LEGACY)

_DEFAULT_IGNORED = (
    r"^/event",
    r"^/login",
    r"^/heartbeat",
    r"^/segmentio/event",
    r"^/performance",
)

_MAX_CHARACTERS = 512

_CENSORED = "********"

_PASSWORDS = frozenset(
    {
        "password",
        "newpassword",
        "new_password",
        "oldpassword",
        "old_password",
        "new_password1",
        "new_password2",
    }
)

_FORM = "application/x-www-form-urlencoded"


class RequestEvents:
    """
    Emits an event for each request. Its name is the path, its data the parameters as JSON text.

    The text is truncated to 512 characters, and then it is no longer valid JSON. Passwords are
    censored. Only the bodies of URL-encoded forms are read: a view could no longer read an
    upload that was read here.

    Args:
        ignored: Regular expressions. No event is emitted if the path begins with one.

    Raises:
        ImproperlyConfigured: If *ignored* is not a list of regular expressions.
    """

    def __init__(self, ignored: Iterable[str]) -> None:
        options = Options("")
        self._ignored = options.parse_list(
            IGNORE_URL_PATTERNS, ignored, _compile, "a regular expression"
        )
        options.raise_problems()

    def emit(self, request: Any, facts: EnvironFacts) -> None:
        """Emit the event for *request*. Never raises."""
        path = facts["path"]
        tracker = TRACKERS.get(DEFAULT_TRACKER_NAME)
        if tracker is None or any(pattern.match(path) for pattern in self._ignored):
            return
        context = {"event_source": "server", "page": None, **_course_fields(facts)}
        with tracker.context("edx.course.server", context):
            tracker.emit(path, _data(request))

    def __repr__(self) -> str:
        return f"<RequestEvents ignored={[pattern.pattern for pattern in self._ignored]}>"


def request_events() -> RequestEvents | None:
    """
    Return the emitter of request events, or `None` if the settings do not enable it.

    Raises:
        ImproperlyConfigured: If a setting is wrong.
    """
    kind = getattr(settings, REQUEST_EVENTS, None)
    if not kind:
        return None
    options = Options("")
    options.check(REQUEST_EVENTS, kind, _KIND)
    options.raise_problems()
    return RequestEvents(getattr(settings, IGNORE_URL_PATTERNS, _DEFAULT_IGNORED))


def _compile(pattern: Any) -> re.Pattern[str]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ValueError(str(error)) from error
    if not isinstance(compiled.pattern, str):
        raise TypeError("a pattern of text, not of bytes, is needed")
    return compiled


def _course_fields(facts: EnvironFacts) -> dict[str, str]:
    course_id = find_course_id(f"{facts['path']}?{facts['query']}")
    return course_context(None if course_id is None else parse_course_key(course_id))


def _data(request: Any) -> Any:
    try:
        parameters = {"GET": _censored(request.GET), "POST": _censored(_form(request))}
        return json.dumps(parameters)[:_MAX_CHARACTERS]
    except Exception as error:
        # For example, the body is too large. The view gets the same error if it reads it.
        return {"event-type": "exception", "exception": repr(type(error))}


def _form(request: Any) -> Any:
    if request.method != "POST" or request.content_type != _FORM:
        return QueryDict()
    # After reading `request.POST`, a view could not replace the upload handlers.
    return QueryDict(request.body, encoding="utf-8")


def _censored(parameters: Any) -> dict[str, Any]:
    # In any case, unlike the platform, which does not censor `Password`.
    return {
        name: _CENSORED if name.lower() in _PASSWORDS else values
        for name, values in parameters.lists()
    }
