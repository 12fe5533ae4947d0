"""Delivery to Google Analytics: over real sockets, and no event twice."""

import itertools
import json
import logging
import socket
import threading
import time
import traceback
import uuid
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from sink_server import reset, sink

from eventtracking.backends.google_analytics import GoogleAnalyticsBackend
from eventtracking.delivery import Record
from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.testing import FakeDestinations

# No test takes this long unless it hangs.
HANG_SECONDS = 60

STREAM = "G-TEST123"
# Generated, so that no scanner for secrets reports it.
SECRET = uuid.uuid4().hex


@pytest.fixture
def build():
    """Return a function that builds a backend, which is closed after the test."""
    built = []

    def build_backend(endpoint, **options):
        options = {"flush_interval": 0.0, "timeout": 10.0, **options}
        backend = GoogleAnalyticsBackend(STREAM, SECRET, endpoint=endpoint, **options)
        built.append(backend)
        return backend

    yield build_backend
    for backend in built:
        backend.close(0)


def event(name="shop.order.paid", client="1.2", **data):
    return {
        "name": name,
        "timestamp": datetime.now(UTC),
        "data": data,
        "context": {"client_id": client},
    }


def statistics(backend):
    """Return the statistics of *backend*, which must balance."""
    stats = backend.stats()

    assert stats["accepted"] == stats["sent"] + stats["pending"] + sum(stats["lost"].values())
    return stats


def until(condition):
    """Wait until *condition* returns something true, and return it."""
    deadline = time.monotonic() + HANG_SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited for {condition}"
        time.sleep(0.001)
    return found


def names(request):
    return [one["name"] for one in request.json()["events"]]


def test_an_event_is_posted_to_the_web_stream(build):
    """The stream is in the URL, the client and the event are in the body."""
    with sink(default=204) as server:
        backend = build(server.url)
        backend.send(event(mode="audit"))
        assert backend.flush(HANG_SECONDS)

    [request] = server.requests
    assert request.method == "POST"
    assert urlsplit(request.path).path == "/mp/collect"
    assert parse_qs(urlsplit(request.path).query) == {
        "measurement_id": [STREAM],
        "api_secret": [SECRET],
    }
    assert request.headers["content-type"] == "application/json"
    assert request.json()["client_id"] == "1.2"
    assert request.json()["events"][0]["params"]["mode"] == "audit"
    assert statistics(backend)["sent"] == 1


def records(*clients, data=""):
    backend = GoogleAnalyticsBackend(STREAM, SECRET, endpoint="http://127.0.0.1:9")
    encode = backend.destination.encode
    return backend.destination, [
        Record(f"id-{number}", time.time(), "n", encode(event(client=client, data=data)))
        for number, client in enumerate(clients)
    ]


def test_a_request_holds_the_events_of_one_client_in_their_order():
    """In whatever order clients alternate."""
    destination, waiting = records("1.1", "2.2", "1.1", "3.3", "2.2")

    batches = [[record.id for record in batch] for batch in destination.batches(waiting)]

    assert batches == [["id-0", "id-2"], ["id-1", "id-4"], ["id-3"]]


@pytest.mark.parametrize(
    ("count", "sizes"), [(24, [24]), (25, [25]), (26, [25, 1]), (51, [25, 25, 1])]
)
def test_a_request_holds_at_most_25_events(count, sizes):
    """Google ignores more, without an error."""
    destination, waiting = records(*["1.1"] * count)

    assert [len(batch) for batch in destination.batches(waiting)] == sizes


def test_a_request_is_smaller_than_130_kb():
    """At the limit there is one request; with one more byte, there are two."""
    destination, _ = records()
    start, end = b'{"client_id":"1.1","events":[{"name":"', b'"}]}'

    def of(size):
        return Record(f"id-{size}", 0.0, "n", start + b"x" * (size - len(start + end)) + end)

    at_limit = [*destination.batches([of(64_999), of(65_000)])]
    above = [*destination.batches([of(65_000), of(65_000)])]

    assert [len(batch) for batch in at_limit] == [2]
    assert [len(batch) for batch in above] == [1, 1]


