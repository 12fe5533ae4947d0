"""The worker: outcomes, exceptions, flushes, and several requests at once."""

import logging
import threading

import pytest
from fake_destination import HANG_SECONDS, FakeDestination, checked_stats, event, send, wait_until

from eventtracking.delivery import NotSent, Ok, Pause, Reject, Retry, Split
from eventtracking.delivery import sender as sender_module
from eventtracking.delivery.backoff import Backoff


@pytest.fixture(autouse=True)
def no_delays(monkeypatch):
    """Do not wait between attempts. `test_backoff` tests the delays."""
    monkeypatch.setattr(Backoff, "next_delay", lambda self, requested=None: requested or 0.0)
    monkeypatch.setattr(sender_module, "_PROBE_SECONDS", 0.0)


def test_a_batch_is_sent_again_until_it_arrives(new_backend):
    """The same events, with the same ids."""
    tried = []

    def note(batch):
        tried.append([record.id for record in batch])
        return Retry(reason="HTTP 500")

    destination = FakeDestination(note, note, note)
    backend = new_backend(destination)
    send(backend, "a", "b")

    assert backend.flush(HANG_SECONDS)
    assert destination.names == ["a", "b"]
    assert tried == [[record.id for record in destination.arrived]] * 3
    assert checked_stats(backend)["sent"] == 2


def test_a_delay_that_the_destination_requests_is_passed_to_the_backoff(new_backend, monkeypatch):
    """The backoff decides how long to wait."""
    requested = []
    monkeypatch.setattr(
        Backoff, "next_delay", lambda self, seconds=None: requested.append(seconds) or 0.0
    )
    backend = new_backend(FakeDestination(Retry(after=7.0)))
    send(backend, "a")

    assert backend.flush(HANG_SECONDS)
    assert requested == [7.0]


class BadEventDestination(FakeDestination):
    """Refuses every batch that contains an event called `bad`."""

    def deliver(self, batch, timeout, /):
        if any(record.name == "bad" for record in batch):
            self.attempts.append([record.name for record in batch])
            return Split("HTTP 400", 400)
        return super().deliver(batch, timeout)


@pytest.mark.parametrize("place", [0, 1, 50, 99])
def test_a_bad_event_does_not_affect_the_other_events_of_its_batch(new_backend, place):
    """The batch is halved until the event is alone, in a logarithmic number of requests."""
    names = [str(number) for number in range(100)]
    names[place] = "bad"
    destination = BadEventDestination()
    backend = new_backend(destination)
    send(backend, *names)

    assert backend.flush(HANG_SECONDS)
    assert destination.names == [name for name in names if name != "bad"]
    assert checked_stats(backend)["lost"] == {"rejected": 1}
    assert len(destination.attempts) <= 16


def test_events_rejected_by_id_are_lost_and_the_others_are_sent(new_backend):
    """Some destinations name the bad event."""
    destination = FakeDestination(lambda batch: Reject([batch[1].id], "field x is missing", 422))
    backend = new_backend(destination)
    send(backend, "a", "b", "c")

    assert backend.flush(HANG_SECONDS)
    stats = checked_stats(backend)
    assert stats == {"accepted": 3, "sent": 2, "pending": 0, "lost": {"rejected": 1}}


def test_a_refused_key_keeps_all_events_and_is_logged_once(new_backend, caplog):
    """Delivery resumes without a restart when the key is accepted."""
    destination = FakeDestination(*[Pause("HTTP 401", 401)] * 5)
    backend = new_backend(destination)
    send(backend, *"abc")

    with caplog.at_level(logging.WARNING):
        assert backend.flush(HANG_SECONDS)

    assert destination.names == [*"abc"]
    assert caplog.messages == [
        "Fake refuses events (HTTP 401): 3 event(s) wait until its settings are corrected"
    ]


def test_a_paused_destination_is_probed_with_one_event(new_backend):
    """A probe costs the destination as little as possible."""
    destination = FakeDestination(Pause("HTTP 403"), Pause("HTTP 403"))
    backend = new_backend(destination)
    send(backend, *"abc")

    assert backend.flush(HANG_SECONDS)
    assert destination.attempts[:3] == [[*"abc"], ["a"], ["a"]]
    assert destination.names == [*"abc"]


def test_a_destination_that_is_down_is_logged_once(new_backend, caplog):
    """Not once for each attempt."""
    backend = new_backend(FakeDestination(*[OSError("refused")] * 4))
    send(backend, "a")

    with caplog.at_level(logging.WARNING):
        assert backend.flush(HANG_SECONDS)

    assert caplog.messages == ["Fake cannot be reached (OSError: refused): 1 event(s) wait"]


