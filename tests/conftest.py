"""What every test starts from, and leaves behind."""

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

from eventtracking import serialization, tracker

pytest_plugins = ["pytester"]

# A shell has what it starts in the background ignore Ctrl+C, and the programs that tests start
# would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# No test asserts a time, so none fails because the machine is busy.
settings.register_profile(
    "eventtracking", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("eventtracking")


@pytest.fixture(autouse=True)
def _clean_registry(monkeypatch):
    """No tracker is registered, no setting is in the environment, and nobody has looked yet."""
    for name in [name for name in os.environ if name.startswith("EVENT_TRACKING_")]:
        monkeypatch.delenv(name)
    registered = dict(tracker.TRACKERS)
    tracker.TRACKERS.clear()
    tracker._first_use.forget()
    yield
    tracker.TRACKERS.clear()
    tracker.TRACKERS.update(registered)
    tracker._first_use.forget()
    serialization.read_naive_in(None)
