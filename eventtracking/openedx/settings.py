"""Turn Segment, Datadog and Google Analytics on by the keys that Open edX keeps in its settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.settings import load
from eventtracking.settings.open_edx_keys import settings_from_keys

__all__ = ["load", "providers"]


def providers(env: Mapping[str, Any], auth: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """
    Return the settings that the keys of an Open edX site stand for.

    - `DATADOG_API` turns Datadog on.
    - `SEGMENT_IO_LMS_KEY` turns Segment on where `FEATURES["SEGMENT_IO_LMS"]` is true, for
      the events that `EVENT_TRACKING_SEGMENTIO_EMIT_WHITELIST` names.
    - `GOOGLE_ANALYTICS_4_ID` and `GOOGLE_ANALYTICS_API_SECRET` together turn Google Analytics on.

    A key that is not there turns nothing on. Nor does one that is empty, made of asterisks,
    no text, or of a form that its backend would refuse; a warning names it, and never shows
    it. Likewise Segment's key, if its names are no list of names.

    `eventtracking.settings.load` does the same with the files that hold these names, so
    that `load("lms.env.json", "lms.auth.json")` is all a site needs.

    Args:
        env: What stands in `lms.env.json`.
        auth: What stands in `lms.auth.json`. Its values win; of `FEATURES`, each of them.

    Returns:
        What `eventtracking.settings.load` merges and `build` accepts; an empty dict if
        nothing is turned on.

    Raises:
        ImproperlyConfigured: If *env* or *auth* is no mapping.
    """
    auth = {} if auth is None else auth
    site = {**_mapping("env", env), **_mapping("auth", auth)}
    features: dict[str, Any] = {}
    for source in (env, auth):
        if isinstance(source.get("FEATURES"), Mapping):
            features.update(source["FEATURES"])
    return settings_from_keys({**site, "FEATURES": features})


def _mapping(name: str, value: Any) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    # Not shown: it may be a text with all keys in it.
    kind = type(value).__name__
    raise ImproperlyConfigured(f"providers: {name} must be a mapping, got a {kind}")
