"""The segment files that no process delivers, because their process has ended."""

from __future__ import annotations

import heapq
import os
from collections.abc import Callable, Iterable

from eventtracking.delivery.outbox import segment_file
from eventtracking.delivery.outbox.reports import Reports
from eventtracking.delivery.outbox.segment_file import SegmentFile
from eventtracking.delivery.outbox.segment_header import UnknownFileError

_SCAN_SECONDS = 30.0

# A folder may have many thousands of files.
_MAX_NAMES = 1000


class Orphans:
    """
    Find and adopt the orphans in a folder, the oldest first.

    Args:
        folder: The folder of the outbox.
        reports: Gets warnings of files that cannot be adopted.
        clock: Returns monotonic seconds.
    """

    def __init__(self, folder: str, reports: Reports, clock: Callable[[], float]) -> None:
        self._folder = folder
        self._reports = reports
        self._clock = clock
        self.forget()

    def forget(self) -> None:
        """Start without names: at first, and in a forked child."""
        # The candidates, the oldest last.
        self._names: list[str] = []
        self._next_scan = 0.0
        self._ignored: set[str] = set()

    def scan(self, held: Iterable[SegmentFile], *, now: bool = False) -> None:
        """
        Scan the folder if no candidates are left and a scan is due.

        Args:
            held: The files that this process has already.
            now: A scan is due.
        """
        time = self._clock()
        if now:
            # With candidates left, the scan takes place after they are adopted.
            self._next_scan = time
        if self._names or time < self._next_scan:
            return
        self._next_scan = time + _SCAN_SECONDS
        known = {os.path.basename(segment.path) for segment in held} | self._ignored
        found = (name for name in segment_file.segment_names(self._folder) if name not in known)
        self._names = heapq.nsmallest(_MAX_NAMES, found)[::-1]
        if len(self._names) == _MAX_NAMES:
            # There are more.
            self._next_scan = time

    def adopt(self) -> SegmentFile | None:
        """Adopt the oldest orphan that was found; return `None` if there is none."""
        while self._names:
            if segment := self._adopt(self._names.pop()):
                return segment
        return None

    def ignore(self, segment: SegmentFile) -> None:
        """Leave *segment*, which is faulty, to the next process."""
        self._ignored.add(os.path.basename(segment.path))

    def _adopt(self, name: str) -> SegmentFile | None:
        path = os.path.join(self._folder, name)
        try:
            return segment_file.adopt(path)
        except (UnknownFileError, OSError) as error:
            self._ignored.add(name)
            self._reports.warn("%s is left alone: %s", path, error)
            return None
