"""Events that wait in files, and outlive the process."""

from __future__ import annotations

import errno
import heapq
import logging
import os
import stat
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from weakref import WeakSet

from eventtracking.delivery import journals
from eventtracking.delivery.dead_letters import DeadLetters
from eventtracking.delivery.destination import Record
from eventtracking.delivery.journal_lines import line_of
from eventtracking.delivery.journals import NO_PEN, Entry, Journal, Pen
from eventtracking.delivery.losses import Losses
from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.stats import Ledger, Notices

logger = logging.getLogger(__name__)

# A new journal is begun at this length, or earlier if few would fit into the folder. One
# that is settled is deleted whole, so a shorter one gives room back sooner. Each holds a
# descriptor until then, so there must not be too many either.
_JOURNAL_BYTES = 8_000_000
_FEWEST_JOURNALS, _MOST_JOURNALS = 10, 100
_LEAST_BYTES = 1 << 16

# How often to look for journals that other processes left, and whether there is room.
_ORPHAN_SECONDS = 30.0
_ROOM_SECONDS = 1.0

# Of thousands of journals only so many names are remembered at once, and so many are open.
_NAMES_AT_ONCE = 1000
_OPEN_AT_ONCE = 4

# A thread holds a lock for milliseconds. Whoever waits longer has met one that will not
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
        ledger: Where events that were found are counted as accepted.
        max_bytes: How long all journals in the folder may be together; each process may
            exceed it by what it writes to one journal.
        idempotent: Whether events may be sent again if it is not known whether they
            arrived. If not, those that a killed process had begun to send are lost,
            `rejected`.
        max_memory_bytes: How much may wait in memory while the disk cannot be written to.
        who: Whose option `outbox` is, for errors.
        clock: Monotonic seconds.

    Raises:
        ImproperlyConfigured: If the folder cannot be used, or is not safe to use.
    """

    durable = True

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        losses: Losses,
        ledger: Ledger,
        max_bytes: int,
        idempotent: bool = True,
        max_memory_bytes: int = 10_000_000,
        who: str = "DiskOutbox",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder = _safe_folder(folder, who)
        self.who = who
        self._losses = losses
        self._ledger = ledger
        self._max_bytes = max_bytes
        self._idempotent = idempotent
        self._max_memory_bytes = max_memory_bytes
        self._clock = clock
        least = max(_LEAST_BYTES, max_bytes // _MOST_JOURNALS)
        self._journal_bytes = max(least, min(_JOURNAL_BYTES, max_bytes // _FEWEST_JOURNALS))
        self._dead = DeadLetters(self.folder, max_bytes=max_bytes)
        self._notices = Notices()
        self._pen = NO_PEN
        self._start_empty()
        _refuse_second(self)

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._is_closed

    @property
    def pending(self) -> int:
        """How many events wait, or are on their way, those that were taken over included."""
        in_files: int = sum(journal.unread for journal in (*self._own, *self._adopted))
        return len(self._backlog) + len(self._window) + in_files + self._left

    def put(self, record: Record, /) -> bool:
        """Keep *record*; tell whether there was room."""
        line = line_of(record)
        pen = self._pen
        try:
            written = os.write(pen.descriptor, line)
        except OSError:
            return self._hold(record, line)
        if written != len(line):
            # The disk is full. It is written again, whole, behind its torn head: readers
            # find it there.
            return self._hold(record, line)
        # After the write: what is counted can be read.
        next(pen.written)
        pen.room -= written
        if pen.room <= 0:
            self._roll(pen)
        return True

    def peek(self, max_events: int, max_bytes: int) -> list[Record]:
        """Return the oldest events that are not settled."""
        if self._backlog:
            self._write_now()
        with self._alone() as is_alone:
            if is_alone and not self._window and not self._is_closed:
                self._fill(max_events, max_bytes)
        self._tell()
        return [entry.record for entry in self._window.values() if entry.record]

    def begin(self, batch: Sequence[Record], /) -> None:
        """Note in the journals that *batch* is sent now, and never again."""
        self._mark(batch, journals.BEGUN)

    def release(self, batch: Sequence[Record], /) -> None:
        """Take `begin` back."""
        self._mark(batch, journals.WAITS)

    def settle(self, batch: Sequence[Record], /) -> int:
        """Move the cursor behind *batch*, and return how many of it were still here."""
        with self._alone():
            if self._is_closed:
                return 0
            entries = [entry for record in batch if (entry := self._window.pop(record.id, None))]
            for entry in entries:
                entry.state = journals.SETTLED
            self._advance({entry.journal for entry in entries if entry.journal})
            if not self._window:
                self._tidy()
        self._tell()
        return len(entries)

    def bury(self, record: Record, reason: str, status: int | None) -> None:
        """Keep a refused *record* in `dead.jsonl`; if that fails, the log says so."""
        try:
            self._dead.bury(record, reason, status)
        except OSError as error:
            self._note("%s: a refused event could not be kept (%s)", self._dead.path, error)
            self._tell()

    def drop_oldest(self) -> list[Record]:
        """Give up the oldest journal of which nothing is on its way, and return its events."""
        dropped: list[Record] = []
        with self._alone() as is_alone:
            if is_alone and not self._is_closed:
                for journal in self._droppable():
                    dropped = self._drop(journal)
                    if dropped:
                        break
        self._tell()
        return dropped

    def forget(self) -> None:
        """Start empty, in a forked child: what waits is the parent's, files and all."""
        # Closed, never unlocked: the lock is the parent's.
        for journal in (*self._own, *self._adopted):
            journal.give_up()
        if self._active is not None:
            self._active.give_up()
        self._start_empty()

    def close(self) -> list[Record]:
        """Give the files back, to the next process, and return what is in memory only."""
        self._write_now()
        with self._alone():
            if self._is_closed:
                return []
            unwritten = self._stop_writing()
            self._tidy()
            lost = [entry.record for entry in self._window.values() if entry.journal is None]
            self._left = self.pending - len(lost)
            for journal in (*self._own, *self._adopted):
                journal.release()
            self._own.clear()
            self._adopted.clear()
            self._window.clear()
        self._tell()
        return [record for record in (*lost, *unwritten) if record]

    def __repr__(self) -> str:
        return f"<DiskOutbox {self.folder!r}>"

    def _start_empty(self) -> None:
        # Reentrant: a signal handler or a finalizer may emit while they are held.
        self._writing = threading.RLock()
        self._reading = threading.RLock()
        self._is_writing = self._is_reading = self._is_closed = False
        # What is written with; `_pen` is the same, or `NO_PEN` to send `put` the long way.
        self._active: Pen | None = None
        self._pen = NO_PEN
        self._own: list[Journal] = []
        self._adopted: list[Journal] = []
        # What waits in memory, because it could not be written.
        self._backlog: deque[tuple[Record, bytes]] = deque()
        self._backlog_bytes = 0
        # What was peeked, by id, in order.
        self._window: dict[str, Entry] = {}
        # Names of what may be orphans, the oldest last, and when to look for more.
        self._names: list[str] = []
        self._look_at = 0.0
        self._foreign: set[str] = set()
        # While it is full: when to ask again.
        self._full_until = 0.0
        # What is left in files after `close`.
        self._left = 0
        # What is to be said when no lock is held: a handler of the log takes its own.
        self._unsaid: list[Callable[[], object]] = []

    def _hold(self, record: Record, line: bytes) -> bool:
        """Keep *record* in memory, unless it, and what waits there already, can be written."""
        lock = self._writing
        if not lock.acquire(timeout=_LOCK_SECONDS):
            return False
        try:
            kept = self._queue(record, line)
        finally:
            lock.release()
        self._tell()
        return kept

    def _queue(self, record: Record, line: bytes) -> bool:
        is_full = self._active is None and self._clock() < self._full_until
        if self._is_closed or is_full:
            return False
        item = (record, line)
        self._pen = NO_PEN
        self._backlog.append(item)
        self._backlog_bytes += len(line)
        if self._is_writing:
            # Interrupted by a signal: it goes on with this one.
            return True
        self._write_backlog()
        # Asked only now: the disk may have had room for all.
        if not self._backlog or self._backlog[-1] is not item:
            return True
        if self._backlog_bytes <= self._max_memory_bytes and not self._full_until:
            return True
        self._backlog.pop()
        self._backlog_bytes -= len(line)
        return False

    def _stop_writing(self) -> list[Record]:
        """Accept nothing any more, and return what waits in memory."""
        lock = self._writing
        has_lock = lock.acquire(timeout=_LOCK_SECONDS)
        try:
            self._is_closed = True
            self._pen, self._active = NO_PEN, None
            unwritten = [record for record, _ in self._backlog]
            self._backlog, self._backlog_bytes = deque(), 0
        finally:
            if has_lock:
                lock.release()
        return unwritten

    def _write_now(self) -> None:
        """Write what waits in memory, if no other thread is at it."""
        lock = self._writing
        if lock.acquire(blocking=False):
            try:
                if not self._is_writing and self._backlog:
                    self._write_backlog()
            finally:
                lock.release()
        self._tell()

    def _write_backlog(self) -> None:
        """Write what waits in memory as far as it goes, and let `put` go its short way again."""
        self._is_writing = True
        try:
            while True:
                self._drain()
                if self._backlog or self._active is None:
                    return
                self._pen = self._active
                # A signal handler may have put one in meanwhile.
                if not self._backlog:
                    return
                self._pen = NO_PEN
        except OSError as error:
            self._fail(error)
        finally:
            self._is_writing = False

    def _drain(self) -> None:
        # Kept, for a signal handler may fork, and a child has a new one.
        backlog = self._backlog
        while backlog and backlog is self._backlog:
            pen = self._usable_pen()
            if pen is None:
                return
            record, line = backlog[0]
            self._write(pen, line)
            # The worker may have taken it meanwhile, and no other thread takes any.
            if backlog and backlog[0][0] is record:
                backlog.popleft()
                self._backlog_bytes -= len(line)

    def _write(self, pen: Pen, line: bytes) -> None:
        written = os.write(pen.descriptor, line)
        if written != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        next(pen.written)
        pen.room -= written

    def _usable_pen(self) -> Pen | None:
        """Return what to write with, a new one if need be; `None` if there is no room."""
        pen = self._active
        if pen is None or pen.room <= 0 or not pen.is_open():
            self._active = pen = None
            room = self._room()
            if room > 0:
                pen = self._begin_journal(room)
        return pen

    def _begin_journal(self, room: int) -> Pen:
        os.makedirs(self.folder, 0o700, exist_ok=True)
        journal, pen = journals.create(self.folder, min(room, self._journal_bytes))
        self._own.append(journal)
        self._active = pen
        return pen

    def _roll(self, pen: Pen) -> None:
        """Begin a new journal; nobody waits for that, and what others write meanwhile is kept."""
        lock = self._writing
        if not lock.acquire(blocking=False):
            return
        try:
            if self._active is pen and not self._is_writing and not self._is_closed:
                self._replace(pen)
            if self._backlog and not self._is_writing:
                self._write_backlog()
        finally:
            lock.release()
        self._tell()

    def _replace(self, pen: Pen) -> None:
        self._is_writing = True
        try:
            self._pen = self._usable_pen() or NO_PEN
        except OSError as error:
            # Too long a file beats an event that waits in memory.
            self._active, pen.room = pen, self._journal_bytes // 8
            self._fail(error)
        finally:
            self._is_writing = False

    def _room(self) -> int:
        """Return how many bytes fit into the folder; if none do, ask again only after a while."""
        room = self._max_bytes - journals.total_bytes(self.folder)
        self._full_until = self._clock() + _ROOM_SECONDS if room <= 0 else 0.0
        return room

    def _fail(self, error: OSError) -> None:
        if error.errno == errno.EFBIG:
            # A limit for one file: the next one has room.
            self._active = None
        message = "Writing to %s failed (%s); %s event(s) wait in memory"
        self._note(message, self.folder, error, len(self._backlog))

    def _fill(self, max_events: int, max_bytes: int) -> None:
        """Bring the oldest events into the window."""
        if not self._idempotent:
            max_events = min(max_events, journals.MOST_MARKS)
        self._look_for_orphans()
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
        yield from [*self._own]

    def _fill_from(self, journal: Journal, max_events: int, room: int) -> int:
        """Bring events of *journal* into the window; return the *room* that is left, in bytes."""
        try:
            room = self._read_from(journal, max_events, room)
        except OSError as error:
            self._abandon(journal, error)
        self._accept(journal)
        if journal.is_read and all(each.state == journals.SETTLED for each in journal.entries):
            self._finish(journal)
        return room

    def _read_from(self, journal: Journal, max_events: int, room: int) -> int:
        expected = journal.expected
        window = self._window
        while entry := journal.next():
            record = entry.record
            if record is None or (entry.state != journals.WAITS and not self._may_repeat(entry)):
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
        return self._idempotent and entry.state == journals.BEGUN

    def _has_marks(self, journal: Journal) -> bool:
        """Tell whether one more of *journal* can be on its way."""
        if len(journal.entries) >= journals.MOST_MARKS:
            # Damaged ones, and those that were begun, may be behind us.
            self._advance({journal})
        return len(journal.entries) < journals.MOST_MARKS

    def _refuse(self, entry: Entry) -> None:
        """Give *entry* up, which cannot, or must not, be sent."""
        if entry.state == journals.SETTLED:
            return
        if entry.record is not None:
            explanation = "it may have arrived before its process ended"
            self._lose("rejected", [entry.record], explanation)
        elif entry.journal and not entry.journal.is_own:
            self._lose("corrupt", [_DAMAGED], "a damaged line in the outbox")
        entry.state = journals.SETTLED

    def _write_off(self, journal: Journal, expected: int) -> None:
        """Give up what was written to *journal* and is not there any more."""
        missing = journal.write_off(expected)
        self._lose("corrupt", [_DAMAGED] * missing, "the outbox was damaged")

    def _fill_from_memory(self, max_events: int, room: int) -> None:
        with self._unwritten() as backlog:
            while backlog and len(self._window) < max_events:
                record, line = backlog[0]
                room -= len(record.payload)
                if self._window and (room < 0 or record.id in self._window):
                    return
                self._window[record.id] = Entry(record, 0, None)
                backlog.popleft()
                self._backlog_bytes -= len(line)

    @contextmanager
    def _unwritten(self) -> Iterator[deque[tuple[Record, bytes]]]:
        """Hold what waits in memory, if nobody writes it at this moment."""
        lock = self._writing
        has_lock = lock.acquire(blocking=False)
        try:
            yield self._backlog if has_lock and not self._is_writing else deque()
        finally:
            if has_lock:
                lock.release()

    def _mark(self, batch: Sequence[Record], state: bytes) -> None:
        if self._idempotent:
            return
        with self._alone():
            if not self._is_closed:
                entries = [found for each in batch if (found := self._window.get(each.id))]
                for entry in entries:
                    entry.state = state
                self._advance({entry.journal for entry in entries if entry.journal})
        self._tell()

    def _advance(self, touched: set[Journal]) -> None:
        for journal in touched:
            try:
                journal.advance(with_marks=not self._idempotent)
            except OSError as error:
                self._note("%s: the cursor could not be written (%s)", journal.path, error)

    def _tidy(self) -> None:
        """Give up journals of which all is settled, and see whether another one waits."""
        self._retire()
        for journal in (*self._adopted, *self._own):
            if not journal.unread:
                self._fill_from(journal, 0, 0)
        if not self.pending and not self._is_closed:
            # So that `pending` knows of it, and the worker comes back. The names that are
            # remembered may not be all of them.
            self._look_for_orphans()
            self._adopt_next()

    def _retire(self) -> None:
        """Begin a new journal early, if all of this one is settled: then it can be deleted."""
        pen = self._active
        if pen is not None and pen.room < self._journal_bytes * 7 // 8 and not self.pending:
            lock = self._writing
            if lock.acquire(blocking=False):
                try:
                    if not self._is_writing:
                        self._pen, self._active = NO_PEN, None
                finally:
                    lock.release()

    def _finish(self, journal: Journal) -> None:
        """Delete *journal*, of which all is settled."""
        # In this order: a kill between the two leaves a journal in which nothing waits.
        self._advance({journal})
        self._remove(journal)
        try:
            journal.remove()
        except OSError as error:
            self._note("%s could not be deleted (%s)", journal.path, error)
            self._foreign.add(os.path.basename(journal.path))
        self._full_until = 0.0

    def _abandon(self, journal: Journal, error: OSError) -> None:
        """Leave a *journal* that cannot be read to the next process."""
        self._note("%s could not be read (%s)", journal.path, error)
        self._foreign.add(os.path.basename(journal.path))
        self._write_off(journal, journal.expected)
        self._remove(journal)
        journal.give_up()

    def _remove(self, journal: Journal) -> None:
        # In place: another thread may append a new one.
        for held in (self._own, self._adopted):
            if journal in held:
                held.remove(journal)

    def _look_for_orphans(self) -> None:
        now = self._clock()
        if self._names or now < self._look_at:
            return
        self._look_at = now + _ORPHAN_SECONDS
        mine = {os.path.basename(journal.path) for journal in (*self._own, *self._adopted)}
        mine |= self._foreign
        found = (name for name in journals.names(self.folder) if name not in mine)
        self._names = heapq.nsmallest(_NAMES_AT_ONCE, found)[::-1]
        if len(self._names) == _NAMES_AT_ONCE:
            # There are more.
            self._look_at = now

    def _adopt_next(self) -> Journal | None:
        """Take over the oldest journal that nobody has, if there is one."""
        while self._names:
            name = self._names.pop()
            journal = self._adopt(name)
            if journal is not None:
                self._adopted.append(journal)
                self._accept(journal)
                return journal
        return None

    def _adopt(self, name: str) -> Journal | None:
        path = os.path.join(self.folder, name)
        try:
            return journals.adopt(path)
        except (journals.Foreign, OSError) as error:
            self._foreign.add(name)
            self._note("%s is left alone: %s", path, error)
            return None

    def _accept(self, journal: Journal) -> None:
        if not journal.is_own:
            for _ in range(journal.newly_known()):
                next(self._ledger.accepted)

    def _droppable(self) -> Iterator[Journal]:
        """Yield the journals of which nothing is on its way, the oldest first."""
        self._look_at = 0.0
        self._look_for_orphans()
        yield from [journal for journal in self._adopted if not journal.entries]
        while journal := self._adopt_next():
            yield journal
        yield from [each for each in self._own if not each.entries and each.is_sealed]

    def _drop(self, journal: Journal) -> list[Record]:
        expected = journal.expected
        dropped = []
        try:
            while entry := journal.next():
                journal.take()
                if entry.record and entry.state != journals.SETTLED:
                    dropped.append(entry.record)
                else:
                    self._refuse(entry)
                entry.state = journals.SETTLED
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
        lock = self._reading
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

    def _lose(self, reason: str, records: Sequence[Record], explanation: str) -> None:
        if records:
            self._unsaid.append(lambda: self._losses.lose(reason, records, explanation))

    def _note(self, message: str, *args: object) -> None:
        if self._notices.due((message, *map(str, args[:1]))) is not None:
            self._unsaid.append(lambda: Notices.say(logger.warning, message, *args))

    def _tell(self) -> None:
        while self._unsaid:
            with suppress(IndexError):
                self._unsaid.pop(0)()


