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
    A tracker with the backends and processors in Django settings, which it reads once.

    Naive datetimes are interpreted in `EVENT_TRACKING_TIME_ZONE` (default: UTC), never in
    Django's own `TIME_ZONE`: events must not change when a site shows its pages in another
    time zone.

    Args:
        backends_settings_name: The setting with the backends.
        processors_settings_name: The setting with the processors.

    Raises:
        ImproperlyConfigured: If the settings are wrong, with a line for each problem.
    """

    def __init__(
        self,
        backends_settings_name: str = DJANGO_BACKEND_SETTING_NAME,
        processors_settings_name: str = DJANGO_PROCESSOR_SETTING_NAME,
    ) -> None:
        self._built_from = current(TIME_ZONE, processors_settings_name, backends_settings_name)
        assembly = Assembly(
            self._built_from,
            backends_name=backends_settings_name,
            processors_name=processors_settings_name,
        )
        assembly.check()
        self.warnings = assembly.problems.warnings()
        read_naive_in(assembly.time_zone)
        super().__init__(assembly.backends, ContextVarLocator(), assembly.processors)

    def is_built_from(self, values: Mapping[str, Any]) -> bool:
        """Return whether this tracker was built from the same objects as *values*, by setting."""
        # By identity, because values in settings may have any comparison.
        built_from = {name: id(value) for name, value in self._built_from.items()}
        return built_from == {name: id(value) for name, value in values.items()}


def override_default_tracker() -> None:
    """Register a new `DjangoTracker` as the default one, if `EVENT_TRACKING_ENABLED` is true."""
    if getattr(settings, DJANGO_ENABLED_SETTING_NAME, False):
        register_tracker(DjangoTracker())


def current(*names: str) -> dict[str, Any]:
    """Return the Django settings called *names*, with `None` for those that are not set."""
    return {name: getattr(settings, name, None) for name in names}
