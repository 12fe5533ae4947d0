"""Events as Datadog logs."""

import json
import logging
import os
import re
import secrets
from datetime import UTC, datetime, timedelta, tzinfo

import pytest
from datadog_agent import HANG_SECONDS, event, send_in_the_past, statistics, until
from sink_server import sink

from eventtracking.backends.datadog import DatadogLogsBackend
from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.tracker import Tracker

pytest.importorskip("urllib3")

MAX_LOG_BYTES = 1_000_000


class Broken(tzinfo):
    """A time zone of the application that raises."""

    def utcoffset(self, moment):
        raise RuntimeError("no zone")


@pytest.fixture
def key():
    return secrets.token_hex(16)


@pytest.fixture
def build(key):
    """Return a function that builds a backend, which is closed after the test."""
    built = []

    def build_backend(**options):
        backend = DatadogLogsBackend(**{"api_key": key, **options})
        built.append(backend)
        return backend

    yield build_backend
    for backend in built:
        backend.close(0)


def logs(server):
    """Return the logs that *server* received."""
    return [log for request in server.requests for log in request.json()]


def test_an_event_is_a_log_with_all_of_its_data_and_context(build, key):
    """It can be found by its name, its user and its own fields."""
    with sink(default=202) as server:
        backend = build(endpoint=server.url, service="shop", tags=["env:prod", "a|b"])
        given = event(data={"amount": 3}, user_id=42, path="/cart")
        backend.send(given)

        assert backend.flush(HANG_SECONDS)
        [request] = server.requests
    [log] = request.json()
    stamp = log.pop("timestamp")

    assert request.path == "/api/v2/logs"
    assert request.headers["dd-api-key"] == key
    assert request.headers["content-encoding"] == "gzip"
    assert request.headers["content-type"] == "application/json"
    assert re.fullmatch("[0-9a-f]{24}-[0-9a-f]+", log.pop("event_id"))
    assert datetime.fromisoformat(stamp) == given["timestamp"]
    assert log == {
        "message": "shop.order.placed",
        "ddsource": "eventtracking",
        "ddtags": "env:prod,a_b,source:server",
        "hostname": os.uname().nodename,
        "service": "shop",
        "evt.name": "shop.order.placed",
        "usr.id": "42",
        "data": {"amount": 3},
        "context": {"event_source": "server", "user_id": 42, "path": "/cart"},
    }
    assert statistics(backend) == {"accepted": 1, "sent": 1, "pending": 0, "lost": {}}


