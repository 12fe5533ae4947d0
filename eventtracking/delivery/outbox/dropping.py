"""Give up records: those that cannot be sent, and the oldest when the outbox is full."""

from __future__ import annotations

from eventtracking.delivery.destination import Record
from eventtracking.delivery.outbox.held_segments import DAMAGED, HeldSegments
from eventtracking.delivery.outbox.reports import Reports
from eventtracking.delivery.outbox.segment_file import SegmentFile
from eventtracking.delivery.outbox.segment_header import SETTLED
from eventtracking.delivery.outbox.segment_reader import StoredRecord


def drop_oldest_segment(segments: HeldSegments, reports: Reports) -> list[Record]:
    """Give up the oldest segment of which no record is being sent; return its records."""
    for segment in segments.droppable():
        if dropped := _drop(segment, segments, reports):
            return dropped
    return []


def discard(stored: StoredRecord, reports: Reports) -> None:
    """Give up *stored*, which cannot, or must not, be sent."""
    if stored.state == SETTLED:
        return
    if stored.record is not None:
        explanation = "it may have arrived before its process ended"
        reports.lose("rejected", [stored.record], explanation)
    elif stored.segment and not stored.segment.is_own:
        # For its own segments, a process counts the records that are missing in the end.
        reports.lose("corrupt", [DAMAGED], "a damaged line in the outbox")
    stored.state = SETTLED


def _drop(segment: SegmentFile, segments: HeldSegments, reports: Reports) -> list[Record]:
    expected = segment.expected
    dropped = []
    try:
        while stored := segment.peek():
            segment.take()
            if stored.record and stored.state != SETTLED:
                dropped.append(stored.record)
            else:
                discard(stored, reports)
            stored.state = SETTLED
    except OSError as error:
        segments.abandon(segment, error)
        return dropped
    segments.write_off(segment, expected)
    segments.count_accepted(segment)
    if segment.is_read:
        segments.delete(segment)
    return dropped
