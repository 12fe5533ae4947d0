"""
The files in which events wait: one writer each, a line with a checksum for each event.

A journal begins with a header, as `journal_header` writes it: how far the events were
settled. Behind it stands one line an event, as `journal_lines` writes it.

Who delivers from a journal holds a lock on it, from before it has its name until it is
gone. So a journal that nobody has locked is one that nobody delivers.
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
from typing import Final
from weakref import ref

from eventtracking.delivery.destination import Record
from eventtracking.delivery.outbox.record_lines import record_of, salvage
from eventtracking.delivery.outbox.segment_header import (
    BEGUN,
    HEADER_BYTES,
    SETTLED,
    WAITS,
    Foreign,
    Header,
    move_cursor,
    read_header,
    write_header,
)
from eventtracking.journal.open_file import OpenFile
from eventtracking.stats import count_of

SUFFIX = ".journal"

# So that the order of names is that of age.
_NAME = re.compile(r"\d{20}-[0-9a-f]+\.journal(\.tmp)?")

_BLOCK_BYTES = 1 << 18

# A file without a final name that is as old was left by a process that was killed.
_LEFT_SECONDS = 3600.0


class Pen(OpenFile):
    """What threads write to one journal with: closed when none holds it any more."""

    __slots__ = ("__weakref__", "room", "written")

    def __init__(self, descriptor: int, room: int) -> None:
        super().__init__(descriptor)
        # How many bytes fit until the journal is long enough; inexact if threads race.
        self.room = room
        # How many whole lines were written.
        self.written = count()

    def give_up(self) -> None:
        """Close the descriptor now, in a forked child: other threads are no more."""
        _close(self)


class Entry:
    """One line that was read."""

    __slots__ = ("end", "journal", "record", "state")

    def __init__(self, record: Record | None, end: int, journal: Journal | None) -> None:
        # None: the line is damaged.
        self.record = record
        self.end = end
        # None: the event is in no file, but in memory.
        self.journal = journal
        self.state = WAITS


class Journal:
    """
    One journal that this process has locked: its reader, and its cursor.

    Use `create` and `adopt` to get one.

    Args:
        path: Where it is.
        file: Its descriptor, which holds the lock.
        header: What was read at its begin.
        pen: What it is written with, if this process writes it.
    """

    def __init__(self, path: str, file: OpenFile, header: Header, pen: Pen | None = None) -> None:
        self.path = path
        self.header = header
        # What was read and is not settled, and what is settled behind such, in order.
        self.entries: deque[Entry] = deque()
        self.is_read = False
        self._file = file
        self._marks = header.marks.rstrip(WAITS)
        self._cursor = self._offset = header.cursor
        self._pen = ref(pen) if pen else None
        self._written = pen.written if pen else None
        self._lines = self._read()
        self._next: Entry | None = None
        self._taken = 0
        self._reported = 0
        self._expected = self._count() if pen is None else 0

    @property
    def is_own(self) -> bool:
        """Whether this process wrote it."""
        return self._written is not None

    @property
    def is_sealed(self) -> bool:
        """Whether nothing is written to it any more."""
        return self._pen is None or self._pen() is None

    @property
    def expected(self) -> int:
        """How many events are in it, as far as known; in one taken over, behind the cursor."""
        return self._expected if self._written is None else count_of(self._written)

    @property
    def unread(self) -> int:
        """How many events are still to be read."""
        return max(0, self.expected - self._taken)

    def newly_known(self) -> int:
        """Return how many events of another process are known since the last call."""
        known, self._reported = self._expected - self._reported, self._expected
        return known

    def next(self) -> Entry | None:
        """Return the next line; the same one until it is taken. `None`: there is none yet."""
        if self._next is None:
            # Asked before the last look: what is written meanwhile is seen by that.
            is_sealed = self.is_sealed
            self._next = next(self._lines, None)
            if self._next is None:
                self.is_read = is_sealed
                self._lines = self._read()
        return self._next

    def take(self) -> None:
        """Go on behind the line that `next` returned."""
        entry, self._next = self._next, None
        if entry is None:
            return
        self.entries.append(entry)
        # Of its own events a process knows how many there are: other lines are torn ones.
        if entry.state != SETTLED and (entry.record or not self.is_own):
            self._taken += 1
        if not self.is_own:
            self._expected = max(self._expected, self._taken)

    def write_off(self, expected: int) -> int:
        """Give up what must be there, of *expected* events, and is not; return how many."""
        missing = max(0, expected - self._taken)
        self._taken += missing
        return missing

    def advance(self, *, with_marks: bool) -> None:
        """
        Move the cursor behind what is settled.

        Raises:
            OSError: If it cannot be written.
        """
        before = self._cursor
        entries = self.entries
        while entries and entries[0].state == SETTLED:
            self._cursor = entries.popleft().end
        if with_marks or self._cursor != before:
            marks = b"".join([entry.state for entry in entries]) if with_marks else b""
            move_cursor(self._file.descriptor, self._cursor, marks)

    def remove(self) -> None:
        """
        Delete it, and give the lock back.

        Raises:
            OSError: If it cannot be deleted.
        """
        try:
            with suppress(FileNotFoundError):
                os.unlink(self.path)
        finally:
            self.release()

    def release(self) -> None:
        """Give the lock back, so that another process takes it over."""
        with suppress(OSError):
            # Said aloud: a child forked meanwhile holds the descriptor too.
            fcntl.flock(self._file.descriptor, fcntl.LOCK_UN)
        self.give_up()

    def give_up(self) -> None:
        """Close the descriptor and leave the lock as it is: a child's parent has it, too."""
        _close(self._file)

    def _read(self) -> Iterator[Entry]:
        """Yield every line from where the last call ended to where the file ends."""
        while block := self._block():
            start = self._offset
            for line in block.split(b"\n")[: -1 if block.endswith(b"\n") else None]:
                self._offset = start + len(line) + 1
                if record := record_of(line):
                    yield self._entry(record, self._offset)
                else:
                    yield from self._salvaged(line, start)
                start += len(line) + 1

    def _salvaged(self, line: bytes, start: int) -> Iterator[Entry]:
        records: list[Record | None] = [*salvage(line)] or [None]
        self._expected += len(records) - 1
        for record in records[:-1]:
            # The cursor must not skip what comes behind on the same line.
            yield self._entry(record, start)
        yield self._entry(records[-1], self._offset)

    def _entry(self, record: Record | None, end: int) -> Entry:
        entry = Entry(record, end, self)
        if self.header.is_damaged:
            # Nobody knows.
            entry.state = BEGUN
        elif self._marks:
            entry.state, self._marks = self._marks[:1], self._marks[1:]
        return entry

    def _block(self) -> bytes:
        """Return whole lines from the offset on; of a sealed journal the rest as well."""
        length = _BLOCK_BYTES
        while True:
            is_sealed = self.is_sealed
            block = os.pread(self._file.descriptor, length, self._offset)
            end = block.rfind(b"\n") + 1
            if end:
                return block[:end]
            if len(block) < length:
                # Somebody may have cut the file short.
                size = os.fstat(self._file.descriptor).st_size
                self._offset = min(self._offset, size)
                return block if is_sealed else b""
            length *= 2

    def _count(self) -> int:
        """Return how many lines from the cursor on stand for an event that is not settled."""
        lines, offset, last = 0, self._offset, b"\n"
        while block := os.pread(self._file.descriptor, _BLOCK_BYTES, offset):
            offset += len(block)
            lines += block.count(b"\n")
            last = block[-1:]
        lines += last != b"\n"
        return max(0, lines - self._marks.count(SETTLED))


