"""How the worker meets what a destination answers, and what it raises."""

import logging
import threading

import pytest
from reception import HANG_SECONDS, Reception, books, event, send, until

from eventtracking.delivery import Ok, Pause, Reject, Retry, Split
from eventtracking.delivery import worker as worker_module
from eventtracking.delivery.backoff import Backoff


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Nothing here tests how long the waits are: test_retry does."""
    monkeypatch.setattr(Backoff, "seconds", lambda self, asked=None: asked or 0.0)
    monkeypatch.setattr(worker_module, "_PROBE_SECONDS", 0.0)


def test_a_batch_is_sent_again_until_it_arrives(carrying):
    """The same events, with the same ids."""
    tried = []

    def note(batch):
        tried.append([record.id for record in batch])
        return Retry(reason="HTTP 500")

    there = Reception(note, note, note)
    backend = carrying(there)
    send(backend, "a", "b")

    assert backend.flush(HANG_SECONDS)
    assert there.names == ["a", "b"]
    assert tried == [[record.id for record in there.arrived]] * 3
    assert books(backend)["sent"] == 2


def test_a_receiver_that_asks_for_time_gets_it(carrying, monkeypatch):
    """Never earlier than it said."""
    asked = []
    monkeypatch.setattr(Backoff, "seconds", lambda self, wanted=None: asked.append(wanted) or 0.0)
    backend = carrying(Reception(Retry(after=7.0)))
    send(backend, "a")

    assert backend.flush(HANG_SECONDS)
    assert asked == [7.0]


class Picky(Reception):
    """Refuses every batch with a bad event in it."""

    def deliver(self, batch, timeout, /):
        if any(record.name == "bad" for record in batch):
            self.attempts.append([record.name for record in batch])
            return Split("HTTP 400", 400)
        return super().deliver(batch, timeout)


@pytest.mark.parametrize("place", [0, 1, 50, 99])
def test_one_bad_event_takes_no_neighbour_with_it(carrying, place):
    """It is halved down to, in about as many requests as the size has bits."""
    names = [str(number) for number in range(100)]
    names[place] = "bad"
    there = Picky()
    backend = carrying(there)
    send(backend, *names)

    assert backend.flush(HANG_SECONDS)
    assert there.names == [name for name in names if name != "bad"]
    assert books(backend)["lost"] == {"rejected": 1}
    assert len(there.attempts) <= 16


def test_what_is_rejected_by_id_is_lost_and_the_others_arrived(carrying):
    """Some destinations tell which one it was."""
    there = Reception(lambda batch: Reject([batch[1].id], "field x is missing", 422))
    backend = carrying(there)
    send(backend, "a", "b", "c")

    assert backend.flush(HANG_SECONDS)
    assert books(backend) == {"accepted": 3, "sent": 2, "pending": 0, "lost": {"rejected": 1}}


def test_a_refused_key_keeps_everything_and_says_so_once(carrying, caplog):
    """It resumes by itself when the key is right."""
    there = Reception(*[Pause("HTTP 401", 401)] * 5)
    backend = carrying(there)
    send(backend, *"abc")

    with caplog.at_level(logging.WARNING):
        assert backend.flush(HANG_SECONDS)

    assert there.names == [*"abc"]
    assert caplog.messages == [
        "Reception refuses events (HTTP 401): 3 wait, and are kept. Mend its settings"
    ]


def test_while_it_is_paused_one_event_asks_for_all(carrying):
    """A probe costs the destination as little as it can."""
    there = Reception(Pause("HTTP 403"), Pause("HTTP 403"))
    backend = carrying(there)
    send(backend, *"abc")

    assert backend.flush(HANG_SECONDS)
    assert there.attempts[:3] == [[*"abc"], ["a"], ["a"]]
    assert there.names == [*"abc"]


def test_a_destination_that_is_down_is_told_of_once(carrying, caplog):
    """Not a line for each attempt."""
    backend = carrying(Reception(*[OSError("refused")] * 4))
    send(backend, "a")

    with caplog.at_level(logging.WARNING):
        assert backend.flush(HANG_SECONDS)

    assert caplog.messages == ["Reception cannot be reached (OSError: refused): 1 event(s) wait"]


def test_an_exception_of_a_destination_stops_neither_the_thread_nor_the_others(carrying):
    """The event that makes it fail stands alone in the end."""

    class Failing(Picky):
        def deliver(self, batch, timeout, /):
            if any(record.name == "bad" for record in batch):
                raise ZeroDivisionError("division by zero")
            return super().deliver(batch, timeout)

    there = Failing()
    backend = carrying(there)
    send(backend, "a", "bad", "b")

    assert backend.flush(HANG_SECONDS)
    assert there.names == ["a", "b"]
    assert books(backend)["lost"] == {"rejected": 1}


@pytest.mark.parametrize(("idempotent", "lost"), [(True, {}), (False, {"rejected": 1})])
def test_a_destination_that_forgets_to_say_what_became_of_a_batch_loses_nothing_silently(
    carrying, monkeypatch, caplog, idempotent, lost
):
    """The mistake of a first destination: it is told, and not repeated without a pause."""
    waits = []
    monkeypatch.setattr(Backoff, "seconds", lambda self, asked=None: waits.append(1) or 0.0)
    answers = [None, None, Ok()]
    there = Reception(idempotent=idempotent)
    there.deliver = lambda batch, timeout: answers.pop(0)
    backend = carrying(there)
    send(backend, "a")

    assert backend.flush(HANG_SECONDS)
    assert books(backend)["lost"] == lost
    assert len(waits) == (2 if idempotent else 0)
    assert "deliver() returned None" in caplog.text


def test_nothing_is_sent_twice_to_who_cannot_tell(carrying):
    """An exception may come after the bytes: such a batch is lost, and counted."""
    there = Reception(OSError("broken pipe"), idempotent=False)
    backend = carrying(there)
    send(backend, "a")

    assert backend.flush(HANG_SECONDS)
    assert there.attempts == [["a"]]
    assert books(backend)["lost"] == {"rejected": 1}


def test_what_is_too_old_is_given_up(carrying):
    """Also while it is tried again and again."""
    there = Reception(*[Retry()] * 100_000)
    backend = carrying(there, max_age=0.05)
    send(backend, "a")

    assert backend.flush(HANG_SECONDS)
    assert books(backend)["lost"] == {"expired": 1}


def test_a_worker_that_died_is_started_again_by_the_next_event(carrying):
    """Something raised through it that nobody foresaw."""
    there = Reception(SystemExit())
    backend = carrying(there, flush_interval=0)
    send(backend, "a")
    until(lambda: there.attempts)
    until(lambda: not backend._worker._runs)
    send(backend, "b")

    assert until(lambda: len(there.names) == 2)
    assert there.names == ["a", "b"]


def test_flushing_starts_the_worker_again_too(carrying):
    """There need not be a next event."""
    there = Reception(SystemExit())
    backend = carrying(there, flush_interval=0)
    send(backend, "a")
    until(lambda: there.attempts)
    until(lambda: not backend._worker._runs)

    assert backend.flush(HANG_SECONDS)
    assert there.names == ["a"]


def test_flushing_is_bounded_when_the_destination_hangs(carrying):
    """It says that something is left."""
    there = Reception()
    there.gate.clear()
    backend = carrying(there)
    send(backend, "a")

    assert backend.flush(0.05) is False
    there.gate.set()
    assert backend.flush(HANG_SECONDS)


def test_flushing_without_events_starts_no_thread(carrying):
    """Most programs flush at their end, whatever happened."""
    backend = carrying()

    assert backend.flush()
    assert not backend._worker._runs


def test_a_flush_tries_at_once_what_would_wait_for_a_minute(carrying, monkeypatch):
    """At the end of a program there may be no later."""
    monkeypatch.setattr(Backoff, "seconds", lambda self, asked=None: HANG_SECONDS * 2)
    there = Reception(Retry())
    backend = carrying(there, flush_interval=0)
    send(backend, "a")
    until(lambda: there.attempts)

    assert backend.flush(HANG_SECONDS)
    assert there.names == ["a"]


def test_a_flush_does_not_ask_before_the_time_that_a_receiver_named(carrying):
    """It said when it wants to be asked."""
    there = Reception(Retry(after=HANG_SECONDS))
    backend = carrying(there, flush_interval=0)
    send(backend, "a")
    until(lambda: there.attempts)

    assert backend.flush(0.05) is False
    assert len(there.attempts) == 1


def test_where_no_thread_can_start_flushing_delivers_in_the_one_that_calls(carrying, monkeypatch):
    """As at the end of the interpreter."""

    def refuse(*_):
        raise RuntimeError("can't create new thread at interpreter shutdown")

    there = Reception(Retry(), Ok())
    backend = carrying(there)
    monkeypatch.setattr("_thread.start_new_thread", refuse)
    backend.send(event("a"))

    assert backend.flush(HANG_SECONDS)
    assert there.names == ["a"] or there.attempts == [["a"], ["a"]]


class Several(Reception):
    """Takes each event in a request of its own, several at once."""

    connections = 4
    window_events = 100

    def __init__(self, *script, **options):
        super().__init__(*script, **options)
        self.meeting = threading.Barrier(self.connections, timeout=HANG_SECONDS)

    def batches(self, records, /):
        return [[record] for record in records]


class Together(Several):
    """Answers the first of them once all are on their way, and notes which threads ask."""

    def __init__(self, *script, **options):
        super().__init__(*script, **options)
        self.threads = []

    def deliver(self, batch, timeout, /):
        self.threads.append(threading.get_ident())
        if len(self.threads) <= self.connections:
            self.meeting.wait()
        return super().deliver(batch, timeout)


def test_several_requests_are_on_their_way_at_once_where_a_destination_takes_them(carrying):
    """Each of the four waits for the other three: one at a time would never end."""

    class Meeting(Several):
        def deliver(self, batch, timeout, /):
            self.meeting.wait()
            return super().deliver(batch, timeout)

    there = Meeting()
    # They are all there before the first leaves.
    backend = carrying(there, flush_interval=300.0)
    send(backend, *map(str, range(40)))

    assert backend.flush(HANG_SECONDS)
    assert sorted(there.names, key=int) == [*map(str, range(40))]
    assert books(backend)["sent"] == 40


@pytest.mark.parametrize("outbox", ["", "outbox"])
@pytest.mark.parametrize("idempotent", [True, False])
def test_failures_of_some_of_them_lose_nothing_of_the_others(
    carrying, tmp_path, outbox, idempotent
):
    """Retries, refusals and losses, mixed, and books that are exact."""

    def some(batch):
        [record] = batch
        number = int(record.name)
        if number % 7 == 0:
            return Reject([record.id], "seven")
        return Ok() if number % 3 or record.id in seen else seen.add(record.id) or Retry()

    seen = set()
    there = Several(idempotent=idempotent)
    arrived = []

    def deliver(batch, timeout):
        outcome = some(batch)
        if isinstance(outcome, Ok):
            arrived.append(int(batch[0].name))
        return outcome

    there.deliver = deliver
    backend = carrying(there, outbox=tmp_path / outbox if outbox else None)
    send(backend, *map(str, range(300)))

    assert backend.flush(HANG_SECONDS)
    assert sorted(arrived) == [number for number in range(300) if number % 7]
    assert books(backend)["lost"] == {"rejected": 43}


def test_closing_ends_all_of_them(carrying):
    """Those that wait for a better time as well."""
    there = Together(*[Retry(after=HANG_SECONDS)] * 100)
    backend = carrying(there, flush_interval=300.0)
    send(backend, *map(str, range(40)))
    backend.hurry(HANG_SECONDS)
    until(lambda: len(there.attempts) == 4)

    assert not backend.close(0)
    until(lambda: not backend._worker._runs)
    assert len(there.attempts) == 4


def test_while_it_is_paused_one_of_them_asks_for_all(carrying, monkeypatch):
    """Not each of them, once a minute."""
    # So that each of them had its turn, if it asked.
    monkeypatch.setattr(worker_module, "_PROBE_SECONDS", 0.001)
    there = Together(*[Pause("HTTP 401", 401)] * 24)
    backend = carrying(there, flush_interval=300.0)
    send(backend, *map(str, range(40)))

    assert backend.flush(HANG_SECONDS)
    assert len({*there.threads[4:24]}) == 1
    assert sorted(there.names, key=int) == [*map(str, range(40))]


def test_none_of_them_asks_before_the_time_that_a_receiver_named_to_one(carrying):
    """What was on its way already arrives; nothing else is sent."""
    closed = threading.Event()
    there = Together(
        Retry(after=HANG_SECONDS * 2), *[lambda _: closed.wait(HANG_SECONDS) and Ok()] * 3
    )
    backend = carrying(there, flush_interval=300.0)
    send(backend, *map(str, range(40)))
    backend.hurry(HANG_SECONDS)
    until(lambda: backend._worker._gate.is_closed)
    closed.set()
    until(lambda: len(there.arrived) >= 3)

    assert backend.flush(0.05) is False
    assert len(there.attempts) == 4
    assert books(backend)["sent"] == 3
