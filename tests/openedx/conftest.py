"""A Django as small as it gets, and no tracker but those that a test makes."""

import pytest
import small_django

from eventtracking import tracker


def pytest_configure():
    """Set Django up once, unless other tests did."""
    small_django.set_up()


@pytest.fixture(autouse=True)
def _clean_process(monkeypatch):
    monkeypatch.delenv("EVENT_TRACKING_CONFIG", raising=False)
    registered = dict(tracker.TRACKERS)
    tracker.TRACKERS.clear()
    yield
    tracker.TRACKERS.clear()
    tracker.TRACKERS.update(registered)
