"""Tell Django that this application exists, and start tracking when Django is ready."""

from __future__ import annotations

import logging

from django.apps import AppConfig
from django.core import checks

from eventtracking.django.checks import TAG, check_settings
from eventtracking.django.django_tracker import override_default_tracker
from eventtracking.exceptions import ImproperlyConfigured

logger = logging.getLogger(__name__)


class EventTrackingConfig(AppConfig):  # type: ignore[misc]  # Django is not typed
    """Register the default tracker, if settings enable it, and the system checks."""

    name = "eventtracking.django"
    label = "eventtracking_django"
    verbose_name = "Event tracking"

    def ready(self) -> None:
        """Start tracking. Wrong settings are logged and left to the system checks to explain."""
        checks.register(check_settings, TAG)
        try:
            override_default_tracker()
        except ImproperlyConfigured as error:
            # Said here too: a server runs no system checks.
            logger.error("Events are not tracked. %s", error)  # noqa: TRY400  # all is in the text
