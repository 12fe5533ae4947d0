"""The responses of real servers: retries, splits, dead letters and pauses."""

import json
import logging
import ssl
import threading
from email.utils import formatdate
from itertools import chain

import pytest
import trustme
from fake_destination import HANG_SECONDS, LIMITS, checked_stats, event, wait_until
from sink_server import drip, reset, sink

from eventtracking.delivery import Destination, HttpClient, at_most_once, failure, outcome_of
from eventtracking.delivery import sender as sender_module
from eventtracking.delivery.backoff import Backoff
from eventtracking.serialization import encode

NAMES = ["a", "b", "c", "d"]


class Hook(Destination):
    """Posts a JSON array to a server."""

    label = "Hook"
    limits = LIMITS

    def __init__(self, url, *, idempotent=True):
        self.client = HttpClient(url, owner="Hook", option="url")
        self.idempotent = idempotent

    def encode(self, event, /):
        return encode(event)[:-1]

    def deliver(self, batch, timeout, /):
        body = b",".join(
            b'{"id":"' + record.id.encode() + b'",' + record.payload[1:] for record in batch
        )
        try:
            response = self.client.post("/", b"[" + body + b"]", timeout=timeout)
        except OSError as error:
            return failure(error, batch, idempotent=self.idempotent)
        return outcome_of(response) if self.idempotent else at_most_once(response, batch)

    def close(self):
        self.client.close()


@pytest.fixture(autouse=True)
def requested(monkeypatch):
    """Shorten all delays, and return those that servers requested. `test_backoff` tests them."""
    noted = []

    def next_delay(self, requested=None):
        noted.append(requested)
        return 0.01

    monkeypatch.setattr(Backoff, "next_delay", next_delay)
    monkeypatch.setattr(sender_module, "_PROBE_SECONDS", 0.01)
    monkeypatch.setenv("NO_PROXY", "*")
    return noted


@pytest.fixture
def sender(new_backend):
    """Return a function that builds a backend for a URL, and sends four events."""

    def build(url, *, idempotent=True, **options):
        # In one batch: nothing is sent before a flush.
        backend = new_backend(Hook(url, idempotent=idempotent), flush_interval=300.0, **options)
        for name in NAMES:
            backend.send(event(name))
        return backend

    return build


def batches(server):
    """Return the names in each request."""
    return [[each["name"] for each in request.json()] for request in server.requests]


def ids(server):
    """Return the ids in each request."""
    return [[each["id"] for each in request.json()] for request in server.requests]


def shown(response):
    return getattr(response, "__name__", repr(response))[:50]


@pytest.mark.parametrize(
    "response",
    [200, 201, 202, 204, (200, {}, b"x" * 1_000_000), (200, {"Connection": "close"}, b"ok")],
    ids=shown,
)
def test_accepted_events_are_sent_once(sender, response):
    """Whatever the headers and the body of the response are."""
    with sink([response]) as server:
        backend = sender(server.url)

        assert backend.flush(HANG_SECONDS)
        assert batches(server) == [NAMES]
        assert checked_stats(backend)["sent"] == 4


TEMPORARY = [408, 425, 429, 500, 502, 503, 504, reset]
TEMPORARY += [b"", b"garbage\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"]
TEMPORARY += [b"HTTP/1.1 200 OK\r\nContent-", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000]


@pytest.mark.parametrize("response", TEMPORARY, ids=shown)
def test_after_a_temporary_failure_the_same_request_is_sent_again(sender, response):
    """With the same ids, so that a destination that drops repeats counts each event once."""
    with sink([response, response]) as server:
        backend = sender(server.url)

        assert backend.flush(HANG_SECONDS)
        assert batches(server) == [NAMES] * 3
        assert ids(server) == [ids(server)[0]] * 3
        assert checked_stats(backend) == {"accepted": 4, "sent": 4, "pending": 0, "lost": {}}


