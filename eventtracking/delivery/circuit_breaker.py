"""When a destination may be asked, for all threads that carry events to it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# A thread holds the lock for microseconds. Whoever waits longer has met one that will not
# come back, and goes on without it.
_LOCK_SECONDS = 5.0


class Gate:
    """
    Let everybody pass until there is trouble; then one thread asks for all, when it is time.

    Who asks is the first that met the trouble. The others wait until it has passed: a
    destination that is down, or refuses our key, learns nothing from eight requests.

    Args:
        clock: Monotonic seconds.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self.is_closed = False
        """Whether there is trouble."""

        # Which thread asks for all; 0: none yet.
        self._asker = 0
        # Nobody asks before the first; before the second, only once somebody hurries.
        self._not_before = self._patient_until = 0.0
        self._hurries = 0

    def take(self) -> bool:
        """Have this thread ask for all, unless another one does; tell whether it does."""
        with self._alone():
            return self._take()

    def close(self, seconds: float, *, hurries: int | None = None) -> None:
        """
        Let nobody pass for so many seconds, and then one.

        With *hurries*, how often somebody hurried so far, the next time ends it as well.
        """
        with self._alone():
            self._take()
            until = self._clock() + seconds
            if hurries is None:
                self._not_before = max(self._not_before, until)
            else:
                self._patient_until, self._hurries = until, hurries
            self.is_closed = True

    def seconds(self, hurries: int) -> float:
        """Return how long this thread has to wait, at least, if somebody hurried that often."""
        # Nearly always it is open: without what a lock costs.
        return self._seconds(hurries) if self.is_closed else 0.0

    def open(self) -> bool:
        """Let everybody pass, if this thread asked for all; tell whether that is news."""
        if not self.is_closed:
            return False
        with self._alone():
            # What was on its way before may have been told to wait meanwhile.
            if self._asker != threading.get_ident() or self._clock() < self._not_before:
                return False
            self.is_closed, self._asker, self._patient_until = False, 0, 0.0
            return True

    def leave(self) -> None:
        """Let another thread ask for all: this one ends."""
        with self._alone():
            if self._asker == threading.get_ident():
                self._asker = 0

    def _seconds(self, hurries: int) -> float:
        with self._alone():
            # Another thread may have opened it meanwhile.
            if not self.is_closed:
                return 0.0
            if not self._take():
                return float("inf")
            until = self._not_before
            if hurries == self._hurries:
                until = max(until, self._patient_until)
            return max(0.0, until - self._clock())

    def _take(self) -> bool:
        self._asker = self._asker or threading.get_ident()
        return self._asker == threading.get_ident()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        has_lock = self._lock.acquire(timeout=_LOCK_SECONDS)
        try:
            yield
        finally:
            if has_lock:
                self._lock.release()
