"""Read the records of a segment file, while it may still grow."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from eventtracking.delivery.destination import Record
from eventtracking.delivery.outbox.record_lines import record_of, salvage
from eventtracking.delivery.outbox.segment_header import SENDING, SETTLED, WAITING, Header

if TYPE_CHECKING:
    from eventtracking.delivery.outbox.segment_file import SegmentFile

_BLOCK_BYTES = 1 << 18


class StoredRecord:
    """A record that was read, and its state."""

    __slots__ = ("end", "record", "segment", "state")

    def __init__(self, record: Record | None, end: int, segment: SegmentFile | None) -> None:
        # None: the line is damaged.
        self.record = record
        # The offset of the next line.
        self.end = end
        # None: the record is not in a file, but in memory.
        self.segment = segment
        self.state = WAITING


class SegmentReader:
    """
    Read a segment file from the cursor in its header.

    Args:
        segment: The file that the records belong to.
        descriptor: Its descriptor.
        header: Its header.
        is_sealed: Returns whether nothing more will be written to the file.
    """

    def __init__(
        self,
        segment: SegmentFile,
        descriptor: int,
        header: Header,
        is_sealed: Callable[[], bool],
    ) -> None:
        self.salvaged = 0
        """The number of records that were found in addition to one a line."""

        self._segment = segment
        self._descriptor = descriptor
        self._is_damaged = header.is_damaged
        self._marks = header.marks.rstrip(WAITING)
        self._offset = header.cursor
        self._is_sealed = is_sealed

    def count(self) -> int:
        """Return the number of lines from the offset on whose record is not settled."""
        lines, offset, last = 0, self._offset, b"\n"
        while block := os.pread(self._descriptor, _BLOCK_BYTES, offset):
            offset += len(block)
            lines += block.count(b"\n")
            last = block[-1:]
        lines += last != b"\n"
        return max(0, lines - self._marks.count(SETTLED))

    def read(self) -> Iterator[StoredRecord]:
        """Yield the records from where the last call ended to the end of the file."""
        while block := self._block():
            start = self._offset
            for line in block.split(b"\n")[: -1 if block.endswith(b"\n") else None]:
                self._offset = start + len(line) + 1
                if record := record_of(line):
                    yield self._stored(record, self._offset)
                else:
                    yield from self._salvage(line, start)
                start += len(line) + 1

    def _block(self) -> bytes:
        """Return whole lines from the offset on. A sealed file may end with part of one."""
        length = _BLOCK_BYTES
        while True:
            is_sealed = self._is_sealed()
            block = os.pread(self._descriptor, length, self._offset)
            end = block.rfind(b"\n") + 1
            if end:
                return block[:end]
            if len(block) < length:
                # Another program may have truncated the file.
                size = os.fstat(self._descriptor).st_size
                self._offset = min(self._offset, size)
                return block if is_sealed else b""
            length *= 2

    def _salvage(self, line: bytes, start: int) -> Iterator[StoredRecord]:
        records: list[Record | None] = [*salvage(line)] or [None]
        self.salvaged += len(records) - 1
        for record in records[:-1]:
            # The cursor must not skip the other records of the line.
            yield self._stored(record, start)
        yield self._stored(records[-1], self._offset)

    def _stored(self, record: Record | None, end: int) -> StoredRecord:
        stored = StoredRecord(record, end, self._segment)
        if self._is_damaged:
            # The mark is lost: the record may have been sent.
            stored.state = SENDING
        elif self._marks:
            stored.state, self._marks = self._marks[:1], self._marks[1:]
        return stored
