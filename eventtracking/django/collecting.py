"""The collector of a Django project, with the options in its settings."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from eventtracking._options import MAPPING, Options, Rule
from eventtracking.settings import ENABLED
from eventtracking.tracker import DEFAULT_TRACKER_NAME, TRACKERS, Tracker, default_tracker
from eventtracking.web.collector import Collector
from eventtracking.web.middleware import build_collector

COLLECTOR = "EVENT_TRACKING_COLLECTOR"
"""The setting with the options of the collector."""

NAMESPACE = "eventtracking"
"""The namespace of the URLs `eventtracking:event` and `eventtracking:client`."""

_OPTIONS = Rule("a mapping such as {'max_events': 100}", MAPPING.accepts)


def current_collector() -> Collector:
    """
    Return the collector for the current settings: the same one until they change.

    Raises:
        ImproperlyConfigured: If they are wrong.
    """
    options = getattr(settings, COLLECTOR, None)
    for built_from, collector in _current:
        if built_from is options:
            return collector
    collector = new_collector()
    # Replaced in one step, so that other threads never see an inconsistent pair.
    _current[:] = [(options, collector)]
    return collector


def new_collector() -> Collector:
    """
    Return a new collector with the options in the settings.

    Raises:
        ImproperlyConfigured: If they are wrong, with a line for each wrong option.
    """
    given = getattr(settings, COLLECTOR, None) or {}
    setting = Options("")
    setting.check(COLLECTOR, given, _OPTIONS)
    setting.raise_problems()
    options: Any = {"tracker": _tracker, **given}
    return build_collector(options, Options(COLLECTOR))


def _tracker() -> Tracker | None:
    """Return the default tracker, or a tracker without backends if tracking is disabled."""
    is_disabled = not getattr(settings, ENABLED, False)
    if is_disabled and DEFAULT_TRACKER_NAME not in TRACKERS:
        return _disabled_tracker
    return default_tracker()


# It accepts events and drops them, so that browsers do not keep them to send them later.
_disabled_tracker = Tracker()

# At most one pair: the options that the collector of this process was built from, and it.
_current: list[tuple[Any, Collector]] = []
