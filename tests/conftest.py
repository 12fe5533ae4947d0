"""Fixtures and settings for every test: a clean registry of trackers, a clean environment."""

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

from eventtracking import serialization
from eventtracking.tracker import TRACKERS, Tracker, register_tracker

pytest_plugins = ["pytester"]

# A shell makes the programs that it starts in the background ignore Ctrl+C, and programs
# started by a test would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# No test asserts a duration, so no test may fail because the machine is busy.
settings.register_profile(
    "eventtracking", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("eventtracking")


@pytest.fixture(autouse=True)
def _clean_registry(monkeypatch):
    """Start without trackers and settings: the first emit loads settings, or warns."""
    for name in [name for name in os.environ if name.startswith("EVENT_TRACKING_")]:
        monkeypatch.delenv(name)
    registered = dict(TRACKERS)
    _unregister_all()
    yield
    _unregister_all()
    TRACKERS.update(registered)
    serialization.read_naive_in(None)


def _unregister_all():
    # Registering a tracker makes the next emit without one load settings, or warn, again.
    register_tracker(Tracker())
    TRACKERS.clear()
