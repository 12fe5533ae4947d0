"""Tell Segment directly, past the backends and their filters, as the Open edX platform does."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, cast

from eventtracking import tracker
from eventtracking.destinations.segment.context import segment_context
from eventtracking.destinations.segment.installed_client import installed_client, is_client
from eventtracking.processors.request_context import RequestContext
from eventtracking.stats import LogThrottle
from eventtracking.types import Event

logger = logging.getLogger(__name__)


def track(
    user_id: Any,
    event_name: str | None,
    properties: Mapping[str, Any] | None = None,
    context: Mapping[str, Any] | None = None,
    traits: Mapping[str, Any] | None = None,
) -> None:
    """
    Send a `track` call: through the tracker's backend for Segment, or the client's module.

    Without such a backend, nothing is sent unless the Django setting `LMS_SEGMENT_KEY`
    is true; the application gives the client its write key.

    Args:
        user_id: Who did it.
        event_name: What. `None` sends nothing.
        properties: What is worth knowing about it.
        context: Segment's context. What it leaves out is filled in from the request, as
            the tracker's `RequestContext` tells of it, and from the contexts that are
            entered: the address, the browser, the page, Google's client id.
        traits: What is known about the user, added to the context.

    Raises:
        Exception: Whatever the client raises, such as for an empty *user_id*.
    """
    target = None if event_name is None else _target()
    if target is not None:
        target.track(user_id, event_name, properties or {}, _completed(context, traits))


def identify(
    user_id: Any,
    properties: Mapping[str, Any] | None,
    context: Mapping[str, Any] | None = None,
) -> None:
    """
    Send an `identify` call, on the same conditions and by the same way as `track`.

    Args:
        user_id: Who it is about.
        properties: What is known about the user.
        context: Segment's context. Nothing is added to it.

    Raises:
        Exception: Whatever the client raises.
    """
    target = _target()
    if target is not None:
        target.identify(user_id, properties or {}, context or {})


def __getattr__(name: str) -> Any:
    # `analytics` is a name that the tests of applications replace, and the client is
    # not imported before somebody needs it. `None` if it is not installed.
    if name != "analytics":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return installed_client()


def _target() -> Any:
    """Return what has `track` and `identify`, or `None`."""
    registered = tracker.TRACKERS.get(tracker.DEFAULT_TRACKER_NAME)
    backend = next(_segment_backends(registered), None)
    if backend is not None or not _has_key():
        return backend
    client = globals()["analytics"] if "analytics" in globals() else installed_client()
    if client is None and _throttle.due("client") is not None:
        logger.warning(
            "LMS_SEGMENT_KEY is set and there is no client for Segment: "
            "calls are dropped. Run: pip install segment-analytics-python"
        )
    return client


def _segment_backends(router: Any) -> Iterator[Any]:
    """Yield the backends behind *router*, at any depth, that Segment's calls can go through."""
    for backend in [*getattr(router, "backends", {}).values()]:
        if is_client(backend):
            yield backend
        elif isinstance(getattr(backend, "backends", None), Mapping):
            yield from _segment_backends(backend)


def _has_key() -> bool:
    try:
        settings = import_module("django.conf").settings
    except ModuleNotFoundError:
        return False
    return settings.configured and bool(getattr(settings, "LMS_SEGMENT_KEY", None))


def _completed(
    context: Mapping[str, Any] | None, traits: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return Segment's context, with what the entered contexts know in the places left free."""
    completed = dict(context or {})
    for field, value in segment_context(_facts()).items():
        given = completed.get(field)
        if isinstance(value, dict) and isinstance(given, Mapping):
            completed[field] = {**value, **given}
        else:
            completed.setdefault(field, value)
    if traits:
        completed["traits"] = dict(traits)
    return completed


def _facts() -> dict[str, Any]:
    """Return the facts of the request, as events carry them, and the entered contexts."""
    registered = tracker.TRACKERS.get(tracker.DEFAULT_TRACKER_NAME)
    processors = registered.processors if registered else []
    request = next((each for each in processors if isinstance(each, RequestContext)), _request)
    context = registered.resolve_context() if registered else {}
    event = request(cast(Event, {"context": context}))
    facts: dict[str, Any] = event["context"]
    return facts


# Where no tracker says which facts may be told.
_request = RequestContext()

_throttle = LogThrottle()
