"""Events as entries of Datadog's logs."""

import json
import logging
import os
import re
import secrets
from datetime import UTC, datetime, timedelta, tzinfo

import pytest
from datadog_agent import HANG_SECONDS, books, event, until
from sink_server import sink

from eventtracking.backends.datadog import DatadogLogsBackend
from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.tracker import Tracker

pytest.importorskip("urllib3")

MAX_LOG_BYTES = 1_000_000


class Broken(tzinfo):
    """A time zone of the host's that fails."""

    def utcoffset(self, moment):
        raise RuntimeError("no zone")


@pytest.fixture
def key():
    return secrets.token_hex(16)


@pytest.fixture
def building(key):
    """Return a function that builds a backend; it is closed afterwards."""
    built = []

    def build(**options):
        backend = DatadogLogsBackend(**{"api_key": key, **options})
        built.append(backend)
        return backend

    yield build
    for backend in built:
        backend.close(0)


def entries(server):
    """Return the entries that arrived."""
    return [entry for request in server.requests for entry in request.json()]


def test_an_event_is_an_entry_with_all_that_it_holds(building, key):
    """Found by its name, its user and its own fields."""
    with sink(default=202) as server:
        backend = building(endpoint=server.url, service="shop", tags=["env:prod", "a|b"])
        given = event(data={"amount": 3}, user_id=42, path="/cart")
        backend.send(given)

        assert backend.flush(HANG_SECONDS)
        [request] = server.requests
    [entry] = request.json()
    stamp = entry.pop("timestamp")

    assert request.path == "/api/v2/logs"
    assert request.headers["dd-api-key"] == key
    assert request.headers["content-encoding"] == "gzip"
    assert request.headers["content-type"] == "application/json"
    assert re.fullmatch("[0-9a-f]{24}-[0-9a-f]+", entry.pop("event_id"))
    assert datetime.fromisoformat(stamp) == given["timestamp"]
    assert entry == {
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
    assert books(backend) == {"accepted": 1, "sent": 1, "pending": 0, "lost": {}}


def test_the_site_says_where_to(building):
    """Logs have a host of their own on each."""
    backend = building(site="datadoghq.eu")

    assert backend._destination._http._route.host == "http-intake.logs.datadoghq.eu"


@pytest.mark.parametrize("name", ["", None, "\ud800", 5])
def test_an_event_of_any_name_has_a_message(name, building):
    """An entry without one would be refused."""
    with sink(default=202) as server:
        backend = building(endpoint=server.url)
        backend.send({"name": name, "data": None, "context": None})

        assert backend.flush(HANG_SECONDS)
    [entry] = entries(server)

    assert entry["message"]
    assert "usr.id" not in entry


@pytest.mark.parametrize(
    ("stamp", "field"),
    [
        (datetime.now(UTC) - timedelta(hours=16), "timestamp"),
        (datetime.now(UTC) - timedelta(hours=19), "event_time"),
        (datetime.now(UTC) + timedelta(days=1), "event_time"),
        (datetime(2026, 1, 1), "event_time"),  # noqa: DTZ001  # as applications write it
        # Of the first year, and of a zone that fails.
        (datetime.min, "event_time"),  # noqa: DTZ901
        (datetime(2026, 1, 1, tzinfo=Broken()), "event_time"),
    ],
)
def test_a_time_that_datadog_does_not_take_is_kept_under_another_name(stamp, field, building):
    """Datadog would drop the entry; now it has the time of its arrival."""
    with sink(default=202) as server:
        backend = building(endpoint=server.url)
        backend.send({**event(), "timestamp": stamp})

        assert backend.flush(HANG_SECONDS)
    [entry] = entries(server)

    assert {"timestamp", "event_time"} & {*entry} == {field}


def test_a_time_that_grew_too_old_while_the_entry_waited_is_not_obeyed(building):
    """Datadog would drop the entry, and the books would call it sent."""
    stamp = datetime.now(UTC) - timedelta(hours=16, minutes=59, seconds=59)
    with sink(default=202) as server:
        backend = building(endpoint=server.url, flush_interval=60.0)
        backend.send({**event(), "timestamp": stamp})
        until(lambda: datetime.now(UTC) > stamp + timedelta(hours=17))

        assert backend.flush(HANG_SECONDS)
    [entry] = entries(server)

    assert "timestamp" not in entry
    assert datetime.fromisoformat(entry["event_time"]) == stamp


def test_a_repeated_entry_has_the_same_id(building):
    """Whoever counts entries can count ids."""
    with sink([500], default=202) as server:
        backend = building(endpoint=server.url, flush_interval=60.0)
        for number in range(3):
            backend.send(event(f"n{number}"))

        assert backend.flush(HANG_SECONDS)
        first, second = (request.body for request in server.requests)
    assert first == second
    assert len({entry["event_id"] for entry in json.loads(first)}) == 3
    assert books(backend)["sent"] == 3


@pytest.mark.parametrize(("extra", "lost"), [(-1, {}), (0, {}), (1, {"too_large": 1})])
def test_an_entry_has_at_most_a_million_bytes(extra, lost, building, caplog):
    """Datadog cuts a longer one in silence; here it is counted, and said."""
    with sink(default=202) as server:
        backend = building(endpoint=server.url)
        given = event(data={"text": ""})
        room = backend._destination.limits.event_bytes
        given["data"]["text"] = "x" * (room - len(backend._destination.encode(given)) + extra)
        backend.send(given)

        assert backend.flush(HANG_SECONDS)
    sizes = [len(json.dumps(entry, separators=(",", ":"))) for entry in entries(server)]

    assert books(backend)["lost"] == lost
    assert ("too_large" in caplog.text) == bool(lost)
    assert all(MAX_LOG_BYTES - 100 < size <= MAX_LOG_BYTES for size in sizes)


@pytest.mark.parametrize(("number", "requests"), [(999, 1), (1_000, 1), (1_001, 2)])
def test_a_request_has_at_most_a_thousand_entries(number, requests, building):
    """Datadog refuses one more."""
    with sink(default=202) as server:
        backend = building(endpoint=server.url, batch_events=1_000, flush_interval=60.0)
        for each in range(number):
            backend.send(event(f"n{each}"))

        assert backend.flush(HANG_SECONDS)
        sizes = [len(request.json()) for request in server.requests]
    assert sum(sizes) == number
    assert max(sizes) <= 1_000
    assert len(sizes) >= requests


def test_a_request_has_at_most_five_million_bytes(building):
    """Large entries travel in several."""
    with sink(default=202) as server:
        backend = building(endpoint=server.url, flush_interval=60.0)
        for _ in range(12):
            backend.send(event(data={"text": "x" * 900_000}))

        assert backend.flush(HANG_SECONDS)
        sizes = [len(request.body) for request in server.requests]
    assert len(entries(server)) == 12
    assert max(sizes) <= 5_000_000


def test_entries_of_any_data_are_json(building):
    """NaN, bytes, cycles: each has a form, and none is refused."""
    cyclic = {"x": float("nan"), "b": b"\xff", "o": object()}
    cyclic["self"] = cyclic
    with sink(default=202) as server:
        backend = building(endpoint=server.url)
        backend.send(event(data=cyclic))

        assert backend.flush(HANG_SECONDS)
    assert entries(server)[0]["data"]["x"] is None


def test_a_wrong_key_keeps_everything_and_is_never_shown(building, key, caplog):
    """Not in a log of any level, not in a repr, even if the server repeats it."""
    caplog.set_level(logging.DEBUG)
    with sink(default=(403, {}, key.encode())) as server:
        backend = building(endpoint=server.url)
        tracker = Tracker(backends={"logs": backend})
        tracker.emit("page.viewed")
        until(lambda: "refuses events" in caplog.text)

        assert books(backend)["pending"] == 1
    assert key not in caplog.text + repr(backend) + repr(vars(backend))


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"api_key": None}, "api_key must be a key, without spaces or line breaks"),
        ({"api_key": "a b"}, "api_key must be a key, without spaces or line breaks"),
        ({"site": 5}, "site must be a site such as 'datadoghq.com', got 5"),
        ({"endpoint": "ftp://x"}, "endpoint must be"),
        ({"service": None}, "service must be a name, got None"),
        ({"tags": "env:prod"}, "tags must be a list of tags such as 'env:production'"),
        ({"tags": [1]}, "tags must be a list of tags such as 'env:production'"),
        ({"tags": 5}, "tags must be a list of tags such as 'env:production', got 5"),
        ({"tags": None}, "tags must be a list of tags such as 'env:production', got None"),
        ({"tags": b""}, "tags must be a list of tags such as 'env:production', got b''"),
        ({"tags": {"env": "x"}}, "such as 'env:production', got {'env': 'x'}"),
        ({"batch_events": 1_001}, "batch_events must be a whole number from 1 to 1000"),
    ],
)
def test_a_wrong_option_is_refused(options, complaint, building):
    """With the name of the class, the option and the cure."""
    with pytest.raises(ImproperlyConfigured, match=re.escape(complaint)) as caught:
        building(**options)

    assert str(caught.value).startswith("DatadogLogsBackend: ")


def test_entries_wait_no_longer_than_datadog_takes_them(building):
    """18 hours, unless it is said otherwise."""
    assert building()._options["max_age"] == 18 * 3600
    assert building(max_age=60)._options["max_age"] == 60
