"""The circuit breaker, as several threads meet it."""

import threading
from functools import partial

import pytest
from fake_destination import HANG_SECONDS

from eventtracking.delivery import circuit_breaker
from eventtracking.delivery.circuit_breaker import CircuitBreaker
from eventtracking.locks import held

NEVER = float("inf")


class Clock:
    """A clock that a test sets."""

    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def breaker(clock):
    return CircuitBreaker(clock=clock)


@pytest.fixture
def in_other_thread():
    """Return a function that runs a function in another thread, always the same one."""
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


def test_a_new_breaker_is_closed(breaker, in_other_thread):
    """All threads may send."""
    assert breaker.wait_seconds(0) == 0.0
    assert in_other_thread(lambda: breaker.wait_seconds(0)) == 0.0
    assert not breaker.close()


def test_the_thread_that_opened_it_probes_and_the_others_wait(breaker, clock, in_other_thread):
    """However much time has passed."""
    breaker.open(60.0)

    assert breaker.wait_seconds(0) == 60.0
    clock.now += 60.0
    assert breaker.wait_seconds(0) == 0.0
    assert in_other_thread(lambda: breaker.wait_seconds(0)) == NEVER


def test_a_successful_probe_closes_it(breaker, clock, in_other_thread):
    """All threads may send, and the next failure may be met by another one."""
    breaker.open(60.0)
    clock.now += 60.0

    assert breaker.close()
    assert not breaker.is_open
    assert in_other_thread(lambda: breaker.wait_seconds(0)) == 0.0
    assert in_other_thread(breaker.claim_probe)


def test_a_request_that_began_before_the_failure_does_not_close_it(breaker, clock, in_other_thread):
    """Its success says nothing about later requests."""
    breaker.open(60.0)
    clock.now += 60.0

    assert not in_other_thread(breaker.close)
    assert breaker.is_open


def test_one_of_several_failing_threads_probes(breaker, in_other_thread):
    """The first one."""
    assert breaker.claim_probe()
    assert not in_other_thread(breaker.claim_probe)
    assert breaker.claim_probe()


def test_no_thread_probes_before_the_time_that_the_server_named_to_one(
    breaker, clock, in_other_thread
):
    """Not after a flush either, nor after a shorter delay of another thread."""
    breaker.open(1.0, flushes=0)
    in_other_thread(lambda: breaker.open(60.0))

    assert breaker.wait_seconds(1) == 60.0
    assert not breaker.close()
    clock.now += 60.0
    assert breaker.wait_seconds(1) == 0.0
    assert breaker.close()


def test_the_longer_of_two_times_counts(breaker, clock, in_other_thread):
    """The server named them in two responses."""
    breaker.open(60.0)
    clock.now += 10.0
    in_other_thread(lambda: breaker.open(5.0))

    assert breaker.wait_seconds(0) == 50.0


def test_a_flush_ends_a_delay_that_the_server_did_not_ask_for(breaker):
    """Each flush ends one."""
    breaker.open(60.0, flushes=3)

    assert breaker.wait_seconds(3) == 60.0
    assert breaker.wait_seconds(4) == 0.0
    breaker.open(30.0, flushes=4)
    assert breaker.wait_seconds(4) == 30.0


def test_another_thread_probes_when_the_first_one_ends(breaker, clock, in_other_thread):
    """No sooner than the first one would have."""
    breaker.open(60.0)
    clock.now += 20.0
    breaker.release_probe()

    assert in_other_thread(lambda: breaker.wait_seconds(0)) == 40.0
    assert breaker.wait_seconds(0) == NEVER


def test_a_thread_that_was_killed_with_the_lock_does_not_block_the_others(breaker, monkeypatch):
    """They continue without the lock."""
    monkeypatch.setattr(circuit_breaker, "held", partial(held, timeout_seconds=0.01))
    breaker._lock.acquire()

    breaker.open(60.0)
    assert 0.0 < breaker.wait_seconds(0) <= 60.0
