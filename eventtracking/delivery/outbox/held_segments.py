"""The segment files that this process holds: its own, and those of ended processes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from eventtracking.delivery.destination import Record
from eventtracking.delivery.outbox.orphans import Orphans
from eventtracking.delivery.outbox.own_segments import OwnSegments
from eventtracking.delivery.outbox.reports import Reports
from eventtracking.delivery.outbox.segment_file import SegmentFile
from eventtracking.stats import Counters

# A folder may have many thousands of orphans.
_MAX_ADOPTED = 4

DAMAGED = Record("", 0.0, "(damaged)", b"")
"""Stands for a record that cannot be read."""


class HeldSegments:
    """
    Adopt segment files, and note in each of them how far it is delivered.

    Args:
        own: The files that this process writes.
        orphans: The files that it may adopt.
        counters: Count the events of adopted files as accepted.
        reports: Gets losses and warnings.
        with_marks: Whether to note the state of single records, too.
    """

    def __init__(
        self,
        own: OwnSegments,
        orphans: Orphans,
        *,
        counters: Counters,
        reports: Reports,
        with_marks: bool,
    ) -> None:
        self._own = own
        self._orphans = orphans
        self._counters = counters
        self._reports = reports
        self._with_marks = with_marks
        # The oldest first.
        self._adopted: list[SegmentFile] = []

    @property
    def files(self) -> list[SegmentFile]:
        """All files, the oldest first."""
        return [*self._adopted, *self._own.files]

    @property
    def unread(self) -> int:
        """The number of records that are still to be read."""
        return sum(segment.unread for segment in self.files)

    def scan(self, *, now: bool = False) -> None:
        """Look for orphans if it is time to, or *now*."""
        self._orphans.scan(self.files, now=now)

    def adopt_next(self) -> SegmentFile | None:
        """Adopt the oldest orphan; return `None` if there is none."""
        segment = self._orphans.adopt()
        if segment is not None:
            self._adopted.append(segment)
            self.count_accepted(segment)
        return segment

    def oldest_first(self) -> Iterator[SegmentFile]:
        """Yield the files to deliver from, and adopt more on the way."""
        yield from [*self._adopted]
        while len(self._adopted) < _MAX_ADOPTED and (segment := self.adopt_next()):
            yield segment
        yield from [*self._own.files]

    def droppable(self) -> Iterator[SegmentFile]:
        """Yield the files of which no record is being sent, the oldest first."""
        self.scan(now=True)
        yield from [segment for segment in self._adopted if not segment.unsettled]
        while segment := self.adopt_next():
            yield segment
        yield from [
            segment for segment in self._own.files if not segment.unsettled and segment.is_sealed
        ]

    def count_accepted(self, segment: SegmentFile) -> None:
        """Count the records of *segment* as accepted, if another process wrote it."""
        if not segment.is_own:
            for _ in range(segment.newly_found()):
                next(self._counters.accepted)

    def advance_cursors(self, segments: Iterable[SegmentFile]) -> None:
        """Note in *segments* how far they are settled."""
        for segment in segments:
            try:
                segment.advance_cursor(with_marks=self._with_marks)
            except OSError as error:
                message = "%s: the cursor could not be written (%s)"
                self._reports.warn(message, segment.path, error)

    def delete(self, segment: SegmentFile) -> None:
        """Delete *segment*, of which all records are settled."""
        # In this order, so that a process that adopts the file after a kill sends nothing.
        self.advance_cursors([segment])
        self._remove(segment)
        try:
            segment.delete()
        except OSError as error:
            self._reports.warn("%s could not be deleted (%s)", segment.path, error)
            self._orphans.ignore(segment)
        self._own.check_again()

    def abandon(self, segment: SegmentFile, error: OSError) -> None:
        """Leave *segment*, which cannot be read, to the next process."""
        self._reports.warn("%s could not be read (%s)", segment.path, error)
        self._orphans.ignore(segment)
        self.write_off(segment, segment.expected)
        self._remove(segment)
        segment.close()

    def write_off(self, segment: SegmentFile, expected: int) -> None:
        """Count as lost the records that were written to *segment* and are not there."""
        missing = segment.write_off(expected)
        self._reports.lose("corrupt", [DAMAGED] * missing, "the outbox was damaged")

    def release(self) -> None:
        """Release all files to the next process."""
        for segment in self.files:
            segment.release()
        self._own.files.clear()
        self._adopted.clear()

    def forget(self) -> None:
        """Close the adopted files without releasing their locks, in a forked child."""
        for segment in self._adopted:
            segment.close()
        self._adopted.clear()
        self._orphans.forget()

    def _remove(self, segment: SegmentFile) -> None:
        # In place, because another thread may append a file.
        for files in (self._own.files, self._adopted):
            if segment in files:
                files.remove(segment)
