"""Take a lock, but do not wait for it for ever."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

# The threads of this package hold a lock for milliseconds. After this time the thread that
# holds it will not come back: it may have been stopped, or left behind by a fork.
LOCK_SECONDS = 5.0

# The time between two attempts to lock a file.
_POLL_SECONDS = 0.005


class Lock(Protocol):
    """A `threading.Lock` or `threading.RLock`."""

    def acquire(self, blocking: bool = ..., timeout: float = ...) -> bool:
        """Take the lock."""

    def release(self) -> None:
        """Give the lock back."""


@contextmanager
def held(lock: Lock, timeout_seconds: float = LOCK_SECONDS) -> Iterator[bool]:
    """
    Hold *lock* in a `with` block, if it becomes free in time.

    The block runs in either case. It gets whether the lock is held, and decides what to do
    without it:

        with held(self._lock) as is_held:
            if is_held:
                self._write()

    The lock that was taken is the lock that is released, even if the attribute it was read
    from has been given a new one meanwhile, as in a forked child.

    Args:
        lock: The lock.
        timeout_seconds: The longest wait. 0: do not wait.
    """
    # gevent would switch to another greenlet for a timeout of 0.
    is_held = lock.acquire(timeout=timeout_seconds) if timeout_seconds else lock.acquire(False)
    try:
        yield is_held
    finally:
        if is_held:
            lock.release()


def lock_file(descriptor: int, timeout_seconds: float = LOCK_SECONDS) -> None:
    """
    Lock the file of *descriptor* against other processes.

    Closing the last copy of the descriptor releases the lock. A forked child has a copy, so
    release the lock with `LOCK_UN` if a child must not keep it.

    Raises:
        BlockingIOError: If another process holds the lock for longer than *timeout_seconds*.
    """
    deadline = time.monotonic() + timeout_seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(_POLL_SECONDS)
        else:
            return
