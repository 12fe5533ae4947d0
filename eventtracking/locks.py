"""Take a lock, and wait for it only for a limited time."""

from __future__ import annotations

import fcntl
import time
from typing import Protocol

# The threads of this package hold a lock for milliseconds. After this time the thread that
# holds it will not come back: it may have been stopped, or left behind by a fork.
LOCK_SECONDS = 5.0

# The time between two attempts to lock a file.
_POLL_SECONDS = 0.001


class Lock(Protocol):
    """A `threading.Lock` or `threading.RLock`."""

    def acquire(self, blocking: bool = ..., timeout: float = ...) -> bool:
        """Take the lock."""

    def release(self) -> None:
        """Give the lock back."""


class held:  # noqa: N801  # a context manager, named as those of `contextlib` are
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

    # A class: it costs half of a generator with `contextlib.contextmanager`.
    __slots__ = ("_is_held", "_lock", "_timeout_seconds")

    def __init__(self, lock: Lock, timeout_seconds: float = LOCK_SECONDS) -> None:
        self._lock = lock
        self._timeout_seconds = timeout_seconds
        self._is_held = False

    def __enter__(self) -> bool:
        # gevent would switch to another greenlet for a timeout of 0.
        seconds = self._timeout_seconds
        self._is_held = self._lock.acquire(True, seconds) if seconds else self._lock.acquire(False)
        return self._is_held

    def __exit__(self, *_: object) -> None:
        if self._is_held:
            self._lock.release()


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