def test_an_exception_of_a_destination_stops_neither_the_thread_nor_the_other_events(new_backend):
    """The event that causes it is isolated, as after a refusal."""

    class FailingDestination(FakeDestination):
        def deliver(self, batch, timeout, /):
            if any(record.name == "bad" for record in batch):
                raise ZeroDivisionError("division by zero")
            return super().deliver(batch, timeout)

    destination = FailingDestination()
    backend = new_backend(destination)
    send(backend, "a", "bad", "b")

    assert backend.flush(HANG_SECONDS)
    assert destination.names == ["a", "b"]
    assert checked_stats(backend)["lost"] == {"rejected": 1}


@pytest.mark.parametrize(("idempotent", "lost"), [(True, {}), (False, {"rejected": 1})])
def test_a_destination_that_returns_no_outcome_loses_nothing_silently(
    new_backend, monkeypatch, caplog, idempotent, lost
):
    """A typical mistake: it is logged, and the batch is not repeated without a delay."""
    delays = []
    monkeypatch.setattr(Backoff, "next_delay", lambda self, requested=None: delays.append(1) or 0.0)
    outcomes = [None, None, Ok()]
    destination = FakeDestination(idempotent=idempotent)
    destination.deliver = lambda batch, timeout: outcomes.pop(0)
    backend = new_backend(destination)
    send(backend, "a")

    assert backend.flush(HANG_SECONDS)
    assert checked_stats(backend)["lost"] == lost
    assert len(delays) == (2 if idempotent else 0)
    assert "deliver() returned None" in caplog.text


def test_a_destination_that_keeps_repeats_gets_no_event_twice(new_backend):
    """The exception may come after the request: the batch is lost, and counted."""
    destination = FakeDestination(OSError("broken pipe"), idempotent=False)
    backend = new_backend(destination)
    send(backend, "a")

    assert backend.flush(HANG_SECONDS)
    assert destination.attempts == [["a"]]
    assert checked_stats(backend)["lost"] == {"rejected": 1}


def test_a_request_that_was_not_sent_is_repeated_for_every_destination(new_backend):
    """No byte of it can have arrived."""
    destination = FakeDestination(NotSent("connection refused"), idempotent=False)
    backend = new_backend(destination)
    send(backend, "a")

    assert backend.flush(HANG_SECONDS)
    assert destination.attempts == [["a"], ["a"]]
    assert checked_stats(backend)["sent"] == 1


def test_events_older_than_max_age_are_given_up(new_backend):
    """Even while they are sent again and again."""
    destination = FakeDestination(*[Retry()] * 100_000)
    backend = new_backend(destination, max_age=0.05)
    send(backend, "a")

    assert backend.flush(HANG_SECONDS)
    assert checked_stats(backend)["lost"] == {"expired": 1}


def test_a_worker_that_ended_is_started_again_by_the_next_event(new_backend):
    """An unexpected exception ended it."""
    destination = FakeDestination(SystemExit())
    backend = new_backend(destination, flush_interval=0)
    send(backend, "a")
    wait_until(lambda: destination.attempts)
    wait_until(lambda: not backend._worker.is_running)
    send(backend, "b")

    assert wait_until(lambda: len(destination.names) == 2)
    assert destination.names == ["a", "b"]


def test_a_worker_that_ended_is_started_again_by_a_flush(new_backend):
    """There may be no next event."""
    destination = FakeDestination(SystemExit())
    backend = new_backend(destination, flush_interval=0)
    send(backend, "a")
    wait_until(lambda: destination.attempts)
    wait_until(lambda: not backend._worker.is_running)

    assert backend.flush(HANG_SECONDS)
    assert destination.names == ["a"]


def test_a_flush_returns_in_time_when_the_destination_hangs(new_backend):
    """It tells that events are left."""
    destination = FakeDestination()
    destination.is_responding.clear()
    backend = new_backend(destination)
    send(backend, "a")

    assert backend.flush(0.05) is False
    destination.is_responding.set()
    assert backend.flush(HANG_SECONDS)


def test_a_flush_without_events_starts_no_thread(new_backend):
    """Most programs flush at their end, even if nothing was emitted."""
    backend = new_backend()

    assert backend.flush()
    assert not backend._worker.is_running


def test_a_flush_does_not_wait_for_the_delay_after_a_failure(new_backend, monkeypatch):
    """At the end of a program there may be no later attempt."""
    monkeypatch.setattr(Backoff, "next_delay", lambda self, requested=None: HANG_SECONDS * 2)
    destination = FakeDestination(Retry())
    backend = new_backend(destination, flush_interval=0)
    send(backend, "a")
    wait_until(lambda: destination.attempts)

    assert backend.flush(HANG_SECONDS)
    assert destination.names == ["a"]


def test_a_flush_waits_for_the_delay_that_the_destination_requested(new_backend):
    """An earlier request would be refused."""
    destination = FakeDestination(Retry(after=HANG_SECONDS))
    backend = new_backend(destination, flush_interval=0)
    send(backend, "a")
    wait_until(lambda: destination.attempts)

    assert backend.flush(0.05) is False
    assert len(destination.attempts) == 1


