"""Build a tracker from settings, and make it the default one."""

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
from eventtracking.settings.names import CONFIG, ENABLED, truth, unknown_names
from eventtracking.settings.secrets import reference
from eventtracking.tracker import Tracker, register_tracker

logger = logging.getLogger(__name__)


def build(settings: Mapping[str, Any]) -> Tracker:
    """
    Return the tracker that *settings* describe; one without backends if they disable it.

    From then on, naive datetimes are read in `EVENT_TRACKING_TIME_ZONE` (default: UTC)
    in the whole process.

    `{"ENV": "NAME"}` and `{"FILE": "path"}` stand for the text of an environment
    variable and of a file, wherever they appear. A file loses one newline at its end;
    a relative path starts from the working directory.

    Args:
        settings: What `load` returned, or any mapping with the same names.

    Raises:
        ImproperlyConfigured: If anything is wrong, with a line for each problem: its
            path, the value, the cause and the cure. What was built by then is closed.
    """
    if is_disabled(settings):
        return Tracker()
    assembly = Assembly(settings)
    assembly.check()
    # A variable that holds a secret may well be called EVENT_TRACKING_something.
    names = (name for name in settings if name not in assembly.variables)
    for line in (*unknown_names(names), *assembly.problems.warnings()):
        logger.warning("%s", line)
    read_naive_in(assembly.time_zone)
    return Tracker(assembly.backends, processors=assembly.processors)


def configure(*sources: Source) -> Tracker:
    """
    Load *sources*, build the tracker and register it as the default one.

    The environment is read last and so has the final word. Without any source, the
    file that `EVENT_TRACKING_CONFIG` names is read. The tracker that was registered
    before is not closed.

    Args:
        sources: As for `load`.

    Raises:
        ImproperlyConfigured: As `load` and `build` do. Then nothing is registered.
    """
    if not sources and os.environ.get(CONFIG):
        sources = (os.environ[CONFIG],)
    tracker = build(load(*sources, os.environ))
    register_tracker(tracker)
    return tracker


def is_disabled(settings: Mapping[str, Any]) -> bool:
    """Tell whether *settings* switch tracking off."""
    value = settings.get(ENABLED)
    if source := reference(value):
        # What cannot be fetched is told of by who builds.
        with suppress(ImproperlyConfigured):
            value = source.fetch()
    return truth(value) is False
