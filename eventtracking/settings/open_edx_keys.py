"""The keys that Open edX has for Segment, Datadog and Google Analytics, and what they turn on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from typing import Any

from eventtracking.destinations.key_forms import is_key, is_measurement_id
from eventtracking.settings.names import BACKENDS, truth

logger = logging.getLogger(__name__)

_DATADOG = "DATADOG_API"
_SEGMENT = "SEGMENT_IO_LMS_KEY"
_SEGMENT_FEATURE = "SEGMENT_IO_LMS"
_SEGMENT_NAMES = "EVENT_TRACKING_SEGMENTIO_EMIT_WHITELIST"
_GOOGLE_STREAM = "GOOGLE_ANALYTICS_4_ID"
_GOOGLE_SECRET = "GOOGLE_ANALYTICS_API_SECRET"  # noqa: S105  # its name

# What a value must look like, and how to say so. What does not would stop all tracking: the
# backend that is built of it raises.
_A_KEY = (is_key, "a key: ASCII, without spaces")
_A_STREAM = (is_measurement_id, "that of a web stream, such as G-ABC1234567")


def turned_on(site: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the settings that the keys in *site* stand for; an empty dict if there are none.

    Args:
        site: The settings of an Open edX site.
    """
    backends = {
        **_google_analytics(site),
        **_datadog(site),
        **_segment(site),
    }
    return {BACKENDS: backends} if backends else {}


def _datadog(site: Mapping[str, Any]) -> dict[str, Any]:
    key = _key(site, _DATADOG)
    if not key:
        return {}
    engine = "eventtracking.backends.datadog.DatadogBackend"
    return {"datadog": {"ENGINE": engine, "OPTIONS": {"api_key": key}}}


def _google_analytics(site: Mapping[str, Any]) -> dict[str, Any]:
    has_secret = site.get(_GOOGLE_SECRET) is not None
    needed_by = _GOOGLE_SECRET if has_secret else ""
    stream = _key(site, _GOOGLE_STREAM, needed_by=needed_by, form=_A_STREAM)
    secret = _key(site, _GOOGLE_SECRET)
    # The id alone is for the pages, which load Google's script with it.
    if not stream or not secret:
        return {}
    engine = "eventtracking.backends.google_analytics.GoogleAnalyticsBackend"
    options = {"measurement_id": stream, "api_secret": secret}
    return {"google_analytics": {"ENGINE": engine, "OPTIONS": options}}


def _segment(site: Mapping[str, Any]) -> dict[str, Any]:
    features = site.get("FEATURES")
    is_on = isinstance(features, Mapping) and bool(truth(features.get(_SEGMENT_FEATURE)))
    key = _key(site, _SEGMENT, needed_by=f"FEATURES[{_SEGMENT_FEATURE!r}]" if is_on else "")
    if not key or not is_on:
        return {}
    names = site.get(_SEGMENT_NAMES)
    names = [] if names is None else names
    if not _are_names(names):
        _say_why(_SEGMENT, f"{_SEGMENT_NAMES} must be a list of names")
        return {}
    segment = {
        "ENGINE": "eventtracking.backends.segment.SegmentBackend",
        "OPTIONS": {"write_key": key},
    }
    processors = [
        {
            "ENGINE": "eventtracking.processors.whitelist.NameWhitelistProcessor",
            "OPTIONS": {"whitelist": names},
        },
        {"ENGINE": "eventtracking.processors.google_analytics.GoogleAnalyticsProcessor"},
    ]
    router = {
        "ENGINE": "eventtracking.backends.routing.RoutingBackend",
        "OPTIONS": {"backends": {"segment": segment}, "processors": processors},
    }
    return {"segmentio": router}


def _key(
    site: Mapping[str, Any],
    name: str,
    *,
    needed_by: str = "",
    form: tuple[Callable[[Any], bool], str] = _A_KEY,
) -> str:
    """Return the key called *name*, or nothing; a warning says why, and never what it is."""
    value, (fits, expected) = site.get(name), form
    if value is None:
        if needed_by:
            logger.warning("%s turns nothing on without %s", needed_by, name)
        return ""
    if not isinstance(value, str):
        fault = f"it must be text, and is of type {type(value).__name__}"
    elif not value.strip():
        fault = "it is empty"
    elif not value.strip().strip("*"):
        fault = "it is a placeholder"
    elif not fits(value.strip()):
        fault = f"it must be {expected}"
    else:
        return value.strip()
    _say_why(name, fault)
    return ""


def _say_why(name: str, fault: str) -> None:
    logger.warning("%s turns nothing on: %s", name, fault)


def _are_names(value: Any) -> bool:
    if isinstance(value, str | Mapping) or not isinstance(value, Collection):
        return False
    return all(isinstance(name, str) for name in value)
