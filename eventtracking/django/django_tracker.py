"""A tracker built from Django settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from eventtracking.locator import ContextVarLocator
from eventtracking.serialization import read_naive_in
from eventtracking.settings import BACKENDS, ENABLED, PROCESSORS, TIME_ZONE
from eventtracking.settings.assembly import Assembly
from eventtracking.tracker import Tracker, register_tracker

DJANGO_BACKEND_SETTING_NAME = BACKENDS
DJANGO_PROCESSOR_SETTING_NAME = PROCESSORS
DJANGO_ENABLED_SETTING_NAME = ENABLED


class DjangoTracker(Tracker):
    """
    Send events the way Django settings say, as read once, when this is made.

    Naive datetimes are read in `EVENT_TRACKING_TIME_ZONE` (default: UTC), never in
    Django's own `TIME_ZONE`: events must not change when a site shows its pages in
    another zone.

    Args:
        backends_settings_name: The setting that holds the backends.
        processors_settings_name: The setting that holds the processors.

    Raises:
        ImproperlyConfigured: If anything is wrong, with a line for each problem.
    """

    def __init__(
        self,
        backends_settings_name: str = DJANGO_BACKEND_SETTING_NAME,
        processors_settings_name: str = DJANGO_PROCESSOR_SETTING_NAME,
    ) -> None:
        self._made_from = current(TIME_ZONE, processors_settings_name, backends_settings_name)
        assembly = Assembly(
            self._made_from,
            backends_name=backends_settings_name,
            processors_name=processors_settings_name,
        )
        assembly.check()
        self.warnings = assembly.problems.warnings()
        read_naive_in(assembly.time_zone)
        super().__init__(assembly.backends, ContextVarLocator(), assembly.processors)

    def is_made_from(self, values: Mapping[str, Any]) -> bool:
        """Tell whether this was made from these very *values*, by setting."""
        # By identity: no comparison of what settings may hold can be relied on.
        made_from = {name: id(value) for name, value in self._made_from.items()}
        return made_from == {name: id(value) for name, value in values.items()}


def override_default_tracker() -> None:
    """Register a new `DjangoTracker` as the default one, if `EVENT_TRACKING_ENABLED` is true."""
    if getattr(settings, DJANGO_ENABLED_SETTING_NAME, False):
        register_tracker(DjangoTracker())


def current(*names: str) -> dict[str, Any]:
    """Return the Django settings called *names*; `None` for those that are not set."""
    return {name: getattr(settings, name, None) for name in names}
