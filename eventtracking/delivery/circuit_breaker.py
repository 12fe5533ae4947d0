"""The circuit breaker of a destination, for all threads that send to it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from eventtracking.locks import held


class CircuitBreaker:
    """
    Stop sending while a destination fails, and let one thread probe it.

    The breaker is closed as long as requests succeed. A failure opens it for some time. Then
    it is half-open: one thread, the first that met the failure, sends a probe, and the
    others wait. A success of that thread closes the breaker.

    Args:
        clock: Returns monotonic seconds.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.forget()

    def forget(self) -> None:
        """Start closed: at first, and in a forked child."""
        self._lock = threading.Lock()
        self.is_open = False
        """Whether the destination fails."""

        # The thread that probes; 0: none yet.
        self._prober = 0
        # No probe before the first time; before the second, only after another flush.
        self._open_until = self._backoff_until = 0.0
        self._flushes = 0

    def claim_probe(self) -> bool:
        """Make this thread the one that probes, unless another does; return whether it is."""
        with held(self._lock):
            return self._claim()

    def open(self, seconds: float, *, flushes: int | None = None) -> None:
        """
        Let no thread send for *seconds*, and then this one.

        Args:
            seconds: The time until the next probe.
            flushes: The number of flushes so far. Another flush ends the time early. `None`:
                nothing does.
        """
        with held(self._lock):
            self._claim()
            until = self._clock() + seconds
            if flushes is None:
                self._open_until = max(self._open_until, until)
            else:
                self._backoff_until, self._flushes = until, flushes
            self.is_open = True

    def close(self) -> bool:
        """Let all threads send, if this one probed; return whether they could not before."""
        if not self.is_open:
            return False
        with held(self._lock):
            # A request that began before the breaker was opened proves nothing.
            if self._prober != threading.get_ident() or self._clock() < self._open_until:
                return False
            self.is_open, self._prober, self._backoff_until = False, 0, 0.0
            return True

    def wait_seconds(self, flushes: int) -> float:
        """
        Return how long this thread has to wait at least; 0 if it may send.

        Args:
            flushes: The number of flushes so far.
        """
        # It is nearly always closed, and then needs no lock.
        return self._wait_seconds(flushes) if self.is_open else 0.0

    def release_probe(self) -> None:
        """Let another thread probe, because this one ends."""
        with held(self._lock):
            if self._prober == threading.get_ident():
                self._prober = 0

    def _wait_seconds(self, flushes: int) -> float:
        with held(self._lock):
            # Another thread may have closed it meanwhile.
            if not self.is_open:
                return 0.0
            if not self._claim():
                return float("inf")
            until = self._open_until
            if flushes == self._flushes:
                until = max(until, self._backoff_until)
            return max(0.0, until - self._clock())

    def _claim(self) -> bool:
        self._prober = self._prober or threading.get_ident()
        return self._prober == threading.get_ident()
