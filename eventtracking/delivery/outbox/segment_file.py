"""
The files of an outbox: a header, and a line with a checksum for each record.

One process writes a segment file. The process that delivers from it holds a lock on it, from
before the file gets its name until the file is deleted. So a segment file without a lock is
one that no process delivers.
"""

from __future__ import annotations

import fcntl
import os
import re
import stat
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from weakref import ref

from eventtracking.delivery.destination import Record
from eventtracking.delivery.outbox.segment_header import (
    HEADER_BYTES,
    SETTLED,
    Header,
    UnknownFileError,
    read_header,
    update_header,
    write_header,
)
from eventtracking.delivery.outbox.segment_reader import SegmentReader, StoredRecord
from eventtracking.journal.open_file import OpenFile
from eventtracking.stats import count_of

_SUFFIX = ".segment"

# Sorted by name, the files are sorted by age. Before the first release, the suffix was
# "journal".
_NAME = re.compile(r"\d{20}-[0-9a-f]+\.(?:segment|journal)(\.tmp)?")

# A temporary file of this age was left by a process that was killed.
_STALE_SECONDS = 3600.0


class Appender(OpenFile):
    """A descriptor to append records with. It is closed when no thread uses it any more."""

    __slots__ = ("__weakref__", "room", "written")

    def __init__(self, descriptor: int, room: int) -> None:
        super().__init__(descriptor)
        # The bytes that fit until the segment is long enough; inexact if threads race.
        self.room = room
        # The number of whole lines written.
        self.written = count()

    def close(self) -> None:
        """Close the descriptor at once, in a forked child, which has no other thread."""
        _close(self)


class SegmentFile:
    """
    A segment file that this process has locked, from which it delivers.

    `create` and `adopt` return one.

    Args:
        path: The path of the file.
        file: The descriptor that holds the lock.
        header: The header as it was read.
        appender: The descriptor that this process writes with; `None` if another process
            wrote the file.
    """

    def __init__(
        self, path: str, file: OpenFile, header: Header, appender: Appender | None = None
    ) -> None:
        self.path = path
        # In order: the records taken, until they and all before them are settled.
        self.unsettled: deque[StoredRecord] = deque()
        self.is_read = False
        self._file = file
        self._cursor = header.cursor
        self._appender = ref(appender) if appender else None
        self._written = appender.written if appender else None
        self._reader = SegmentReader(self, file.descriptor, header, lambda: self.is_sealed)
        self._records = self._reader.read()
        self._next: StoredRecord | None = None
        self._taken = 0
        self._reported = 0
        self._expected = self._reader.count() if appender is None else 0

    @property
    def is_own(self) -> bool:
        """Whether this process wrote the file."""
        return self._written is not None

    @property
    def is_sealed(self) -> bool:
        """Whether nothing more will be written to the file."""
        return self._appender is None or self._appender() is None

    @property
    def expected(self) -> int:
        """The number of records in the file, as far as known; if adopted, from the cursor on."""
        return self._expected if self._written is None else count_of(self._written)

    @property
    def unread(self) -> int:
        """The number of records that are still to be read."""
        return max(0, self.expected - self._taken)

    def newly_found(self) -> int:
        """Return how many records of another process were found since the last call."""
        found, self._reported = self._expected - self._reported, self._expected
        return found

    def peek(self) -> StoredRecord | None:
        """Return the next record, the same one until it is taken; `None` if there is none yet."""
        if self._next is None:
            # Before the last read, so that a record written meanwhile is not missed.
            is_sealed = self.is_sealed
            self._next = next(self._records, None)
            if self._next is None:
                self.is_read = is_sealed
                self._records = self._reader.read()
            elif self._reader.salvaged:
                self._expected += self._reader.salvaged
                self._reader.salvaged = 0
        return self._next

    def take(self) -> None:
        """Move on to the record after the one that `peek` returned."""
        stored, self._next = self._next, None
        if stored is None:
            return
        self.unsettled.append(stored)
        # A process knows how many records it wrote. Damaged lines are not among them.
        if stored.state != SETTLED and (stored.record or not self.is_own):
            self._taken += 1
        if not self.is_own:
            self._expected = max(self._expected, self._taken)

    def write_off(self, expected: int) -> int:
        """Stop waiting for the missing ones of *expected* records; return their number."""
        missing = max(0, expected - self._taken)
        self._taken += missing
        return missing

    def advance_cursor(self, *, with_marks: bool) -> None:
        """
        Move the cursor behind the settled records.

        Args:
            with_marks: Write the marks of the next records, too.

        Raises:
            OSError: If the header cannot be written.
        """
        before = self._cursor
        unsettled = self.unsettled
        while unsettled and unsettled[0].state == SETTLED:
            self._cursor = unsettled.popleft().end
        if with_marks or self._cursor != before:
            marks = b"".join([stored.state for stored in unsettled]) if with_marks else b""
            update_header(self._file.descriptor, self._cursor, marks)

    def delete(self) -> None:
        """
        Delete the file, and release the lock.

        Raises:
            OSError: If the file cannot be deleted.
        """
        try:
            with suppress(FileNotFoundError):
                os.unlink(self.path)
        finally:
            self.release()

    def release(self) -> None:
        """Release the lock, so that another process can adopt the file."""
        with suppress(OSError):
            # Explicitly: a child that was forked meanwhile has the descriptor, too.
            fcntl.flock(self._file.descriptor, fcntl.LOCK_UN)
        self.close()

    def close(self) -> None:
        """Close the descriptor without releasing the lock: in a child, it is the parent's."""
        _close(self._file)


