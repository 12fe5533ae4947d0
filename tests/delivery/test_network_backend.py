"""What a backend that sends over a network takes, keeps, loses and says."""

import logging
import threading

import pytest
from outbox_programs import files, left_behind, record
from reception import HANG_SECONDS, Reception, books, event, send, until

from eventtracking.delivery import Limits, NetworkBackend, Retry
from eventtracking.delivery.destination import new_id
from eventtracking.delivery.outbox.segment_header import HEADER_BYTES
from eventtracking.exceptions import EventLost


def test_an_event_arrives(carrying):
    """Nobody has to flush."""
    there = Reception()
    backend = carrying(there, flush_interval=0)

    send(backend, "a")

    assert until(lambda: there.names) == ["a"]


def test_events_arrive_in_the_order_they_were_sent(carrying):
    """Whatever the batches are."""
    there = Reception()
    backend = carrying(there, batch_events=7)
    names = [str(number) for number in range(100)]

    send(backend, *names)

    assert backend.flush(HANG_SECONDS)
    assert there.names == names
    assert max(map(len, there.attempts)) == 7
    assert books(backend) == {"accepted": 100, "sent": 100, "pending": 0, "lost": {}}


def test_a_batch_is_no_larger_than_said(carrying):
    """In bytes, too: what a destination refuses for its size was sent for nothing."""
    there = Reception()
    backend = carrying(there, batch_bytes=1000)

    for _ in range(10):
        backend.send(event(text="x" * 400))
    backend.flush(HANG_SECONDS)

    assert [len(names) for names in there.attempts] == [2] * 5


def test_a_full_batch_leaves_before_the_interval_is_over(carrying):
    """A thousand events do not wait for one more."""
    there = Reception()
    backend = carrying(there, batch_events=3, flush_interval=HANG_SECONDS * 2)

    send(backend, "a", "b", "c")

    assert until(lambda: there.names) == ["a", "b", "c"]


def test_sending_does_not_wait_for_the_destination(carrying):
    """It hangs, and `send` returns: each of these would take a second otherwise."""
    there = Reception()
    there.gate.clear()
    backend = carrying(there, flush_interval=0)

    send(backend, *"abcdef")

    assert books(backend)["pending"] == 6
    there.gate.set()
    assert backend.flush(HANG_SECONDS)


def test_the_same_event_has_another_id_each_time():
    """And no other process makes the same ones: they begin at random."""
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
def test_what_there_is_no_room_for_is_counted(carrying, options, sent, lost):
    """The newest by default, or the oldest: both say `queue_full`."""
    there = Reception()
    there.gate.clear()
    told = []
    backend = carrying(
        there, flush_interval=HANG_SECONDS, on_loss=lambda *a: told.append(a), **options
    )

    send(backend, *"12345")

    assert books(backend)["lost"] == {"queue_full": lost}
    assert [reason for _, _, reason in told] == ["queue_full"] * lost
    there.gate.set()
    assert backend.flush(HANG_SECONDS)
    assert there.names == sent


def test_bytes_are_bounded_as_well(carrying):
    """A few large events fill the memory as many small ones do."""
    backend = carrying(max_pending_bytes=10_000, flush_interval=HANG_SECONDS)

    for _ in range(20):
        backend.send(event(text="x" * 1000))

    assert books(backend) == {"accepted": 20, "sent": 0, "pending": 9, "lost": {"queue_full": 11}}


def test_blocking_lets_every_event_through_while_the_destination_keeps_up(carrying):
    """`emit` is slowed down instead: the host asked for that."""
    there = Reception()
    backend = carrying(
        there, max_pending_events=5, on_full="block", block_timeout=HANG_SECONDS, flush_interval=0
    )

    send(backend, *map(str, range(50)))

    assert backend.flush(HANG_SECONDS)
    assert there.names == [*map(str, range(50))]


def test_what_a_destination_cannot_write_is_counted_and_said_once(carrying, caplog):
    """The reason is the destination's own."""
    backend = carrying()

    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            backend.send(event("a.b", refused=True))

    assert books(backend)["lost"] == {"rejected": 3}
    assert caplog.messages == [
        'Lost 1 event(s) on the way to Reception, such as "a.b": rejected (no identity)'
    ]


def test_a_reason_that_is_on_no_list_is_counted_all_the_same(carrying, caplog):
    """Dashboards rely on the list; the word of the destination is in the log."""

    class Choosy(Reception):
        def encode(self, event, /):
            raise EventLost("no consent")

    backend = carrying(Choosy())

    backend.send(event("a.b"))

    assert books(backend)["lost"] == {"backend_error": 1}
    assert "(no consent)" in caplog.text


def test_an_event_larger_than_the_destination_takes_is_counted(carrying):
    """It would be refused there, and take its neighbours with it."""
    backend = carrying(Reception(limits=Limits(10, 1000, 200)))

    backend.send(event(text="x" * 200))

    assert books(backend)["lost"] == {"too_large": 1}


