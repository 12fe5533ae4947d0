"""A configured Django, and no tracker other than that of the test."""

import os

import pytest
import small_django

from eventtracking import serialization, tracker


def pytest_configure():
    """Set up Django once, before any test module is imported."""
    small_django.set_up()


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
