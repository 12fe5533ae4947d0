"""The view `segmentio_event`, to which Segment forwards events of mobile applications."""

from __future__ import annotations

import hmac
import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from eventtracking import tracker
from eventtracking.request.courses import parse_course_key

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

logger = logging.getLogger(__name__)

ERROR_MISSING_NAME = "The event has no name"
ERROR_MISSING_DATA = "The event has no data"
ERROR_INVALID_DATA_FIELD_TYPE = "The data of the event is not an object"
ERROR_INVALID_CONTEXT_FIELD_TYPE = "The context of the event is not an object"
ERROR_MISSING_USER_ID = "The event has no user"
ERROR_INVALID_USER_ID = "The id of the user is not a whole number"
ERROR_USER_NOT_EXIST = "The user does not exist"
ERROR_MISSING_TIMESTAMP = "The event has no timestamp in ISO 8601"
ERROR_MISSING_RECEIVED_AT = "The event has no time of receipt in ISO 8601"

SECRET = "TRACKING_SEGMENTIO_WEBHOOK_SECRET"  # noqa: S105  # the name of a setting
ALLOWED_TYPES = "TRACKING_SEGMENTIO_ALLOWED_TYPES"
DISALLOWED_NAMES = "TRACKING_SEGMENTIO_DISALLOWED_SUBSTRING_NAMES"
SOURCE_MAP = "TRACKING_SEGMENTIO_SOURCE_MAP"

_DEFAULTS: Mapping[str, Any] = {
    SECRET: None,
    ALLOWED_TYPES: ("track",),
    DISALLOWED_NAMES: (),
    SOURCE_MAP: {"analytics-android": "mobile", "analytics-ios": "mobile"},
}

# The applications use another name for this event.
_FORUM_LABEL = "Forum: View Thread"
_FORUM_NAME = "edx.bi.app.navigation.screen"

_REMOVED = frozenset({"traits", "integrations", "userAgent"})

_LOGGED_CHARACTERS = 256


class EventValidationError(Exception):
    """An invalid event from Segment. The text is one of the `ERROR_` constants."""


def segmentio_event(request: HttpRequest) -> HttpResponse:
    """
    Emit the event in a request of Segment to the URL `/segmentio/event?key=...`.

    The key must be the setting `TRACKING_SEGMENTIO_WEBHOOK_SECRET`, or the status is 401. It is
    405 for any method except POST, and 400 for a body that is not JSON. In all other cases it
    is 200, because Segment cannot fix an invalid event. The reason why an event is ignored is
    logged as DEBUG.
    """
    from django.http import HttpResponse, HttpResponseNotAllowed

    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    try:
        payload = _payload(request)
    except (ValueError, RecursionError):
        return HttpResponse(status=400)
    if not _is_authorized(request.GET.get("key")):
        return HttpResponse(status=401)
    try:
        _track(payload)
    except EventValidationError as error:
        logger.debug("Ignored an event from Segment: %s", error)
    return HttpResponse(status=200)


# Like `django.views.decorators.csrf.csrf_exempt`, without importing Django.
segmentio_event.csrf_exempt = True  # type: ignore[attr-defined]


def track_segmentio_event(request: HttpRequest) -> None:
    """
    Emit the event in *request* without checking the key.

    Raises:
        EventValidationError: If the event is invalid.
        ValueError: If the body is not JSON.
    """
    _track(_payload(request))


def _payload(request: Any) -> Mapping[str, Any]:
    if "application/json" not in request.META.get("CONTENT_TYPE", "").lower():
        return {}
    return _mapping(json.loads(request.body.decode("utf-8")))


def _is_authorized(key: Any) -> bool:
    secret = _setting(SECRET)
    if not key or not secret:
        return False
    # As bytes, because compare_digest accepts only text in ASCII.
    return hmac.compare_digest(str(key).encode("utf-8", "replace"), str(secret).encode())


