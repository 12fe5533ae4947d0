"""Backends that are enabled by the keys in the settings of an Open edX site."""

import json
import logging
import os
import subprocess
import sys
import traceback
from uuid import uuid4

import pytest

from eventtracking import settings
from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.openedx.settings import load, providers
from eventtracking.testing import FakeDestinations

NAMES = ["edx.course.enrollment.activated", "edx.course.enrollment.deactivated"]


def key():
    """Return a key that no output may show, generated so that no secret scanner reports it."""
    return uuid4().hex


class Site:
    """The two settings files of a site."""

    def __init__(self, folder):
        self.datadog, self.segment, self.google = key(), key(), key()
        self.env = {
            "SITE_NAME": "courses.example",
            "FEATURES": {"SEGMENT_IO_LMS": True, "ENABLE_OTHER": False},
            "EVENT_TRACKING_SEGMENTIO_EMIT_WHITELIST": NAMES,
            "GOOGLE_ANALYTICS_4_ID": "G-TEST123",
        }
        self.auth = {
            "DATADOG_API": self.datadog,
            "SEGMENT_IO_LMS_KEY": self.segment,
            "GOOGLE_ANALYTICS_API_SECRET": self.google,
            "OTHER_PASSWORD": "another",
        }
        self.folder = folder

    @property
    def keys(self):
        return [self.datadog, self.segment, self.google]

    def files(self):
        """Write the files and return their paths."""
        paths = [self.folder / "lms.env.json", self.folder / "lms.auth.json"]
        for path, content in zip(paths, (self.env, self.auth), strict=True):
            path.write_text(json.dumps(content), "utf-8")
        return paths


@pytest.fixture
def site(tmp_path):
    """A site with all keys."""
    return Site(tmp_path)


@pytest.fixture
def built():
    """Return a function that builds trackers; they are closed afterwards."""
    trackers = []

    def build(loaded):
        trackers.append(settings.build(loaded))
        return trackers[-1]

    yield build
    for tracker in trackers:
        tracker.close(0)


def backends(found):
    return sorted(found.get("EVENT_TRACKING_BACKENDS", {}))


def warnings(caplog):
    return [
        record.getMessage()
        for record in caplog.records
        if record.levelno >= logging.WARNING and "has no effect" in record.getMessage()
    ]


def test_the_files_of_a_site_with_all_keys_enable_all_providers(site, built):
    """No other settings are needed."""
    tracker = built(settings.load(*site.files()))

    assert sorted(tracker.backends) == ["datadog", "google_analytics", "segmentio"]
    assert {name: type(backend).__name__ for name, backend in tracker.backends.items()} == {
        "datadog": "DatadogBackend",
        "google_analytics": "GoogleAnalyticsBackend",
        "segmentio": "RoutingBackend",
    }
    router = tracker.backends["segmentio"]
    assert {name: type(each).__name__ for name, each in router.backends.items()} == {
        "segment": "SegmentBackend"
    }
    assert [type(processor).__name__ for processor in router.processors] == [
        "NameWhitelistProcessor",
        "GoogleAnalyticsProcessor",
    ]
    assert router.processors[0].whitelist == frozenset(NAMES)


def test_load_can_be_imported_next_to_providers():
    """It is the function in `eventtracking.settings`."""
    assert load is settings.load


def test_providers_returns_settings_for_load_and_build(site, built):
    """For a site that reads its files itself."""
    found = providers(site.env, site.auth)

    assert [*found] == ["EVENT_TRACKING_BACKENDS"]
    assert found == {
        "EVENT_TRACKING_BACKENDS": settings.load(*site.files())["EVENT_TRACKING_BACKENDS"]
    }
    assert sorted(built(settings.load({"EVENT_TRACKING_ENABLED": True}, found)).backends) == [
        "datadog",
        "google_analytics",
        "segmentio",
    ]
    assert sorted(built(found).backends) == backends(found)


