"""Keep events in memory: fast, limited in size, and lost with the process."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence

from eventtracking.delivery.destination import Record
from eventtracking.locks import LOCK_SECONDS, held


class MemoryOutbox:
    """
    Keep waiting events in memory.

    A thread that does not get the lock in time goes on without it. The limits may be
    exceeded then, but no event is lost.

    Args:
        max_events: The most events that may wait.
        max_bytes: The most bytes of payload that may wait.
    """

    is_durable = False

    def __init__(self, *, max_events: int, max_bytes: int) -> None:
        self._max_events = max_events
        self._max_bytes = max_bytes
        self.forget()

    @property
    def pending(self) -> int:
        """The number of events that wait or are being sent."""
        return len(self._waiting) + len(self._window)

    def put(self, record: Record, /) -> bool:
        """Add *record*; return whether there was room."""
        size = len(record.payload)
        # `held`, written out: every event comes here.
        lock = self._lock
        is_held = lock.acquire(True, LOCK_SECONDS)
        try:
            if self.pending >= self._max_events or self._bytes + size > self._max_bytes:
                return False
            self._bytes += size
            self._waiting.append(record)
            return True
        finally:
            if is_held:
                lock.release()

    def scan(self) -> None:
        """Do nothing: no other process can leave events in this memory."""

    def peek(self, max_events: int, max_bytes: int) -> list[Record]:
        """Return the oldest unsettled events."""
        if not self._window:
            with held(self._lock):
                self._fill(max_events, max_bytes)
        return [*self._window.values()]

    def mark_sending(self, batch: Sequence[Record], /) -> None:
        """Do nothing: no other process will send these events."""

    def mark_waiting(self, batch: Sequence[Record], /) -> None:
        """Do nothing, for the same reason."""

    def settle(self, batch: Sequence[Record], /) -> int:
        """Remove *batch*; return the number of events that were still here."""
        with held(self._lock):
            settled = [record for record in batch if self._window.pop(record.id, None)]
            self._bytes -= sum(len(record.payload) for record in settled)
        return len(settled)

    def store_dead_letter(self, record: Record, reason: str, status: int | None) -> None:
        """Do nothing: there is no file for *record*. The loss is logged elsewhere."""

    def drop_oldest(self) -> list[Record]:
        """Remove the oldest waiting event."""
        with held(self._lock):
            if not self._waiting:
                return []
            record = self._waiting.popleft()
            self._bytes -= len(record.payload)
        return [record]

    def forget(self) -> None:
        """Start empty: at first, and in a forked child."""
        # Reentrant: a signal handler or a finalizer may emit while the lock is held.
        self._lock = threading.RLock()
        self._waiting: deque[Record] = deque()
        # The events returned by `peek`, by id, in order.
        self._window: dict[str, Record] = {}
        self._bytes = 0

    def close(self) -> list[Record]:
        """Remove all events, and return them."""
        with held(self._lock):
            lost = [*self._window.values(), *self._waiting]
            self._window.clear()
            self._waiting.clear()
            self._bytes = 0
        return lost

    def _fill(self, max_events: int, max_bytes: int) -> None:
        size = 0
        while self._waiting and len(self._window) < max_events:
            size += len(self._waiting[0].payload)
            if self._window and size > max_bytes:
                break
            record = self._waiting.popleft()
            self._window[record.id] = record
