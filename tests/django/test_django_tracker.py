"""The tracker of a Django project, built from its settings."""

import datetime
import json
import subprocess
import sys

import django_fakes
import pytest
from django.test import override_settings

from eventtracking import serialization
from eventtracking.django import DjangoTracker, django_tracker
from eventtracking.django.django_tracker import override_default_tracker
from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.locator import ContextVarLocator
from eventtracking.tracker import Tracker, get_tracker

RECORDING = {"ENGINE": "django_fakes.RecordingBackend", "OPTIONS": {"label": "a"}}


def test_a_tracker_is_built_from_three_settings():
    """Processors, backends and the switch have the names of event-tracking."""
    names = (
        django_tracker.DJANGO_BACKEND_SETTING_NAME,
        django_tracker.DJANGO_PROCESSOR_SETTING_NAME,
        django_tracker.DJANGO_ENABLED_SETTING_NAME,
    )
    processors = [{"ENGINE": "django_fakes.make_tag"}]

    with override_settings(**dict(zip(names, [{"k": RECORDING}, processors, True], strict=True))):
        tracker = DjangoTracker()

    assert isinstance(tracker, Tracker)
    assert isinstance(tracker.context_locator, ContextVarLocator)
    assert tracker.get_backend("k").label == "a"
    assert tracker.processors == [django_fakes.tag]


def test_a_tracker_without_settings_has_no_backends():
    """As in event-tracking. `None` counts as empty."""
    with override_settings(EVENT_TRACKING_BACKENDS=None, EVENT_TRACKING_PROCESSORS=None):
        assert dict(DjangoTracker().backends) == {}
    assert dict(DjangoTracker().backends) == {}


def test_the_settings_may_have_other_names():
    """A site can have a second tracker."""
    with override_settings(
        MINE={"k": RECORDING}, MY_PROCESSORS=[{"ENGINE": "django_fakes.make_tag"}]
    ):
        tracker = DjangoTracker("MINE", processors_settings_name="MY_PROCESSORS")

    assert (list(tracker.backends), len(tracker.processors)) == (["k"], 1)


def test_problems_are_reported_under_the_names_of_the_settings():
    """So that a developer finds the line in settings.py."""
    with override_settings(MINE={"k": None}), pytest.raises(ImproperlyConfigured) as raised:
        DjangoTracker("MINE")

    assert str(raised.value).startswith("MINE['k'] = None: ")


def test_settings_are_read_once():
    """Later changes do not affect a tracker."""
    tracker = DjangoTracker()
    with override_settings(EVENT_TRACKING_BACKENDS={"k": RECORDING}):
        assert dict(tracker.backends) == {}


def test_naive_datetimes_are_not_in_the_time_zone_of_django():
    """A site that shows its pages in New York still logs UTC."""
    DjangoTracker()

    assert encoded_noon() == "2026-07-01T12:00:00+00:00"


def test_naive_datetimes_are_in_the_time_zone_of_the_events():
    """It has its own setting."""
    with override_settings(EVENT_TRACKING_TIME_ZONE="Europe/Paris"):
        DjangoTracker()

    assert encoded_noon() == "2026-07-01T10:00:00+00:00"


def test_the_default_tracker_is_replaced_when_tracking_is_enabled():
    """The function returns nothing, as in event-tracking."""
    with override_settings(EVENT_TRACKING_ENABLED=True, EVENT_TRACKING_BACKENDS={"k": RECORDING}):
        assert override_default_tracker() is None

    assert list(get_tracker().backends) == ["k"]


@pytest.mark.parametrize("settings", [{}, {"EVENT_TRACKING_ENABLED": False}])
def test_no_tracker_is_registered_unless_tracking_is_enabled(settings):
    """In Django, it is disabled by default."""
    with override_settings(**settings):
        override_default_tracker()

    with pytest.raises(KeyError):
        get_tracker()


def test_a_registered_tracker_remains_when_tracking_is_disabled():
    """As in event-tracking."""
    with override_settings(EVENT_TRACKING_ENABLED=True):
        override_default_tracker()
    with override_settings(EVENT_TRACKING_ENABLED=False):
        override_default_tracker()

    assert isinstance(get_tracker(), DjangoTracker)


def test_the_package_can_be_imported_before_django_is_configured():
    """A settings module may import it."""
    code = "from eventtracking.django import DjangoTracker; print(DjangoTracker.__name__)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "DjangoTracker\n"


def encoded_noon():
    """Return the encoded form of noon without a time zone."""
    noon = datetime.datetime.fromisoformat("2026-07-01T12:00:00")
    return json.loads(serialization.encode({"at": noon}))["at"]
