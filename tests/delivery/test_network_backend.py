"""The network backend: acceptance, batches, limits, losses, flushing and closing."""

import logging
import threading

import pytest
from fake_destination import HANG_SECONDS, FakeDestination, checked_stats, event, send, wait_until
from outbox_programs import files, left_behind, record

from eventtracking.delivery import Limits, NetworkBackend, Retry
from eventtracking.delivery.destination import new_id
from eventtracking.delivery.outbox.segment_header import HEADER_BYTES
from eventtracking.exceptions import EventLost


def test_an_event_arrives(new_backend):
    """Without a flush."""
    destination = FakeDestination()
    backend = new_backend(destination, flush_interval=0)

    send(backend, "a")

    assert wait_until(lambda: destination.names) == ["a"]


def test_events_arrive_in_the_order_they_were_sent(new_backend):
    """In batches of any size."""
    destination = FakeDestination()
    backend = new_backend(destination, batch_events=7)
    names = [str(number) for number in range(100)]

    send(backend, *names)

    assert backend.flush(HANG_SECONDS)
    assert destination.names == names
    assert max(map(len, destination.attempts)) == 7
    assert checked_stats(backend) == {"accepted": 100, "sent": 100, "pending": 0, "lost": {}}


def test_a_batch_is_not_larger_than_the_option_allows(new_backend):
    """The limit in bytes holds as well as the one in events."""
    destination = FakeDestination()
    backend = new_backend(destination, batch_bytes=1000)

    for _ in range(10):
        backend.send(event(text="x" * 400))
    backend.flush(HANG_SECONDS)

    assert [len(names) for names in destination.attempts] == [2] * 5


def test_a_full_batch_is_sent_before_the_flush_interval_is_over(new_backend):
    """There is nothing to wait for."""
    destination = FakeDestination()
    backend = new_backend(destination, batch_events=3, flush_interval=HANG_SECONDS * 2)

    send(backend, "a", "b", "c")

    assert wait_until(lambda: destination.names) == ["a", "b", "c"]


def test_sending_does_not_wait_for_the_destination(new_backend):
    """It hangs, and `send` returns."""
    destination = FakeDestination()
    destination.is_responding.clear()
    backend = new_backend(destination, flush_interval=0)

    send(backend, *"abcdef")

    assert checked_stats(backend)["pending"] == 6
    destination.is_responding.set()
    assert backend.flush(HANG_SECONDS)


def test_every_event_has_an_id_of_its_own():
    """The beginning is random, so that no other process makes the same ids."""
    ids = {new_id() for _ in range(1000)}

    assert len(ids) == 1000
    assert max(map(len, ids)) <= 40


@pytest.mark.parametrize(
    ("options", "sent", "lost"),
    [
        ({"max_pending_events": 3}, ["1", "2", "3"], 2),
        ({"max_pending_events": 3, "on_full": "drop_oldest"}, ["3", "4", "5"], 2),
        ({"max_pending_events": 3, "on_full": "block", "block_timeout": 0.01}, ["1", "2", "3"], 2),
    ],
)
def test_events_without_room_are_counted(new_backend, options, sent, lost):
    """The newest by default, or the oldest, in both cases as `queue_full`."""
    destination = FakeDestination()
    destination.is_responding.clear()
    losses = []
    backend = new_backend(
        destination, flush_interval=HANG_SECONDS, on_loss=lambda *a: losses.append(a), **options
    )

    send(backend, *"12345")

    assert checked_stats(backend)["lost"] == {"queue_full": lost}
    assert [reason for _, _, reason in losses] == ["queue_full"] * lost
    destination.is_responding.set()
    assert backend.flush(HANG_SECONDS)
    assert destination.names == sent


def test_the_memory_is_limited_in_bytes_as_well(new_backend):
    """A few large events need as much memory as many small ones."""
    backend = new_backend(max_pending_bytes=10_000, flush_interval=HANG_SECONDS)

    for _ in range(20):
        backend.send(event(text="x" * 1000))

    assert checked_stats(backend) == {
        "accepted": 20,
        "sent": 0,
        "pending": 9,
        "lost": {"queue_full": 11},
    }


def test_blocking_loses_no_event_while_the_destination_responds(new_backend):
    """`emit` waits instead, as the application has asked for."""
    destination = FakeDestination()
    backend = new_backend(
        destination,
        max_pending_events=5,
        on_full="block",
        block_timeout=HANG_SECONDS,
        flush_interval=0,
    )

    send(backend, *map(str, range(50)))

    assert backend.flush(HANG_SECONDS)
    assert destination.names == [*map(str, range(50))]


def test_an_event_that_the_destination_cannot_encode_is_counted_and_logged_once(
    new_backend, caplog
):
    """The destination gives the reason."""
    backend = new_backend()

    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            backend.send(event("a.b", refused=True))

    assert checked_stats(backend)["lost"] == {"rejected": 3}
    assert caplog.messages == [
        'Lost 1 event(s) on the way to Fake, such as "a.b": rejected (no identity)'
    ]


def test_an_unknown_loss_reason_counts_as_a_backend_error(new_backend, caplog):
    """Dashboards rely on the list of reasons. The unknown one is logged."""

    class ConsentDestination(FakeDestination):
        def encode(self, event, /):
            raise EventLost("no consent")

    backend = new_backend(ConsentDestination())

    backend.send(event("a.b"))

    assert checked_stats(backend)["lost"] == {"backend_error": 1}
    assert "(no consent)" in caplog.text


def test_an_event_that_is_too_large_for_the_destination_is_counted(new_backend):
    """It would make the destination refuse the whole batch."""
    backend = new_backend(FakeDestination(limits=Limits(10, 1000, 200)))

    backend.send(event(text="x" * 200))

    assert checked_stats(backend)["lost"] == {"too_large": 1}


