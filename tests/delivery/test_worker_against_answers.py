"""The table of answers, held against servers that answer so: retry, split, dead letter, pause."""

import json
import logging
import ssl
import threading
from email.utils import formatdate
from itertools import chain

import pytest
import trustme
from reception import HANG_SECONDS, LIMITS, books, event, until
from sink_server import drip, reset, sink

from eventtracking.delivery import Destination, HttpClient, at_most_once, failure, meaning
from eventtracking.delivery import worker as worker_module
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
            answer = self.client.post("/", b"[" + body + b"]", timeout=timeout)
        except OSError as error:
            return failure(error, batch, idempotent=self.idempotent)
        return meaning(answer) if self.idempotent else at_most_once(answer, batch)

    def close(self):
        self.client.close()


@pytest.fixture(autouse=True)
def asked(monkeypatch):
    """Wait hardly at all, and note what receivers asked for: test_retry looks at the waits."""
    noted = []

    def seconds(self, asked=None):
        noted.append(asked)
        return 0.01

    monkeypatch.setattr(Backoff, "seconds", seconds)
    monkeypatch.setattr(worker_module, "_PROBE_SECONDS", 0.01)
    monkeypatch.setenv("NO_PROXY", "*")
    return noted


@pytest.fixture
def sender(carrying):
    """Return a function that builds a backend for a server, and sends four events."""

    def build(url, *, idempotent=True, **options):
        # One batch: nothing goes before somebody flushes.
        backend = carrying(Hook(url, idempotent=idempotent), flush_interval=300.0, **options)
        for name in NAMES:
            backend.send(event(name))
        return backend

    return build


def batches(there):
    """Return the names in each request."""
    return [[each["name"] for each in request.json()] for request in there.requests]


def ids(there):
    """Return the ids in each request."""
    return [[each["id"] for each in request.json()] for request in there.requests]


def shown(answer):
    return getattr(answer, "__name__", repr(answer))[:50]


@pytest.mark.parametrize(
    "answer",
    [200, 201, 202, 204, (200, {}, b"x" * 1_000_000), (200, {"Connection": "close"}, b"ok")],
    ids=shown,
)
def test_what_is_taken_is_sent_once(sender, answer):
    """Whatever else the answer says."""
    with sink([answer]) as there:
        backend = sender(there.url)

        assert backend.flush(HANG_SECONDS)
        assert batches(there) == [NAMES]
        assert books(backend)["sent"] == 4


PASSING = [408, 425, 429, 500, 502, 503, 504, reset]
PASSING += [b"", b"garbage\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"]
PASSING += [b"HTTP/1.1 200 OK\r\nContent-", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000]


@pytest.mark.parametrize("answer", PASSING, ids=shown)
def test_what_may_pass_is_sent_again_as_it_was(sender, answer):
    """The same events with the same ids: whoever drops repeats by them counts each once."""
    with sink([answer, answer]) as there:
        backend = sender(there.url)

        assert backend.flush(HANG_SECONDS)
        assert batches(there) == [NAMES] * 3
        assert ids(there) == [ids(there)[0]] * 3
        assert books(backend) == {"accepted": 4, "sent": 4, "pending": 0, "lost": {}}


