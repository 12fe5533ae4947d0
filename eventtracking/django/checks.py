"""Django system checks of the settings of event tracking."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
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
    Return a message for each problem of the settings.

    Errors. They are reported only while tracking is enabled, except for the settings of the
    middleware and the collector:

    - `eventtracking.E001`: a setting has the wrong type or value.
    - `eventtracking.E002`: an `ENGINE` cannot be imported.
    - `eventtracking.E003`: an option is unknown or missing.
    - `eventtracking.E004`: a class refuses its options.
    - `eventtracking.E005`: an `ENV` or `FILE` cannot be read.
    - `eventtracking.E006`: a backend has no `send`, or a processor is not callable.
    - `eventtracking.E007`: `EVENT_TRACKING_COLLECTOR` is wrong.

    Warnings, which never stop a command:

    - `eventtracking.W001`: a name begins with `EVENT_TRACKING_` but is not a setting.
    - `eventtracking.W002`: `EVENT_TRACKING_ENABLED` is text that means no but counts as yes.
    - `eventtracking.W003`: tracking is enabled without a backend.
    - `eventtracking.W004`: a key other than `ENGINE` and `OPTIONS` is ignored.
    - `eventtracking.W005`: there are backends, but `EVENT_TRACKING_ENABLED` is not set.
    - `eventtracking.W006`: a setting of the middleware is set, but the middleware is not in
      `MIDDLEWARE`.
    - `eventtracking.W007`: a backend sends over a network without a guard before it.
    - `eventtracking.W008`: `EVENT_TRACKING_COLLECTOR` is set, but the collector has no URL.
    """
    found = _check_assembly() if getattr(settings, ENABLED, False) else _Findings()
    return [
        *(Error(problem.line, id=_IDS[problem.kind]) for problem in found.problems),
        *_middleware_errors(),
        *_collector_errors(),
        *(CheckWarning(line, id="eventtracking.W001") for line in _unknown_settings()),
        *(CheckWarning(line, id="eventtracking.W004") for line in found.ignored),
        *_enabled_warnings(),
        *_middleware_warnings(),
        *(CheckWarning(line, id="eventtracking.W007") for line in found.unguarded),
        *_collector_warnings(),
    ]


class _Findings(NamedTuple):
    """Problems of the settings of processors and backends."""

    problems: Iterable[Problem] = ()
    ignored: Iterable[str] = ()
    unguarded: Iterable[str] = ()


def _check_assembly() -> _Findings:
    values = current(TIME_ZONE, PROCESSORS, BACKENDS)
    tracker = TRACKERS.get(DEFAULT_TRACKER_NAME)
    if isinstance(tracker, DjangoTracker) and tracker.is_built_from(values):
        # Building the backends again would open each file a second time.
        return _Findings(
            ignored=tracker.warnings, unguarded=guard_warnings(tracker.backends, tracker.processors)
        )
    assembly = Assembly(values)
    assembly.close()
    problems = assembly.problems.errors()
    # A guard that could not be built is wrong, not missing.
    missing = [] if problems else guard_warnings(assembly.backends, assembly.processors)
    return _Findings(problems, assembly.problems.warnings(), missing)


def _unknown_settings() -> list[str]:
    names = (name for name in dir(settings) if name.startswith(PREFIX))
    return name_warnings(names, in_django=True)


def _middleware_errors() -> Iterator[CheckMessage]:
    """Yield the problems with which the middleware stops the site from starting."""
    for read in (trusted_proxies, request_events):
        yield from _errors(read, _IDS["setting"])


def _middleware_warnings() -> Iterator[CheckMessage]:
    """Yield the settings that have no effect without the middleware."""
    if _MIDDLEWARE in (settings.MIDDLEWARE or ()):
        return
    for name in (TRUSTED_PROXIES, REQUEST_EVENTS):
        if getattr(settings, name, None):
            text = f"{name} is set but has no effect: {_MIDDLEWARE} is not in MIDDLEWARE."
            hint = "Add it after the session and authentication middleware."
            yield CheckWarning(text, hint=hint, id="eventtracking.W006")


def _collector_errors() -> Iterator[CheckMessage]:
    yield from _errors(new_collector, "eventtracking.E007")


def _collector_warnings() -> Iterator[CheckMessage]:
    """Yield a warning if the options of the collector have no effect."""
    if not getattr(settings, COLLECTOR, None):
        return
    try:
        reverse(f"{NAMESPACE}:event")
    except (NoReverseMatch, DjangoImproperlyConfigured, AttributeError):
        # The last two are raised if there is no URL configuration at all.
        text = f"{COLLECTOR} is set but has no effect: the collector has no URL."
        hint = 'Add path("", include("eventtracking.django.urls")) to your URLs.'
        yield CheckWarning(text, hint=hint, id="eventtracking.W008")


def _enabled_warnings() -> Iterator[CheckMessage]:
    """Yield warnings about `EVENT_TRACKING_ENABLED`."""
    enabled = getattr(settings, ENABLED, None)
    backends = getattr(settings, BACKENDS, None)
    if isinstance(enabled, str) and parse_boolean(enabled) is False:
        text = f"{ENABLED} = {enabled!r} enables tracking: in Django settings, any text is true."
        yield CheckWarning(text, hint="Write False.", id="eventtracking.W002")
    if enabled and not backends:
        text = f"{ENABLED} is true but {BACKENDS} is empty: every event is dropped."
        yield CheckWarning(text, hint=f"Add a backend to {BACKENDS}.", id="eventtracking.W003")
    if enabled is None and backends:
        text = f"{BACKENDS} is set but {ENABLED} is not: no event is tracked."
        yield CheckWarning(text, hint=f"Set {ENABLED} to True or False.", id="eventtracking.W005")


def _errors(build: Callable[[], object], error_id: str) -> Iterator[CheckMessage]:
    """Yield an error for each wrong option that *build* reports."""
    try:
        build()
    except ImproperlyConfigured as error:
        for _, line in error.options:
            yield Error(line, id=error_id)
