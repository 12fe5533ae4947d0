"""Events on their way to Google Analytics: over real sockets, and never twice."""

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

# Nothing here takes that long. It ends a test that would hang.
HANG_SECONDS = 60

STREAM = "G-TEST123"
# Made up on the spot, so that no scanner takes it for a real one.
SECRET = uuid.uuid4().hex


@pytest.fixture
def sending():
    """Return a function that builds a backend; it is closed afterwards."""
    built = []

    def build(endpoint, **options):
        options = {"flush_interval": 0.0, "timeout": 10.0, **options}
        backend = GoogleAnalyticsBackend(STREAM, SECRET, endpoint=endpoint, **options)
        built.append(backend)
        return backend

    yield build
    for backend in built:
        backend.close(0)


def event(name="shop.order.paid", client="1.2", **data):
    return {
        "name": name,
        "timestamp": datetime.now(UTC),
        "data": data,
        "context": {"client_id": client},
    }


def fill(backend, *events):
    """Have the backend take *events* before its thread sends the first."""
    destination = backend._destination
    for one in events:
        backend.put(one["name"], destination.encode(one))
    return backend


def books(backend):
    stats = backend.stats()
    settled = stats["sent"] + stats["pending"] + sum(stats["lost"].values())
    assert stats["accepted"] == settled, stats
    return stats


def until(condition):
    """Wait for *condition*, an outcome that is sure to come, and return it."""
    deadline = time.monotonic() + HANG_SECONDS
    while not (outcome := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.001)
    return outcome


def names(request):
    return [one["name"] for one in request.json()["events"]]


def test_an_event_arrives_at_the_collector_of_the_stream(sending):
    """One request: the stream in the URL, one client, one event."""
    with sink(default=204) as server:
        backend = sending(server.url)
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
    assert books(backend)["sent"] == 1


def records(*clients, data=""):
    backend = GoogleAnalyticsBackend(STREAM, SECRET, endpoint="http://127.0.0.1:9")
    encode = backend._destination.encode
    return backend._destination, [
        Record(f"id-{number}", time.time(), "n", encode(event(client=client, data=data)))
        for number, client in enumerate(clients)
    ]


def test_a_request_holds_the_events_of_one_client_in_their_order():
    """Whatever the order in which clients alternate."""
    destination, kept = records("1.1", "2.2", "1.1", "3.3", "2.2")

    batches = [[record.id for record in batch] for batch in destination.batches(kept)]

    assert batches == [["id-0", "id-2"], ["id-1", "id-4"], ["id-3"]]


@pytest.mark.parametrize(
    ("count", "sizes"), [(24, [24]), (25, [25]), (26, [25, 1]), (51, [25, 25, 1])]
)
def test_a_request_holds_at_most_25_events(count, sizes):
    """Google ignores the others, and does not say so."""
    destination, kept = records(*["1.1"] * count)

    assert [len(batch) for batch in destination.batches(kept)] == sizes


def test_a_request_is_smaller_than_130_kb():
    """At the limit it is one request; with a byte more, two."""
    destination, _ = records()
    start, end = b'{"client_id":"1.1","events":[{"name":"', b'"}]}'

    def of(size):
        return Record(f"id-{size}", 0.0, "n", start + b"x" * (size - len(start + end)) + end)

    at_limit = [*destination.batches([of(64_999), of(65_000)])]
    above = [*destination.batches([of(65_000), of(65_000)])]

    assert [len(batch) for batch in at_limit] == [2]
    assert [len(batch) for batch in above] == [1, 1]


def test_fewer_events_travel_together_if_that_is_asked_for(sending):
    """The options of every network backend count here, too."""
    with sink(default=204) as server:
        backend = sending(server.url, batch_events=2)
        fill(backend, *[event() for _ in range(5)])
        assert backend.flush(HANG_SECONDS)

    assert all(len(names(request)) <= 2 for request in server.requests)
    assert sum(len(names(request)) for request in server.requests) == 5