@pytest.mark.parametrize(
    "beginning", [b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n"]
)
def test_a_server_that_never_finishes_its_answer_gets_the_events_again(sender, beginning):
    """After the time-out; headers and body may come as slowly as they like."""
    with sink([drip(beginning)]) as there:
        backend = sender(there.url, timeout=1.0)

        assert backend.flush(HANG_SECONDS)
        assert batches(there) == [NAMES] * 2
        assert books(backend)["lost"] == {}


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_names_a_time_is_asked_no_earlier(sender, asked, status):
    """In seconds, or as a date."""
    script = [(status, {"Retry-After": "7"}), (status, {"Retry-After": formatdate(usegmt=True)})]
    with sink(script) as there:
        backend = sender(there.url)

        assert backend.flush(HANG_SECONDS)
        assert asked == [7.0, 0.0]


def test_a_flush_during_an_attempt_that_fails_has_it_tried_once_more_at_once(sender, monkeypatch):
    """Else it would wait for a minute, and the end of the program would not."""
    monkeypatch.setattr(Backoff, "seconds", lambda self, asked=None: 2.0 * HANG_SECONDS)
    asked, released = threading.Event(), threading.Event()

    def fail_late(handler):
        asked.set()
        released.wait(HANG_SECONDS)
        handler.answer(503)

    with sink([fail_late]) as there:
        backend = sender(there.url, timeout=HANG_SECONDS)
        backend.hurry(HANG_SECONDS)
        assert asked.wait(HANG_SECONDS)
        backend.hurry(HANG_SECONDS)
        released.set()
        until(lambda: backend.stats()["sent"] == 4)

        assert batches(there) == [NAMES] * 2


def too_large(handler):
    """Take one event at a time."""
    number = len(handler.server.sink.requests[-1].json())
    handler.answer(413 if number > 1 else 200)


def test_a_batch_that_is_too_large_is_halved_until_it_fits(sender):
    """In order, and nothing is lost."""
    with sink(default=too_large) as there:
        backend = sender(there.url)

        assert backend.flush(HANG_SECONDS)
        assert batches(there) == [NAMES, ["a", "b"], ["a"], ["b"], ["c", "d"], ["c"], ["d"]]
        assert books(backend)["sent"] == 4


@pytest.mark.parametrize("status", [400, 409, 413, 422])
def test_the_event_that_is_refused_ends_alone_in_the_dead_letter_file(sender, tmp_path, status):
    """With the reason that the server gave, and its neighbours arrive."""

    def picky(handler):
        names = [each["name"] for each in handler.server.sink.requests[-1].json()]
        handler.answer((status, {}, b"c is not valid") if "c" in names else 200)

    with sink(default=picky) as there:
        backend = sender(there.url, outbox=tmp_path / "outbox")

        assert backend.flush(HANG_SECONDS)
        assert books(backend)["sent"] == 3
        assert books(backend)["lost"] == {"rejected": 1}
    [dead] = (tmp_path / "outbox" / "dead.jsonl").read_text().splitlines()
    letter = json.loads(dead)
    assert letter["name"] == "c"
    assert letter["status"] == status
    assert letter["reason"] == f"HTTP {status}: c is not valid"


@pytest.mark.parametrize("answer", [301, 302, 303, 307, 401, 403, 404, 405, 407, 410, 415])
def test_what_only_settings_can_mend_keeps_everything_and_resumes_by_itself(sender, caplog, answer):
    """One event asks whether it is mended, and one warning says what is wrong."""
    caplog.set_level(logging.WARNING)
    redirection = {"Location": "http://elsewhere.invalid/"}
    with sink([(answer, redirection)] * 3) as there:
        backend = sender(there.url)

        assert backend.flush(HANG_SECONDS)
        assert batches(there)[:4] == [NAMES, ["a"], ["a"], ["a"]]
        assert sorted(chain.from_iterable(batches(there)[3:])) == NAMES
        assert books(backend) == {"accepted": 4, "sent": 4, "pending": 0, "lost": {}}
    [warning] = [record.getMessage() for record in caplog.records]
    assert f"Hook refuses events (HTTP {answer}): 4 wait, and are kept" in warning


def test_a_server_that_nobody_trusts_gets_nothing_until_somebody_does(
    sender, caplog, tmp_path, monkeypatch
):
    """The events wait, and arrive without a restart."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with sink(tls=context) as there:
        backend = sender(there.url)
        backend.hurry(HANG_SECONDS)
        until(lambda: caplog.records)
        assert "certificate" in caplog.text
        assert there.requests == []
        assert books(backend)["pending"] == 4

        authority.cert_pem.write_to_path(tmp_path / "authority.pem")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
        assert backend.flush(HANG_SECONDS)
        assert batches(there) == [NAMES]


def test_a_host_without_an_address_costs_no_event(sender, caplog):
    """Nor does a resolver that fails for an hour."""
    backend = sender("http://nowhere.invalid")
    backend.hurry(HANG_SECONDS)
    until(lambda: caplog.records)

    assert "Hook cannot be reached (http://nowhere.invalid: " in caplog.text
    assert books(backend) == {"accepted": 4, "sent": 0, "pending": 4, "lost": {}}


@pytest.mark.parametrize("answer", [500, 503, reset, b"", b"garbage\r\n"], ids=shown)
def test_whoever_counts_repeats_gets_nothing_twice(sender, answer):
    """What may have arrived is a loss that is counted."""
    with sink([answer]) as there:
        backend = sender(there.url, idempotent=False)

        assert backend.flush(HANG_SECONDS)
        assert batches(there) == [NAMES]
        assert books(backend)["lost"] == {"rejected": 4}


@pytest.mark.parametrize("answer", [429, 408, 401, 403, 302, 413])
def test_whoever_counts_repeats_gets_again_what_it_clearly_did_not_take(sender, answer):
    """Not every failure is a loss."""
    with sink([answer]) as there:
        backend = sender(there.url, idempotent=False)

        assert backend.flush(HANG_SECONDS)
        assert books(backend) == {"accepted": 4, "sent": 4, "pending": 0, "lost": {}}