def test_a_flush_delivers_in_its_own_thread_where_no_other_can_be_started(new_backend, monkeypatch):
    """As at the exit of the interpreter."""

    def refuse(*_):
        raise RuntimeError("can't create new thread at interpreter shutdown")

    destination = FakeDestination(Retry(), Ok())
    backend = new_backend(destination)
    monkeypatch.setattr("_thread.start_new_thread", refuse)
    backend.send(event("a"))

    assert backend.flush(HANG_SECONDS)
    assert destination.names == ["a"] or destination.attempts == [["a"], ["a"]]


class ParallelDestination(FakeDestination):
    """Takes each event in its own request, four at once."""

    connections = 4
    window_events = 100

    def batches(self, records, /):
        return [[record] for record in records]


class MeetingDestination(ParallelDestination):
    """Responds to the first requests once as many as there are connections have come."""

    def __init__(self, *script, **options):
        super().__init__(*script, **options)
        self.meeting = threading.Barrier(self.connections, timeout=HANG_SECONDS)
        self.threads = []

    def deliver(self, batch, timeout, /):
        self.threads.append(threading.get_ident())
        if len(self.threads) <= self.connections:
            self.meeting.wait()
        return super().deliver(batch, timeout)


def test_several_requests_are_sent_at_once_if_the_destination_allows_it(new_backend):
    """Each of four waits for the other three, which never come if they are sent one by one."""

    class AlwaysMeetingDestination(MeetingDestination):
        def deliver(self, batch, timeout, /):
            self.meeting.wait()
            return ParallelDestination.deliver(self, batch, timeout)

    destination = AlwaysMeetingDestination()
    # Nothing is sent before all events are there.
    backend = new_backend(destination, flush_interval=300.0)
    send(backend, *map(str, range(40)))

    assert backend.flush(HANG_SECONDS)
    assert sorted(destination.names, key=int) == [*map(str, range(40))]
    assert checked_stats(backend)["sent"] == 40


@pytest.mark.parametrize("outbox", ["", "outbox"])
@pytest.mark.parametrize("idempotent", [True, False])
def test_failures_of_some_parallel_requests_do_not_affect_the_others(
    new_backend, tmp_path, outbox, idempotent
):
    """Retries, refusals and losses are mixed, and the statistics are exact."""

    def outcome_of(batch):
        [record] = batch
        number = int(record.name)
        if number % 7 == 0:
            return Reject([record.id], "seven")
        return Ok() if number % 3 or record.id in seen else seen.add(record.id) or Retry()

    seen = set()
    destination = ParallelDestination(idempotent=idempotent)
    arrived = []

    def deliver(batch, timeout):
        outcome = outcome_of(batch)
        if isinstance(outcome, Ok):
            arrived.append(int(batch[0].name))
        return outcome

    destination.deliver = deliver
    backend = new_backend(destination, outbox=tmp_path / outbox if outbox else None)
    send(backend, *map(str, range(300)))

    assert backend.flush(HANG_SECONDS)
    assert sorted(arrived) == [number for number in range(300) if number % 7]
    assert checked_stats(backend)["lost"] == {"rejected": 43}


def test_closing_ends_all_threads(new_backend):
    """Those that wait for a delay as well."""
    destination = MeetingDestination(*[Retry(after=HANG_SECONDS)] * 100)
    backend = new_backend(destination, flush_interval=300.0)
    send(backend, *map(str, range(40)))
    backend.start_flush(HANG_SECONDS)
    wait_until(lambda: len(destination.attempts) == 4)

    assert not backend.close(0)
    wait_until(lambda: not backend._worker.is_running)
    assert len(destination.attempts) == 4


def test_a_paused_destination_is_probed_by_one_of_several_threads(new_backend, monkeypatch):
    """Not by each of them."""
    # Short, so that each thread would have probed.
    monkeypatch.setattr(sender_module, "_PROBE_SECONDS", 0.001)
    destination = MeetingDestination(*[Pause("HTTP 401", 401)] * 24)
    backend = new_backend(destination, flush_interval=300.0)
    send(backend, *map(str, range(40)))

    assert backend.flush(HANG_SECONDS)
    assert len({*destination.threads[4:24]}) == 1
    assert sorted(destination.names, key=int) == [*map(str, range(40))]


def test_a_delay_that_was_requested_of_one_thread_holds_for_all(new_backend):
    """Requests under way are completed; no other is sent."""
    closed = threading.Event()
    destination = MeetingDestination(
        Retry(after=HANG_SECONDS * 2), *[lambda _: closed.wait(HANG_SECONDS) and Ok()] * 3
    )
    backend = new_backend(destination, flush_interval=300.0)
    send(backend, *map(str, range(40)))
    backend.start_flush(HANG_SECONDS)
    wait_until(lambda: backend._worker._sender._breaker.is_open)
    closed.set()
    wait_until(lambda: len(destination.arrived) >= 3)

    assert backend.flush(0.05) is False
    assert len(destination.attempts) == 4
    assert checked_stats(backend)["sent"] == 3
