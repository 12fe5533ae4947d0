"""Fixtures of the tests of settings."""

import os
from uuid import uuid4

import pytest
import settings_fakes

from eventtracking import serialization, tracker


@pytest.fixture(autouse=True)
def _clean_process(monkeypatch):
    for name in [name for name in os.environ if name.startswith("EVENT_TRACKING_")]:
        monkeypatch.delenv(name)
    registered = dict(tracker.TRACKERS)
    tracker.TRACKERS.clear()
    settings_fakes.CLOSED.clear()
    yield
    tracker.TRACKERS.clear()
    tracker.TRACKERS.update(registered)
    serialization.read_naive_in(None)


@pytest.fixture
def secret():
    """A secret that no message may show, generated so that no secret scanner reports it."""
    return f"sk-{uuid4().hex}"