def _refuse_second(outbox: DiskOutbox) -> None:
    """See that no backend of another kind has the folder: it would send what is not its own."""
    for other in [*_outboxes]:
        is_used = other.folder == outbox.folder and not other.is_closed
        if is_used and other.who != outbox.who:
            raise ImproperlyConfigured(
                f"{outbox.who}: outbox must be a folder of its own, got {outbox.folder!r}, "
                f"which {other.who} has"
            )
    _outboxes.add(outbox)


_outboxes: WeakSet[DiskOutbox] = WeakSet()


def _safe_folder(folder: str | os.PathLike[str], who: str) -> str:
    """Return *folder*, made if it is missing, from the root on: a daemon changes its own."""
    try:
        path = os.path.abspath(os.fsdecode(folder))
        os.makedirs(path, 0o700, exist_ok=True)
        status = os.stat(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ImproperlyConfigured(
            f"{who}: outbox must be a folder that can be written to, got {folder!r}: {reason}"
        ) from error
    wrong = ""
    if status.st_uid != os.geteuid():
        wrong = f"it belongs to user {status.st_uid}; run: chown {os.geteuid()} {path}"
    elif stat.S_IMODE(status.st_mode) & (stat.S_IWGRP | stat.S_IWOTH):
        wrong = f"others may write to it; run: chmod go-w {path}"
    elif not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        wrong = f"it cannot be written to; run: chmod u+rwx {path}"
    if wrong:
        raise ImproperlyConfigured(
            f"{who}: outbox must be a folder of its user's own, got {path!r}: {wrong}"
        )
    return path
