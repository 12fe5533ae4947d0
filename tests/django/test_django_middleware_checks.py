"""System checks of the settings of the middleware."""

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
        {"TRACKING_IGNORE_URL_PATTERNS": "not read, and so not checked"},
    ],
)
def test_valid_settings_of_the_middleware_have_no_messages(settings):
    """A setting that is not used is not checked."""
    assert messages(**PRESENT, **settings) == []


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            {"EVENT_TRACKING_TRUSTED_PROXIES": "10.0.0.0/8"},
            "must be a list, got '10.0.0.0/8'",
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
def test_a_setting_that_would_stop_the_site_from_starting_is_an_error(settings, expected):
    """Even while tracking is disabled, because the middleware reads it anyway."""
    [message] = messages(**PRESENT, **settings)

    assert message.id == "eventtracking.E001"
    assert message.msg.startswith([*settings][-1])
    assert message.msg.endswith(expected)


def test_each_wrong_proxy_is_an_error():
    """In its own message."""
    found = messages(**PRESENT, EVENT_TRACKING_TRUSTED_PROXIES=["a", "10.0.0.1", "b"])

    assert [message.msg.partition(" ")[0] for message in found] == [
        "EVENT_TRACKING_TRUSTED_PROXIES[0]",
        "EVENT_TRACKING_TRUSTED_PROXIES[2]",
    ]


@pytest.mark.parametrize("settings", [LEGACY, {"EVENT_TRACKING_TRUSTED_PROXIES": ["10.0.0.0/8"]}])
def test_a_setting_without_the_middleware_is_a_warning(settings):
    """It has no effect."""
    [message] = messages(MIDDLEWARE=[], **settings)

    assert message.id == "eventtracking.W006"
    assert message.msg.startswith(
        f"{next(iter(settings))} is set but has no effect: eventtracking.django.middleware."
    )


def test_a_misspelt_setting_is_a_warning_with_the_nearest_name():
    """The names of these settings are known."""
    [message] = messages(EVENT_TRACKING_TRUSTED_PROXY=["10.0.0.1"])

    assert message.id == "eventtracking.W001"
    assert message.msg.endswith("Did you mean 'EVENT_TRACKING_TRUSTED_PROXIES'?")


def test_outside_of_django_these_settings_have_no_effect():
    """A warning explains it."""
    names = ["EVENT_TRACKING_TRUSTED_PROXIES", "EVENT_TRACKING_REQUEST_EVENTS"]

    assert name_warnings(names) == [
        f"{name} is ignored: it is only valid in Django settings" for name in names
    ]
