"""Locks that are not waited for without an end."""

import fcntl
import threading
import time

import pytest

from eventtracking.locks import held, lock_file

LOCKS = [threading.Lock, threading.RLock]


def in_thread(function):
    """Return what *function* returns in another thread."""
    returned = []
    thread = threading.Thread(target=lambda: returned.append(function()))
    thread.start()
    thread.join(300)
    return returned[0]


def is_free(lock):
    """Return whether another thread can take *lock*."""

    def attempt():
        with held(lock, 0) as is_held:
            return is_held

    return in_thread(attempt)


@pytest.mark.parametrize("kind", LOCKS)
def test_a_free_lock_is_held_in_the_block_and_released_after_it(kind):
    """Even when the block raises."""
    lock = kind()
    with held(lock) as is_held:
        assert is_held
        assert not is_free(lock)
    with pytest.raises(RuntimeError), held(lock):
        raise RuntimeError

    assert is_free(lock)


@pytest.mark.parametrize("kind", LOCKS)
@pytest.mark.parametrize("seconds", [0, 0.02])
def test_a_lock_that_stays_taken_is_not_waited_for_longer(kind, seconds):
    """The block runs without it, and does not release the lock of another thread."""
    lock = kind()

    def attempt():
        start = time.monotonic()
        with held(lock, seconds) as is_held:
            return is_held, time.monotonic() - start

    with held(lock):
        is_held, waited = in_thread(attempt)
        assert not is_held
        assert waited >= seconds
        assert not is_free(lock)


def test_a_reentrant_lock_may_be_held_twice_by_one_thread():
    """As by a signal handler that interrupts the thread."""
    lock = threading.RLock()
    with held(lock), held(lock) as is_held:
        assert is_held


def test_a_locked_file_is_not_waited_for_without_an_end(tmp_path):
    """The attempt fails, and succeeds once the lock is released."""
    path = tmp_path / "file"
    with path.open("w") as first, path.open("w") as second:
        lock_file(first.fileno())
        with pytest.raises(BlockingIOError):
            lock_file(second.fileno(), 0.02)
        fcntl.flock(first.fileno(), fcntl.LOCK_UN)
        lock_file(second.fileno(), 0)
