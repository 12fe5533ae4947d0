"""One folder a backend: what is found there is sent, so nobody else's events may be in it."""

import pytest
from reception import HANG_SECONDS, event
from sink_server import sink

from eventtracking.backends.datadog import DatadogBackend, DatadogLogsBackend
from eventtracking.backends.google_analytics import GoogleAnalyticsBackend
from eventtracking.backends.http import HttpBackend
from eventtracking.backends.segment import SegmentBackend
from eventtracking.exceptions import ImproperlyConfigured

KEYS = [each * 12 for each in ("ab", "cd")]
HERE, THERE = "http://127.0.0.1:9", "http://127.0.0.1:10"

# How each is built, and ways to build one that sends other things or elsewhere.
BACKENDS = {
    "SegmentBackend": (
        {"write_key": KEYS[0], "host": HERE},
        [{"write_key": KEYS[1]}, {"host": THERE}],
    ),
    "HttpBackend": (
        {"url": f"{HERE}/events", "headers": {"Authorization": KEYS[0]}},
        [
            {"url": f"{HERE}/others"},
            {"url": f"{HERE}/events?key={KEYS[0]}"},
            {"headers": {"Authorization": KEYS[1]}},
            {"body": "cloudevents-batch", "source": "/shop"},
            {"idempotent": False},
        ],
    ),
    "GoogleAnalyticsBackend": (
        {"measurement_id": "G-ONE", "api_secret": KEYS[0], "endpoint": HERE},
        [{"measurement_id": "G-TWO"}, {"api_secret": KEYS[1]}, {"validate": True}],
    ),
    "DatadogBackend": (
        {"api_key": KEYS[0], "endpoint": HERE},
        [{"api_key": KEYS[1]}, {"endpoint": THERE}, {"api_key": None}],
    ),
    "DatadogLogsBackend": (
        {"api_key": KEYS[0], "endpoint": HERE},
        [{"api_key": KEYS[1]}, {"endpoint": THERE}],
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
    """Return a function that builds a backend with the outbox of the test; it is closed later."""
    backends = []

    def build(name, **options):
        options = {**BACKENDS[name][0], "outbox": tmp_path / "outbox", **options}
        backends.append(CLASSES[name](**options))
        return backends[-1]

    yield build
    for backend in backends:
        backend.close(0)


@pytest.mark.parametrize("name", BACKENDS)
def test_a_folder_that_cannot_be_used_is_told_by_the_backend_that_users_know(built, tmp_path, name):
    """By the name that is in their settings."""
    (tmp_path / "outbox").touch()

    with pytest.raises(ImproperlyConfigured, match=f"^{name}: outbox must be a folder that can"):
        built(name)


@pytest.mark.parametrize(
    ("name", "other"), [(name, other) for name, (_, others) in BACKENDS.items() for other in others]
)
def test_a_folder_is_refused_to_a_backend_that_sends_elsewhere(built, name, other):
    """It would send the events of the first to where they do not belong. No key is shown."""
    built(name)

    with pytest.raises(ImproperlyConfigured, match=f"^{name}: outbox must be a folder") as raised:
        built(name, **other)

    assert f"which another {name} has, with another key, address" in str(raised.value)
    assert not [key for key in KEYS if key in str(raised.value)]


@pytest.mark.parametrize("name", BACKENDS)
def test_the_same_backend_may_be_built_again_beside_the_first(built, name):
    """As when settings are read once more: both send the same events to the same place."""
    built(name)

    assert built(name)


def test_a_folder_is_free_once_its_backend_is_closed(built):
    """Another key may follow, as after a rotation."""
    with sink() as there:
        first = built("HttpBackend", url=there.url)
        first.close(HANG_SECONDS)
        second = built("HttpBackend", url=there.url, headers={"Authorization": KEYS[1]})
        second.send(event())

        assert second.flush(HANG_SECONDS)
        assert there.requests[0].headers["authorization"] == KEYS[1]
