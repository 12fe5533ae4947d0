"""Append complete lines to a file, despite threads, forks, kills, rotation and full disks."""

from __future__ import annotations

import _thread
import atexit
import logging
import os
import time
from collections.abc import Callable
from weakref import WeakSet, ref

from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.journal.backlog import Backlog
from eventtracking.journal.file_writer import FileWriter, Fsync
from eventtracking.journal.open_file import NO_FILE, OpenFile
from eventtracking.journal.rotation import Rotation
from eventtracking.locks import LOCK_SECONDS, held
from eventtracking.stats import Counters

logger = logging.getLogger(__name__)

# After each line a writer verifies that its file is still at the path. That costs more than
# a write. So from this line of a burst on, lines that follow within this time are only
# remembered, and verified together at this interval. A pause of that length ends the burst.
_BURST_LINES = 32
_NEXT_LINE_SECONDS = 0.000_01
_VERIFY_SECONDS = 0.000_2

# How long `flush` keeps starting over while rotations take the lines it has just written. A
# time, not a number of rounds: on a busy machine, rotation can win any number of them.
_FLUSH_SECONDS = 5.0

# The interval at which waiting lines are tried again although no new line comes, and the
# longest that `fsync="interval"` leaves lines in the page cache.
_MAINTENANCE_SECONDS = 1.0


