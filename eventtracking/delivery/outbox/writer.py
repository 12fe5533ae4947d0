"""What this process writes to an outbox: its journals, and what waits until it can be written."""

from __future__ import annotations

import errno
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from eventtracking.delivery.destination import Record
from eventtracking.delivery.outbox import segment_file
from eventtracking.delivery.outbox.record_lines import line_of
from eventtracking.delivery.outbox.reports import Reports
from eventtracking.delivery.outbox.segment_file import NO_PEN, Journal, Pen

# A new journal is begun at this length, or earlier if few would fit into the folder. One
# that is settled is deleted whole, so a shorter one gives room back sooner. Each holds a
# descriptor until then, so there must not be too many either.
_JOURNAL_BYTES = 8_000_000
_FEWEST_JOURNALS, _MOST_JOURNALS = 10, 100
_LEAST_BYTES = 1 << 16

# How often to look whether there is room.
_ROOM_SECONDS = 1.0

# A thread holds the lock for milliseconds. Whoever waits longer has met one that will not
# come back, and goes on without it.
_LOCK_SECONDS = 5.0


class Backlog:
    """Events that wait in memory, with the lines that will be written of them, in order."""

    def __init__(self) -> None:
        self._items: deque[tuple[Record, bytes]] = deque()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Record]:
        return (record for record, _ in self._items)

    @property
    def first(self) -> tuple[Record, bytes]:
        """The oldest event, and its line."""
        return self._items[0]

    def ends_with(self, record: Record) -> bool:
        """Tell whether *record* is the last one."""
        return bool(self._items) and self._items[-1][0] is record

    def append(self, record: Record, line: bytes) -> None:
        """Add an event."""
        # Nothing is called in between: a signal handler may add one as well.
        size = len(line)
        self._items.append((record, line))
        self.bytes += size

    def drop_first(self) -> None:
        """Forget the oldest."""
        size = len(self._items.popleft()[1])
        self.bytes -= size

    def drop_last(self) -> None:
        """Forget the last one."""
        size = len(self._items.pop()[1])
        self.bytes -= size


