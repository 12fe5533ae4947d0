"""The Django application. Add `eventtracking.django` to `INSTALLED_APPS`."""

from eventtracking.django.django_tracker import DjangoTracker

__all__ = ["DjangoTracker"]