def test_the_operator_can_reduce_the_events_of_a_request(build):
    """By the options of every network backend."""
    with sink(default=204) as server:
        backend = build(server.url, batch_events=2)
        for _ in range(5):
            backend.send(event())
        assert backend.flush(HANG_SECONDS)

    assert all(len(names(request)) <= 2 for request in server.requests)
    assert sum(len(names(request)) for request in server.requests) == 5


def test_events_of_many_clients_arrive_with_their_own_client(build):
    """A hundred visitors at the same time."""
    with FakeDestinations() as fake:
        backend = build(fake.google_endpoint, flush_interval=0.05)
        for number in range(1000):
            backend.send(event(f"shop.seen.{number % 7}", f"1.{number % 100}", n=number % 100))
        assert backend.flush(HANG_SECONDS)
        arrived = fake.wait_for_events(1000, "google_analytics", timeout=HANG_SECONDS)

    assert [each["reasons"] for each in arrived if not each["good"]] == []
    assert len(arrived) == 1000
    for each in arrived:
        payload = each["payload"]
        assert payload["client_id"] == f"1.{payload['params']['n']}"
    assert statistics(backend)["sent"] == 1000


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_an_event_is_not_sent_again_after_a_server_error(build, status, caplog):
    """The server may have counted it. A known loss is better than a wrong number."""
    with sink([status], default=204) as server:
        backend = build(server.url)
        backend.send(event())
        backend.send(event("shop.order.sent"))
        assert backend.flush(HANG_SECONDS)

    sent = [name for request in server.requests for name in names(request)]
    assert len(sent) == len(set(sent)) == 2
    stats = statistics(backend)
    assert stats["sent"] + stats["lost"]["rejected"] == 2
    assert f"HTTP {status}" in caplog.text
    assert "not sent twice" in caplog.text


def test_an_event_is_not_sent_again_after_the_connection_breaks(build, caplog):
    """The request was sent, and no response arrived."""
    with sink([reset], default=204) as server:
        backend = build(server.url)
        backend.send(event())
        assert backend.flush(HANG_SECONDS)

    assert len(server.requests) == 1
    assert statistics(backend)["lost"] == {"rejected": 1}
    assert "not sent twice" in caplog.text


def test_a_server_that_never_responds_costs_the_events_of_one_request(build):
    """It may have counted them before the timeout."""
    over = threading.Event()

    def hang(_):
        over.wait(HANG_SECONDS)

    with sink([hang], default=204) as server:
        backend = build(server.url, timeout=0.2)
        backend.send(event())
        assert backend.flush(HANG_SECONDS)
        over.set()

    assert len(server.requests) == 1
    assert statistics(backend)["lost"] == {"rejected": 1}


@pytest.mark.parametrize("status", [429, (429, {"Retry-After": "0"})])
def test_an_event_is_sent_again_after_429(build, status):
    """The server has not taken it."""
    with sink([status], default=204) as server:
        backend = build(server.url)
        backend.send(event())
        assert backend.flush(HANG_SECONDS)

    assert len(server.requests) == 2
    assert statistics(backend)["sent"] == 1


