"""When a destination may be asked, by which of several threads."""

import threading

import pytest
from reception import HANG_SECONDS

from eventtracking.delivery.circuit_breaker import Gate

NEVER = float("inf")


class Clock:
    """Shows what it is set to."""

    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def gate(clock):
    return Gate(clock=clock)


@pytest.fixture
def other():
    """Return a function that runs one in another thread, always the same, and what it returns."""
    calls, results = [], []
    called, returned, is_over = threading.Semaphore(0), threading.Semaphore(0), []

    def serve():
        while called.acquire(timeout=HANG_SECONDS) and not is_over:
            results.append(calls.pop()())
            returned.release()

    def run(call):
        calls.append(call)
        called.release()
        assert returned.acquire(timeout=HANG_SECONDS)
        return results.pop()

    thread = threading.Thread(target=serve)
    thread.start()
    yield run
    is_over.append(True)
    called.release()
    thread.join(HANG_SECONDS)


def test_everybody_passes_at_first(gate, other):
    """There is no trouble."""
    assert gate.seconds(0) == 0.0
    assert other(lambda: gate.seconds(0)) == 0.0
    assert not gate.open()


def test_who_met_the_trouble_asks_when_it_is_time_and_the_others_wait_for_it(gate, clock, other):
    """However late it is."""
    gate.close(60.0)

    assert gate.seconds(0) == 60.0
    clock.now += 60.0
    assert gate.seconds(0) == 0.0
    assert other(lambda: gate.seconds(0)) == NEVER


def test_when_something_passed_everybody_may(gate, clock, other):
    """The trouble is over, and the next one is another."""
    gate.close(60.0)
    clock.now += 60.0

    assert gate.open()
    assert not gate.is_closed
    assert other(lambda: gate.seconds(0)) == 0.0
    assert other(gate.take)


def test_what_was_on_its_way_before_opens_nothing(gate, clock, other):
    """It arrived; that says nothing of what comes after the trouble."""
    gate.close(60.0)
    clock.now += 60.0

    assert not other(gate.open)
    assert gate.is_closed


def test_one_asks_for_all_of_those_that_met_trouble(gate, other):
    """The first of them."""
    assert gate.take()
    assert not other(gate.take)
    assert gate.take()


def test_nobody_asks_before_the_time_that_was_named_to_any_of_them(gate, clock, other):
    """Not even if somebody hurries, or if another answer was better."""
    gate.close(1.0, hurries=0)
    other(lambda: gate.close(60.0))

    assert gate.seconds(1) == 60.0
    assert not gate.open()
    clock.now += 60.0
    assert gate.seconds(1) == 0.0
    assert gate.open()


def test_a_shorter_time_takes_nothing_from_a_longer_one(gate, clock, other):
    """They were named in two answers."""
    gate.close(60.0)
    clock.now += 10.0
    other(lambda: gate.close(5.0))

    assert gate.seconds(0) == 50.0


def test_somebody_who_hurries_ends_a_wait_that_nobody_asked_for(gate):
    """Once each time."""
    gate.close(60.0, hurries=3)

    assert gate.seconds(3) == 60.0
    assert gate.seconds(4) == 0.0
    gate.close(30.0, hurries=4)
    assert gate.seconds(4) == 30.0


def test_when_the_thread_that_asks_ends_another_one_does(gate, clock, other):
    """And nobody asks sooner for that."""
    gate.close(60.0)
    clock.now += 20.0
    gate.leave()

    assert other(lambda: gate.seconds(0)) == 40.0
    assert gate.seconds(0) == NEVER


def test_a_thread_that_never_comes_back_holds_nobody_up(gate, monkeypatch):
    """It may have been killed with the lock in its hands."""
    monkeypatch.setattr("eventtracking.delivery.circuit_breaker._LOCK_SECONDS", 0.01)
    gate._lock.acquire()

    gate.close(60.0)
    assert 0.0 < gate.seconds(0) <= 60.0
