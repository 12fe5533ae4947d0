"""Counters that add up, and notices that are said once a minute."""

import os
import threading

import pytest
from core_fakes import Clock, in_threads

from eventtracking.stats import LOSS_REASONS, Counters, LogThrottle, count_of, log_safely


def in_child(function):
    """Run *function* in a forked child; return what it answers, as text."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(writing, repr(function()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return text


def test_a_new_ledger_is_empty():
    """Reasons that never came up are left out."""
    assert Counters().stats() == {"accepted": 0, "sent": 0, "pending": 0, "lost": {}}


def test_a_ledger_adds_up():
    """What was accepted was sent, waits, or is lost for a reason."""
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
    """A dashboard can know all of them; a slip of the pen is an error."""
    with pytest.raises(KeyError):
        Counters().lose("bad luck")
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


def test_looking_at_a_counter_does_not_advance_it():
    """However often."""
    counters = Counters()
    next(counters.sent)

    assert [count_of(counters.sent) for _ in range(3)] == [1, 1, 1]


def test_threads_lose_no_count():
    """Without a lock, eight threads count exactly."""
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
    """Otherwise every event before the fork would be reported twice."""
    counters = Counters()
    next(counters.accepted)
    counters.lose("closed")

    def count_in_child():
        before = counters.stats()["accepted"], counters.lost()
        next(counters.accepted)
        return before, counters.stats()["accepted"]

    assert in_child(count_in_child) == "((0, {}), 1)"
    assert (counters.stats()["accepted"], counters.lost()) == (1, {"closed": 1})


def test_a_ledger_that_nobody_needs_is_forgotten():
    """The list of those to reset at a fork keeps none alive."""
    from eventtracking import stats

    counters = Counters()
    assert counters in stats._all_counters
    number = len(stats._all_counters)
    del counters

    assert len(stats._all_counters) < number


def test_a_notice_is_said_the_first_time_and_then_once_a_minute():
    """The later one says how many there were in between."""
    clock = Clock()
    throttle = LogThrottle(clock=clock)
    first = [throttle.due("x") for _ in range(5)]
    clock.now += 59.9
    still_held = throttle.due("x")
    clock.now += 0.1
    then = [throttle.due("x"), throttle.due("x")]
    clock.now += 60
    last = throttle.due("x")

    assert first == [1, None, None, None, None]
    assert still_held is None
    assert then == [6, None]
    assert last == 2


def test_a_notice_after_a_quiet_time_stands_for_itself():
    """Nothing was held back."""
    clock = Clock()
    throttle = LogThrottle(clock=clock)
    throttle.due("x")
    clock.now += 3600

    assert throttle.due("x") == 1


def test_kinds_of_notices_do_not_hold_back_one_another():
    """Another kind of trouble is news."""
    throttle = LogThrottle(clock=Clock())

    assert (throttle.due("x"), throttle.due("y"), throttle.due("x")) == (1, 1, None)


def test_the_interval_can_be_chosen():
    """In seconds."""
    clock = Clock()
    throttle = LogThrottle(interval_seconds=5, clock=clock)
    throttle.due("x")
    clock.now += 5

    assert throttle.due("x") == 1


def test_of_many_threads_one_speaks_and_the_others_are_counted():
    """At the first time, and again when the minute is over."""
    clock = Clock()
    throttle = LogThrottle(clock=clock)
    answers = []

    def ask():
        answers.extend([throttle.due("x") for _ in range(500)])

    in_threads([ask] * 8)
    spoken_first = [answer for answer in answers if answer is not None]
    clock.now += 60
    last = throttle.due("x")

    assert spoken_first == [1]
    assert last == 8 * 500


class HostileName:
    def __repr__(self):
        raise RuntimeError("no name")

    __str__ = __repr__


def said(message, *args):
    """Return what is written when *message* is said with *args*."""
    written = []
    log_safely(lambda text, *values, **_: written.append(text % values), message, *args)
    return written


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
def test_what_is_said_stays_on_one_line(arg, text):
    """A name can neither forge a line of the log, nor colour it, nor keep it from being said."""
    assert said("event %s", arg) == [f"event {text}"]


def test_a_log_that_fails_fails_alone():
    """A handler of the host raises: that is between it and the host."""
    tried = threading.Event()

    def fail(*_, **__):
        tried.set()
        raise RuntimeError("handler")

    log_safely(fail, "text")

    assert tried.is_set()
