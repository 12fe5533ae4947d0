"""Functions with which the Open edX platform tracks events of a server, a browser or a task."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from eventtracking import tracker
from eventtracking.openedx.contexts import course_context_from_url

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

logger = logging.getLogger(__name__)


def server_track(
    request: HttpRequest | None, event_type: str, event: Any, page: str | None = None
) -> None:
    """
    Emit an event of the server, with the `event_source` "server". Deprecated.

    Args:
        request: The request, or `None` in a management command.
        event_type: The name. Names under `/event_logs` are ignored for requests of staff.
        event: The data: a dict, or JSON in a string, which is not decoded.
        page: The page. If it is the URL of a course, the course is added to the context.
    """
    _deprecate("server_track", "eventtracking.tracker.emit(name, data)")
    if str(event_type).startswith("/event_logs") and _is_staff(request):
        return
    context = {"username": _username(request), "event_source": "server", "page": page}
    course = course_context_from_url(page)
    # The page is often not a URL, which must not hide the course of the request.
    if course["course_id"]:
        context |= course
    with tracker.context("edx.course.server", context):
        tracker.emit(event_type, event)


def user_track(request: HttpRequest) -> HttpResponse:
    """
    Emit an event that a browser sent, with the `event_source` "browser". Deprecated.

    The parameters are `event_type`, `event` (JSON), `page`, and `courserun_key` for a
    course that is not in the URL `page`. All of them are optional, any value is accepted,
    and the response is always `success`. If the data contains a `username` without a
    `user_id`, the id of that user is added.

    The view makes no checks: the CSRF middleware protects POST, and nothing protects GET.
    """
    _deprecate("user_track", "a view of your own that calls eventtracking.tracker.emit(name, data)")
    from django.http import HttpResponse

    sent = _parameters(request)
    page = sent.get("page", "")
    context = {
        **course_context_from_url(page, sent.get("courserun_key") or None),
        "username": _username(request),
        "event_source": "browser",
        "page": page,
    }
    with tracker.context("edx.course.browser", context):
        tracker.emit(sent.get("event_type"), _with_user_id(_parsed(sent.get("event", ""))))
    return HttpResponse("success", content_type="text/plain")


def task_track(
    request_info: Mapping[str, Any] | None,
    task_info: Mapping[str, Any] | None,
    event_type: str,
    event: Mapping[str, Any],
    page: str | None = None,
) -> None:
    """
    Emit an event of a task, with the `event_source` "task". Deprecated.

    Args:
        request_info: `username`, `ip`, `agent` and `host` of the request that started the task.
        task_info: Facts about the task, which are added to the data and override *event*.
        event_type: The name.
        event: The data.
        page: The URL of the page that started the task.

    Raises:
        TypeError: If *event* is not a mapping.
    """
    _deprecate("task_track", "eventtracking.tracker.context(name, facts) around emit(name, data)")
    data = {**event, **(task_info or {})}
    request = request_info or {}
    context = {
        **{field: request.get(field, "unknown") for field in ("username", "ip", "agent", "host")},
        "event_source": "task",
        "page": page,
        **course_context_from_url(page),
    }
    with tracker.context("edx.course.task", context):
        tracker.emit(event_type, data)


def _deprecate(name: str, replacement: str) -> None:
    # The third frame from here is the caller of the deprecated function.
    warnings.warn(f"{name} is deprecated: use {replacement}", DeprecationWarning, stacklevel=3)


def _username(request: Any) -> Any:
    """Return the name of the user: "" if not logged in, "anonymous" if unknown."""
    return getattr(getattr(request, "user", None), "username", "anonymous")


def _is_staff(request: Any) -> bool:
    return bool(getattr(getattr(request, "user", None), "is_staff", False))


def _parameters(request: HttpRequest) -> Mapping[str, str]:
    # Only one of the two, because accessing the fields of a form reads the body.
    if request.method == "GET":
        return request.GET  # type: ignore[no-any-return]  # Django is not typed
    return request.POST if request.method == "POST" else {}


def _parsed(text: str) -> Any:
    try:
        return json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return text


def _with_user_id(data: Any) -> Any:
    lacks_id = isinstance(data, dict) and "user_id" not in data
    if not lacks_id or not isinstance(data.get("username"), str):
        return data
    user_id = _user_id(data["username"])
    return data if user_id is None else {**data, "user_id": user_id}


def _user_id(username: str) -> Any:
    """Return the id of the user *username*, or `None`."""
    from django.contrib.auth import get_user_model
    from django.core.exceptions import ImproperlyConfigured
    from django.db import Error

    try:
        model = get_user_model()
        users = model._default_manager.filter(**{model.USERNAME_FIELD: username})  # noqa: SLF001
        return users.values_list("pk", flat=True).first()
    except (Error, ImproperlyConfigured, ValueError):
        # A site without users or a database, or a name that the database cannot store.
        logger.debug("Found no user for a browser's event", exc_info=True)
        return None
