"""The configuration of the Django application, which starts tracking when Django is ready."""

from __future__ import annotations

import logging

from django.apps import AppConfig
from django.core import checks

from eventtracking.django.checks import TAG, check_settings
from eventtracking.django.django_tracker import override_default_tracker
from eventtracking.exceptions import ImproperlyConfigured

logger = logging.getLogger(__name__)


class EventTrackingConfig(AppConfig):  # type: ignore[misc]  # Django is not typed
    """Registers the system checks, and the default tracker if the settings enable it."""

    name = "eventtracking.django"
    label = "eventtracking_django"
    verbose_name = "Event tracking"

    def ready(self) -> None:
        """Start tracking. If the settings are wrong, log them; the system checks explain them."""
        checks.register(check_settings, TAG)
        try:
            override_default_tracker()
        except ImproperlyConfigured as error:
            # Logged because a server runs no system checks.
            logger.error("Events are not tracked. %s", error)  # noqa: TRY400  # all is in the text