def test_an_event_waits_while_connections_are_refused(build, caplog):
    """Nothing was sent, so nothing can be counted twice."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        # The port is taken, but nobody listens: connections are refused.
        backend = build(f"http://127.0.0.1:{taken.getsockname()[1]}")
        backend.send(event())
        until(lambda: "cannot be reached" in caplog.text)

        assert statistics(backend)["pending"] == 1
        assert statistics(backend)["lost"] == {}


def test_an_invalid_event_does_not_affect_the_rest_of_its_batch(build):
    """A batch that is rejected is split until the invalid event is alone."""

    def respond(handler):
        body = handler.server.sink.requests[-1].body
        handler.respond(400 if b"poison" in body else 204)

    with sink(default=respond) as server:
        backend = build(server.url, flush_interval=HANG_SECONDS)
        for name in ("n0", "n1", "n2", "n3", "poison", "last"):
            backend.send(event(name))
        assert backend.flush(HANG_SECONDS)

    assert statistics(backend)["lost"] == {"rejected": 1}
    assert statistics(backend)["sent"] == 5


def test_an_event_without_an_identity_is_rejected_and_logged_once(build, caplog):
    """Nothing is raised."""
    with sink() as server:
        backend = build(server.url)
        for _ in range(3):
            backend.send({**event(), "context": {}})

    assert statistics(backend)["lost"] == {"rejected": 3}
    assert server.requests == []
    [record] = caplog.records
    assert record.getMessage() == (
        'Lost 1 event(s) on the way to Google Analytics, such as "shop.order.paid": '
        "rejected (no identity)"
    )


HOURS_72 = 72 * 3600


@pytest.mark.parametrize(
    ("options", "lost"),
    [
        ({}, {"expired": 1}),
        ({"max_age": 60}, {"expired": 2}),
        # Google would not accept the older event, even if the operator has no limit.
        ({"max_age": None}, {"rejected": 1}),
    ],
)
def test_an_event_waits_for_72_hours_or_for_the_max_age(build, options, lost, monkeypatch):
    """Then it is lost."""
    with sink(default=204) as server:
        backend = build(server.url, flush_interval=HANG_SECONDS, **options)
        for age in (HOURS_72 + 1, HOURS_72 - 60):
            moment = time.time() - age
            with monkeypatch.context() as patched:
                patched.setattr(time, "time", lambda moment=moment: moment)
                backend.send(event())
        assert backend.flush(HANG_SECONDS)

    assert statistics(backend)["lost"] == lost


@pytest.mark.parametrize("validate", [False, True])
def test_an_event_that_became_too_old_while_it_waited_is_rejected(build, caplog, validate):
    """Google would drop it without an error. The rest of its batch arrives."""
    response = (200, {}, b'{"validationMessages":[]}')
    hours = (73, 0, 73, 71, 73, 73)
    with sink(default=response) as server:
        backend = build(server.url, flush_interval=HANG_SECONDS, validate=validate)
        for number, age in enumerate(hours):
            payload = backend.destination.encode(event(f"n{number}"))
            [fresh] = [each["timestamp_micros"] for each in json.loads(payload)["events"]]
            waited = str(fresh - age * 3_600_000_000).encode()
            backend.put("n", payload.replace(str(fresh).encode(), waited))
        assert backend.flush(HANG_SECONDS)

    assert sorted(name for request in server.requests for name in names(request)) == ["n1", "n3"]
    assert statistics(backend) == {"accepted": 6, "sent": 2, "pending": 0, "lost": {"rejected": 4}}
    assert "rejected (Google Analytics accepts events of the last 72 hours)" in caplog.text


def test_the_endpoint_in_europe_can_be_chosen(build, monkeypatch, caplog):
    """Only the host differs. A proxy that is down keeps this test from the network."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    build("https://region1.google-analytics.com").send(event())

    until(lambda: "https://region1.google-analytics.com: " in caplog.text)


def test_events_are_sent_to_the_validation_server_if_the_option_is_set(build):
    """A valid event counts as sent, although it is in no report."""
    with sink(default=(200, {}, b'{"validationMessages":[]}')) as server:
        backend = build(server.url, validate=True)
        backend.send(event())
        assert backend.flush(HANG_SECONDS)

    [request] = server.requests
    assert urlsplit(request.path).path == "/debug/mp/collect"
    assert request.json()["validation_behavior"] == "ENFORCE_RECOMMENDATIONS"
    assert statistics(backend)["sent"] == 1


def test_an_event_that_the_validation_server_rejects_is_logged_once(build, caplog):
    """It is found among the valid events, although the server names none of them."""

    def respond(handler):
        is_invalid = b"poison" in handler.server.sink.requests[-1].body
        message = {
            "fieldPath": "events",
            "description": "Event at index: [0] has invalid name [poison].",
            "validationCode": "NAME_INVALID",
        }
        response = {"validationMessages": [message] if is_invalid else []}
        handler.respond((200, {}, json.dumps(response).encode()))

    with sink(default=respond) as server:
        backend = build(server.url, validate=True, flush_interval=0.05)
        for name in ("a", "poison", "b", "poison"):
            backend.send(event(name))
        assert backend.flush(HANG_SECONDS)

    assert statistics(backend)["sent"] == 2
    assert statistics(backend)["lost"] == {"rejected": 2}
    messages = [record.getMessage() for record in caplog.records]
    [found] = [message for message in messages if message.startswith("Google Analytics rejects")]
    assert found == (
        'Google Analytics rejects "poison": NAME_INVALID events '
        "Event at index: [0] has invalid name [poison]."
    )
    assert "rejected (not valid: NAME_INVALID)" in caplog.text