def test_a_failing_loss_callback_does_not_stop_delivery(new_backend, caplog):
    """The exception is logged, once a minute."""
    destination = FakeDestination()

    def fail(*_):
        raise RuntimeError("callback")

    backend = new_backend(destination, on_loss=fail)
    backend.send(event(refused=True))
    send(backend, "a")

    assert backend.flush(HANG_SECONDS)
    assert destination.names == ["a"]
    assert "Fake: on_loss failed" in caplog.messages


def test_a_loss_callback_may_flush_and_emit(new_backend):
    """It runs in the worker, which must not wait for itself."""
    destination = FakeDestination()
    flushed = []

    def on_loss(*_):
        flushed.append(backend.flush(HANG_SECONDS))
        send(backend, "from the callback")

    backend = new_backend(destination, on_loss=on_loss, max_age=0.001)
    destination.script = []
    send(backend, "old")
    wait_until(lambda: flushed)

    assert backend.flush(HANG_SECONDS) or checked_stats(backend)["lost"]


def test_closing_delivers_waiting_events(new_backend):
    """Afterwards no thread is left."""
    destination = FakeDestination()
    backend = new_backend(destination)
    send(backend, "a", "b")

    assert backend.close(HANG_SECONDS)
    assert destination.names == ["a", "b"]
    assert backend.close(HANG_SECONDS)
    assert not backend._worker.is_running


def test_an_event_after_closing_is_counted(new_backend):
    """As `closed`. The backend stays closed."""
    backend = new_backend()
    backend.close()

    send(backend, "late")

    assert checked_stats(backend)["lost"] == {"closed": 1}


def test_closing_logs_how_many_events_in_memory_are_lost(new_backend, caplog):
    """In one line."""
    destination = FakeDestination()
    destination.is_responding.clear()
    backend = new_backend(destination, flush_interval=0)
    send(backend, *"abcde")

    with caplog.at_level(logging.WARNING):
        assert not backend.close(0.05)

    assert checked_stats(backend)["lost"] == {"closed": 5}
    assert caplog.messages == [
        'Lost 5 event(s) on the way to Fake, such as "a": closed (only in memory)'
    ]
    destination.is_responding.set()


def test_an_event_that_arrives_after_it_was_given_up_is_counted_once(new_backend):
    """The request was under way when the backend was closed, and succeeds."""
    destination = FakeDestination()
    destination.is_responding.clear()
    backend = new_backend(destination, flush_interval=0)
    send(backend, "a")
    wait_until(lambda: destination.attempts)
    backend.close(0)
    destination.is_responding.set()
    wait_until(lambda: destination.names)

    assert checked_stats(backend) == {"accepted": 1, "sent": 0, "pending": 0, "lost": {"closed": 1}}


def test_events_of_many_threads_arrive_once_and_in_order(new_backend):
    """In the order of each thread."""
    destination = FakeDestination()
    backend = new_backend(destination, flush_interval=0, batch_events=50)

    def emit(number):
        send(backend, *(f"{number} {count}" for count in range(500)))

    threads = [threading.Thread(target=emit, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(HANG_SECONDS)

    assert backend.flush(HANG_SECONDS)
    assert sorted(destination.names) == sorted(f"{n} {c}" for n in range(8) for c in range(500))
    for number in range(8):
        own = [name for name in destination.names if name.startswith(f"{number} ")]
        assert own == [f"{number} {count}" for count in range(500)]
    assert checked_stats(backend)["sent"] == 4000


def test_a_flush_delivers_the_events_of_ended_processes(new_backend, tmp_path):
    """Even if nothing was emitted, from many files, some of them empty."""
    destination = FakeDestination()
    for writer in "abc":
        empty = left_behind(tmp_path, record(0))
        empty.write_bytes(empty.read_bytes()[:HEADER_BYTES])
        left_behind(tmp_path, *[record(each, writer) for each in range(5)])
    backend = new_backend(destination, outbox=tmp_path)

    assert backend.flush(HANG_SECONDS)
    assert [each.id for each in destination.arrived] == [
        f"{w}-{n}" for w in "abc" for n in range(5)
    ]
    assert checked_stats(backend)["accepted"] == 15
    assert files(tmp_path) == []


def test_a_flush_delivers_events_left_since_the_last_scan(new_backend, tmp_path):
    """`eventtracking outbox retry` adds files while a program runs."""
    destination = FakeDestination()
    backend = new_backend(destination, outbox=tmp_path / "outbox")
    send(backend, "first")
    assert backend.flush(HANG_SECONDS)
    for number in range(8):
        left = left_behind(tmp_path / "elsewhere", record(number))
        left.rename(tmp_path / "outbox" / left.name)

    assert backend.flush(HANG_SECONDS)
    assert [each.id for each in destination.arrived[1:]] == [f"w-{number}" for number in range(8)]


def test_a_flush_counts_undelivered_events_of_ended_processes_as_pending(new_backend, tmp_path):
    """It tells that events are left."""
    left_behind(tmp_path, record(0))
    backend = new_backend(FakeDestination(Retry(after=HANG_SECONDS)), outbox=tmp_path)

    assert not backend.flush(0.05)
    assert checked_stats(backend)["pending"] == 1


def test_building_and_closing_a_backend_starts_no_thread_and_sends_nothing(tmp_path):
    """`eventtracking check` does so, for example."""
    left_behind(tmp_path, record(0))
    destination = FakeDestination()
    backend = NetworkBackend(destination, outbox=tmp_path)

    assert not backend._worker.is_running
    assert backend.close()
    assert not backend._worker.is_running
    assert destination.attempts == []