def test_events_of_many_clients_arrive_with_their_own(sending):
    """A hundred visitors at once; nobody gets another's events."""
    with FakeDestinations() as fake:
        backend = sending(fake.google_endpoint, flush_interval=0.05)
        for number in range(1000):
            backend.send(event(f"shop.seen.{number % 7}", f"1.{number % 100}", who=number % 100))
        assert backend.flush(HANG_SECONDS)
        arrived = fake.wait_for_events(1000, "google_analytics", timeout=HANG_SECONDS)

    assert [each["reasons"] for each in arrived if not each["good"]] == []
    assert len(arrived) == 1000
    for each in arrived:
        payload = each["payload"]
        assert payload["client_id"] == f"1.{payload['params']['who']}"
    assert books(backend)["sent"] == 1000


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_what_a_failing_server_may_have_counted_is_not_sent_again(sending, status, caplog):
    """Google cannot tell a repeat: a loss that is counted is better than a wrong number."""
    with sink([status], default=204) as server:
        backend = sending(server.url)
        fill(backend, event())
        backend.send(event("shop.order.sent"))
        assert backend.flush(HANG_SECONDS)

    sent = [name for request in server.requests for name in names(request)]
    assert len(sent) == len(set(sent)) == 2
    stats = books(backend)
    assert stats["sent"] + stats["lost"]["rejected"] == 2
    assert f"HTTP {status}" in caplog.text
    assert "not sent twice" in caplog.text


def test_what_broke_off_halfway_is_not_sent_again(sending, caplog):
    """The request went out, and no answer came back."""
    with sink([reset], default=204) as server:
        backend = sending(server.url)
        backend.send(event())
        assert backend.flush(HANG_SECONDS)

    assert len(server.requests) == 1
    assert books(backend)["lost"] == {"rejected": 1}
    assert "not sent twice" in caplog.text


def test_a_server_that_never_answers_costs_the_events_of_one_request(sending):
    """The time-out ends it; what became of them nobody knows."""
    over = threading.Event()

    def hang(_):
        over.wait(HANG_SECONDS)

    with sink([hang], default=204) as server:
        backend = sending(server.url, timeout=0.2)
        backend.send(event())
        assert backend.flush(HANG_SECONDS)
        over.set()

    assert len(server.requests) == 1
    assert books(backend)["lost"] == {"rejected": 1}


@pytest.mark.parametrize("status", [429, (429, {"Retry-After": "0"})])
def test_what_a_server_put_off_is_sent_again(sending, status):
    """It said that it took nothing."""
    with sink([status], default=204) as server:
        backend = sending(server.url)
        backend.send(event())
        assert backend.flush(HANG_SECONDS)

    assert len(server.requests) == 2
    assert books(backend)["sent"] == 1


