"""The journals that other processes left, and that nobody delivers."""

from __future__ import annotations

import heapq
import os
from collections.abc import Callable, Iterable

from eventtracking.delivery.outbox import segment_file
from eventtracking.delivery.outbox.reports import Reports
from eventtracking.delivery.outbox.segment_file import Journal
from eventtracking.delivery.outbox.segment_header import Foreign

# How often to look for more.
_LOOK_SECONDS = 30.0

# Of thousands only so many names are remembered at once.
_NAMES_AT_ONCE = 1000


class Orphans:
    """
    Find them in a folder, the oldest first.

    Args:
        folder: Where the journals are.
        reports: Told of files that cannot be taken over.
        clock: Monotonic seconds.
    """

    def __init__(self, folder: str, reports: Reports, clock: Callable[[], float]) -> None:
        self._folder = folder
        self._reports = reports
        self._clock = clock
        self.forget()

    def forget(self) -> None:
        """Start anew, at first and in a forked child."""
        # What may be one, the oldest last.
        self._names: list[str] = []
        self._look_at = 0.0
        self._left_alone: set[str] = set()

    def look(self, held: Iterable[Journal], *, at_once: bool = False) -> None:
        """Look for more than those that are *held* here, if it is time to, or *at_once*."""
        now = self._clock()
        if at_once:
            # If not now, then as soon as all that are known are taken over.
            self._look_at = now
        if self._names or now < self._look_at:
            return
        self._look_at = now + _LOOK_SECONDS
        known = {os.path.basename(journal.path) for journal in held} | self._left_alone
        found = (name for name in segment_file.names(self._folder) if name not in known)
        self._names = heapq.nsmallest(_NAMES_AT_ONCE, found)[::-1]
        if len(self._names) == _NAMES_AT_ONCE:
            # There are more.
            self._look_at = now

    def adopt(self) -> Journal | None:
        """Take over the oldest of those that were found, if there is one."""
        while self._names:
            if journal := self._adopted(self._names.pop()):
                return journal
        return None

    def leave_alone(self, journal: Journal) -> None:
        """Leave *journal* to the next process: something is wrong with it."""
        self._left_alone.add(os.path.basename(journal.path))

    def _adopted(self, name: str) -> Journal | None:
        path = os.path.join(self._folder, name)
        try:
            return segment_file.adopt(path)
        except (Foreign, OSError) as error:
            self._left_alone.add(name)
            self._reports.warn("%s is left alone: %s", path, error)
            return None