def test_the_host_of_the_intake_depends_on_the_site(build, monkeypatch, caplog):
    """Each site has a host for logs. A proxy that is down keeps this test from the network."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    build(site="datadoghq.eu").send(event())

    until(lambda: "https://http-intake.logs.datadoghq.eu: " in caplog.text)


@pytest.mark.parametrize("name", ["", None, "\ud800", 5])
def test_an_event_of_any_name_has_a_message(name, build):
    """Datadog would reject a log without one."""
    with sink(default=202) as server:
        backend = build(endpoint=server.url)
        backend.send({"name": name, "data": None, "context": None})

        assert backend.flush(HANG_SECONDS)
    [log] = logs(server)

    assert log["message"]
    assert "usr.id" not in log


@pytest.mark.parametrize(
    ("stamp", "field"),
    [
        (datetime.now(UTC) - timedelta(hours=16), "timestamp"),
        (datetime.now(UTC) - timedelta(hours=19), "event_time"),
        (datetime.now(UTC) + timedelta(days=1), "event_time"),
        (datetime(2026, 1, 1), "event_time"),  # noqa: DTZ001  # as some applications do
        # The first year, and a time zone that raises.
        (datetime.min, "event_time"),  # noqa: DTZ901
        (datetime(2026, 1, 1, tzinfo=Broken()), "event_time"),
    ],
)
def test_a_time_that_datadog_would_not_accept_is_sent_in_another_field(stamp, field, build):
    """Datadog would drop the log. Now the log has the time of its arrival."""
    with sink(default=202) as server:
        backend = build(endpoint=server.url)
        backend.send({**event(), "timestamp": stamp})

        assert backend.flush(HANG_SECONDS)
    [log] = logs(server)

    assert {"timestamp", "event_time"} & {*log} == {field}


def test_a_time_that_became_too_old_while_the_log_waited_is_sent_in_another_field(build):
    """Datadog would drop the log, although it counts as sent."""
    stamp = datetime.now(UTC) - timedelta(hours=16, minutes=59, seconds=59)
    with sink(default=202) as server:
        backend = build(endpoint=server.url, flush_interval=60.0)
        backend.send({**event(), "timestamp": stamp})
        until(lambda: datetime.now(UTC) > stamp + timedelta(hours=17))

        assert backend.flush(HANG_SECONDS)
    [log] = logs(server)

    assert "timestamp" not in log
    assert datetime.fromisoformat(log["event_time"]) == stamp


def test_a_repeated_log_has_the_same_id(build):
    """A query can count ids instead of logs."""
    with sink([500], default=202) as server:
        backend = build(endpoint=server.url, flush_interval=60.0)
        for number in range(3):
            backend.send(event(f"n{number}"))

        assert backend.flush(HANG_SECONDS)
        first, second = (request.body for request in server.requests)
    assert first == second
    assert len({log["event_id"] for log in json.loads(first)}) == 3
    assert statistics(backend)["sent"] == 3


@pytest.mark.parametrize(("extra", "lost"), [(-1, {}), (0, {}), (1, {"too_large": 1})])
def test_a_log_has_at_most_a_million_bytes(extra, lost, build, caplog):
    """Datadog cuts a longer one without an error. Here it is counted and logged."""
    with sink(default=202) as server:
        backend = build(endpoint=server.url)
        given = event(data={"text": ""})
        destination = backend.destination
        free = destination.limits.event_bytes - len(destination.encode(given))
        given["data"]["text"] = "x" * (free + extra)
        backend.send(given)

        assert backend.flush(HANG_SECONDS)
    sizes = [len(json.dumps(log, separators=(",", ":"))) for log in logs(server)]

    assert statistics(backend)["lost"] == lost
    assert ("too_large" in caplog.text) == bool(lost)
    assert all(MAX_LOG_BYTES - 100 < size <= MAX_LOG_BYTES for size in sizes)


@pytest.mark.parametrize(("number", "requests"), [(999, 1), (1_000, 1), (1_001, 2)])
def test_a_request_has_at_most_a_thousand_logs(number, requests, build):
    """Datadog rejects more."""
    with sink(default=202) as server:
        backend = build(endpoint=server.url, batch_events=1_000, flush_interval=60.0)
        for each in range(number):
            backend.send(event(f"n{each}"))

        assert backend.flush(HANG_SECONDS)
        sizes = [len(request.json()) for request in server.requests]
    assert sum(sizes) == number
    assert max(sizes) <= 1_000
    assert len(sizes) >= requests


def test_a_request_has_at_most_five_million_bytes(build):
    """Large logs are sent in several requests."""
    with sink(default=202) as server:
        backend = build(endpoint=server.url, flush_interval=60.0)
        for _ in range(12):
            backend.send(event(data={"text": "x" * 900_000}))

        assert backend.flush(HANG_SECONDS)
        sizes = [len(request.body) for request in server.requests]
    assert len(logs(server)) == 12
    assert max(sizes) <= 5_000_000


def test_logs_with_data_of_any_kind_are_json(build):
    """NaN, bytes and cycles have a JSON form."""
    cyclic = {"x": float("nan"), "b": b"\xff", "o": object()}
    cyclic["self"] = cyclic
    with sink(default=202) as server:
        backend = build(endpoint=server.url)
        backend.send(event(data=cyclic))

        assert backend.flush(HANG_SECONDS)
    assert logs(server)[0]["data"]["x"] is None


def test_events_wait_while_the_key_is_wrong_and_the_key_is_never_shown(build, key, caplog):
    """Not at any log level and in no representation, even if the server repeats it."""
    caplog.set_level(logging.DEBUG)
    with sink(default=(403, {}, key.encode())) as server:
        backend = build(endpoint=server.url)
        tracker = Tracker(backends={"logs": backend})
        tracker.emit("page.viewed")
        until(lambda: "refuses events" in caplog.text)

        assert statistics(backend)["pending"] == 1
    assert key not in caplog.text + repr(backend) + repr(vars(backend))


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"api_key": None}, "api_key must be a key without spaces or line breaks, got a value of"),
        ({"api_key": "a b"}, "api_key must be a key without spaces or line breaks, got a value of"),
        ({"site": 5}, "site must be a site such as 'datadoghq.com', got 5"),
        ({"endpoint": "ftp://x"}, "endpoint must be"),
        ({"service": None}, "service must be text, got None"),
        ({"tags": "env:prod"}, "tags must be a list, got 'env:prod'"),
        ({"tags": [1]}, "tags[0] must be text, got 1"),
        ({"tags": 5}, "tags must be a list, got 5"),
        ({"tags": None}, "tags must be a list, got None"),
        ({"tags": b""}, "tags must be a list, got b''"),
        ({"tags": {"env": "x"}}, "tags must be a list, got {'env': 'x'}"),
        ({"batch_events": 1_001}, "batch_events must be a whole number from 1 to 1000"),
    ],
)
def test_a_wrong_option_is_an_error_that_says_what_is_right(options, complaint, build):
    """When the backend is built, not for the first event."""
    with pytest.raises(ImproperlyConfigured, match=re.escape(complaint)) as caught:
        build(**options)

    assert str(caught.value).startswith("DatadogLogsBackend: ")


def test_every_wrong_option_is_reported_in_the_same_error(build):
    """Its own and those of delivery, in the order of the signature."""
    with pytest.raises(ImproperlyConfigured) as caught:
        build(timeout=0, tags=1, service=None, endpoint="nowhere", site="!", api_key="")

    assert [line.split(" must ")[0] for line in str(caught.value).splitlines()] == [
        f"DatadogLogsBackend: {option}"
        for option in ("api_key", "site", "endpoint", "service", "tags", "timeout")
    ]


@pytest.mark.parametrize(("options", "max_age"), [({}, 18 * 3600), ({"max_age": 60}, 60)])
def test_logs_wait_as_long_as_datadog_accepts_them(options, max_age, build, monkeypatch):
    """18 hours, unless the operator chooses another `max_age`."""
    with sink(default=202) as server:
        backend = build(endpoint=server.url, flush_interval=60.0, **options)
        for age in (max_age + 1, max_age - 30):
            send_in_the_past(backend, event(), age, monkeypatch)

        assert backend.flush(HANG_SECONDS)
    assert statistics(backend)["sent"] == 1
    assert statistics(backend)["lost"] == {"expired": 1}
