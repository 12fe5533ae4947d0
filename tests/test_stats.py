"""Counters that add up, and log messages that appear once a minute."""

import os
import threading
from weakref import ref

import pytest
from core_fakes import Clock, in_threads

from eventtracking.stats import LOSS_REASONS, Counters, LogThrottle, count_of, log_safely


def in_child(function):
    """Run *function* in a forked child, and return the `repr` of its result."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(writing, repr(function()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    return text


def test_new_counters_are_zero():
    """Loss reasons that did not occur are left out."""
    assert Counters().stats() == {"accepted": 0, "sent": 0, "pending": 0, "lost": {}}


def test_counters_add_up():
    """Each accepted event was sent, is pending, or is lost for a reason."""
    counters = Counters()
    for _ in range(5):
        next(counters.accepted)
    next(counters.sent)
    counters.lose("rejected", 2)
    counters.lose("expired")

    assert counters.stats(pending=1) == {
        "accepted": 5,
        "sent": 1,
        "pending": 1,
        "lost": {"rejected": 2, "expired": 1},
    }


def test_the_list_of_reasons_is_closed():
    """A dashboard can list all of them, and a misspelled reason is an error."""
    with pytest.raises(KeyError):
        Counters().lose("unknown reason")
    assert LOSS_REASONS == (
        "too_large",
        "guard_failed",
        "unserializable",
        "queue_full",
        "rejected",
        "expired",
        "backend_error",
        "corrupt",
        "recursion",
        "closed",
    )


def test_reading_a_counter_does_not_advance_it():
    """It can be read any number of times."""
    counters = Counters()
    next(counters.sent)

    assert [count_of(counters.sent) for _ in range(3)] == [1, 1, 1]


def test_threads_count_exactly():
    """Eight threads count without a lock, and no count is missing."""
    counters = Counters()

    def count():
        for _ in range(20_000):
            next(counters.accepted)
            counters.lose("closed")

    in_threads([count] * 8)

    assert counters.stats() == {
        "accepted": 160_000,
        "sent": 0,
        "pending": 0,
        "lost": {"closed": 160_000},
    }


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_starts_at_zero_and_the_parent_goes_on():
    """Otherwise every event before the fork would be reported by both processes."""
    counters = Counters()
    next(counters.accepted)
    counters.lose("closed")

    def count_in_child():
        before = counters.stats()["accepted"], counters.lost()
        next(counters.accepted)
        return before, counters.stats()["accepted"]

    assert in_child(count_in_child) == "((0, {}), 1)"
    assert (counters.stats()["accepted"], counters.lost()) == (1, {"closed": 1})


def test_unused_counters_are_freed():
    """Resetting all counters in a forked child does not keep any of them alive."""
    counters = Counters()
    reference = ref(counters)
    del counters

    assert reference() is None


def test_a_message_is_due_the_first_time_and_then_once_a_minute():
    """The later message reports the number of occurrences in between."""
    clock = Clock()
    throttle = LogThrottle(clock=clock)
    first = [throttle.due("x") for _ in range(5)]
    clock.now += 59.9
    still_held = throttle.due("x")
    clock.now += 0.1
    next_minute = [throttle.due("x"), throttle.due("x")]
    clock.now += 60
    last = throttle.due("x")

    assert first == [1, None, None, None, None]
    assert still_held is None
    assert next_minute == [6, None]
    assert last == 2


def test_a_message_after_a_quiet_time_counts_only_itself():
    """No occurrence was held back in between."""
    clock = Clock()
    throttle = LogThrottle(clock=clock)
    throttle.due("x")
    clock.now += 3600

    assert throttle.due("x") == 1


def test_messages_of_different_kinds_do_not_hold_each_other_back():
    """A new kind of failure is logged at once."""
    throttle = LogThrottle(clock=Clock())

    assert (throttle.due("x"), throttle.due("y"), throttle.due("x")) == (1, 1, None)


def test_the_interval_can_be_chosen():
    """`interval_seconds` replaces the minute."""
    clock = Clock()
    throttle = LogThrottle(interval_seconds=5, clock=clock)
    throttle.due("x")
    clock.now += 5

    assert throttle.due("x") == 1


def test_of_many_threads_one_logs_and_the_others_are_counted():
    """This holds for the first message, and for the one after the interval."""
    clock = Clock()
    throttle = LogThrottle(clock=clock)
    results = []

    def report():
        results.extend([throttle.due("x") for _ in range(500)])

    in_threads([report] * 8)
    first = [number for number in results if number is not None]
    clock.now += 60
    last = throttle.due("x")

    assert first == [1]
    assert last == 8 * 500


class HostileName:
    def __repr__(self):
        raise RuntimeError("no name")

    __str__ = __repr__


def logged(message, *args):
    """Return the lines that `log_safely` logs for *message* and *args*."""
    lines = []
    log_safely(lambda text, *values, **_: lines.append(text % values), message, *args)
    return lines


@pytest.mark.parametrize(
    ("arg", "text"),
    [
        ("plain é", "plain é"),
        (5, "5"),
        (b"x", "b'x'"),
        (OSError("why"), "why"),
        ("a\nERROR forged", "a\\nERROR forged"),
        ("\x1b[31m", "\\x1b[31m"),
        ("\u2028\ud800", "\\u2028\\ud800"),
        (HostileName(), "<HostileName>"),
    ],
)
def test_a_logged_value_stays_on_one_line(arg, text):
    """A value cannot forge a line of the log, colour it, or prevent it."""
    assert logged("event %s", arg) == [f"event {text}"]


def test_a_failing_log_handler_raises_nothing():
    """A broken handler of the host program cannot cost an event."""
    called = threading.Event()

    def fail(*_, **__):
        called.set()
        raise RuntimeError("handler")

    log_safely(fail, "text")

    assert called.is_set()