def _track(payload: Mapping[str, Any]) -> None:
    """Emit the event in *payload*, unless the settings exclude it."""
    client = _mapping(payload.get("context"))
    library = _mapping(client.get("library")).get("name")
    source = _setting(SOURCE_MAP).get(library) if isinstance(library, str) else None
    if not source or not _is_allowed(payload.get("type")):
        return
    properties = _mapping(payload.get("properties"))
    name = _name(properties)
    if any(word.lower() in name.lower() for word in _setting(DISALLOWED_NAMES)):
        return
    data = properties.get("data")
    if not isinstance(data, dict):
        raise EventValidationError(
            ERROR_MISSING_DATA if data is None else ERROR_INVALID_DATA_FIELD_TYPE
        )
    context = {
        "event_source": source,
        **_client_context(client, properties),
        **_trusted_context(payload, properties),
    }
    with tracker.context("edx.segmentio", _with_organisation(context)):
        tracker.emit(name, data)


def _is_allowed(kind: Any) -> bool:
    allowed = {str(each).lower() for each in _setting(ALLOWED_TYPES)}
    return isinstance(kind, str) and kind.lower() in allowed


def _name(properties: Mapping[str, Any]) -> str:
    if properties.get("label") == _FORUM_LABEL:
        return _FORUM_NAME
    name = properties.get("name")
    if not name or not isinstance(name, str):
        raise EventValidationError(ERROR_MISSING_NAME)
    return name


def _client_context(client: Mapping[str, Any], properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the context that the device and the application send."""
    own = properties.get("context")
    if own is not None and not isinstance(own, dict):
        raise EventValidationError(ERROR_INVALID_CONTEXT_FIELD_TYPE)
    own = dict(own or {})
    application = {
        "name": own.pop("app_name", ""),
        "version": _mapping(client.get("app")).get("version", ""),
    }
    return {
        "application": application,
        "client": {name: value for name, value in client.items() if name not in _REMOVED},
        "agent": client.get("userAgent", ""),
        "ip": "",
        **own,
        **{name: properties[name] for name in ("label", "course_id") if name in properties},
    }


def _trusted_context(payload: Mapping[str, Any], properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the context that an application cannot override."""
    user = _user(payload.get("userId"))
    return {
        "user_id": user.pk,
        "username": user.get_username(),
        "timestamp": _time(payload.get("timestamp"), ERROR_MISSING_TIMESTAMP),
        "received_at": _time(payload.get("receivedAt"), ERROR_MISSING_RECEIVED_AT),
        "ip": _mapping(properties.get("context")).get("ip") or "",
    }


def _user(user_id: Any) -> Any:
    from django.contrib.auth import get_user_model

    if user_id is None or user_id == "":
        raise EventValidationError(ERROR_MISSING_USER_ID)
    # `True` would be the user with the id 1.
    if isinstance(user_id, bool) or not isinstance(user_id, int | str):
        raise EventValidationError(ERROR_INVALID_USER_ID)
    model = get_user_model()
    try:
        return model._default_manager.get(pk=int(user_id))  # noqa: SLF001
    except (ValueError, OverflowError) as error:
        raise EventValidationError(ERROR_INVALID_USER_ID) from error
    except model.DoesNotExist as error:
        raise EventValidationError(ERROR_USER_NOT_EXIST) from error


def _time(text: Any, problem: str) -> datetime:
    if not text or not isinstance(text, str):
        raise EventValidationError(problem)
    try:
        time = datetime.fromisoformat(text)
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise EventValidationError(problem) from error


def _with_organisation(context: dict[str, Any]) -> dict[str, Any]:
    course_id = context.get("course_id")
    if not course_id:
        return context
    key = parse_course_key(course_id) if isinstance(course_id, str) else None
    if key is None:
        logger.warning("Unparsable course key %.*r", _LOGGED_CHARACTERS, course_id)
        return context
    return {**context, "org_id": key.org}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _setting(name: str) -> Any:
    from django.conf import settings

    value = getattr(settings, name, None)
    return _DEFAULTS[name] if value is None else value
