"""One event a request, as the Open edX platform logs it: opt-in, for readers that rely on it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.http import QueryDict

from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.request import RequestFacts
from eventtracking.request.courses import course_context, course_id_in, parse_course_key
from eventtracking.tracker import DEFAULT_TRACKER_NAME, TRACKERS

REQUEST_EVENTS = "EVENT_TRACKING_REQUEST_EVENTS"
"""The setting that turns request events on, if it is `"legacy"`."""

IGNORE_URL_PATTERNS = "TRACKING_IGNORE_URL_PATTERNS"
"""The setting that lists what their paths must not begin with, as regular expressions."""

LEGACY = "legacy"

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
    Emit an event for each request: named by its path, with its parameters as JSON text.

    The text is cut to 512 characters, so that a long one is no longer JSON. Passwords
    are replaced. Uploads are left alone, since reading one here would take it from the
    view: of a body, only that of a plain form is looked at.

    Args:
        ignored: Regular expressions. Nothing is emitted for a path that begins with one.

    Raises:
        ImproperlyConfigured: If *ignored* is no list of regular expressions.
    """

    def __init__(self, ignored: Iterable[str]) -> None:
        self._ignored = _compiled(ignored)

    def emit(self, request: Any, facts: RequestFacts) -> None:
        """Emit the event for *request*. Never raises."""
        path = facts["path"]
        tracker = TRACKERS.get(DEFAULT_TRACKER_NAME)
        if tracker is None or any(pattern.match(path) for pattern in self._ignored):
            return
        context = {"event_source": "server", "page": None, **_course_of(facts)}
        with tracker.context("edx.course.server", context):
            tracker.emit(path, _data(request))

    def __repr__(self) -> str:
        return f"<RequestEvents ignored={[pattern.pattern for pattern in self._ignored]}>"


def request_events() -> RequestEvents | None:
    """
    Return what emits the events that the settings ask for; `None` if they ask for none.

    Raises:
        ImproperlyConfigured: If they ask for something that does not exist.
    """
    kind = getattr(settings, REQUEST_EVENTS, None)
    if not kind:
        return None
    if kind != LEGACY:
        raise ImproperlyConfigured(f"{REQUEST_EVENTS} must be {LEGACY!r} or None, got {kind!r}")
    return RequestEvents(getattr(settings, IGNORE_URL_PATTERNS, _DEFAULT_IGNORED))


def _compiled(patterns: Any) -> list[re.Pattern[str]]:
    if isinstance(patterns, str | bytes) or not isinstance(patterns, Iterable):
        raise ImproperlyConfigured(f"{IGNORE_URL_PATTERNS} must be a list, got {patterns!r}")
    return [_pattern(each) for each in patterns]


def _pattern(pattern: Any) -> re.Pattern[str]:
    try:
        compiled = re.compile(pattern)
    except (re.error, TypeError) as error:
        raise ImproperlyConfigured(
            f"{IGNORE_URL_PATTERNS} must hold regular expressions, got {pattern!r}: {error}"
        ) from error
    if not isinstance(compiled.pattern, str):
        raise ImproperlyConfigured(f"{IGNORE_URL_PATTERNS} must hold text, got {pattern!r}")
    return compiled


def _course_of(facts: RequestFacts) -> dict[str, str]:
    course_id = course_id_in(f"{facts['path']}?{facts['query']}")
    return course_context(None if course_id is None else parse_course_key(course_id))


def _data(request: Any) -> Any:
    try:
        parameters = {"GET": _listed(request.GET), "POST": _listed(_form(request))}
        return json.dumps(parameters)[:_MAX_CHARACTERS]
    except Exception as error:
        # A body that is too large, say. Whoever reads it next finds that out as well.
        return {"event-type": "exception", "exception": repr(type(error))}


def _form(request: Any) -> Any:
    if request.method != "POST" or request.content_type != _FORM:
        return QueryDict()
    # Not `request.POST`: a view may not choose its upload handlers after that.
    return QueryDict(request.body, encoding="utf-8")


def _listed(parameters: Any) -> dict[str, Any]:
    # The platform lets `Password` through. No reader can need that.
    return {
        name: _CENSORED if name.lower() in _PASSWORDS else values
        for name, values in parameters.lists()
    }