@pytest.mark.parametrize(
    "beginning", [b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n"]
)
def test_a_server_that_never_completes_its_response_gets_the_events_again(sender, beginning):
    """After the timeout, even if bytes of the headers or the body keep coming."""
    with sink([drip(beginning)]) as server:
        backend = sender(server.url, timeout=1.0)

        assert backend.flush(HANG_SECONDS)
        assert batches(server) == [NAMES] * 2
        assert checked_stats(backend)["lost"] == {}


@pytest.mark.parametrize("status", [429, 503])
def test_a_requested_delay_is_respected(sender, requested, status):
    """In seconds, or as a date."""
    script = [(status, {"Retry-After": "7"}), (status, {"Retry-After": formatdate(usegmt=True)})]
    with sink(script) as server:
        backend = sender(server.url)

        assert backend.flush(HANG_SECONDS)
        assert requested == [7.0, 0.0]


def test_a_flush_during_a_failing_attempt_causes_another_attempt_at_once(sender, monkeypatch):
    """Otherwise the next attempt would come after the exit of the program."""
    monkeypatch.setattr(Backoff, "next_delay", lambda self, requested=None: 2.0 * HANG_SECONDS)
    arrived, released = threading.Event(), threading.Event()

    def fail_late(handler):
        arrived.set()
        released.wait(HANG_SECONDS)
        handler.respond(503)

    with sink([fail_late]) as server:
        backend = sender(server.url, timeout=HANG_SECONDS)
        backend.start_flush(HANG_SECONDS)
        assert arrived.wait(HANG_SECONDS)
        backend.start_flush(HANG_SECONDS)
        released.set()
        wait_until(lambda: backend.stats()["sent"] == 4)

        assert batches(server) == [NAMES] * 2


def too_large(handler):
    """Accept one event at a time."""
    number = len(handler.server.sink.requests[-1].json())
    handler.respond(413 if number > 1 else 200)


def test_a_batch_that_is_too_large_is_halved_until_it_is_accepted(sender):
    """In order, and without a loss."""
    with sink(default=too_large) as server:
        backend = sender(server.url)

        assert backend.flush(HANG_SECONDS)
        assert batches(server) == [NAMES, ["a", "b"], ["a"], ["b"], ["c", "d"], ["c"], ["d"]]
        assert checked_stats(backend)["sent"] == 4


@pytest.mark.parametrize("status", [400, 409, 413, 422])
def test_a_refused_event_becomes_a_dead_letter(sender, tmp_path, status):
    """With the explanation of the server. The other events of the batch arrive."""

    def picky(handler):
        names = [each["name"] for each in handler.server.sink.requests[-1].json()]
        handler.respond((status, {}, b"c is not valid") if "c" in names else 200)

    with sink(default=picky) as server:
        backend = sender(server.url, outbox=tmp_path / "outbox")

        assert backend.flush(HANG_SECONDS)
        assert checked_stats(backend)["sent"] == 3
        assert checked_stats(backend)["lost"] == {"rejected": 1}
    [dead] = (tmp_path / "outbox" / "dead.jsonl").read_text().splitlines()
    letter = json.loads(dead)
    assert letter["name"] == "c"
    assert letter["status"] == status
    assert letter["reason"] == f"HTTP {status}: c is not valid"


@pytest.mark.parametrize("response", [301, 302, 303, 307, 401, 403, 404, 405, 407, 410, 415])
def test_wrong_settings_pause_delivery_until_they_are_corrected(sender, caplog, response):
    """One event probes the server, and one warning gives the reason."""
    caplog.set_level(logging.WARNING)
    redirection = {"Location": "http://elsewhere.invalid/"}
    with sink([(response, redirection)] * 3) as server:
        backend = sender(server.url)

        assert backend.flush(HANG_SECONDS)
        assert batches(server)[:4] == [NAMES, ["a"], ["a"], ["a"]]
        assert sorted(chain.from_iterable(batches(server)[3:])) == NAMES
        assert checked_stats(backend) == {"accepted": 4, "sent": 4, "pending": 0, "lost": {}}
    [warning] = [record.getMessage() for record in caplog.records]
    assert f"Hook refuses events (HTTP {response}): 4 event(s) wait until" in warning


def test_a_server_gets_no_event_until_its_certificate_is_trusted(
    sender, caplog, tmp_path, monkeypatch
):
    """The events wait, and arrive without a restart."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with sink(tls=context) as server:
        backend = sender(server.url)
        backend.start_flush(HANG_SECONDS)
        wait_until(lambda: caplog.records)
        assert "certificate" in caplog.text
        assert server.requests == []
        assert checked_stats(backend)["pending"] == 4

        authority.cert_pem.write_to_path(tmp_path / "authority.pem")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
        assert backend.flush(HANG_SECONDS)
        assert batches(server) == [NAMES]


def test_a_host_without_an_address_loses_no_event(sender, caplog):
    """The resolver may fail for hours."""
    backend = sender("http://nowhere.invalid")
    backend.start_flush(HANG_SECONDS)
    wait_until(lambda: caplog.records)

    assert "Hook cannot be reached (http://nowhere.invalid: " in caplog.text
    assert checked_stats(backend) == {"accepted": 4, "sent": 0, "pending": 4, "lost": {}}


@pytest.mark.parametrize("response", [500, 503, reset, b"", b"garbage\r\n"], ids=shown)
def test_a_destination_that_keeps_repeats_gets_no_event_twice(sender, response):
    """Events that may have arrived are counted as lost."""
    with sink([response]) as server:
        backend = sender(server.url, idempotent=False)

        assert backend.flush(HANG_SECONDS)
        assert batches(server) == [NAMES]
        assert checked_stats(backend)["lost"] == {"rejected": 4}


@pytest.mark.parametrize("response", [429, 408, 401, 403, 302, 413])
def test_a_destination_that_keeps_repeats_gets_events_again_that_it_did_not_accept(
    sender, response
):
    """These responses say that nothing was accepted."""
    with sink([response]) as server:
        backend = sender(server.url, idempotent=False)

        assert backend.flush(HANG_SECONDS)
        assert checked_stats(backend) == {"accepted": 4, "sent": 4, "pending": 0, "lost": {}}