def test_events_reach_every_provider_that_has_a_key(site, built):
    """From two files to three destinations, over real sockets."""
    with FakeDestinations() as fake:
        here = {
            "datadog": {"OPTIONS": {"endpoint": fake.datadog_endpoint}},
            "google_analytics": {"OPTIONS": {"endpoint": fake.google_endpoint}},
            "segmentio": {
                "OPTIONS": {"backends": {"segment": {"OPTIONS": {"host": fake.segment_host}}}}
            },
        }
        keys = providers(site.env, site.auth)
        tracker = built(settings.load(keys, {"EVENT_TRACKING_BACKENDS": here}))
        with tracker.context("edx.request", {"user_id": 7, "client_id": "1.2"}):
            tracker.emit(NAMES[0], {"mode": "audit"})
            tracker.emit("edx.course.not.on.the.list", {})
        assert tracker.flush(60)
        fake.wait_for_events(1, "datadog", timeout=60)
        segment = fake.wait_for_events(1, "segment", timeout=60)
        google = fake.wait_for_events(2, "google_analytics", timeout=60)

    assert [each["name"] for each in segment] == [NAMES[0]]
    assert {each["name"] for each in google} == {
        "edx_course_enrollment_activated",
        "edx_course_not_on_the_list",
    }
    assert all(each["good"] for each in segment + google)


def test_without_keys_no_provider_is_enabled(caplog):
    """A warning appears only if one of two related settings is missing."""
    assert providers({}, {}) == {}
    assert providers({}) == {}
    assert providers({"FEATURES": {}}, {"OTHER": "x"}) == {}
    assert settings.load({"FEATURES": {"SEGMENT_IO_LMS": True, "x": 1}, "A": 1}, {"B": 2}) == {
        "FEATURES": {"SEGMENT_IO_LMS": True, "x": 1},
        "A": 1,
        "B": 2,
    }
    assert providers({"GOOGLE_ANALYTICS_4_ID": "G-TEST"}, {"DATADOG_API": None}) == {}
    assert warnings(caplog) == [
        "FEATURES['SEGMENT_IO_LMS'] has no effect without SEGMENT_IO_LMS_KEY"
    ]


@pytest.mark.parametrize(
    "features", [None, {}, "SEGMENT_IO_LMS", {"SEGMENT_IO_LMS": False}, {"SEGMENT_IO_LMS": "false"}]
)
def test_segment_stays_off_unless_the_feature_is_true(site, features, caplog):
    """The key alone has other uses."""
    site.env["FEATURES"] = features

    assert backends(providers(site.env, site.auth)) == ["datadog", "google_analytics"]
    assert warnings(caplog) == []


def test_without_a_list_of_names_segment_gets_no_event(site, built):
    """As on the platform, where the list is empty by default."""
    del site.env["EVENT_TRACKING_SEGMENTIO_EMIT_WHITELIST"]
    tracker = built(settings.load(*site.files()))

    assert tracker.backends["segmentio"].processors[0].whitelist == frozenset()


FORMS = {
    "a key": "it must be a key of ASCII characters without spaces",
    "GOOGLE_ANALYTICS_4_ID": "it must be the id of a web stream, such as G-ABC1234567",
}

PROVIDERS = {
    "DATADOG_API": "datadog",
    "SEGMENT_IO_LMS_KEY": "segmentio",
    "GOOGLE_ANALYTICS_4_ID": "google_analytics",
    "GOOGLE_ANALYTICS_API_SECRET": "google_analytics",
}


