"""Events that wait in memory: bounded, fast, and gone with the process."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from eventtracking.delivery.destination import Record

# A thread holds the lock for microseconds. Whoever waits longer has met one that will
# not come back, and goes on without: bounds may be off then, and no event is.
_LOCK_SECONDS = 5.0


class MemoryOutbox:
    """
    Keep waiting events in memory.

    Args:
        max_events: How many may wait.
        max_bytes: How many bytes of payload may wait.
    """

    durable = False

    def __init__(self, *, max_events: int, max_bytes: int) -> None:
        self._max_events = max_events
        self._max_bytes = max_bytes
        self.forget()

    @property
    def pending(self) -> int:
        """How many events wait, or are on their way."""
        return len(self._waiting) + len(self._window)

    def put(self, record: Record, /) -> bool:
        """Keep *record*; tell whether there was room."""
        size = len(record.payload)
        # As `_alone`, without what that costs.
        lock = self._lock
        is_alone = lock.acquire(True, _LOCK_SECONDS)
        try:
            if self.pending >= self._max_events or self._bytes + size > self._max_bytes:
                return False
            self._bytes += size
            self._waiting.append(record)
            return True
        finally:
            if is_alone:
                lock.release()

    def look(self) -> None:
        """Do nothing: nobody else can leave anything in this memory."""

    def peek(self, max_events: int, max_bytes: int) -> list[Record]:
        """Return the oldest events that are not settled."""
        if not self._window:
            with self._alone():
                self._fill(max_events, max_bytes)
        return [*self._window.values()]

    def begin(self, batch: Sequence[Record], /) -> None:
        """Do nothing: no other process will ever send what is only in this memory."""

    def release(self, batch: Sequence[Record], /) -> None:
        """Do nothing, as `begin`."""

    def settle(self, batch: Sequence[Record], /) -> int:
        """Forget *batch*, and return how many of it were still here."""
        with self._alone():
            settled = [record for record in batch if self._window.pop(record.id, None)]
            self._bytes -= sum(len(record.payload) for record in settled)
        return len(settled)

    def bury(self, record: Record, reason: str, status: int | None) -> None:
        """Do nothing: there is no file to keep it in. The log has said what it was."""

    def drop_oldest(self) -> list[Record]:
        """Give up the oldest one that waits."""
        with self._alone():
            if not self._waiting:
                return []
            record = self._waiting.popleft()
            self._bytes -= len(record.payload)
        return [record]

    def forget(self) -> None:
        """Start empty, at first and in a forked child."""
        # Reentrant: a signal handler or a finalizer may emit while the lock is held.
        self._lock = threading.RLock()
        self._waiting: deque[Record] = deque()
        # What was peeked, by id, in order.
        self._window: dict[str, Record] = {}
        self._bytes = 0

    def close(self) -> list[Record]:
        """Give up everything, and return it."""
        with self._alone():
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

    @contextmanager
    def _alone(self) -> Iterator[None]:
        # Kept, for a signal handler may fork, and a child has a new one.
        lock = self._lock
        is_alone = lock.acquire(True, _LOCK_SECONDS)
        try:
            yield
        finally:
            if is_alone:
                lock.release()
