"""System checks that show what is wrong with the settings of event tracking."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as CheckWarning
from django.core.exceptions import ImproperlyConfigured as DjangoImproperlyConfigured
from django.urls import NoReverseMatch, reverse

from eventtracking.django.collecting import COLLECTOR, NAMESPACE, new_collector
from eventtracking.django.django_tracker import DjangoTracker, current
from eventtracking.django.middleware import TRUSTED_PROXIES, trusted_proxies
from eventtracking.django.request_events import REQUEST_EVENTS, request_events
from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.settings.assembly import Assembly
from eventtracking.settings.names import (
    BACKENDS,
    ENABLED,
    PREFIX,
    PROCESSORS,
    TIME_ZONE,
    name_warnings,
    parse_boolean,
)
from eventtracking.settings.problems import Problem
from eventtracking.settings.unguarded import guard_warnings
from eventtracking.tracker import DEFAULT_TRACKER_NAME, TRACKERS

TAG = "eventtracking"

_MIDDLEWARE = "eventtracking.django.middleware.TrackMiddleware"

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

    Errors, which appear only while tracking is enabled, except for those of the settings
    that the middleware reads in any case:

    - `eventtracking.E001`: a setting has the wrong type or value.
    - `eventtracking.E002`: an `ENGINE` cannot be imported.
    - `eventtracking.E003`: an option does not exist, or is missing.
    - `eventtracking.E004`: a class refuses its options.
    - `eventtracking.E005`: an `ENV` or `FILE` cannot be read.
    - `eventtracking.E006`: a backend cannot `send`, or a processor is not callable.
    - `eventtracking.E007`: `EVENT_TRACKING_COLLECTOR` is wrong.

    Warnings, which never stop a command:

    - `eventtracking.W001`: a name begins with `EVENT_TRACKING_` and is no setting.
    - `eventtracking.W002`: `EVENT_TRACKING_ENABLED` is text that means no, and so counts as yes.
    - `eventtracking.W003`: tracking is enabled, without a backend.
    - `eventtracking.W004`: a key beside `ENGINE` and `OPTIONS` is ignored.
    - `eventtracking.W005`: there are backends, and `EVENT_TRACKING_ENABLED` is not set.
    - `eventtracking.W006`: a setting is for the middleware, and that is not in `MIDDLEWARE`.
    - `eventtracking.W007`: a backend sends over a network with a guard missing before it.
    - `eventtracking.W008`: `EVENT_TRACKING_COLLECTOR` is set, and no URL leads to the collector.
    """
    found = _examined() if getattr(settings, ENABLED, False) else _Findings()
    return [
        *(Error(problem.line, id=_IDS[problem.kind]) for problem in found.problems),
        *_middleware_errors(),
        *_collector_errors(),
        *(CheckWarning(line, id="eventtracking.W001") for line in _unknown()),
        *(CheckWarning(line, id="eventtracking.W004") for line in found.ignored),
        *_switch_warnings(),
        *_middleware_warnings(),
        *(CheckWarning(line, id="eventtracking.W007") for line in found.unguarded),
        *_collector_warnings(),
    ]


class _Findings(NamedTuple):
    """What is wrong with the settings of processors and backends."""

    problems: Iterable[Problem] = ()
    ignored: Iterable[str] = ()
    unguarded: Iterable[str] = ()


def _examined() -> _Findings:
    """Return what there is to say about the settings as they are now."""
    values = current(TIME_ZONE, PROCESSORS, BACKENDS)
    tracker = TRACKERS.get(DEFAULT_TRACKER_NAME)
    if isinstance(tracker, DjangoTracker) and tracker.is_made_from(values):
        # Building everything once more would open every file a second time.
        return _Findings(
            ignored=tracker.warnings, unguarded=guard_warnings(tracker.backends, tracker.processors)
        )
    assembly = Assembly(values)
    assembly.close()
    problems = assembly.problems.errors()
    # A guard that could not be built is not missing, but wrong.
    missing = [] if problems else guard_warnings(assembly.backends, assembly.processors)
    return _Findings(problems, assembly.problems.warnings(), missing)


def _unknown() -> list[str]:
    names = (name for name in dir(settings) if name.startswith(PREFIX))
    return name_warnings(names, in_django=True)


def _middleware_errors() -> Iterator[CheckMessage]:
    """Yield what would keep the middleware, and with it the site, from starting."""
    for read in (trusted_proxies, request_events):
        try:
            read()
        except ImproperlyConfigured as error:
            yield Error(str(error), id=_IDS["setting"])


def _middleware_warnings() -> Iterator[CheckMessage]:
    """Yield the settings that no middleware reads."""
    if _MIDDLEWARE in (settings.MIDDLEWARE or ()):
        return
    for name in (TRUSTED_PROXIES, REQUEST_EVENTS):
        if getattr(settings, name, None):
            text = f"{name} is set and {_MIDDLEWARE} is not in MIDDLEWARE: nothing reads it."
            hint = "Add it behind the session and authentication middleware."
            yield CheckWarning(text, hint=hint, id="eventtracking.W006")


def _collector_errors() -> Iterator[CheckMessage]:
    """Yield what would keep the collector from being made."""
    try:
        new_collector()
    except ImproperlyConfigured as error:
        yield Error(str(error), id="eventtracking.E007")


def _collector_warnings() -> Iterator[CheckMessage]:
    """Yield that the setting is there and the URL is not."""
    if not getattr(settings, COLLECTOR, None):
        return
    try:
        reverse(f"{NAMESPACE}:event")
    except (NoReverseMatch, DjangoImproperlyConfigured, AttributeError):
        # The latter two: there are no URLs at all.
        text = f"{COLLECTOR} is set and no URL leads to the collector: nothing reads it."
        hint = 'Add path("", include("eventtracking.django.urls")) to your URLs.'
        yield CheckWarning(text, hint=hint, id="eventtracking.W008")


def _switch_warnings() -> Iterator[CheckMessage]:
    """Yield what is odd about `EVENT_TRACKING_ENABLED`."""
    enabled = getattr(settings, ENABLED, None)
    backends = getattr(settings, BACKENDS, None)
    if isinstance(enabled, str) and parse_boolean(enabled) is False:
        text = f"{ENABLED} = {enabled!r} enables tracking: Django settings count any text as true."
        yield CheckWarning(text, hint="Write False.", id="eventtracking.W002")
    if enabled and not backends:
        text = f"{ENABLED} is true and {BACKENDS} is empty: every event is dropped."
        yield CheckWarning(text, hint=f"Add a backend to {BACKENDS}.", id="eventtracking.W003")
    if enabled is None and backends:
        text = f"{BACKENDS} is set and {ENABLED} is not: no event is tracked."
        yield CheckWarning(text, hint=f"Set {ENABLED} to True or False.", id="eventtracking.W005")
