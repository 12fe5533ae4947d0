"""A Django as small as it gets, with this application in it."""

import os

import django
import pytest
from django.conf import settings

from eventtracking import serialization, tracker


def pytest_configure():
    """Set Django up once, before any test module is imported."""
    if not settings.configured:
        settings.configure(
            INSTALLED_APPS=["eventtracking.django"], TIME_ZONE="America/New_York", USE_TZ=True
        )
        django.setup()


@pytest.fixture(autouse=True)
def _clean_process(monkeypatch):
    for name in [name for name in os.environ if name.startswith("EVENT_TRACKING_")]:
        monkeypatch.delenv(name)
    registered = dict(tracker.TRACKERS)
    tracker.TRACKERS.clear()
    yield
    tracker.TRACKERS.clear()
    tracker.TRACKERS.update(registered)
    serialization.read_naive_in(None)
