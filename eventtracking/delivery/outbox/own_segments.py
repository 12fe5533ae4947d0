"""The segment files that this process writes."""

from __future__ import annotations

import os
from collections.abc import Callable

from eventtracking.delivery.outbox import segment_file
from eventtracking.delivery.outbox.segment_file import Appender, SegmentFile

# The size at which the next segment begins; less if the folder has room for only a few. A
# settled segment is deleted as a whole, so smaller ones free space sooner. But each one holds
# a descriptor until then.
_SEGMENT_BYTES = 8_000_000
_MIN_SEGMENTS, _MAX_SEGMENTS = 10, 100
_MIN_SEGMENT_BYTES = 1 << 16

# How often the size of a full folder is checked.
_CHECK_SECONDS = 1.0


class OwnSegments:
    """
    Create segment files, one after the other, while the folder has room.

    Args:
        folder: The folder of the outbox.
        max_bytes: The size that all segment files in it may have.
        segment_bytes: The size of each. `None`: a fraction of *max_bytes*.
        clock: Returns monotonic seconds.
    """

    def __init__(
        self,
        folder: str,
        *,
        max_bytes: int,
        segment_bytes: int | None,
        clock: Callable[[], float],
    ) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._clock = clock
        least = max(_MIN_SEGMENT_BYTES, max_bytes // _MAX_SEGMENTS)
        default = max(least, min(_SEGMENT_BYTES, max_bytes // _MIN_SEGMENTS))
        self.segment_bytes = segment_bytes or default
        self._start_empty()

    def _start_empty(self) -> None:
        self.active: Appender | None = None
        # The oldest first. The reader removes a file when it is done with it.
        self.files: list[SegmentFile] = []
        # While the folder is full: the time of the next check.
        self._full_until = 0.0

    @property
    def was_full(self) -> bool:
        """Whether the folder was full at the last check."""
        return bool(self._full_until)

    @property
    def is_full(self) -> bool:
        """Whether there is no segment to write to, and the next check is not due yet."""
        return self.active is None and self._clock() < self._full_until

    @property
    def is_worth_retiring(self) -> bool:
        """Whether the active segment, if all in it is settled, takes up much space."""
        return self.active is not None and self.active.room < self.segment_bytes * 7 // 8

    def appender(self) -> Appender | None:
        """
        Return the descriptor to write with, of a new segment if necessary.

        `None` says that the folder has no room.

        Raises:
            OSError: If a segment file cannot be created.
        """
        appender = self.active
        if appender is None or appender.room <= 0 or not appender.is_open():
            self.active = appender = None
            room = self._check_room()
            if room > 0:
                appender = self._begin_segment(room)
        return appender

    def extend(self, appender: Appender) -> None:
        """Go on with the segment of *appender*, though it is long enough."""
        self.active, appender.room = appender, self.segment_bytes // 8

    def check_again(self) -> None:
        """Check a full folder again at once: a file has been deleted."""
        self._full_until = 0.0

    def forget(self) -> None:
        """Close the files without releasing their locks, in a forked child."""
        for segment in self.files:
            segment.close()
        if self.active is not None:
            self.active.close()
        self._start_empty()

    def _begin_segment(self, room: int) -> Appender:
        os.makedirs(self._folder, 0o700, exist_ok=True)
        segment, appender = segment_file.create(self._folder, min(room, self.segment_bytes))
        self.files.append(segment)
        self.active = appender
        return appender

    def _check_room(self) -> int:
        """Return how many bytes fit into the folder."""
        room = self._max_bytes - segment_file.total_bytes(self._folder)
        self._full_until = self._clock() + _CHECK_SECONDS if room <= 0 else 0.0
        return room
