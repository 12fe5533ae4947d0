"""Events that wait in files, and outlive the process."""

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
from eventtracking.delivery.outbox.orphans import Orphans
from eventtracking.delivery.outbox.reports import Reports
from eventtracking.delivery.outbox.segment_file import Entry, Journal
from eventtracking.delivery.outbox.segment_header import BEGUN, MOST_MARKS, SETTLED, WAITS
from eventtracking.delivery.outbox.writer import JournalWriter
from eventtracking.stats import Counters

logger = logging.getLogger(__name__)

# Of thousands of journals only so many are open at once.
_OPEN_AT_ONCE = 4

# A thread holds the lock for milliseconds. Whoever waits longer has met one that will not
# come back, and goes on without it.
_LOCK_SECONDS = 5.0

_DAMAGED = Record("", 0.0, "(damaged)", b"")


class DiskOutbox:
    """
    Keep waiting events in journals, files of this process in a folder.

    `put` is one `write(2)` to a descriptor opened with `O_APPEND`, without a lock: what it
    accepted survives the end of the process, whatever that is. When writing fails, events
    wait in memory, in order, until it works or they are delivered from there.

    Events of one journal come in the order they were put in, and so do those of a process
    while it lives. Journals that no living process has locked are delivered first, the
    oldest before the others. Their events count as accepted when they are found. What is
    damaged in them counts as lost, `corrupt`. So does a last line without an end: mostly it
    is the event whose `put` a kill cut short, and nobody else could count it. (If a full
    disk tore it, its event waited in memory, and went with the process.)

    Args:
        folder: Where the journals are. It is made if it is missing. One backend a folder,
            in any number of processes: whatever is found there is sent.
        losses: Told of what is lost.
        counters: Where events that were found are counted as accepted.
        max_bytes: How long all journals in the folder may be together; each process may
            exceed it by what it writes to one journal.
        idempotent: Whether events may be sent again if it is not known whether they
            arrived. If not, those that a killed process had begun to send are lost,
            `rejected`.
        max_memory_bytes: How much may wait in memory while the disk cannot be written to.
        who: Whose option `outbox` is, for errors.
        identity: What tells apart two of them that may not share a folder in this process.
        clock: Monotonic seconds.

    Raises:
        ImproperlyConfigured: If the folder cannot be used, or is not safe to use.
    """

    durable = True

    put: Callable[[Record], bool]
    """Keep a record; tell whether there was room."""

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        losses: Losses,
        counters: Counters,
        max_bytes: int,
        idempotent: bool = True,
        max_memory_bytes: int = 10_000_000,
        who: str = "DiskOutbox",
        identity: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder = folders.usable(folder, who)
        self.who = who
        self.identity = identity
        self._counters = counters
        self._idempotent = idempotent
        self._reports = Reports(losses, logger)
        self._orphans = Orphans(self.folder, self._reports, clock)
        self._dead = DeadLetters(self.folder, max_bytes=max_bytes)
        self._writer = JournalWriter(
            self.folder,
            max_bytes=max_bytes,
            max_memory_bytes=max_memory_bytes,
            reports=self._reports,
            clock=clock,
        )
        # Without a detour: every event goes this way.
        self.put = self._writer.put
        self._start_empty()
        folders.claim(self)

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._writer.is_closed

    @property
    def pending(self) -> int:
        """How many events wait, or are on their way, those that were taken over included."""
        in_files: int = sum(journal.unread for journal in self._held())
        return len(self._writer.backlog) + len(self._window) + in_files + self._left

    def look(self) -> None:
        """See at once what other processes left, so that `pending` knows whether there is any."""
        with self._alone() as is_alone:
            if is_alone and not self.is_closed:
                self._seek_next(at_once=True)
        self._reports.tell()

    def peek(self, max_events: int, max_bytes: int) -> list[Record]:
        """Return the oldest events that are not settled."""
        if self._writer.backlog:
            self._writer.write_backlog()
        with self._alone() as is_alone:
            if is_alone and not self._window and not self.is_closed:
                self._fill(max_events, max_bytes)
        self._reports.tell()
        return [entry.record for entry in self._window.values() if entry.record]

    def begin(self, batch: Sequence[Record], /) -> None:
        """Note in the journals that *batch* is sent now, and never again."""
        self._mark(batch, BEGUN)

    def release(self, batch: Sequence[Record], /) -> None:
        """Take `begin` back."""
        self._mark(batch, WAITS)

    def settle(self, batch: Sequence[Record], /) -> int:
        """Move the cursor behind *batch*, and return how many of it were still here."""
        with self._alone():
            if self.is_closed:
                return 0
            entries = [entry for record in batch if (entry := self._window.pop(record.id, None))]
            for entry in entries:
                entry.state = SETTLED
            self._advance({entry.journal for entry in entries if entry.journal})
            if not self._window:
                self._tidy()
        self._reports.tell()
        return len(entries)

    def bury(self, record: Record, reason: str, status: int | None) -> None:
        """Keep a refused *record* in `dead.jsonl`; if that fails, the log says so."""
        try:
            self._dead.bury(record, reason, status)
        except OSError as error:
            self._reports.warn("%s: a refused event could not be kept (%s)", self._dead.path, error)
            self._reports.tell()

    def drop_oldest(self) -> list[Record]:
        """Give up the oldest journal of which nothing is on its way, and return its events."""
        dropped: list[Record] = []
        with self._alone() as is_alone:
            if is_alone and not self.is_closed:
                for journal in self._droppable():
                    dropped = self._drop(journal)
                    if dropped:
                        break
        self._reports.tell()
        return dropped

    def forget(self) -> None:
        """Start empty, in a forked child: what waits is the parent's, files and all."""
        # Closed, never unlocked: the lock is the parent's.
        for journal in self._adopted:
            journal.give_up()
        self._writer.forget()
        self._orphans.forget()
        self._reports.forget()
        self._start_empty()

    def close(self) -> list[Record]:
        """Give the files back, to the next process, and return what is in memory only."""
        self._writer.write_backlog()
        with self._alone():
            if self.is_closed:
                return []
            unwritten = self._writer.close()
            self._tidy()
            lost = [entry.record for entry in self._window.values() if entry.journal is None]
            self._left = self.pending - len(lost)
            for journal in self._held():
                journal.release()
            self._writer.journals.clear()
            self._adopted.clear()
            self._window.clear()
        self._reports.tell()
        return [record for record in (*lost, *unwritten) if record]

    def __repr__(self) -> str:
        return f"<DiskOutbox {self.folder!r}>"

    def _start_empty(self) -> None:
        # Reentrant: a signal handler or a finalizer may emit while it is held.
        self._lock = threading.RLock()
        self._is_reading = False
        # Those that were taken over, the oldest first.
        self._adopted: list[Journal] = []
        # What was peeked, by id, in order.
        self._window: dict[str, Entry] = {}
        # What is left in files after `close`.
        self._left = 0

    def _held(self) -> list[Journal]:
        return [*self._adopted, *self._writer.journals]

    def _fill(self, max_events: int, max_bytes: int) -> None:
        """Bring the oldest events into the window."""
        if not self._idempotent:
            max_events = min(max_events, MOST_MARKS)
        self._orphans.look(self._held())
        room = max_bytes
        for journal in self._sources():
            room = self._fill_from(journal, max_events, room)
            if len(self._window) >= max_events or room <= 0:
                return
        self._fill_from_memory(max_events, room)

    def _sources(self) -> Iterator[Journal]:
        """Yield the journals to deliver from, the oldest first."""
        yield from [*self._adopted]
        while len(self._adopted) < _OPEN_AT_ONCE and (journal := self._adopt_next()):
            yield journal
        yield from [*self._writer.journals]

    def _fill_from(self, journal: Journal, max_events: int, room: int) -> int:
        """Bring events of *journal* into the window; return the *room* that is left, in bytes."""
        try:
            room = self._read_from(journal, max_events, room)
        except OSError as error:
            self._abandon(journal, error)
        self._accept(journal)
        if journal.is_read and all(each.state == SETTLED for each in journal.entries):
            self._finish(journal)
        return room

    def _read_from(self, journal: Journal, max_events: int, room: int) -> int:
        expected = journal.expected
        window = self._window
        while entry := journal.next():
            record = entry.record
            if record is None or (entry.state != WAITS and not self._may_repeat(entry)):
                journal.take()
                self._refuse(entry)
            elif (
                len(window) >= max_events
                or (window and len(record.payload) > room)
                # One that is there twice comes with the next window.
                or record.id in window
            ):
                return 0
            else:
                window[record.id] = entry
                room -= len(record.payload)
                journal.take()
            if not self._idempotent and not self._has_marks(journal):
                return 0
        self._write_off(journal, expected)
        return room

    def _may_repeat(self, entry: Entry) -> bool:
        return self._idempotent and entry.state == BEGUN

    def _has_marks(self, journal: Journal) -> bool:
        """Tell whether one more of *journal* can be on its way."""
        if len(journal.entries) >= MOST_MARKS:
            # Damaged ones, and those that were begun, may be behind us.
            self._advance({journal})
        return len(journal.entries) < MOST_MARKS

    def _refuse(self, entry: Entry) -> None:
        """Give *entry* up, which cannot, or must not, be sent."""
        if entry.state == SETTLED:
            return
        if entry.record is not None:
            explanation = "it may have arrived before its process ended"
            self._reports.lose("rejected", [entry.record], explanation)
        elif entry.journal and not entry.journal.is_own:
            self._reports.lose("corrupt", [_DAMAGED], "a damaged line in the outbox")
        entry.state = SETTLED

    def _write_off(self, journal: Journal, expected: int) -> None:
        """Give up what was written to *journal* and is not there any more."""
        missing = journal.write_off(expected)
        self._reports.lose("corrupt", [_DAMAGED] * missing, "the outbox was damaged")

    def _fill_from_memory(self, max_events: int, room: int) -> None:
        with self._writer.unwritten() as backlog:
            while backlog and len(self._window) < max_events:
                record, _ = backlog.first
                room -= len(record.payload)
                if self._window and (room < 0 or record.id in self._window):
                    return
                self._window[record.id] = Entry(record, 0, None)
                backlog.drop_first()

    def _mark(self, batch: Sequence[Record], state: bytes) -> None:
        if self._idempotent:
            return
        with self._alone():
            if not self.is_closed:
                entries = [found for each in batch if (found := self._window.get(each.id))]
                for entry in entries:
                    entry.state = state
                self._advance({entry.journal for entry in entries if entry.journal})
        self._reports.tell()

    def _advance(self, touched: set[Journal]) -> None:
        for journal in touched:
            try:
                journal.advance(with_marks=not self._idempotent)
            except OSError as error:
                self._reports.warn("%s: the cursor could not be written (%s)", journal.path, error)

    def _tidy(self) -> None:
        """Give up journals of which all is settled, and see whether another one waits."""
        if not self.pending:
            self._writer.retire()
        for journal in self._held():
            if not journal.unread:
                self._fill_from(journal, 0, 0)
        if not self.is_closed:
            # The names that are remembered may not be all of them.
            self._seek_next()

    def _seek_next(self, *, at_once: bool = False) -> None:
        """Take one over if nothing waits, so that `pending` knows, and the worker comes back."""
        if at_once or not self.pending:
            self._orphans.look(self._held(), at_once=at_once)
        while not self.pending and (journal := self._adopt_next()):
            if not journal.unread:
                # Its process was killed before it could delete it.
                self._fill_from(journal, 0, 0)

    def _finish(self, journal: Journal) -> None:
        """Delete *journal*, of which all is settled."""
        # In this order: a kill between the two leaves a journal in which nothing waits.
        self._advance({journal})
        self._remove(journal)
        try:
            journal.remove()
        except OSError as error:
            self._reports.warn("%s could not be deleted (%s)", journal.path, error)
            self._orphans.leave_alone(journal)
        self._writer.ask_for_room()

    def _abandon(self, journal: Journal, error: OSError) -> None:
        """Leave a *journal* that cannot be read to the next process."""
        self._reports.warn("%s could not be read (%s)", journal.path, error)
        self._orphans.leave_alone(journal)
        self._write_off(journal, journal.expected)
        self._remove(journal)
        journal.give_up()

    def _remove(self, journal: Journal) -> None:
        # In place: another thread may append a new one.
        for held in (self._writer.journals, self._adopted):
            if journal in held:
                held.remove(journal)

    def _adopt_next(self) -> Journal | None:
        """Take over the oldest journal that nobody has, if there is one."""
        journal = self._orphans.adopt()
        if journal is not None:
            self._adopted.append(journal)
            self._accept(journal)
        return journal

    def _accept(self, journal: Journal) -> None:
        if not journal.is_own:
            for _ in range(journal.newly_known()):
                next(self._counters.accepted)

    def _droppable(self) -> Iterator[Journal]:
        """Yield the journals of which nothing is on its way, the oldest first."""
        self._orphans.look(self._held(), at_once=True)
        yield from [journal for journal in self._adopted if not journal.entries]
        while journal := self._adopt_next():
            yield journal
        yield from [each for each in self._writer.journals if not each.entries and each.is_sealed]

    def _drop(self, journal: Journal) -> list[Record]:
        expected = journal.expected
        dropped = []
        try:
            while entry := journal.next():
                journal.take()
                if entry.record and entry.state != SETTLED:
                    dropped.append(entry.record)
                else:
                    self._refuse(entry)
                entry.state = SETTLED
        except OSError as error:
            self._abandon(journal, error)
            return dropped
        self._write_off(journal, expected)
        self._accept(journal)
        if journal.is_read:
            self._finish(journal)
        return dropped

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        """Let one thread at a time at what is read; tell whether this one may change it."""
        lock = self._lock
        has_lock = lock.acquire(timeout=_LOCK_SECONDS)
        # A signal handler may come when its own thread is in the middle.
        may_change = not self._is_reading
        self._is_reading = True
        try:
            yield may_change
        finally:
            if may_change:
                self._is_reading = False
            if has_lock:
                lock.release()
