"""The times that the threads of a worker share: when to flush, to sleep, and to stop."""

from __future__ import annotations

import time
from contextlib import suppress
from itertools import count
from queue import Empty, SimpleQueue

from eventtracking.stats import count_of


class Schedule:
    """The schedule of one worker."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Start without a flush: at first, and in a forked child."""
        self._wakeups: SimpleQueue[None] = SimpleQueue()
        self._flushes = count()
        self._flush_until = 0.0
        self.stop_at = float("inf")
        """When all threads stop, on the monotonic clock."""

    @property
    def flushes(self) -> int:
        """The number of flushes that were started."""
        return count_of(self._flushes)

    @property
    def is_flushing(self) -> bool:
        """Whether a flush is under way, so that no event waits for others."""
        return time.monotonic() < self._flush_until

    @property
    def is_over(self) -> bool:
        """Whether the threads must stop."""
        return time.monotonic() >= self.stop_at

    @property
    def seconds_left(self) -> float:
        """The time until the threads must stop; negative afterwards."""
        return self.stop_at - time.monotonic()

    def start_flush(self, seconds: float) -> None:
        """Deliver without waiting for full batches, for the next *seconds*."""
        self._flush_until = max(self._flush_until, time.monotonic() + seconds)
        next(self._flushes)

    def wake(self, threads: int = 1) -> None:
        """Wake *threads* threads that sleep, or that will sleep next."""
        for _ in range(threads):
            self._wakeups.put(None)

    def sleep(self, seconds: float) -> None:
        """Wait for *seconds*, or until `wake` is called."""
        with suppress(Empty):
            self._wakeups.get(timeout=seconds)