@pytest.mark.parametrize("name", PROVIDERS)
@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("", "it is empty"),
        ("  \n", "it is empty"),
        ("*", "it is a placeholder"),
        ("********", "it is a placeholder"),
        (False, "it must be text, got a value of type bool"),
        (True, "it must be text, got a value of type bool"),
        (12345678901, "it must be text, got a value of type int"),
        (["k"], "it must be text, got a value of type list"),
        ({"k": 1}, "it must be text, got a value of type dict"),
        ("G-12345678901 x", "it must be ..."),
        ("G-12345678901\nx", "it must be ..."),
        ("G-12345678901é", "it must be ..."),
        ("G-12345678901\x00", "it must be ..."),
    ],
)
def test_an_invalid_key_is_ignored_with_a_warning(site, name, value, why, caplog):
    """Other providers are enabled and can be built. The value is never shown."""
    (site.env if name in site.env else site.auth)[name] = value
    found = settings.load(*site.files())

    assert backends(found) == sorted(
        {"datadog", "google_analytics", "segmentio"} - {PROVIDERS[name]}
    )
    why = why.replace("it must be ...", FORMS.get(name, FORMS["a key"]))
    assert warnings(caplog) == [f"{name} has no effect: {why}"]
    assert "12345678901" not in caplog.text
    settings.build(found).close(0)


@pytest.mark.parametrize("value", ["UA-1234-1", "GTM-ABC", "G-", "ABC1234567", "G-ABC 1"])
def test_an_id_of_another_kind_does_not_enable_google_analytics(site, value, caplog):
    """For example an id of Universal Analytics, which Google has discontinued."""
    site.env["GOOGLE_ANALYTICS_4_ID"] = value

    assert backends(settings.load(*site.files())) == ["datadog", "segmentio"]
    assert warnings(caplog) == [
        f"GOOGLE_ANALYTICS_4_ID has no effect: {FORMS['GOOGLE_ANALYTICS_4_ID']}"
    ]


@pytest.mark.parametrize(
    "alone",
    [{"GOOGLE_ANALYTICS_4_ID": ""}, {"GOOGLE_ANALYTICS_4_ID": 5}, {"SEGMENT_IO_LMS_KEY": "***"}],
)
def test_an_invalid_key_is_reported_even_if_it_would_have_no_effect(alone, caplog):
    """Here the secret is missing, or the feature is off."""
    [name] = alone

    assert providers(alone) == {}
    assert [line.split(":")[0] for line in warnings(caplog)] == [f"{name} has no effect"]


@pytest.mark.parametrize("names", [NAMES[0], 5, True, {"ENV": "NAMES"}, [5], [[NAMES[0]]], b"a"])
def test_invalid_names_disable_only_segment(site, built, names, caplog):
    """Other tracking works. The value is not shown, because it may contain anything."""
    site.env["EVENT_TRACKING_SEGMENTIO_EMIT_WHITELIST"] = names
    tracker = built(settings.load(site.env, site.auth))

    assert sorted(tracker.backends) == ["datadog", "google_analytics"]
    setting = "EVENT_TRACKING_SEGMENTIO_EMIT_WHITELIST"
    assert warnings(caplog) == [
        f"SEGMENT_IO_LMS_KEY has no effect: {setting} must be a list of names"
    ]


@pytest.mark.parametrize("kind", [list, tuple, set, frozenset])
def test_names_may_be_any_collection(site, built, kind):
    """A settings module in Python may use a tuple or a set."""
    site.env["EVENT_TRACKING_SEGMENTIO_EMIT_WHITELIST"] = kind(NAMES)
    router = built(settings.load(site.env, site.auth)).backends["segmentio"]

    assert router.processors[0].whitelist == frozenset(NAMES)


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_missing_key_enables_nothing(site, name):
    """It may be absent, or null as in the settings of the platform."""
    place = site.env if name in site.env else site.auth
    place[name] = None
    with_null = providers(site.env, site.auth)
    del place[name]

    assert with_null == providers(site.env, site.auth)
    assert PROVIDERS[name] not in backends(with_null)


def test_spaces_around_a_key_are_removed(site):
    """A newline at its end would be in every header."""
    site.auth["DATADOG_API"] = f" {site.datadog}\n"
    found = providers(site.env, site.auth)

    assert found["EVENT_TRACKING_BACKENDS"]["datadog"]["OPTIONS"] == {"api_key": site.datadog}


