"""The collector of a Django project, made from its settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from eventtracking._imports import did_you_mean
from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.settings import ENABLED
from eventtracking.tracker import DEFAULT_TRACKER_NAME, TRACKERS, Tracker, default_tracker
from eventtracking.web.collector import Collector
from eventtracking.web.options import CollectorOptions

COLLECTOR = "EVENT_TRACKING_COLLECTOR"
"""The setting that holds the options of the collector."""

NAMESPACE = "eventtracking"
"""The namespace of the URLs: `eventtracking:event`, `eventtracking:client`."""


def current_collector() -> Collector:
    """
    Return the collector that the settings ask for: the same one until they change.

    Raises:
        ImproperlyConfigured: If they are wrong.
    """
    options = getattr(settings, COLLECTOR, None)
    for made_from, collector in _current:
        if made_from is options:
            return collector
    collector = new_collector()
    # In one step: another thread finds a pair that belongs together.
    _current[:] = [(options, collector)]
    return collector


def new_collector() -> Collector:
    """
    Return a new collector made from the settings.

    Raises:
        ImproperlyConfigured: If they are wrong.
    """
    options = getattr(settings, COLLECTOR, None) or {}
    known = CollectorOptions.__annotations__
    if not isinstance(options, Mapping):
        raise ImproperlyConfigured(
            f"{COLLECTOR} must be a mapping such as {{'max_events': 100}}, got {options!r}"
        )
    for name in options:
        if name not in known:
            raise ImproperlyConfigured(
                f"{COLLECTOR} has no option {name!r}.{did_you_mean(str(name), known)}"
            )
    try:
        return Collector(**{"tracker": _tracker, **options})
    except ImproperlyConfigured as error:
        raise ImproperlyConfigured(f"{COLLECTOR}: {error}") from error


def _tracker() -> Tracker | None:
    """Return where events go: nowhere, and that is right, where tracking is switched off."""
    is_off = not getattr(settings, ENABLED, False)
    return _nowhere if is_off and DEFAULT_TRACKER_NAME not in TRACKERS else default_tracker()


# Pages go on as if it were on, and have nothing to send again.
_nowhere = Tracker()

# None or one: what the collector of this process was made from, and the collector.
_current: list[tuple[Any, Collector]] = []