class LineFile:
    """
    Append lines to a file that several threads and processes write at once.

    Each line is one `write(2)` to a descriptor opened with `O_APPEND`, so on a local file
    system lines never mix, at any length. While the file is healthy, a line takes no lock,
    so neither a fork nor a signal handler can meet a lock that is held.

    - A line that cannot be written waits, and is written in order when writing works again.
    - When the file is renamed or deleted, the next verification notices, opens the path
      again, and writes the lines since the last verification again. A line may appear
      twice, and none is lost.
    - A line that was torn by a kill or a full disk is ended with a newline before the next
      line. A line that misses only its newline counts as written.

    Args:
        path: The file. Missing folders are created.
        counters: Counts a line as `sent` when it is written, `backend_error` when it is lost.
        mode: Permissions of a new file, before the umask.
        max_bytes: Rotate before the file grows beyond this size; `None`: never.
        backup_count: The number of rotated files to keep, as `path.1` (the newest), `path.2`, ...
        fsync: Force lines to the disk `"never"`, every second (`"interval"`) or `"always"`.
        backlog_bytes: The number of bytes of lines that may wait. Beyond, new lines are lost.
        clock: Returns monotonic seconds.

    Raises:
        ImproperlyConfigured: If the path cannot be opened for appending.
    """

    # Zero before there is a file, and again after the exit hook.
    _verify_seconds = 0.0

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
        self._clock = clock
        self._closed = False
        self._verify_at = self._pause_at = 0.0
        self._backlog = Backlog(backlog_bytes)
        self._writer = FileWriter(
            self.path,
            mode=mode,
            rotation=None if max_bytes is None else Rotation(self.path, max_bytes, backup_count),
            fsync=fsync,
        )
        self.reset()
        try:
            self._writer.file = self._writer.open()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ImproperlyConfigured(f"cannot append to {self.path!r}: {reason}") from error
        self._verify_seconds = _VERIFY_SECONDS
        _line_files.add(self)

    @property
    def waiting(self) -> int:
        """The number of lines that wait to be written."""
        return len(self._backlog.lines)

    @property
    def recalled(self) -> int:
        """The number of lines counted as sent twice: they were written again after a rotation."""
        return self._recalled

    def append(self, line: bytes) -> bool:
        """
        Write *line*, which ends with a newline. Never raises.

        Returns:
            Whether it was written or waits; if not, it is lost, and counted.
        """
        writer = self._writer
        file = writer.file
        if self._backlog.lines or file.is_torn:
            return self._wait(line)
        try:
            if writer.is_plain:
                written = os.write(file.descriptor, line)
                if written != len(line):
                    if not file.tear(line, written):
                        return self._wait(line)
                    self._start_maintenance()
            else:
                file = writer.write(file, line)
                if file.is_unsynced or file.is_torn:
                    self._start_maintenance()
        except OSError:
            return self._wait(line)
        # Remembered after the write, and before the check for a replaced file: a thread that
        # replaces the file does so first and then goes through the remembered lines.
        file.recent.append(line)
        next(self._counters.sent)
        now = self._clock()
        if (
            now >= self._verify_at
            or now >= self._pause_at
            or file is not writer.file
            or writer.is_changed
        ):
            try:
                self._verify(file, now)
            except RecursionError:
                # The line is written, but the stack is full: the next line verifies it.
                self._verify_at = 0.0
                writer.replaced += (file,)
        self._pause_at = now + _NEXT_LINE_SECONDS
        return True

    def flush(self) -> bool:
        """Verify the latest lines and write those that wait; return whether none is left."""
        if not self._closed:
            end = self._clock() + _FLUSH_SECONDS
            drained = -1
            # Lines that were written by this very loop are verified as well.
            while drained != self._drained:
                drained = self._drained
                self._settle(LOCK_SECONDS)
                if self._backlog.lines or self._clock() >= end:
                    break
            self.sync()
        return not self._backlog.lines

    def reopen(self) -> None:
        """Open the path again, as after a rotation. Safe to call in a signal handler."""
        with held(self._writer.lock) as is_held:
            if is_held and not self._closed:
                self._writer.replace()
        self._settle()

    def close(self) -> bool:
        """Flush and close the file; return whether no line was lost."""
        self.flush()
        self._closed = True
        self._settle(LOCK_SECONDS)
        return not self._backlog.lines and not self._dropped

    def sync(self) -> None:
        """With `fsync="interval"`, force the written lines to the disk now."""
        writer = self._writer
        if writer.file.is_unsynced:
            writer.sync(writer.file)
            writer.log_failure(self.waiting)

    def maintain(self) -> bool:
        """Sync, and write waiting lines, without a new line; return whether to do so again."""
        self.sync()
        if self._backlog.lines or self._writer.file.is_torn:
            self._settle(LOCK_SECONDS)
        return not self._closed

    def prepare_for_exit(self) -> bool:
        """Flush, and verify every later line at once, because no later call may come."""
        self._verify_seconds = 0.0
        return self.flush()

    def reset(self) -> None:
        """Forget all lines, at first and in a forked child: its parent writes them."""
        self._backlog.clear()
        self._writer.forget()
        self._recalled = self._drained = self._dropped = 0
        self._is_busy = False
        self._is_due = False
        self._burst_lines = 0
        self._pause_at = self._verify_at = 0.0
        self._has_maintenance = False

    def __del__(self) -> None:
        # Dropped without `close`, as when settings are loaded again. After the exit hook
        # there is nothing left to do, and there may be no modules to do it with.
        if self._verify_seconds and (self._backlog.lines or self._writer.file.recent):
            self.flush()

    def _wait(self, line: bytes) -> bool:
        """Add *line* to the backlog and write what is possible; return whether there was room."""
        with held(self._writer.lock) as is_held:
            if not is_held:
                self._counters.lose("backend_error")
                return False
            has_room = self._enqueue(line)
        if self._is_due:
            self._settle()
        self._writer.log_failure(self.waiting)
        if self._backlog.lines:
            self._start_maintenance()
        return has_room

    def _enqueue(self, line: bytes) -> bool:
        if self._closed:
            self._counters.lose("closed")
            return False
        self._backlog.append(line)
        if not self._is_busy:
            self._settle_once()
        # Checked after an attempt to write, because the disk may have room again.
        if self._backlog.drop_excess(line):
            self._counters.lose("backend_error")
            return False
        return True

    def _verify(self, file: OpenFile, now: float) -> None:
        """Make sure that the latest lines, which *file* took, are at the path."""
        is_over = now >= self._pause_at + _VERIFY_SECONDS
        self._burst_lines = 0 if is_over else self._burst_lines + 1
        if file is not self._writer.file:
            # Replaced while the line was being written.
            self._writer.replaced.append(file)
        self._settle()

    def _settle(self, timeout: float = 0.0) -> None:
        """
        Verify the file, and write lines that wait or that a rotation took.

        One thread at a time does this. Another thread, or a signal handler that interrupts
        it, sets `_is_due`, and the first one starts over when it is done.
        """
        self._is_due = True
        # Not `held`, which costs time for every event that comes alone. The lock is kept in a
        # variable: a signal handler may fork, and the child makes a new lock.
        lock = self._writer.lock
        while self._is_due and lock.acquire(timeout=timeout):
            try:
                if self._is_busy:
                    return
                self._settle_once()
            finally:
                lock.release()
        self._writer.log_failure(self.waiting)

    def _settle_once(self) -> None:
        self._is_busy, self._is_due = True, False
        try:
            self._recall()
            self._drain()
        finally:
            self._is_busy = False

    def _recall(self) -> None:
        """Put lines that are not where readers look back into the backlog."""
        is_burst = self._burst_lines > _BURST_LINES
        self._verify_at = self._clock() + self._verify_seconds if is_burst else 0.0
        if self._closed:
            self._writer.switch_to(NO_FILE)
            lines = self._writer.recall()
        else:
            lines = self._writer.verify()
        if lines:
            self._backlog.restore(lines)
            self._recalled += len(lines)

    def _drain(self) -> None:
        """Write waiting lines in order, as far as possible."""
        writer, backlog = self._writer, self._backlog
        if self._closed:
            self._counters.lose("backend_error", len(backlog.lines))
            self._dropped += len(backlog.lines)
            backlog.clear()
        try:
            # A signal handler may append lines meanwhile: the first one is removed when written.
            while backlog.lines and writer.file is not NO_FILE:
                if len(writer.file.recent) > _BURST_LINES:
                    # So that a rotation during the loop takes a few lines, not all of them.
                    self._recall()
                    continue
                line = backlog.lines[0]
                file = writer.write(writer.file, line)
                file.recent.append(line)
                next(self._counters.sent)
                self._drained += 1
                backlog.drop_first()
            if writer.file.is_torn:
                writer.end_torn_line()
        except OSError as error:
            writer.fail(error)
        if writer.file.is_unsynced:
            self._start_maintenance()

    def _start_maintenance(self) -> None:
        """Start the thread that calls `maintain` every second, if it is not running."""
        if not self._has_maintenance:
            self._has_maintenance = True
            # `threading.Thread` takes locks, which a signal handler may find held. At
            # interpreter exit no thread starts; the exit hook does its work.
            try:
                _thread.start_new_thread(_maintain, (ref(self),))
            except RuntimeError:
                self._has_maintenance = False


def _absolute(path: str | os.PathLike[str]) -> str:
    """Return *path* as an absolute path: a daemon may change its working directory."""
    try:
        return os.path.abspath(os.fsdecode(path))
    except OSError as error:
        raise ImproperlyConfigured(
            f"cannot append to {path!r}: the working directory is gone"
        ) from error


def _maintain(owner: ref[LineFile]) -> None:
    while (file := owner()) is not None and file.maintain():
        del file
        time.sleep(_MAINTENANCE_SECONDS)


_line_files: WeakSet[LineFile] = WeakSet()


def _reset_in_child() -> None:
    for file in _line_files:
        file.reset()


def _flush_at_exit() -> None:
    for file in [*_line_files]:
        if not file.prepare_for_exit():
            logger.warning("%s: %d event(s) could not be written", file.path, file.waiting)


os.register_at_fork(after_in_child=_reset_in_child)
atexit.register(_flush_at_exit)
