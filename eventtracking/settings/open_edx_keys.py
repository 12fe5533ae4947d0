"""Turn the keys that Open edX has for Segment, Datadog and Google Analytics into backends."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from eventtracking.destinations.key_forms import is_key, is_measurement_id
from eventtracking.settings.names import BACKENDS, parse_boolean

logger = logging.getLogger(__name__)

_DATADOG = "DATADOG_API"
_SEGMENT = "SEGMENT_IO_LMS_KEY"
_SEGMENT_FEATURE = "SEGMENT_IO_LMS"
_SEGMENT_NAMES = "EVENT_TRACKING_SEGMENTIO_EMIT_WHITELIST"
_GOOGLE_ID = "GOOGLE_ANALYTICS_4_ID"
_GOOGLE_SECRET = "GOOGLE_ANALYTICS_API_SECRET"  # noqa: S105  # its name


class _Form(NamedTuple):
    """The form of a key, as a test and as words that follow "it must be"."""

    accepts: Callable[[Any], bool]
    expected: str


# A key of another form would make the backend raise, and so stop all tracking.
_KEY = _Form(is_key, "a key of ASCII characters without spaces")
_MEASUREMENT_ID = _Form(is_measurement_id, "the id of a web stream, such as G-ABC1234567")


def settings_from_keys(site: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the settings that the keys in *site* stand for, or `{}` if it has none.

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
    measurement_id = _key(site, _GOOGLE_ID, needed_by=needed_by, form=_MEASUREMENT_ID)
    secret = _key(site, _GOOGLE_SECRET)
    # The id alone is used by pages, to load Google's script.
    if not measurement_id or not secret:
        return {}
    engine = "eventtracking.backends.google_analytics.GoogleAnalyticsBackend"
    options = {"measurement_id": measurement_id, "api_secret": secret}
    return {"google_analytics": {"ENGINE": engine, "OPTIONS": options}}


def _segment(site: Mapping[str, Any]) -> dict[str, Any]:
    features = site.get("FEATURES")
    is_on = isinstance(features, Mapping) and bool(parse_boolean(features.get(_SEGMENT_FEATURE)))
    key = _key(site, _SEGMENT, needed_by=f"FEATURES[{_SEGMENT_FEATURE!r}]" if is_on else "")
    if not key or not is_on:
        return {}
    names = site.get(_SEGMENT_NAMES)
    names = [] if names is None else names
    if not _are_names(names):
        _warn(_SEGMENT, f"{_SEGMENT_NAMES} must be a list of names")
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


def _key(site: Mapping[str, Any], name: str, *, needed_by: str = "", form: _Form = _KEY) -> str:
    """Return the key *name*, or "" with a warning that does not show its value."""
    value = site.get(name)
    if value is None:
        if needed_by:
            logger.warning("%s has no effect without %s", needed_by, name)
        return ""
    if not isinstance(value, str):
        problem = f"it must be text, got a value of type {type(value).__name__}"
    elif not value.strip():
        problem = "it is empty"
    elif not value.strip().strip("*"):
        problem = "it is a placeholder"
    elif not form.accepts(value.strip()):
        problem = f"it must be {form.expected}"
    else:
        return value.strip()
    _warn(name, problem)
    return ""


def _warn(name: str, problem: str) -> None:
    logger.warning("%s has no effect: %s", name, problem)


def _are_names(value: Any) -> bool:
    if isinstance(value, str | Mapping) or not isinstance(value, Collection):
        return False
    return all(isinstance(name, str) for name in value)
