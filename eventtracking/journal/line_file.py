"""Append whole lines to a file, whatever threads, forks, kills, rotation and full disks do."""

from __future__ import annotations

import _thread
import atexit
import errno
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal
from weakref import WeakSet, ref

from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.journal.open_file import NO_FILE, OpenFile, force_name
from eventtracking.journal.rotation import Rotation
from eventtracking.stats import Counters, LogThrottle, log_safely

logger = logging.getLogger(__name__)

# After a line a writer looks whether its file is still at its path. A look costs more than
# a write, so in a burst, from this line on, those that follow within this time are only
# remembered, and looked after together every so often. A pause as long as that ends it.
_BURST_LINES = 32
_NEXT_LINE_SECONDS = 0.000_01
_LOOK_SECONDS = 0.000_2

# How long `flush` begins again each time a rotation takes what it has just written. By the
# clock: on a busy machine one rotation without a break can win any number of rounds.
_FLUSH_SECONDS = 5.0

# How often lines that wait are tried again without a new one, and how long
# `fsync="interval"` leaves lines in the page cache.
_CARE_SECONDS = 1.0

# How long a thread waits for another one that writes the backlog.
_LOCK_SECONDS = 5.0

Fsync = Literal["never", "interval", "always"]


class LineFile:
    """
    Append lines to a file that several threads and processes write at once.

    Each line goes down in one `write(2)` to a descriptor opened with `O_APPEND`, so on a
    local file system lines never mix, at any length. A healthy file takes no lock for a
    line, so neither a fork nor a signal handler can meet one that is held.

    - A line that cannot be written waits, and goes out in order when writing works again.
    - When the file is renamed or deleted, the next look finds out, opens the path anew
      and writes the lines since the last look again: a line may come twice, none is lost.
    - A line that was torn (a kill, a full disk) is closed with a newline before the next.
      One that misses nothing but its newline is written, and gets that as soon as it can.

    Args:
        path: The file. Missing folders are made.
        counters: Where lines are counted: `sent` when written, `backend_error` when lost.
        mode: Permissions of a new file, before the umask.
        max_bytes: Rotate before the file grows beyond this; `None`: never.
        backup_count: How many rotated files to keep, as `path.1` (the newest), `path.2`, ...
        fsync: Force lines to the disk `"never"`, every second (`"interval"`) or `"always"`.
        backlog_bytes: How many bytes of lines may wait. Beyond, new lines are lost.
        clock: Monotonic seconds.

    Raises:
        ImproperlyConfigured: If the path cannot be opened for appending.
    """

    # Zero before there is a file, and again after the exit hook.
    _look_seconds = 0.0

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        counters: Counters,
        mode: int = 0o640,
        max_bytes: int | None = None,
        backup_count: int = 0,
        fsync: Fsync = "never",
        backlog_bytes: int = 10_000_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = _absolute(path)
        self._counters = counters
        self._mode = mode
        self._rotation = None if max_bytes is None else Rotation(self.path, max_bytes, backup_count)
        self._fsync = fsync
        self._is_plain = max_bytes is None and fsync == "never"
        self._backlog_bytes = backlog_bytes
        self._clock = clock
        self._throttle = LogThrottle()
        self._closed = False
        self._file = NO_FILE
        self._look_at = self._pause_at = 0.0
        self.start_clean()
        try:
            self._file = self._open()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ImproperlyConfigured(f"cannot append to {self.path!r}: {reason}") from error
        self._look_seconds = _LOOK_SECONDS
        _line_files.add(self)

    @property
    def waiting(self) -> int:
        """How many lines wait to be written."""
        return len(self._backlog)

    @property
    def recalled(self) -> int:
        """How many lines were counted as sent once too often: a rotation took them."""
        return self._recalled

    def append(self, line: bytes) -> bool:
        """
        Write *line*, which ends with a newline. Never raises.

        Returns:
            Whether it was written or waits; `False` says that it is lost, and counted.
        """
        file = self._file
        if self._backlog or file.torn:
            return self._hold(line)
        try:
            if not self._is_plain:
                file = self._write(file, line)
            else:
                written = os.write(file.descriptor, line)
                if written != len(line) and not self._tear(file, line, written):
                    return self._hold(line)
        except OSError:
            return self._hold(line)
        # Remembered after the write, and only then asked whether the file was replaced:
        # whoever replaces it does so first and goes through what it remembers then.
        file.recent.append(line)
        next(self._counters.sent)
        now = self._clock()
        if now >= self._look_at or now >= self._pause_at or file is not self._file:
            try:
                self._look(file, now)
            except RecursionError:
                # The line is written, and no frame of the stack is left: the next one looks.
                self._look_at = 0.0
                self._left.append(file)
        self._pause_at = now + _NEXT_LINE_SECONDS
        return True

    def flush(self) -> bool:
        """Look after the latest lines and write those that wait; tell whether none is left."""
        if not self._closed:
            end = self._clock() + _FLUSH_SECONDS
            drained = -1
            # Those that have only now been written are looked after as well.
            while drained != self._drained:
                drained = self._drained
                self._tend(_LOCK_SECONDS)
                if self._backlog or self._clock() >= end:
                    break
            self.sync()
        return not self._backlog

    def reopen(self) -> None:
        """Open the path anew, as after a rotation. May be called in a signal handler."""
        lock = self._lock
        if lock.acquire(timeout=_LOCK_SECONDS):
            try:
                self._replace()
            finally:
                lock.release()
        self._tend()

    def close(self) -> bool:
        """Flush, count as lost what cannot be written, and give the file back. Tell if all went."""
        self.flush()
        self._closed = True
        self._tend(_LOCK_SECONDS)
        return not self._backlog and not self._dropped

    def sync(self) -> None:
        """With `fsync="interval"`, force what was written to the disk now."""
        file = self._file
        if file.unsynced:
            self._force(file)
            self._say()

    def care(self) -> bool:
        """Do what no new line may come to do: sync, write what waits. Tell whether to go on."""
        self.sync()
        if self._backlog or self._file.torn:
            self._tend(_LOCK_SECONDS)
        return not self._closed

    def prepare_for_exit(self) -> bool:
        """Flush, and look after each line from here on at once, for nothing else will."""
        self._look_seconds = 0.0
        return self.flush()

    def start_clean(self) -> None:
        """Begin with nothing remembered: at first, and in a forked child."""
        # What waits in the parent is the parent's to write.
        self._backlog: deque[bytes] = deque()
        self._backlog_size = 0
        self._file.forget()
        self._left: deque[OpenFile] = deque()
        self._recalled = self._drained = self._dropped = 0
        self._lock = threading.RLock()
        self._is_busy = False
        self._is_due = False
        self._error: OSError | None = None
        self._pause_at = 0.0
        self._burst_lines = 0
        self._look_at = 0.0
        self._has_carer = False

    def __del__(self) -> None:
        # Dropped without `close`, as when settings are read anew. After the exit hook
        # there is nothing left to do, and perhaps no modules to do it with.
        if self._look_seconds and (self._backlog or self._file.recent):
            self.flush()

    def _open(self) -> OpenFile:
        # A file that stands in the way is reported as such when the path is opened.
        with suppress(FileExistsError):
            Path(self.path).parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY
        file = OpenFile(os.open(self.path, flags, self._mode))
        if self._fsync != "never":
            force_name(self.path)
        if not file.ends_whole(self.path):
            # Readers skip blank lines, so one too many does no harm.
            try:
                os.write(file.descriptor, b"\n")
            except OSError:
                file.torn = True
        return file

    def _write(self, file: OpenFile, line: bytes) -> OpenFile:
        """Write *line* whole to *file*, or to the one after it, and return that."""
        if self._rotation and self._rotation.is_due(file, len(line)):
            file = self._rotate(file, self._rotation)
        data = b"\n" + line if file.torn else line
        written = os.write(file.descriptor, data)
        if written != len(data):
            if not self._tear(file, data, written):
                raise OSError(errno.EIO, f"{written} of {len(data)} bytes were written")
        elif data is not line:
            file.torn = False
        if self._fsync == "always":
            self._force(file)
        elif self._fsync == "interval":
            file.unsynced = True
            self._start_carer()
        return file

    def _tear(self, file: OpenFile, line: bytes, written: int) -> bool:
        """Note that *line* was cut off, and tell whether it is whole but for its newline."""
        file.torn = True
        if written != len(line) - 1:
            return False
        # Readers find such an event, so to write it again would double it.
        self._start_carer()
        return True

    def _hold(self, line: bytes) -> bool:
        """Queue *line* and write what is queued; tell whether there was room for what is left."""
        lock = self._lock
        if not lock.acquire(timeout=_LOCK_SECONDS):
            self._counters.lose("backend_error")
            return False
        try:
            has_room = self._queue(line)
        finally:
            lock.release()
        if self._is_due:
            self._tend()
        self._say()
        if self._backlog:
            self._start_carer()
        return has_room

    def _queue(self, line: bytes) -> bool:
        if self._closed:
            self._counters.lose("closed")
            return False
        length = len(line)
        self._backlog.append(line)
        self._backlog_size += length
        if not self._is_busy:
            self._tend_once()
        # Asked only now: when there is no room, the disk may have some again.
        if self._backlog_size <= self._backlog_bytes or self._backlog[-1] is not line:
            return True
        self._backlog.pop()
        self._backlog_size -= length
        self._counters.lose("backend_error")
        return False

    def _look(self, file: OpenFile, now: float) -> None:
        """Find out whether the latest lines are at the path, and bring them there if not."""
        is_over = now >= self._pause_at + _LOOK_SECONDS
        self._burst_lines = 0 if is_over else self._burst_lines + 1
        if file is not self._file:
            # Replaced while the line was on its way into it.
            self._left.append(file)
        self._tend()

    def _tend(self, timeout: float = 0.0) -> None:
        """
        Bring to the path what is not there: lines that wait, and lines that a rotation took.

        One thread at a time is at it. Another one, or a signal handler that interrupts
        it, leaves a note, and it begins again when it is done.
        """
        self._is_due = True
        # Kept, for a signal handler may fork, and a child has a new one.
        lock = self._lock
        while self._is_due and lock.acquire(timeout=timeout):
            try:
                if self._is_busy:
                    return
                self._tend_once()
            finally:
                lock.release()
        self._say()

    def _tend_once(self) -> None:
        self._is_busy, self._is_due = True, False
        try:
            self._look_after()
            self._drain()
        finally:
            self._is_busy = False

    def _look_after(self) -> None:
        is_burst = self._burst_lines > _BURST_LINES
        self._look_at = self._clock() + self._look_seconds if is_burst else 0.0
        file = self._file
        # Lines that are remembered before the look were written before it.
        number = len(file.recent)
        if self._closed:
            self._leave_for(NO_FILE)
        elif file.is_at(self.path):
            del file.recent[:number]
        else:
            self._replace()
        while self._left:
            self._recall(self._left.popleft())

    def _replace(self) -> None:
        """Open the path anew, unless that fails and the file that is open stands there."""
        if self._closed:
            return
        try:
            self._leave_for(self._open())
        except OSError as error:
            self._fail(error)
            if not self._file.is_at(self.path):
                self._leave_for(NO_FILE)

    def _leave_for(self, file: OpenFile) -> None:
        """Write to *file* from here on, and have the lines of the other one looked after."""
        left, self._file = self._file, file
        self._left.append(left)
        self._look_at = 0.0

    def _recall(self, file: OpenFile) -> None:
        """Queue the lines of a replaced *file* again, unless it stands where readers look."""
        if file.unsynced:
            self._force(file)
        lines = file.recent[:]
        del file.recent[: len(lines)]
        if not lines or file.is_at(self.path) or (self._rotation and self._rotation.keeps(file)):
            return
        # Beyond the bound if need be, and first: they are the oldest.
        self._backlog.extendleft(reversed(lines))
        self._backlog_size += sum(map(len, lines))
        self._recalled += len(lines)

    def _drain(self) -> None:
        """Write the queued lines in order, as far as it goes."""
        if self._closed:
            self._counters.lose("backend_error", len(self._backlog))
            self._dropped += len(self._backlog)
            self._backlog.clear()
        try:
            # Whoever comes meanwhile queues behind: first written, then taken out.
            while self._backlog and self._file is not NO_FILE:
                if len(self._file.recent) > _BURST_LINES:
                    # So that a rotation meanwhile brings back a few, not all of them.
                    self._look_after()
                    continue
                line = self._backlog[0]
                file = self._write(self._file, line)
                file.recent.append(line)
                next(self._counters.sent)
                self._drained += 1
                if self._backlog:
                    self._backlog.popleft()
                    self._backlog_size -= len(line)
            self._end_line(self._file)
        except OSError as error:
            self._fail(error)
        if not self._backlog:
            self._backlog_size = 0

    def _end_line(self, file: OpenFile) -> None:
        """Write the newline that is missing at the end of *file*, if one is."""
        if file.torn and file is not NO_FILE:
            os.write(file.descriptor, b"\n")
            file.torn = False

    def _rotate(self, file: OpenFile, rotation: Rotation) -> OpenFile:
        lock = self._lock
        if not lock.acquire(timeout=_LOCK_SECONDS):
            return file
        try:
            if file is self._file:
                rotation.shift(file, self._mode)
                if not file.is_at(self.path):
                    self._replace()
        except OSError as error:
            # Too long a file beats a lost event.
            self._fail(error)
        finally:
            lock.release()
        return self._file

    def _force(self, file: OpenFile) -> None:
        """Force what was written to *file* to the disk."""
        file.unsynced = False
        try:
            getattr(os, "fdatasync", os.fsync)(file.descriptor)
        except OSError as error:
            # Told, and never tried again: the kernel has dropped the pages and would
            # say that all is well. A pipe or a device has no disk behind it.
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):
                self._fail(error)

    def _start_carer(self) -> None:
        if not self._has_carer:
            self._has_carer = True
            # `threading.Thread` takes locks, which a signal handler may find held. At
            # the end of the interpreter no thread starts; the exit hook does its work.
            try:
                _thread.start_new_thread(_care, (ref(self),))
            except RuntimeError:
                self._has_carer = False

    def _fail(self, error: OSError) -> None:
        """Note *error*, to be told of when no lock is held: a log handler takes its own."""
        self._error = error
        self._look_at = 0.0

    def _say(self) -> None:
        error, self._error = self._error, None
        if error is not None and self._throttle.due(error.errno) is not None:
            log_safely(
                logger.warning,
                "Writing to %s failed (%s); %s event(s) wait",
                self.path,
                error,
                self.waiting,
            )


def _absolute(path: str | os.PathLike[str]) -> str:
    """Return *path* from the root on: a daemon changes its folder, and its log stays."""
    try:
        return os.path.abspath(os.fsdecode(path))
    except OSError as error:
        raise ImproperlyConfigured(
            f"cannot append to {path!r}: the working directory is gone"
        ) from error


def _care(owner: ref[LineFile]) -> None:
    while (file := owner()) is not None and file.care():
        del file
        time.sleep(_CARE_SECONDS)


_line_files: WeakSet[LineFile] = WeakSet()


def _in_child() -> None:
    for file in _line_files:
        file.start_clean()


def _at_exit() -> None:
    for file in [*_line_files]:
        if not file.prepare_for_exit():
            logger.warning("%s: %d event(s) could not be written", file.path, file.waiting)


os.register_at_fork(after_in_child=_in_child)
atexit.register(_at_exit)
