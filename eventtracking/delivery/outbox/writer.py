"""Write records to an outbox on disk, and keep those in memory that cannot be written yet."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from eventtracking.delivery.destination import Record
from eventtracking.delivery.outbox.backlog import Backlog
from eventtracking.delivery.outbox.own_segments import OwnSegments
from eventtracking.delivery.outbox.record_lines import line_of
from eventtracking.delivery.outbox.reports import Reports
from eventtracking.delivery.outbox.segment_file import Appender
from eventtracking.locks import held

# Writing with it fails, so `put` takes the slow path.
_CLOSED = Appender(-1, 0)


class OutboxWriter:
    """
    Append records to segment files, without a lock as long as the disk works.

    When writing fails, records wait in the backlog, in order, and are written when the disk
    works again.

    Args:
        segments: The segment files of this process.
        folder: Their folder, for warnings.
        max_memory_bytes: The most bytes in the backlog.
        reports: Gets the warnings.
    """

    def __init__(
        self, segments: OwnSegments, folder: str, *, max_memory_bytes: int, reports: Reports
    ) -> None:
        self._segments = segments
        self._folder = folder
        self._max_memory_bytes = max_memory_bytes
        self._reports = reports
        self._start_empty()

    def _start_empty(self) -> None:
        # Reentrant: a signal handler or a finalizer may emit while it is held.
        self._lock = threading.RLock()
        self._is_writing = self._is_closed = False
        # The active segment's, or `_CLOSED` while records must go to the backlog first.
        self._appender = _CLOSED
        self.backlog = Backlog()

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._is_closed

    def put(self, record: Record, /) -> bool:
        """Add *record*; return whether there was room."""
        line = line_of(record)
        appender = self._appender
        try:
            written = os.write(appender.descriptor, line)
        except OSError:
            return self._put_in_backlog(record, line)
        if written != len(line):
            # The disk is full. The record is written again, as a whole, after the part that
            # was written. The reader finds it there.
            return self._put_in_backlog(record, line)
        # Counted after the write: the reader expects the records that are counted.
        next(appender.written)
        appender.room -= written
        if appender.room <= 0:
            self._begin_next_segment(appender)
        return True

    def write_backlog(self) -> None:
        """Write the backlog, unless another thread is writing it."""
        with held(self._lock, 0) as is_held:
            if is_held and not self._is_writing and self.backlog:
                self._write_backlog()
        self._reports.publish()

    @contextmanager
    def hold_backlog(self) -> Iterator[Backlog]:
        """Give the block the backlog, or an empty one if another thread is writing it."""
        with held(self._lock, 0) as is_held:
            yield self.backlog if is_held and not self._is_writing else Backlog()

    def retire_segment(self) -> None:
        """Begin a new segment early, so that this one, which is settled, can be deleted."""
        if not self._segments.is_worth_retiring:
            return
        with held(self._lock, 0) as is_held:
            if is_held and not self._is_writing:
                self._appender, self._segments.active = _CLOSED, None

    def forget(self) -> None:
        """Start empty, in a forked child: the files belong to the parent."""
        self._segments.forget()
        self._start_empty()

    def close(self) -> list[Record]:
        """Accept no more records, and return the backlog."""
        with held(self._lock):
            self._is_closed = True
            self._appender, self._segments.active = _CLOSED, None
            unwritten, self.backlog = [*self.backlog], Backlog()
        return unwritten

    def _put_in_backlog(self, record: Record, line: bytes) -> bool:
        """Add *record* to the backlog, and write the backlog; return whether there was room."""
        with held(self._lock) as is_held:
            is_kept = is_held and self._write_or_keep(record, line)
        self._reports.publish()
        return is_kept

    def _write_or_keep(self, record: Record, line: bytes) -> bool:
        if self._is_closed or self._segments.is_full:
            return False
        self._appender = _CLOSED
        self.backlog.append(record, line)
        if self._is_writing:
            # A signal handler interrupted the writing, which continues with this record.
            return True
        self._write_backlog()
        # Checked after writing: the disk may have had room for all.
        if not self.backlog.ends_with(record):
            return True
        if self.backlog.bytes <= self._max_memory_bytes and not self._segments.was_full:
            return True
        self.backlog.drop_last()
        return False

    def _write_backlog(self) -> None:
        """Write the backlog as far as possible. If all is written, `put` is fast again."""
        self._is_writing = True
        try:
            while True:
                self._drain()
                if self.backlog or self._segments.active is None:
                    return
                self._appender = self._segments.active
                # A signal handler may have added a record before the assignment.
                if not self.backlog:
                    return
                self._appender = _CLOSED
        except OSError as error:
            self._report_failure(error)
        finally:
            self._is_writing = False

    def _drain(self) -> None:
        # A signal handler may fork, and the child has a new backlog.
        backlog = self.backlog
        while backlog and backlog is self.backlog:
            appender = self._segments.appender()
            if appender is None:
                return
            record, line = backlog.first
            _append(appender, line)
            # The worker may have taken the record meanwhile. No other thread takes any.
            if backlog and backlog.first[0] is record:
                backlog.drop_first()

    def _begin_next_segment(self, appender: Appender) -> None:
        """Replace the segment of *appender*. Other threads do not wait for it."""
        with held(self._lock, 0) as is_held:
            if not is_held:
                return
            is_active = self._segments.active is appender
            if is_active and not self._is_writing and not self._is_closed:
                self._replace(appender)
            if self.backlog and not self._is_writing:
                self._write_backlog()
        self._reports.publish()

    def _replace(self, appender: Appender) -> None:
        self._is_writing = True
        try:
            self._appender = self._segments.appender() or _CLOSED
        except OSError as error:
            # A segment that is too long is better than a record that is only in memory.
            self._segments.extend(appender)
            self._report_failure(error)
        finally:
            self._is_writing = False

    def _report_failure(self, error: OSError) -> None:
        if error.errno == errno.EFBIG:
            # The size of a file is limited. The next file has room.
            self._segments.active = None
        message = "Writing to %s failed (%s); %s event(s) wait in memory"
        self._reports.warn(message, self._folder, error, len(self.backlog))


def _append(appender: Appender, line: bytes) -> None:
    written = os.write(appender.descriptor, line)
    if written != len(line):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    next(appender.written)
    appender.room -= written