def test_the_messages_of_the_validation_server_are_limited(build, caplog):
    """In number, because each event may cause another message, and in length."""
    numbers = itertools.count()

    def respond(handler):
        message = {"description": f"{next(numbers)} " + "x" * 1000}
        handler.respond((200, {}, json.dumps({"validationMessages": [message]}).encode()))

    with sink(default=respond) as server:
        backend = build(server.url, validate=True, batch_events=1)
        for _ in range(300):
            backend.send(event())
        assert backend.flush(HANG_SECONDS)

    messages = [record.getMessage() for record in caplog.records]
    rejections = [each for each in messages if each.startswith("Google Analytics rejects")]
    assert len(rejections) == 200
    assert max(map(len, rejections)) < 600


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b'{"validationMessages":7}', b"7"])
def test_an_unknown_response_of_the_validation_server_means_that_events_are_valid(build, body):
    """No event is lost without a message."""
    with sink(default=(200, {}, body)) as server:
        backend = build(server.url, validate=True)
        backend.send(event())
        assert backend.flush(HANG_SECONDS)

    assert statistics(backend)["sent"] == 1


def test_events_are_sent_again_after_an_error_of_the_validation_server(build):
    """It counts nothing, so repeats do no harm."""
    with sink([503], default=204) as server:
        backend = build(server.url, validate=True)
        backend.send(event())
        assert backend.flush(HANG_SECONDS)

    assert len(server.requests) == 2
    assert statistics(backend)["sent"] == 1


def test_the_inspector_stands_in_for_the_validation_server(build, caplog):
    """It has the same protocol, and rejects the same events."""
    with FakeDestinations() as fake:
        backend = build(fake.google_endpoint, validate=True)
        backend.send(event("good"))
        # Without the checks of the backend.
        payload = backend.destination.encode(event("bad")).replace(b'"bad"', b'"9 bad"', 1)
        backend.put("bad", payload)
        assert backend.flush(HANG_SECONDS)

    assert statistics(backend)["sent"] == 1
    assert statistics(backend)["lost"] == {"rejected": 1}
    assert "NAME_INVALID" in caplog.text


def test_the_secret_is_in_no_log_repr_or_exception(build, caplog):
    """At any level, after any failure, even if the server repeats it."""
    caplog.set_level(logging.DEBUG)
    echo = f"bad request: {SECRET}".encode()
    with sink([(400, {}, echo), (503, {}, echo), reset, (403, {}, echo)]) as server:
        for _ in range(3):
            backend = build(server.url)
            backend.send(event())
            assert backend.flush(HANG_SECONDS)
        backend.send(event())
        until(lambda: "refuses events" in caplog.text)
    gone = build(server.url)
    gone.send(event())
    until(lambda: "cannot be reached" in caplog.text)
    with pytest.raises(ImproperlyConfigured) as error:
        build(server.url, names={"a": "b c"})

    shown = [caplog.text, repr(gone), repr(gone.destination)]
    shown += traceback.format_exception(error.value)
    assert not [text for text in shown if SECRET in text]
    # The failures were logged.
    assert "HTTP 503" in caplog.text
    assert "HTTP 403" in caplog.text


def test_the_next_process_delivers_the_outbox_with_the_clients_of_the_events(build, tmp_path):
    """The outbox holds payloads as they will be sent."""
    outbox = tmp_path / "outbox"
    # With this interval, nothing is sent before the backend is closed.
    first = build("http://127.0.0.1:9", outbox=outbox, flush_interval=HANG_SECONDS)
    for client in ("1.1", "2.2", "1.1"):
        first.send(event("a.b", client))
    first.close(0)
    with sink(default=204) as server:
        second = build(server.url, outbox=outbox, flush_interval=0.05)
        second.send(event("c.d", "2.2"))
        until(lambda: sum(len(names(request)) for request in server.requests) == 4)
        assert second.flush(HANG_SECONDS)

    arrived = [
        (request.json()["client_id"], each)
        for request in server.requests
        for each in names(request)
    ]
    assert sorted(arrived) == [("1.1", "a_b"), ("1.1", "a_b"), ("2.2", "a_b"), ("2.2", "c_d")]