def test_the_second_file_wins_and_its_features_are_merged(site):
    """As on the platform, which reads it after the first one."""
    site.env["DATADOG_API"] = "another"
    site.env["FEATURES"] = {"OTHER": True}
    site.auth["FEATURES"] = {"SEGMENT_IO_LMS": True}
    found = providers(site.env, site.auth)["EVENT_TRACKING_BACKENDS"]

    assert found["datadog"]["OPTIONS"] == {"api_key": site.datadog}
    assert "segmentio" in found


def test_settings_of_the_site_win_over_keys(site, built, tmp_path):
    """They may add options to a backend that a key enabled, or replace the backend."""
    site.env["EVENT_TRACKING_BACKENDS"] = {
        "google_analytics": {"OPTIONS": {"outbox": str(tmp_path / "outbox")}},
        "datadog": {"ENGINE": "eventtracking.backends.memory.MemoryBackend"},
        "log": {"ENGINE": "eventtracking.backends.memory.MemoryBackend"},
    }
    tracker = built(settings.load(*site.files()))

    assert {name: type(backend).__name__ for name, backend in tracker.backends.items()} == {
        "datadog": "MemoryBackend",
        "google_analytics": "GoogleAnalyticsBackend",
        "log": "MemoryBackend",
        "segmentio": "RoutingBackend",
    }
    assert (tmp_path / "outbox").is_dir()


@pytest.mark.parametrize(("env", "auth"), [("text", {}), ({}, "text"), (None, {}), ({}, 7)])
def test_an_argument_that_is_not_a_mapping_is_refused_without_showing_it(env, auth):
    """It may be the text of a file with every key in it."""
    with pytest.raises(
        ImproperlyConfigured,
        match=r"^providers: (env|auth) must be a mapping, got a value of type \w+$",
    ):
        providers(env, auth)


def test_describe_shows_the_providers_without_keys(site):
    """The tree is copied into tickets."""
    text = settings.describe(settings.load(*site.files()))

    for shown in ("DatadogBackend", "SegmentBackend", "GoogleAnalyticsBackend", NAMES[0]):
        assert shown in text
    assert not [each for each in site.keys if each in text]
    assert text.count("********") == 3


def test_errors_and_logs_show_no_key(site, caplog):
    """For any wrong setting."""
    caplog.set_level(logging.DEBUG)
    site.auth["DATADOG_API"] += " x"
    site.env["EVENT_TRACKING_BACKENDS"] = {
        "google_analytics": {"OPTIONS": {"validate": "maybe"}},
        "segmentio": {"OPTIONS": {"backends": {"segment": {"OPTIONS": {"compress": 5}}}}},
    }
    with pytest.raises(ImproperlyConfigured) as error:
        settings.build(settings.load(*site.files()))

    text = "".join(traceback.format_exception(error.value)) + caplog.text
    assert "validate must be true or false" in text
    assert "compress must be true or false" in text
    assert "DATADOG_API has no effect" in text
    assert not [each for each in site.keys if each in text]


def test_trackers_and_backends_show_no_key(site, built):
    """Debuggers show their repr."""
    tracker = built(settings.load(*site.files()))
    segment = tracker.backends["segmentio"].backends["segment"]
    text = f"{tracker!r} {tracker.backends!r} {segment!r} {tracker.stats()!r}"

    assert not [each for each in site.keys if each in text]


def test_the_check_command_shows_the_providers_without_keys(site):
    """It reads one file with all the settings."""
    config = site.folder / "lms.json"
    config.write_text(json.dumps({**site.env, **site.auth}), "utf-8")
    clean = {k: v for k, v in os.environ.items() if not k.startswith("EVENT_TRACKING_")}
    ran = subprocess.run(
        [sys.executable, "-m", "eventtracking", "check", "--config", str(config)],
        env={**clean, "PYTHONUTF8": "1"},
        cwd=site.folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    for shown in ("datadog: ", "segment: ", "google_analytics: "):
        assert shown in ran.stdout
    assert not [each for each in site.keys if each in ran.stdout + ran.stderr]
