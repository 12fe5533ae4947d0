"""What `manage.py check` says about the settings that the middleware reads."""

import pytest
from django.core.checks import run_checks
from django.test import override_settings

from eventtracking.settings.names import name_warnings

PRESENT = {"MIDDLEWARE": ["eventtracking.django.middleware.TrackMiddleware"]}
LEGACY = {"EVENT_TRACKING_REQUEST_EVENTS": "legacy"}


def messages(**settings):
    with override_settings(**settings):
        return run_checks(tags=["eventtracking"])


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"EVENT_TRACKING_TRUSTED_PROXIES": ["10.0.0.0/8", "unix"]},
        {"EVENT_TRACKING_TRUSTED_PROXIES": []},
        LEGACY,
        {"EVENT_TRACKING_REQUEST_EVENTS": None},
        {**LEGACY, "TRACKING_IGNORE_URL_PATTERNS": ["^/x"]},
        {"TRACKING_IGNORE_URL_PATTERNS": "not read, and so not looked at"},
    ],
)
def test_good_settings_have_nothing_to_say(settings):
    """Silence means that all is well."""
    assert messages(**PRESENT, **settings) == []


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            {"EVENT_TRACKING_TRUSTED_PROXIES": "10.0.0.0/8"},
            "must be a list of addresses and networks, got '10.0.0.0/8'",
        ),
        (
            {"EVENT_TRACKING_TRUSTED_PROXIES": ["10.0.0.0/33"]},
            "'10.0.0.0/33' does not appear to be an IPv4 or IPv6 network",
        ),
        (
            {"EVENT_TRACKING_REQUEST_EVENTS": True},
            "must be 'legacy' or None, got True",
        ),
        (
            {**LEGACY, "TRACKING_IGNORE_URL_PATTERNS": "^/x"},
            "must be a list, got '^/x'",
        ),
    ],
)
def test_what_would_keep_the_site_from_starting_is_an_error(settings, expected):
    """Whether tracking is enabled or not: the middleware reads it in any case."""
    [message] = messages(**PRESENT, **settings)

    assert message.id == "eventtracking.E001"
    assert message.msg.startswith([*settings][-1])
    assert message.msg.endswith(expected)


@pytest.mark.parametrize("settings", [LEGACY, {"EVENT_TRACKING_TRUSTED_PROXIES": ["10.0.0.0/8"]}])
def test_a_setting_that_no_middleware_reads_is_a_warning(settings):
    """It does nothing."""
    [message] = messages(MIDDLEWARE=[], **settings)

    assert message.id == "eventtracking.W006"
    assert message.msg.startswith(
        f"{next(iter(settings))} is set and eventtracking.django.middleware."
    )


def test_a_misspelt_setting_is_a_warning_with_the_nearest_name():
    """The settings of the middleware are known names."""
    [message] = messages(EVENT_TRACKING_TRUSTED_PROXY=["10.0.0.1"])

    assert message.id == "eventtracking.W001"
    assert message.msg.endswith("Did you mean 'EVENT_TRACKING_TRUSTED_PROXIES'?")


def test_outside_of_django_they_are_options_of_another_middleware():
    """A settings file that holds one is told that it does nothing there."""
    names = ["EVENT_TRACKING_TRUSTED_PROXIES", "EVENT_TRACKING_REQUEST_EVENTS"]

    assert name_warnings(names) == [
        f"{name} is ignored: it is only valid in Django settings" for name in names
    ]
