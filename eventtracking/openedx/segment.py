"""Direct calls to Segment without processors, as on the Open edX platform."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from importlib import import_module
from typing import Any, cast

from eventtracking import tracker
from eventtracking.destinations.segment.context import segment_context
from eventtracking.destinations.segment.installed_client import installed_client, is_client
from eventtracking.openedx._backends import find_backend
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
    Send a `track` call through the backend of the tracker for Segment, or Segment's client.

    Without such a backend, nothing is sent unless the Django setting `LMS_SEGMENT_KEY`
    is true. The application must give the client its write key.

    Args:
        user_id: The user.
        event_name: The name of the event. If it is `None`, nothing is sent.
        properties: The properties of the event.
        context: Segment's context. Missing values are added from the request, according to
            the tracker's `RequestContext`, and from the entered contexts: the address, the
            browser, the page and Google's client id.
        traits: The traits of the user, which are added to the context.

    Raises:
        Exception: Any exception of the client, for example for an empty *user_id*.
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
    Send an `identify` call under the same conditions as `track`.

    Args:
        user_id: The user.
        properties: The traits of the user.
        context: Segment's context. Nothing is added to it.

    Raises:
        Exception: Any exception of the client.
    """
    target = _target()
    if target is not None:
        target.identify(user_id, properties or {}, context or {})


def __getattr__(name: str) -> Any:
    # Tests of applications patch the name `analytics`. The client is imported on first use.
    if name != "analytics":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return installed_client()


def _target() -> Any:
    """Return the backend or the client with `track` and `identify`, or `None`."""
    backend = find_backend(is_client)
    if backend is not None or not _has_key():
        return backend
    client = globals()["analytics"] if "analytics" in globals() else installed_client()
    if client is None and _throttle.due("client") is not None:
        logger.warning(
            "LMS_SEGMENT_KEY is set but no client for Segment is installed: "
            "calls are dropped. Run: pip install segment-analytics-python"
        )
    return client


def _has_key() -> bool:
    try:
        settings = import_module("django.conf").settings
    except ModuleNotFoundError:
        return False
    return settings.configured and bool(getattr(settings, "LMS_SEGMENT_KEY", None))


def _completed(
    context: Mapping[str, Any] | None, traits: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return Segment's context with missing values added from the request and the contexts."""
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
    """Return the facts about the request and the entered contexts, as an event has them."""
    registered = tracker.TRACKERS.get(tracker.DEFAULT_TRACKER_NAME)
    processors = registered.processors if registered else []
    add_facts = next((each for each in processors if isinstance(each, RequestContext)), _all_facts)
    context = registered.resolve_context() if registered else {}
    event = add_facts(cast(Event, {"context": context}))
    facts: dict[str, Any] = event["context"]
    return facts


# For a tracker without a `RequestContext`, which would select the facts.
_all_facts = RequestContext()

_throttle = LogThrottle()
