"""Settings for Segment, Datadog and Google Analytics from the keys of an Open edX site."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eventtracking._options import MAPPING, Options
from eventtracking.settings import load
from eventtracking.settings.open_edx_keys import settings_from_keys

__all__ = ["load", "providers"]


def providers(env: Mapping[str, Any], auth: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """
    Return the settings that the keys of an Open edX site stand for.

    - `DATADOG_API` enables Datadog.
    - `SEGMENT_IO_LMS_KEY` enables Segment if `FEATURES["SEGMENT_IO_LMS"]` is true, for
      the events that `EVENT_TRACKING_SEGMENTIO_EMIT_WHITELIST` names.
    - `GOOGLE_ANALYTICS_4_ID` and `GOOGLE_ANALYTICS_API_SECRET` together enable Google
      Analytics.

    A key is ignored, with a warning that does not show it, if it is empty, made of
    asterisks, not text, or of a form that its backend would refuse. Segment's key is also
    ignored if the names are not a list of names.

    `eventtracking.settings.load` does the same with files that contain these names, so
    `load("lms.env.json", "lms.auth.json")` is sufficient for a site.

    Args:
        env: The content of `lms.env.json`.
        auth: The content of `lms.auth.json`. Its values win; `FEATURES` are merged.

    Returns:
        Settings for `eventtracking.settings.load` and `build`, or an empty dict if no
        provider is enabled.

    Raises:
        ImproperlyConfigured: If *env* or *auth* is not a mapping.
    """
    auth = {} if auth is None else auth
    options = Options("providers")
    # Not shown: text may be a whole file with every key in it.
    options.check("env", env, MAPPING, secret=True)
    options.check("auth", auth, MAPPING, secret=True)
    options.raise_problems()
    features: dict[str, Any] = {}
    for source in (env, auth):
        if isinstance(source.get("FEATURES"), Mapping):
            features.update(source["FEATURES"])
    return settings_from_keys({**env, **auth, "FEATURES": features})
