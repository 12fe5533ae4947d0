"""The vendors' official clients with the inspector."""

from datetime import UTC, datetime
from time import time

import pytest

from eventtracking.testing import FakeDestinations

KEY = "an-invented-key"


@pytest.fixture
def fake():
    with FakeDestinations() as fake:
        yield fake


@pytest.fixture
def segment(fake):
    analytics = pytest.importorskip("segment.analytics", reason="segment-analytics-python")
    clients = []

    def make_client(**options):
        client = analytics.Client(KEY, host=fake.segment_host, max_retries=3, **options)
        clients.append(client)
        return client

    yield make_client
    for client in clients:
        client.join()


@pytest.fixture
def statsd(fake):
    datadog = pytest.importorskip("datadog")
    host, port = fake.statsd_address
    client = datadog.DogStatsd(
        host,
        port,
        disable_telemetry=True,
        origin_detection_enabled=False,
        disable_buffering=True,
        constant_tags=["env:test"],
    )
    yield client
    client.close_socket()


@pytest.fixture
def api(fake, monkeypatch):
    datadog = pytest.importorskip("datadog")
    for name in ("_api_key", "_application_key", "_api_host", "_host_name", "_mute"):
        # To be restored afterwards, since they are global.
        monkeypatch.setattr(datadog.api, name, getattr(datadog.api, name))
    for name, value in (("_api_key", KEY), ("_application_key", KEY), ("_host_name", "h")):
        monkeypatch.setattr(datadog.api, name, value)
    monkeypatch.setattr(datadog.api, "_api_host", fake.datadog_endpoint)
    monkeypatch.setattr(datadog.api, "_mute", False)
    return datadog.api


def bad_reasons(events):
    return [event["reasons"] for event in events if not event["good"]]


@pytest.mark.parametrize("gzip", [False, True])
def test_segments_client_delivers_every_type(fake, segment, gzip):
    """Compressed or not, all of them are good."""
    client = segment(gzip=gzip)
    client.track("42", "edx.video.played", {"id": "x"}, context={"ip": "203.0.113.7"})
    client.track(anonymous_id="a", event="edx.video.paused", timestamp=datetime.now(UTC))
    client.identify("42", {"plan": "free"})
    client.page("42", "cat", "Home", {"url": "u"})
    client.screen("42", "cat", "Home")
    client.group("42", "g1", {})
    client.alias("old", "42")
    client.flush()
    events = fake.wait_for_events(7, "segment")

    assert bad_reasons(events) == []
    assert sorted(event["name"] for event in events) == [
        "alias",
        "edx.video.paused",
        "edx.video.played",
        "group",
        "identify",
        "page",
        "screen",
    ]


def test_segments_client_retries(fake, segment):
    """After an error of the server, and after a 429."""
    fake.script("segment", "500,429:0")
    client = segment()
    client.track("42", "e")
    client.flush()

    assert [event["name"] for event in fake.events()] == ["e"]


def test_segments_client_learns_that_a_batch_is_invalid(fake, segment):
    """The client sends NaN, and gets a 400."""
    errors = []
    client = segment(on_error=lambda error, _: errors.append(error))
    client.track("42", "e", {"n": float("nan")})
    client.flush()

    assert [error.status for error in errors] == [400]
    assert "invalid JSON" in str(errors[0])
    assert "NaN" in fake.events()[0]["reasons"][0]


def test_datadogs_client_sends_every_kind_of_line(fake, statsd):
    """Metrics, an event and a service check, with their tags."""
    statsd.increment("edx.count", tags=["course:course-v1:a+b"])
    statsd.decrement("edx.count")
    statsd.gauge("edx.gauge", 5)
    statsd.histogram("edx.histogram", 2)
    statsd.distribution("edx.distribution", 7)
    statsd.timing("edx.timing", 123)
    statsd.set("edx.set", "user 1")
    statsd.event("Title é", "line1\nline2", alert_type="info", tags=["a:b"])
    statsd.service_check("svc", 1, message="m: x\ny", tags=["a"])
    events = fake.wait_for_events(9, "datadog")

    assert bad_reasons(events) == []
    assert [event["name"] for event in events][:2] == ["edx.count", "edx.count"]
    assert {tuple(event["payload"]["tags"][-1:]) for event in events} == {("env:test",)}
    assert events[7]["payload"]["text"] == "line1\nline2"


def test_a_newline_in_a_name_shows_up_as_an_injected_metric(fake, statsd):
    """The official client does not check names."""
    statsd.increment("edx.bad name\nfoo:1|c")
    first, second = fake.wait_for_events(2, "datadog")

    assert (first["good"], second["name"]) == (False, "foo")


def test_datadogs_client_sends_aggregated_lines(fake):
    """One line holds the sum of several samples."""
    datadog = pytest.importorskip("datadog")
    host, port = fake.statsd_address
    client = datadog.DogStatsd(
        host, port, disable_telemetry=True, origin_detection_enabled=False, disable_buffering=False
    )
    for _ in range(5):
        client.increment("edx.many")
    client.flush()
    client.stop()
    events = fake.wait_for_events(1, "datadog")

    assert bad_reasons(events) == []
    assert sum(sum(event["payload"]["values"]) for event in events) == 5


def test_datadogs_client_creates_an_event(fake, api):
    """And gets the response that it expects."""
    response = api.Event.create(title="Deployed", text="all of it", tags=["env:test"])
    [event] = fake.events("datadog")

    assert response["status"] == "ok"
    assert (event["name"], event["reasons"]) == ("Deployed", [])


def test_datadogs_client_sends_series(fake, api):
    """To version 1 of the API."""
    response = api.Metric.send(metric="edx.x", points=[5], type="count", tags=["a:b"])
    [event] = fake.events("datadog")

    assert response == {"status": "ok"}
    assert (event["name"], event["reasons"]) == ("edx.x", [])


def test_datadogs_client_sends_distributions(fake, api):
    """With several values for one time."""
    points = [(time(), [5, 7])]
    response = api.Distribution.send(distributions=[{"metric": "edx.x", "points": points}])
    [event] = fake.events("datadog")

    assert response == {"status": "ok"}
    assert (event["payload"]["points"][0][1], event["reasons"]) == ([5, 7], [])