def create(folder: str, room: int) -> tuple[Journal, Pen]:
    """
    Make a new journal in *folder*, and what it is written with.

    Args:
        folder: Where.
        room: How many bytes may be written until it is long enough.

    Raises:
        OSError: If that cannot be done.
    """
    name = f"{time.time_ns():020d}-{os.getpid():x}{os.urandom(4).hex()}{SUFFIX}"
    path = os.path.join(folder, name)
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    file = OpenFile(os.open(f"{path}.tmp", flags, 0o600))
    try:
        fcntl.flock(file.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        write_header(file.descriptor)
        append = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        pen = Pen(os.open(f"{path}.tmp", append), room)
        os.rename(f"{path}.tmp", path)
    finally:
        # Only if something failed is it still there.
        with suppress(OSError):
            os.unlink(f"{path}.tmp")
    return Journal(path, file, Header(HEADER_BYTES, b""), pen), pen


def adopt(path: str) -> Journal | None:
    """
    Take over the journal at *path*; `None` if somebody has it, or it is gone.

    Raises:
        Foreign: If it is none, or none that can be read here.
        OSError: If it cannot be opened.
    """
    try:
        file = OpenFile(os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK))
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(os.fstat(file.descriptor).st_mode):
        raise Foreign("it is no file")
    try:
        fcntl.flock(file.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None
    # Somebody may have delivered and removed it between opening and locking.
    return Journal(path, file, read_header(file.descriptor)) if file.is_at(path) else None


def waiting(path: str) -> Iterator[Record | None]:
    """
    Yield what waits in the journal at *path*, without locking it; `None` for a damaged line.

    Raises:
        Foreign: If it is none, or none that can be read here.
        OSError: If it cannot be read.
    """
    file = OpenFile(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK))
    journal = Journal(path, file, read_header(file.descriptor))
    while entry := journal.next():
        journal.take()
        journal.entries.clear()
        if entry.state != SETTLED:
            yield entry.record


def names(folder: str) -> Iterator[str]:
    """Yield the names of the journals in *folder*; what a kill left half made is removed."""
    # A folder that cannot be read has none for us; whoever writes to it says what is wrong.
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if found := _NAME.fullmatch(entry.name):
                if not found[1]:
                    yield entry.name
                elif time.time() - int(entry.name[:20]) / 1e9 > _LEFT_SECONDS:
                    with suppress(OSError):
                        os.unlink(entry.path)


def total_bytes(folder: str) -> int:
    """Return how long the journals in *folder* are together."""
    total = 0
    for name in names(folder):
        # One may be gone meanwhile.
        with suppress(OSError):
            total += os.stat(os.path.join(folder, name), follow_symlinks=False).st_size
    return total


def is_locked(path: str) -> bool:
    """Tell whether somebody delivers from the journal at *path*."""
    file = OpenFile(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK))
    try:
        fcntl.flock(file.descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _close(file: OpenFile) -> None:
    # Its number may be another file's by now.
    if file.identity and file.is_open():
        os.close(file.descriptor)
    file.identity = None
    # What still means to write with it fails.
    file.descriptor = -1


NO_PEN: Final = Pen(-1, 0)
"""Stands where there is nothing to write with. Writing with it fails."""
