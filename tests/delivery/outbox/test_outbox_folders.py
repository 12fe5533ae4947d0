"""The folder of an outbox: each backend needs its own, since it sends all events in it."""

import pytest
from fake_destination import HANG_SECONDS, event
from sink_server import sink

from eventtracking.backends.datadog import DatadogBackend, DatadogLogsBackend
from eventtracking.backends.google_analytics import GoogleAnalyticsBackend
from eventtracking.backends.http import HttpBackend
from eventtracking.backends.segment import SegmentBackend
from eventtracking.exceptions import ImproperlyConfigured

KEYS = [each * 12 for each in ("ab", "cd")]
HOST, OTHER_HOST = "http://127.0.0.1:9", "http://127.0.0.1:10"

# The options of each backend, and other options with which it sends elsewhere or differently.
BACKENDS = {
    "SegmentBackend": (
        {"write_key": KEYS[0], "host": HOST},
        [{"write_key": KEYS[1]}, {"host": OTHER_HOST}],
    ),
    "HttpBackend": (
        {"url": f"{HOST}/events", "headers": {"Authorization": KEYS[0]}},
        [
            {"url": f"{HOST}/others"},
            {"url": f"{HOST}/events?key={KEYS[0]}"},
            {"headers": {"Authorization": KEYS[1]}},
            {"body": "cloudevents-batch", "source": "/shop"},
            {"idempotent": False},
        ],
    ),
    "GoogleAnalyticsBackend": (
        {"measurement_id": "G-ONE", "api_secret": KEYS[0], "endpoint": HOST},
        [{"measurement_id": "G-TWO"}, {"api_secret": KEYS[1]}, {"validate": True}],
    ),
    "DatadogBackend": (
        {"api_key": KEYS[0], "endpoint": HOST},
        [{"api_key": KEYS[1]}, {"endpoint": OTHER_HOST}, {"api_key": None}],
    ),
    "DatadogLogsBackend": (
        {"api_key": KEYS[0], "endpoint": HOST},
        [{"api_key": KEYS[1]}, {"endpoint": OTHER_HOST}],
    ),
}
CLASSES = {
    each.__name__: each
    for each in (
        SegmentBackend,
        HttpBackend,
        GoogleAnalyticsBackend,
        DatadogBackend,
        DatadogLogsBackend,
    )
}


@pytest.fixture
def built(tmp_path):
    """Return a function that builds a backend with the outbox of the test. It is closed later."""
    backends = []

    def build(name, **options):
        options = {**BACKENDS[name][0], "outbox": tmp_path / "outbox", **options}
        backends.append(CLASSES[name](**options))
        return backends[-1]

    yield build
    for backend in backends:
        backend.close(0)


@pytest.mark.parametrize("name", BACKENDS)
def test_the_error_of_an_unusable_folder_names_the_backend(built, tmp_path, name):
    """By its class, as in the settings."""
    (tmp_path / "outbox").touch()

    with pytest.raises(ImproperlyConfigured, match=f"^{name}: outbox must be a folder that can"):
        built(name)


@pytest.mark.parametrize(
    ("name", "other"), [(name, other) for name, (_, others) in BACKENDS.items() for other in others]
)
def test_a_backend_that_sends_elsewhere_cannot_use_the_folder(built, name, other):
    """It would send events of the first backend server. The error shows no key."""
    built(name)

    with pytest.raises(ImproperlyConfigured, match=f"^{name}: outbox must be a folder") as raised:
        built(name, **other)

    assert f"another {name} uses it, with another key, address" in str(raised.value)
    assert not [key for key in KEYS if key in str(raised.value)]


@pytest.mark.parametrize("name", BACKENDS)
def test_the_same_backend_may_be_built_twice(built, name):
    """As when settings are loaded again."""
    built(name)

    assert built(name)


def test_another_backend_may_use_the_folder_after_the_first_is_closed(built):
    """As when a key is replaced."""
    with sink() as server:
        first = built("HttpBackend", url=server.url)
        first.close(HANG_SECONDS)
        second = built("HttpBackend", url=server.url, headers={"Authorization": KEYS[1]})
        second.send(event())

        assert second.flush(HANG_SECONDS)
        assert server.requests[0].headers["authorization"] == KEYS[1]
