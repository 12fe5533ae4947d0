"""A minimal Django, and no registered tracker."""

import pytest
import small_django

from eventtracking import tracker


def pytest_configure():
    """Set up Django, unless other tests have done so."""
    small_django.set_up()


@pytest.fixture(autouse=True)
def _clean_process(monkeypatch):
    monkeypatch.delenv("EVENT_TRACKING_CONFIG", raising=False)
    registered = dict(tracker.TRACKERS)
    tracker.TRACKERS.clear()
    yield
    tracker.TRACKERS.clear()
    tracker.TRACKERS.update(registered)