def test_a_callback_that_fails_stops_nothing(carrying, caplog):
    """It is the host's code, and the host's bug: said once, not raised."""
    there = Reception()

    def fail(*_):
        raise RuntimeError("callback")

    backend = carrying(there, on_loss=fail)
    backend.send(event(refused=True))
    send(backend, "a")

    assert backend.flush(HANG_SECONDS)
    assert there.names == ["a"]
    assert "Reception: on_loss failed" in caplog.messages


def test_a_callback_may_flush_and_emit(carrying):
    """It runs in the worker, which must not wait for itself."""
    there = Reception()
    flushed = []

    def on_loss(*_):
        flushed.append(backend.flush(HANG_SECONDS))
        send(backend, "from the callback")

    backend = carrying(there, on_loss=on_loss, max_age=0.001)
    there.script = []
    send(backend, "old")
    until(lambda: flushed)

    assert backend.flush(HANG_SECONDS) or books(backend)["lost"]


def test_closing_delivers_what_waits(carrying):
    """And then no thread is left."""
    there = Reception()
    backend = carrying(there)
    send(backend, "a", "b")

    assert backend.close(HANG_SECONDS)
    assert there.names == ["a", "b"]
    assert backend.close(HANG_SECONDS)
    assert not backend._worker._runs


def test_what_comes_after_closing_is_counted(carrying):
    """As `closed`; it does not open anything again."""
    backend = carrying()
    backend.close()

    send(backend, "late")

    assert books(backend)["lost"] == {"closed": 1}


def test_closing_says_how_many_events_memory_could_not_deliver(carrying, caplog):
    """One line, with the number."""
    there = Reception()
    there.gate.clear()
    backend = carrying(there, flush_interval=0)
    send(backend, *"abcde")

    with caplog.at_level(logging.WARNING):
        assert not backend.close(0.05)

    assert books(backend)["lost"] == {"closed": 5}
    assert caplog.messages == [
        'Lost 5 event(s) on the way to Reception, such as "a": closed (only in memory)'
    ]
    there.gate.set()


def test_what_arrives_after_it_was_given_up_is_counted_once(carrying):
    """The request was under way when the backend closed, and ends well after all."""
    there = Reception()
    there.gate.clear()
    backend = carrying(there, flush_interval=0)
    send(backend, "a")
    until(lambda: there.attempts)
    backend.close(0)
    there.gate.set()
    until(lambda: there.names)

    assert books(backend) == {"accepted": 1, "sent": 0, "pending": 0, "lost": {"closed": 1}}


def test_many_threads_lose_nothing(carrying):
    """Each event arrives once, and each thread's in its order."""
    there = Reception()
    backend = carrying(there, flush_interval=0, batch_events=50)

    def emit(number):
        send(backend, *(f"{number} {count}" for count in range(500)))

    threads = [threading.Thread(target=emit, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(HANG_SECONDS)

    assert backend.flush(HANG_SECONDS)
    assert sorted(there.names) == sorted(f"{n} {c}" for n in range(8) for c in range(500))
    for number in range(8):
        own = [name for name in there.names if name.startswith(f"{number} ")]
        assert own == [f"{number} {count}" for count in range(500)]
    assert books(backend)["sent"] == 4000


def test_flushing_delivers_what_ended_processes_left(carrying, tmp_path):
    """Also where nothing was emitted, and however many files there are, even empty ones."""
    there = Reception()
    for writer in "abc":
        empty = left_behind(tmp_path, record(0))
        empty.write_bytes(empty.read_bytes()[:HEADER_BYTES])
        left_behind(tmp_path, *[record(each, writer) for each in range(5)])
    backend = carrying(there, outbox=tmp_path)

    assert backend.flush(HANG_SECONDS)
    assert [each.id for each in there.arrived] == [f"{w}-{n}" for w in "abc" for n in range(5)]
    assert books(backend)["accepted"] == 15
    assert files(tmp_path) == []


def test_flushing_delivers_what_was_left_since_the_last_look(carrying, tmp_path):
    """As by `eventtracking outbox retry`, while a program runs."""
    there = Reception()
    backend = carrying(there, outbox=tmp_path / "outbox")
    send(backend, "first")
    assert backend.flush(HANG_SECONDS)
    for number in range(8):
        left = left_behind(tmp_path / "elsewhere", record(number))
        left.rename(tmp_path / "outbox" / left.name)

    assert backend.flush(HANG_SECONDS)
    assert [each.id for each in there.arrived[1:]] == [f"w-{number}" for number in range(8)]


def test_flushing_tells_of_what_ended_processes_left_and_does_not_arrive(carrying, tmp_path):
    """It is pending."""
    left_behind(tmp_path, record(0))
    backend = carrying(Reception(Retry(after=HANG_SECONDS)), outbox=tmp_path)

    assert not backend.flush(0.05)
    assert books(backend)["pending"] == 1


def test_building_and_closing_starts_no_thread_and_sends_nothing(tmp_path):
    """Settings are also read where nothing is ever sent, as by `eventtracking check`."""
    left_behind(tmp_path, record(0))
    there = Reception()
    backend = NetworkBackend(there, outbox=tmp_path)

    assert not backend._worker._runs
    assert backend.close()
    assert not backend._worker._runs
    assert there.attempts == []
