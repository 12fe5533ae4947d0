"""Keep events in files, where they outlive the process."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from eventtracking.delivery.destination import Record
from eventtracking.delivery.losses import Losses
from eventtracking.delivery.outbox import folders
from eventtracking.delivery.outbox.dead_letters import DeadLetters
from eventtracking.delivery.outbox.dropping import drop_oldest_segment
from eventtracking.delivery.outbox.held_segments import HeldSegments
from eventtracking.delivery.outbox.orphans import Orphans
from eventtracking.delivery.outbox.own_segments import OwnSegments
from eventtracking.delivery.outbox.reports import Reports
from eventtracking.delivery.outbox.segment_header import SENDING, WAITING
from eventtracking.delivery.outbox.window import Window
from eventtracking.delivery.outbox.writer import OutboxWriter
from eventtracking.locks import held
from eventtracking.stats import Counters

logger = logging.getLogger(__name__)


class DiskOutbox:
    """
    Keep waiting events in segment files in a folder.

    `put` is one `write(2)` to a descriptor opened with `O_APPEND`, without a lock: an
    accepted event survives any end of the process. While writing fails, events wait in
    memory, in order, and are written later or delivered from memory.

    The events of one segment are delivered in order, and so are those of a process while it
    lives. Segments that no living process has locked are delivered first, the oldest before
    the others. Their events count as accepted when they are found. A damaged event in them
    counts as lost, `corrupt`, and so does an incomplete last line: it is usually an event
    whose `put` was interrupted by a kill, and no other process can count it.

    Args:
        folder: The folder, which is created if it is missing. Each backend needs a folder of
            its own, for any number of processes: all that is found there is sent.
        losses: Gets the lost events.
        counters: Count the events that are found as accepted.
        max_bytes: The size that all segments in the folder may have. Each process may exceed
            it by one segment.
        idempotent: Whether an event may be sent again if it may have arrived. If not, the
            events that a killed process was sending are lost, `rejected`.
        max_memory_bytes: The most bytes that wait in memory while writing fails.
        segment_bytes: The size of a segment. `None`: a fraction of *max_bytes*.
        owner: The class that has the option `outbox`, for errors.
        identity: Differs between two backends that must not share a folder in this process.
        clock: Returns monotonic seconds.

    Raises:
        ImproperlyConfigured: If the folder cannot be used, or is not safe to use.
    """

    is_durable = True

    put: Callable[[Record], bool]
    """Add a record; return whether there was room."""

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        losses: Losses,
        counters: Counters,
        max_bytes: int,
        idempotent: bool = True,
        max_memory_bytes: int = 10_000_000,
        segment_bytes: int | None = None,
        owner: str = "DiskOutbox",
        identity: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder = folders.prepare(folder, owner)
        self.owner = owner
        self.identity = identity
        self._reports = reports = Reports(losses, logger)
        self._dead_letters = DeadLetters(self.folder, max_bytes=max_bytes)
        own = OwnSegments(
            self.folder, max_bytes=max_bytes, segment_bytes=segment_bytes, clock=clock
        )
        self._writer = OutboxWriter(
            own, self.folder, max_memory_bytes=max_memory_bytes, reports=reports
        )
        self._segments = HeldSegments(
            own,
            Orphans(self.folder, reports, clock),
            counters=counters,
            reports=reports,
            with_marks=not idempotent,
        )
        self._window = Window(self._segments, self._writer, reports, idempotent=idempotent)
        # Without a method in between: every event comes here.
        self.put = self._writer.put
        self._start_empty()
        folders.claim(self)

    @property
    def pending(self) -> int:
        """The number of events that wait or are being sent, those that were found included."""
        return self.backlog + len(self._window) + self._segments.unread + self._left

    @property
    def backlog(self) -> int:
        """The number of events that wait in memory, because writing failed."""
        return len(self._writer.backlog)

    def scan(self) -> None:
        """Look at once for events that ended processes left, so that `pending` counts them."""
        with self._exclusive() as is_allowed:
            if is_allowed:
                self._adopt_if_idle(now=True)
        self._reports.publish()

    def peek(self, max_events: int, max_bytes: int) -> list[Record]:
        """Return the oldest unsettled events."""
        if self.backlog:
            self._writer.write_backlog()
        with self._exclusive() as is_allowed:
            if is_allowed and not self._window:
                self._window.fill(max_events, max_bytes)
        self._reports.publish()
        return self._window.records()

    def mark_sending(self, batch: Sequence[Record], /) -> None:
        """Note in the segments that *batch* is being sent and may arrive."""
        with self._exclusive():
            self._window.mark(batch, SENDING)
        self._reports.publish()

    def mark_waiting(self, batch: Sequence[Record], /) -> None:
        """Note in the segments that nothing of *batch* was sent after all."""
        with self._exclusive():
            self._window.mark(batch, WAITING)
        self._reports.publish()

    def settle(self, batch: Sequence[Record], /) -> int:
        """Remove *batch*; return the number of events that were still here."""
        with self._exclusive():
            settled = self._window.settle(batch)
            if not self._window and not self._writer.is_closed:
                self._clean_up()
        self._reports.publish()
        return settled

    def store_dead_letter(self, record: Record, reason: str, status: int | None) -> None:
        """Store a rejected *record* in `dead.jsonl`. If that fails, log a warning."""
        try:
            self._dead_letters.add(record, reason, status)
        except OSError as error:
            message = "%s: a rejected event could not be stored (%s)"
            self._reports.warn(message, self._dead_letters.path, error)
            self._reports.publish()

    def drop_oldest(self) -> list[Record]:
        """Delete the oldest segment of which no event is being sent; return its events."""
        dropped: list[Record] = []
        with self._exclusive() as is_allowed:
            if is_allowed:
                dropped = drop_oldest_segment(self._segments, self._reports)
        self._reports.publish()
        return dropped

    def forget(self) -> None:
        """Start empty, in a forked child: the events and the files belong to the parent."""
        self._segments.forget()
        self._writer.forget()
        self._reports.forget()
        self._window.clear()
        self._start_empty()

    def close(self) -> list[Record]:
        """Release the files to the next process; return the events that are only in memory."""
        self._writer.write_backlog()
        with self._exclusive():
            if self._writer.is_closed:
                return []
            unwritten = self._writer.close()
            self._finish_segments()
            in_memory = self._window.records_in_memory()
            self._left = self.pending - len(in_memory)
            self._segments.release()
            self._window.clear()
        folders.release(self)
        self._reports.publish()
        return [*in_memory, *unwritten]

    def __repr__(self) -> str:
        return f"<DiskOutbox {self.folder!r}>"

    def _start_empty(self) -> None:
        # Reentrant: a signal handler or a finalizer may emit while it is held.
        self._lock = threading.RLock()
        self._is_busy = False
        # The number of events in the files that `close` released.
        self._left = 0

    def _clean_up(self) -> None:
        """Delete the segments that are settled, and adopt the next one if no event waits."""
        self._finish_segments()
        # The names that are known may not be all of them.
        self._adopt_if_idle()

    def _finish_segments(self) -> None:
        if not self.pending:
            self._writer.retire_segment()
        for segment in self._segments.files:
            if not segment.unread:
                self._window.finish(segment)

    def _adopt_if_idle(self, *, now: bool = False) -> None:
        """Adopt a segment with waiting events if no event waits, so that the worker continues."""
        if now or not self.pending:
            self._segments.scan(now=now)
        while not self.pending and (segment := self._segments.adopt_next()):
            if not segment.unread:
                # Its process was killed before it could delete the file.
                self._window.finish(segment)

    @contextmanager
    def _exclusive(self) -> Iterator[bool]:
        """Let one thread at a time read; yield whether the block may change the window."""
        with held(self._lock):
            # A signal handler may run while its own thread is in such a block.
            is_interrupting = self._is_busy
            self._is_busy = True
            try:
                yield not is_interrupting and not self._writer.is_closed
            finally:
                if not is_interrupting:
                    self._is_busy = False
