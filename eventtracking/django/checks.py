"""System checks that show what is wrong with the settings of event tracking."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as CheckWarning

from eventtracking._assembly import Assembly
from eventtracking._problems import Problem
from eventtracking.django.django_tracker import DjangoTracker, current
from eventtracking.settings import (
    BACKENDS,
    ENABLED,
    PREFIX,
    PROCESSORS,
    TIME_ZONE,
    truth,
    unknown_names,
)
from eventtracking.tracker import DEFAULT_TRACKER_NAME, TRACKERS

TAG = "eventtracking"

_IDS = {
    "setting": "eventtracking.E001",
    "engine": "eventtracking.E002",
    "options": "eventtracking.E003",
    "construction": "eventtracking.E004",
    "secret": "eventtracking.E005",
    "shape": "eventtracking.E006",
}


def check_settings(**_kwargs: Any) -> list[CheckMessage]:
    """
    Return a message for each problem of the settings, and for what was surely not meant.

    Errors, which appear only while tracking is enabled:

    - `eventtracking.E001`: a setting has the wrong type or value.
    - `eventtracking.E002`: an `ENGINE` cannot be imported.
    - `eventtracking.E003`: an option does not exist, or is missing.
    - `eventtracking.E004`: a class refuses its options.
    - `eventtracking.E005`: an `ENV` or `FILE` cannot be read.
    - `eventtracking.E006`: a backend cannot `send`, or a processor is not callable.

    Warnings, which never stop a command:

    - `eventtracking.W001`: a name begins with `EVENT_TRACKING_` and is no setting.
    - `eventtracking.W002`: `EVENT_TRACKING_ENABLED` is text that means no, and so counts as yes.
    - `eventtracking.W003`: tracking is enabled, without a backend.
    - `eventtracking.W004`: a key beside `ENGINE` and `OPTIONS` is ignored.
    - `eventtracking.W005`: there are backends, and `EVENT_TRACKING_ENABLED` is not set.
    """
    found, ignored = _examined() if getattr(settings, ENABLED, False) else ([], [])
    return [
        *(Error(problem.line, id=_IDS[problem.kind]) for problem in found),
        *(CheckWarning(line, id="eventtracking.W001") for line in _unknown()),
        *(CheckWarning(line, id="eventtracking.W004") for line in ignored),
        *_switch_warnings(),
    ]


def _examined() -> tuple[list[Problem], list[str]]:
    """Return the problems and the warnings of the settings as they are now."""
    values = current(TIME_ZONE, PROCESSORS, BACKENDS)
    tracker = TRACKERS.get(DEFAULT_TRACKER_NAME)
    if isinstance(tracker, DjangoTracker) and tracker.is_made_from(values):
        # Building everything once more would open every file a second time.
        return [], tracker.warnings
    assembly = Assembly(values)
    assembly.close()
    return assembly.problems.found(), assembly.problems.warnings()


def _unknown() -> list[str]:
    return unknown_names(name for name in dir(settings) if name.startswith(PREFIX))


def _switch_warnings() -> Iterator[CheckMessage]:
    """Yield what is odd about `EVENT_TRACKING_ENABLED`."""
    enabled = getattr(settings, ENABLED, None)
    backends = getattr(settings, BACKENDS, None)
    if isinstance(enabled, str) and truth(enabled) is False:
        text = f"{ENABLED} = {enabled!r} enables tracking: Django settings count any text as true."
        yield CheckWarning(text, hint="Write False.", id="eventtracking.W002")
    if enabled and not backends:
        text = f"{ENABLED} is true and {BACKENDS} is empty: every event is dropped."
        yield CheckWarning(text, hint=f"Add a backend to {BACKENDS}.", id="eventtracking.W003")
    if enabled is None and backends:
        text = f"{BACKENDS} is set and {ENABLED} is not: no event is tracked."
        yield CheckWarning(text, hint=f"Set {ENABLED} to True or False.", id="eventtracking.W005")