def test_a_refused_connection_is_tried_again(sending):
    """Nothing went out, so nothing can be counted twice."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        # Bound, and not listening: nobody else gets the port, and who connects is refused.
        backend = sending(f"http://127.0.0.1:{taken.getsockname()[1]}")
        backend.send(event())
        until(lambda: backend._worker._backoff._failures)

        assert books(backend)["pending"] == 1
        assert books(backend)["lost"] == {}


def test_a_refused_batch_is_parted_until_the_bad_event_stands_alone(sending):
    """Its neighbours arrive."""

    def judge(handler):
        body = handler.server.sink.requests[-1].body
        handler.answer(400 if b"poison" in body else 204)

    with sink(default=judge) as server:
        backend = sending(server.url, flush_interval=0.05)
        fill(backend, *[event(f"n{number}") for number in range(4)], event("poison"))
        backend.send(event("last"))
        assert backend.flush(HANG_SECONDS)

    assert books(backend)["lost"] == {"rejected": 1}
    assert books(backend)["sent"] == 5


def test_an_event_about_nobody_is_counted_and_said_once(sending, caplog):
    """The host is not troubled with it."""
    with sink() as server:
        backend = sending(server.url)
        for _ in range(3):
            backend.send({**event(), "context": {}})

    assert books(backend)["lost"] == {"rejected": 3}
    assert server.requests == []
    [record] = caplog.records
    assert record.getMessage() == (
        'Lost 1 event(s) on the way to Google Analytics, such as "shop.order.paid": '
        "rejected (no identity)"
    )


def test_an_event_that_waited_for_72_hours_is_given_up(sending):
    """By default, and not if another age was asked for."""
    assert sending("http://127.0.0.1:9")._options["max_age"] == 72 * 3600
    assert sending("http://127.0.0.1:9", max_age=None)._options["max_age"] is None
    assert sending("http://127.0.0.1:9", max_age=60)._options["max_age"] == 60


@pytest.mark.parametrize("validate", [False, True])
def test_an_event_that_grew_too_old_while_it_waited_is_given_up(sending, caplog, validate):
    """Google would drop it without a word; its neighbours arrive."""
    answer = (200, {}, b'{"validationMessages":[]}')
    hours = (73, 0, 73, 71, 73, 73)
    with sink(default=answer) as server:
        backend = sending(server.url, flush_interval=HANG_SECONDS, validate=validate)
        for number, age in enumerate(hours):
            payload = backend._destination.encode(event(f"n{number}"))
            [fresh] = [each["timestamp_micros"] for each in json.loads(payload)["events"]]
            waited = str(fresh - age * 3_600_000_000).encode()
            backend.put("n", payload.replace(str(fresh).encode(), waited))
        assert backend.flush(HANG_SECONDS)

    assert sorted(name for request in server.requests for name in names(request)) == ["n1", "n3"]
    assert books(backend) == {"accepted": 6, "sent": 2, "pending": 0, "lost": {"rejected": 4}}
    assert "rejected (Google Analytics takes events of the last 72 hours)" in caplog.text


def test_the_europe_endpoint_is_an_option():
    """Only the host differs."""
    backend = GoogleAnalyticsBackend(
        STREAM, SECRET, endpoint="https://region1.google-analytics.com"
    )

    assert "https://region1.google-analytics.com" in repr(backend._destination._client)
    backend.close(0)


def test_the_validation_server_is_asked_instead(sending):
    """What is good there counts as sent, though it gets into no report."""
    with sink(default=(200, {}, b'{"validationMessages":[]}')) as server:
        backend = sending(server.url, validate=True)
        backend.send(event())
        assert backend.flush(HANG_SECONDS)

    [request] = server.requests
    assert urlsplit(request.path).path == "/debug/mp/collect"
    assert request.json()["validation_behavior"] == "ENFORCE_RECOMMENDATIONS"
    assert books(backend)["sent"] == 1


def test_what_the_validation_server_finds_is_logged_once_and_rejected(sending, caplog):
    """The bad event is found among the good ones, though the server names none."""

    def judge(handler):
        bad = b"poison" in handler.server.sink.requests[-1].body
        message = {
            "fieldPath": "events",
            "description": "Event at index: [0] has invalid name [poison].",
            "validationCode": "NAME_INVALID",
        }
        answer = {"validationMessages": [message] if bad else []}
        handler.answer((200, {}, json.dumps(answer).encode()))

    with sink(default=judge) as server:
        backend = sending(server.url, validate=True, flush_interval=0.05)
        for name in ("a", "poison", "b", "poison"):
            backend.send(event(name))
        assert backend.flush(HANG_SECONDS)

    assert books(backend)["sent"] == 2
    assert books(backend)["lost"] == {"rejected": 2}
    [found] = [each.getMessage() for each in caplog.records if "finds fault" in each.getMessage()]
    assert found == (
        'Google Analytics finds fault with "poison": NAME_INVALID events '
        "Event at index: [0] has invalid name [poison]."
    )
    assert "rejected (not valid: NAME_INVALID)" in caplog.text


def test_the_messages_of_the_validation_server_are_bounded(sending, caplog):
    """A different one for every event ends at two hundred."""
    backend = sending("http://127.0.0.1:9", validate=True)
    for number in range(300):
        backend._destination._tell({"description": f"{number} " + "x" * 1000}, "n")

    assert len(caplog.records) == 200
    assert max(len(record.getMessage()) for record in caplog.records) < 600


@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b'{"validationMessages":7}', b"7"])
def test_a_validation_server_that_answers_nonsense_is_taken_for_content(sending, body):
    """What it cannot say is no reason to lose an event."""
    with sink(default=(200, {}, body)) as server:
        backend = sending(server.url, validate=True)
        backend.send(event())
        assert backend.flush(HANG_SECONDS)

    assert books(backend)["sent"] == 1


def test_a_validation_server_that_fails_is_asked_again(sending):
    """It counts nothing, so asking twice does no harm."""
    with sink([503], default=204) as server:
        backend = sending(server.url, validate=True)
        backend.send(event())
        assert backend.flush(HANG_SECONDS)

    assert len(server.requests) == 2
    assert books(backend)["sent"] == 1


def test_the_inspector_finds_what_validation_should_find(sending, caplog):
    """The stand-in for Google speaks the same protocol."""
    with FakeDestinations() as fake:
        backend = sending(fake.google_endpoint, validate=True)
        backend.send(event("good"))
        # Past all checks of ours.
        payload = backend._destination.encode(event("bad")).replace(b'"bad"', b'"9 bad"', 1)
        backend.put("bad", payload)
        assert backend.flush(HANG_SECONDS)

    assert books(backend)["sent"] == 1
    assert books(backend)["lost"] == {"rejected": 1}
    assert "NAME_INVALID" in caplog.text


def test_the_secret_is_in_no_log_repr_or_exception(sending, caplog):
    """At any level, whatever goes wrong."""
    caplog.set_level(logging.DEBUG)
    echo = f"bad request: {SECRET}".encode()
    with sink([(400, {}, echo), (503, {}, echo), reset, (403, {}, echo)]) as server:
        for _ in range(3):
            backend = sending(server.url)
            backend.send(event())
            assert backend.flush(HANG_SECONDS)
        backend.send(event())
        until(lambda: "refuses events" in caplog.text)
    gone = sending(server.url)
    gone.send(event())
    until(lambda: gone._worker._backoff._failures)
    with pytest.raises(ImproperlyConfigured) as error:
        sending(server.url, names={"a": "b c"})

    shown = [caplog.text, repr(gone), repr(gone._destination), repr(gone._destination._client)]
    shown += traceback.format_exception(error.value)
    assert not [text for text in shown if SECRET in text]
    # So that it is known that something was said at all.
    assert "HTTP 503" in caplog.text
    assert "HTTP 403" in caplog.text


def test_events_on_disk_are_sent_by_the_next_process_with_their_own_clients(sending, tmp_path):
    """What waits is written as it will be sent."""
    outbox = tmp_path / "outbox"
    # It gathers for so long that it never begins.
    first = sending("http://127.0.0.1:9", outbox=outbox, flush_interval=HANG_SECONDS)
    for client in ("1.1", "2.2", "1.1"):
        first.send(event("a.b", client))
    first.close(0)
    with sink(default=204) as server:
        second = sending(server.url, outbox=outbox, flush_interval=0.05)
        second.send(event("c.d", "2.2"))
        until(lambda: sum(len(names(request)) for request in server.requests) == 4)
        assert second.flush(HANG_SECONDS)

    arrived = [
        (request.json()["client_id"], each)
        for request in server.requests
        for each in names(request)
    ]
    assert sorted(arrived) == [("1.1", "a_b"), ("1.1", "a_b"), ("2.2", "a_b"), ("2.2", "c_d")]