def create(folder: str, room: int) -> tuple[SegmentFile, Appender]:
    """
    Create a segment file in *folder*; return it, and the descriptor to write with.

    Args:
        folder: The folder of the outbox.
        room: The bytes that may be written until the segment is long enough.

    Raises:
        OSError: If the file cannot be created.
    """
    name = f"{time.time_ns():020d}-{os.getpid():x}{os.urandom(4).hex()}{_SUFFIX}"
    path = os.path.join(folder, name)
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    file = OpenFile(os.open(f"{path}.tmp", flags, 0o600))
    try:
        fcntl.flock(file.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        write_header(file.descriptor)
        append = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        appender = Appender(os.open(f"{path}.tmp", append), room)
        os.rename(f"{path}.tmp", path)
    finally:
        # It still exists only if something failed.
        with suppress(OSError):
            os.unlink(f"{path}.tmp")
    return SegmentFile(path, file, Header(HEADER_BYTES, b""), appender), appender


def adopt(path: str) -> SegmentFile | None:
    """
    Lock the segment file at *path*; return `None` if another process has it, or it is gone.

    Raises:
        UnknownFileError: If this version cannot read the file.
        OSError: If the file cannot be opened.
    """
    try:
        file = OpenFile(os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK))
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(os.fstat(file.descriptor).st_mode):
        raise UnknownFileError("it is not a regular file")
    try:
        fcntl.flock(file.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None
    # Another process may have delivered and deleted it between opening and locking.
    return SegmentFile(path, file, read_header(file.descriptor)) if file.is_at(path) else None


def read_waiting(path: str) -> Iterator[Record | None]:
    """
    Yield the waiting records of the segment file at *path*, and `None` for each damaged line.

    The file is not locked.

    Raises:
        UnknownFileError: If this version cannot read the file.
        OSError: If the file cannot be read.
    """
    file = OpenFile(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK))
    segment = SegmentFile(path, file, read_header(file.descriptor))
    try:
        while stored := segment.peek():
            segment.take()
            segment.unsettled.clear()
            if stored.state != SETTLED:
                yield stored.record
    finally:
        segment.close()


def segment_names(folder: str) -> Iterator[str]:
    """Yield the names of the segment files in *folder*. Stale temporary files are deleted."""
    # A folder that cannot be read counts as empty. Writing to it reports the error.
    with suppress(OSError), os.scandir(folder) as items:
        for item in items:
            if found := _NAME.fullmatch(item.name):
                if not found[1]:
                    yield item.name
                elif time.time() - int(item.name[:20]) / 1e9 > _STALE_SECONDS:
                    with suppress(OSError):
                        os.unlink(item.path)


def total_bytes(folder: str) -> int:
    """Return the size of all segment files in *folder*."""
    total = 0
    for name in segment_names(folder):
        # It may have been deleted meanwhile.
        with suppress(OSError):
            total += os.stat(os.path.join(folder, name), follow_symlinks=False).st_size
    return total


def is_locked(path: str) -> bool:
    """Return whether a process delivers from the segment file at *path*."""
    file = OpenFile(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK))
    try:
        fcntl.flock(file.descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _close(file: OpenFile) -> None:
    # The number of its descriptor may belong to another file by now.
    if file.identity and file.is_open():
        os.close(file.descriptor)
    file.identity = None
    # A thread that still tries to write gets an error.
    file.descriptor = -1
