"""The oldest records of an outbox on disk, from the moment they are read until they are settled."""

from __future__ import annotations

from collections.abc import Sequence

from eventtracking.delivery.destination import Record
from eventtracking.delivery.outbox.dropping import discard
from eventtracking.delivery.outbox.held_segments import HeldSegments
from eventtracking.delivery.outbox.reports import Reports
from eventtracking.delivery.outbox.segment_file import SegmentFile
from eventtracking.delivery.outbox.segment_header import MAX_MARKS, SENDING, SETTLED, WAITING
from eventtracking.delivery.outbox.segment_reader import StoredRecord
from eventtracking.delivery.outbox.writer import OutboxWriter


class Window:
    """
    The records that are being delivered.

    Args:
        segments: The files to read from.
        writer: Has a backlog to read from when the files are read.
        reports: Gets the losses.
        idempotent: Whether a record may be sent again if it may have arrived.
    """

    def __init__(
        self,
        segments: HeldSegments,
        writer: OutboxWriter,
        reports: Reports,
        *,
        idempotent: bool,
    ) -> None:
        self._segments = segments
        self._writer = writer
        self._reports = reports
        self._idempotent = idempotent
        # By id, in order.
        self._stored: dict[str, StoredRecord] = {}

    def __len__(self) -> int:
        return len(self._stored)

    def records(self) -> list[Record]:
        """Return the records, the oldest first."""
        return [stored.record for stored in self._stored.values() if stored.record]

    def records_in_memory(self) -> list[Record]:
        """Return the records that are in no file."""
        return [
            stored.record
            for stored in self._stored.values()
            if stored.record and stored.segment is None
        ]

    def fill(self, max_events: int, max_bytes: int) -> None:
        """Read the oldest records, up to *max_events* and *max_bytes* together."""
        if not self._idempotent:
            max_events = min(max_events, MAX_MARKS)
        self._segments.scan()
        room = max_bytes
        for segment in self._segments.oldest_first():
            room = self._fill_from(segment, max_events, room)
            if len(self._stored) >= max_events or room <= 0:
                return
        self._fill_from_backlog(max_events, room)

    def finish(self, segment: SegmentFile) -> None:
        """Skip the damaged and the settled records of *segment*; delete it if no other is left."""
        self._fill_from(segment, 0, 0)

    def mark(self, batch: Sequence[Record], state: bytes) -> None:
        """Note the *state* of the records in *batch*, if it matters."""
        if not self._idempotent:
            found = [stored for each in batch if (stored := self._stored.get(each.id))]
            self._set_state(found, state)

    def settle(self, batch: Sequence[Record]) -> int:
        """Remove the records in *batch*; return the number of those that were here."""
        found = [stored for each in batch if (stored := self._stored.pop(each.id, None))]
        self._set_state(found, SETTLED)
        return len(found)

    def clear(self) -> None:
        """Remove all records."""
        self._stored.clear()

    def _set_state(self, stored_records: list[StoredRecord], state: bytes) -> None:
        for stored in stored_records:
            stored.state = state
        self._segments.advance_cursors(
            {stored.segment for stored in stored_records if stored.segment}
        )

    def _fill_from(self, segment: SegmentFile, max_events: int, room: int) -> int:
        """Read records of *segment*; return the *room* that is left, in bytes."""
        try:
            room = self._read(segment, max_events, room)
        except OSError as error:
            self._segments.abandon(segment, error)
        self._segments.count_accepted(segment)
        if segment.is_read and all(each.state == SETTLED for each in segment.unsettled):
            self._segments.delete(segment)
        return room

    def _read(self, segment: SegmentFile, max_events: int, room: int) -> int:
        expected = segment.expected
        window = self._stored
        while stored := segment.peek():
            record = stored.record
            if record is None or (stored.state != WAITING and not self._may_repeat(stored)):
                segment.take()
                discard(stored, self._reports)
            elif (
                len(window) >= max_events
                or (window and len(record.payload) > room)
                # The second of two records with one id comes in the next window.
                or record.id in window
            ):
                return 0
            else:
                window[record.id] = stored
                room -= len(record.payload)
                segment.take()
            if not self._idempotent and not self._has_free_mark(segment):
                return 0
        self._segments.write_off(segment, expected)
        return room

    def _may_repeat(self, stored: StoredRecord) -> bool:
        return self._idempotent and stored.state == SENDING

    def _has_free_mark(self, segment: SegmentFile) -> bool:
        """Return whether the header of *segment* has room for the state of one more record."""
        if len(segment.unsettled) >= MAX_MARKS:
            # The first of them may be settled, because they were damaged or discarded.
            self._segments.advance_cursors([segment])
        return len(segment.unsettled) < MAX_MARKS

    def _fill_from_backlog(self, max_events: int, room: int) -> None:
        with self._writer.hold_backlog() as backlog:
            while backlog and len(self._stored) < max_events:
                record, _ = backlog.first
                room -= len(record.payload)
                if self._stored and (room < 0 or record.id in self._stored):
                    return
                self._stored[record.id] = StoredRecord(record, 0, None)
                backlog.drop_first()