class JournalWriter:
    """
    Write events to journals in a folder, one after the other.

    Args:
        folder: Where.
        max_bytes: How long all journals there may be together.
        max_memory_bytes: How much may wait in memory while the disk cannot be written to.
        reports: Told of what fails.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        folder: str,
        *,
        max_bytes: int,
        max_memory_bytes: int,
        reports: Reports,
        clock: Callable[[], float],
    ) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._max_memory_bytes = max_memory_bytes
        self._reports = reports
        self._clock = clock
        least = max(_LEAST_BYTES, max_bytes // _MOST_JOURNALS)
        self._journal_bytes = max(least, min(_JOURNAL_BYTES, max_bytes // _FEWEST_JOURNALS))
        self._start_empty()

    def _start_empty(self) -> None:
        # Reentrant: a signal handler or a finalizer may emit while it is held.
        self._lock = threading.RLock()
        self._is_writing = self._is_closed = False
        # What is written with; `_pen` is the same, or `NO_PEN` to send `put` the long way.
        self._active: Pen | None = None
        self._pen = NO_PEN
        # Those that were begun here, the oldest first, until who reads them takes them out.
        self.journals: list[Journal] = []
        # What could not be written.
        self.backlog = Backlog()
        # While the folder is full: when to look again.
        self._full_until = 0.0

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._is_closed

    def put(self, record: Record, /) -> bool:
        """Keep *record*; tell whether there was room."""
        line = line_of(record)
        pen = self._pen
        try:
            written = os.write(pen.descriptor, line)
        except OSError:
            return self._hold(record, line)
        if written != len(line):
            # The disk is full. It is written again, whole, behind its torn head: readers
            # find it there.
            return self._hold(record, line)
        # After the write: what is counted can be read.
        next(pen.written)
        pen.room -= written
        if pen.room <= 0:
            self._roll(pen)
        return True

    def write_backlog(self) -> None:
        """Write what waits in memory, if no other thread is at it."""
        lock = self._lock
        if lock.acquire(blocking=False):
            try:
                if not self._is_writing and self.backlog:
                    self._write_backlog()
            finally:
                lock.release()
        self._reports.tell()

    @contextmanager
    def unwritten(self) -> Iterator[Backlog]:
        """Hold what waits in memory; it is empty if somebody writes it at this moment."""
        lock = self._lock
        has_lock = lock.acquire(blocking=False)
        try:
            yield self.backlog if has_lock and not self._is_writing else Backlog()
        finally:
            if has_lock:
                lock.release()

    def retire(self) -> None:
        """Begin a new journal early, now that all of this one is settled: so it can be deleted."""
        pen = self._active
        if pen is None or pen.room >= self._journal_bytes * 7 // 8:
            return
        lock = self._lock
        if lock.acquire(blocking=False):
            try:
                if not self._is_writing:
                    self._pen, self._active = NO_PEN, None
            finally:
                lock.release()

    def ask_for_room(self) -> None:
        """Look at the folder again, if it was full: a journal is gone."""
        self._full_until = 0.0

    def forget(self) -> None:
        """Start empty, in a forked child: what was begun is the parent's."""
        # Closed, never unlocked: the lock is the parent's.
        for journal in self.journals:
            journal.give_up()
        if self._active is not None:
            self._active.give_up()
        self._start_empty()

    def close(self) -> list[Record]:
        """Accept nothing any more, and return what waits in memory."""
        lock = self._lock
        has_lock = lock.acquire(timeout=_LOCK_SECONDS)
        try:
            self._is_closed = True
            self._pen, self._active = NO_PEN, None
            unwritten, self.backlog = [*self.backlog], Backlog()
        finally:
            if has_lock:
                lock.release()
        return unwritten

    def _hold(self, record: Record, line: bytes) -> bool:
        """Keep *record* in memory, unless it, and what waits there already, can be written."""
        lock = self._lock
        if not lock.acquire(timeout=_LOCK_SECONDS):
            return False
        try:
            kept = self._queue(record, line)
        finally:
            lock.release()
        self._reports.tell()
        return kept

    def _queue(self, record: Record, line: bytes) -> bool:
        is_full = self._active is None and self._clock() < self._full_until
        if self._is_closed or is_full:
            return False
        self._pen = NO_PEN
        self.backlog.append(record, line)
        if self._is_writing:
            # Interrupted by a signal: it goes on with this one.
            return True
        self._write_backlog()
        # Asked only now: the disk may have had room for all.
        if not self.backlog.ends_with(record):
            return True
        if self.backlog.bytes <= self._max_memory_bytes and not self._full_until:
            return True
        self.backlog.drop_last()
        return False

    def _write_backlog(self) -> None:
        """Write what waits in memory as far as it goes, and let `put` go its short way again."""
        self._is_writing = True
        try:
            while True:
                self._drain()
                if self.backlog or self._active is None:
                    return
                self._pen = self._active
                # A signal handler may have put one in meanwhile.
                if not self.backlog:
                    return
                self._pen = NO_PEN
        except OSError as error:
            self._fail(error)
        finally:
            self._is_writing = False

    def _drain(self) -> None:
        # Kept, for a signal handler may fork, and a child has a new one.
        backlog = self.backlog
        while backlog and backlog is self.backlog:
            pen = self._usable_pen()
            if pen is None:
                return
            record, line = backlog.first
            self._write(pen, line)
            # The worker may have taken it meanwhile, and no other thread takes any.
            if backlog and backlog.first[0] is record:
                backlog.drop_first()

    def _write(self, pen: Pen, line: bytes) -> None:
        written = os.write(pen.descriptor, line)
        if written != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        next(pen.written)
        pen.room -= written

    def _usable_pen(self) -> Pen | None:
        """Return what to write with, a new one if need be; `None` if there is no room."""
        pen = self._active
        if pen is None or pen.room <= 0 or not pen.is_open():
            self._active = pen = None
            room = self._room()
            if room > 0:
                pen = self._begin_journal(room)
        return pen

    def _begin_journal(self, room: int) -> Pen:
        os.makedirs(self._folder, 0o700, exist_ok=True)
        journal, pen = segment_file.create(self._folder, min(room, self._journal_bytes))
        self.journals.append(journal)
        self._active = pen
        return pen

    def _roll(self, pen: Pen) -> None:
        """Begin a new journal; nobody waits for that, and what others write meanwhile is kept."""
        lock = self._lock
        if not lock.acquire(blocking=False):
            return
        try:
            if self._active is pen and not self._is_writing and not self._is_closed:
                self._replace(pen)
            if self.backlog and not self._is_writing:
                self._write_backlog()
        finally:
            lock.release()
        self._reports.tell()

    def _replace(self, pen: Pen) -> None:
        self._is_writing = True
        try:
            self._pen = self._usable_pen() or NO_PEN
        except OSError as error:
            # Too long a file beats an event that waits in memory.
            self._active, pen.room = pen, self._journal_bytes // 8
            self._fail(error)
        finally:
            self._is_writing = False

    def _room(self) -> int:
        """Return how many bytes fit into the folder; if none do, ask again only after a while."""
        room = self._max_bytes - segment_file.total_bytes(self._folder)
        self._full_until = self._clock() + _ROOM_SECONDS if room <= 0 else 0.0
        return room

    def _fail(self, error: OSError) -> None:
        if error.errno == errno.EFBIG:
            # A limit for one file: the next one has room.
            self._active = None
        message = "Writing to %s failed (%s); %s event(s) wait in memory"
        self._reports.warn(message, self._folder, error, len(self.backlog))
