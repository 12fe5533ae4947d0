"""Build a tracker from settings, and make it the default tracker."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.serialization import read_naive_in
from eventtracking.settings.assembly import Assembly
from eventtracking.settings.loading import Source, load
from eventtracking.settings.names import CONFIG, ENABLED, name_warnings, parse_boolean
from eventtracking.settings.secrets import parse_reference
from eventtracking.tracker import Tracker, register_tracker

logger = logging.getLogger(__name__)


def build(settings: Mapping[str, Any]) -> Tracker:
    """
    Return the tracker that *settings* describe, or one without backends if they disable it.

    From then on, naive datetimes in the whole process are interpreted in
    `EVENT_TRACKING_TIME_ZONE` (default: UTC).

    Anywhere in the settings, `{"ENV": "NAME"}` stands for the text of an environment
    variable and `{"FILE": "path"}` for the text of a file, without one newline at its end.
    A relative path starts from the working directory.

    Args:
        settings: The result of `load`, or any mapping with the same names.

    Raises:
        ImproperlyConfigured: If anything is wrong, with a line for each problem: its
            path, the value, the cause and the fix. Objects that were already built are
            closed.
    """
    if is_disabled(settings):
        return Tracker()
    assembly = Assembly(settings)
    assembly.check()
    # The variable of a reference may have a name that begins with EVENT_TRACKING_.
    names = (name for name in settings if name not in assembly.variables)
    for line in (*name_warnings(names), *assembly.problems.warnings()):
        logger.warning("%s", line)
    read_naive_in(assembly.time_zone)
    return Tracker(assembly.backends, processors=assembly.processors)


def configure(*sources: Source) -> Tracker:
    """
    Load *sources*, build the tracker and register it as the default tracker.

    The environment is read last, so its values win. Without any source, the file that
    `EVENT_TRACKING_CONFIG` names is read. A tracker that was registered before is not
    closed.

    Args:
        sources: As for `load`.

    Raises:
        ImproperlyConfigured: As for `load` and `build`. Nothing is registered then.
    """
    if not sources and os.environ.get(CONFIG):
        sources = (os.environ[CONFIG],)
    tracker = build(load(*sources, os.environ))
    register_tracker(tracker)
    return tracker


def is_disabled(settings: Mapping[str, Any]) -> bool:
    """Return whether *settings* disable tracking."""
    value = settings.get(ENABLED)
    if reference := parse_reference(value):
        # A reference that cannot be fetched is an error of `build`.
        with suppress(ImproperlyConfigured):
            value = reference.fetch()
    return parse_boolean(value) is False
