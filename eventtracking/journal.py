"""
Lines in files: append whole ones, whatever threads, forks, kills, rotation and full disks do.

`LineFile` writes, `read` reads what was written, also behind a line that a kill tore.
"""

from __future__ import annotations

import atexit
import errno
import fcntl
import logging
import os
import stat
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal
from weakref import WeakSet, ref

import orjson

from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.stats import Ledger, Notices

logger = logging.getLogger(__name__)

# A writer looks whether its file is still at its path when so many seconds, or so many
# lines, have passed since it last did. It remembers the lines in between, so rotation
# loses none of them. A look costs as much as a write; remembering costs next to nothing.
_LOOK_SECONDS = 0.001
_LOOK_LINES = 64

# How long `fsync="interval"` leaves lines in the page cache.
_SYNC_SECONDS = 1.0

# How long a thread waits for another one that writes the backlog.
_LOCK_SECONDS = 5.0

# A damaged line is tried from so many places; then it is given up.
_SALVAGE_TRIES = 1000

Fsync = Literal["never", "interval", "always"]


class LineFile:
    """
    Append lines to a file that several threads and processes write at once.

    Each line goes down in one `write(2)` to a descriptor opened with `O_APPEND`, so on a
    local file system lines never mix, at any length. The path takes no lock: not for
    writing, so neither a fork nor a signal handler can meet one that is held.

    - A line that cannot be written waits, and goes out in order when writing works again.
    - When the file is renamed or deleted, the next look finds out, opens the path anew
      and writes the lines since the last look again: a line may come twice, none is lost.
    - A line that was torn (a kill, a full disk) is closed with a newline before the next.

    Args:
        path: The file. Missing folders are made.
        ledger: Where lines are counted: `sent` when written, `backend_error` when lost.
        mode: Permissions of a new file, before the umask.
        max_bytes: Rotate before the file grows beyond this; `None`: never.
        backup_count: How many rotated files to keep, as `path.1` (the newest), `path.2`, ...
        fsync: Force lines to the disk `"never"`, every second (`"interval"`) or `"always"`.
        backlog_bytes: How many bytes of lines may wait. Beyond, new lines are lost.
        clock: Monotonic seconds.

    Raises:
        ImproperlyConfigured: If the path cannot be opened for appending.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        ledger: Ledger,
        mode: int = 0o640,
        max_bytes: int | None = None,
        backup_count: int = 0,
        fsync: Fsync = "never",
        backlog_bytes: int = 10_000_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = os.fspath(path)
        self._ledger = ledger
        self._mode = mode
        self._rotation = (
            None if max_bytes is None else _Rotation(self.path, max_bytes, backup_count)
        )
        self._fsync = fsync
        self._is_plain = max_bytes is None and fsync == "never"
        self._backlog_bytes = backlog_bytes
        self._clock = clock
        self._notices = Notices()
        self._closed = False
        try:
            self._file = self._open()
        except OSError as error:
            raise ImproperlyConfigured(
                f"cannot append to {self.path!r}: {error.strerror}"
            ) from error
        self.start_clean()
        _line_files.add(self)

    @property
    def waiting(self) -> int:
        """How many lines wait to be written."""
        return len(self._backlog)

    def append(self, line: bytes) -> bool:
        """
        Write *line*, which ends with a newline. Never raises.

        Returns:
            Whether it was written or waits; `False` says that it is lost, and counted.
        """
        file = self._file
        if self._backlog or file.torn:
            return self._hold([line])
        try:
            if self._is_plain:
                if os.write(file.descriptor, line) != len(line):
                    file.torn = True
                    return self._hold([line])
            else:
                file = self._write(file, line)
        except OSError:
            return self._hold([line])
        # Into the list that stands there after the write: a look that drops this line
        # found it at the path.
        file.recent.append(line)
        number = next(self._ledger.sent)
        if file is not self._file:
            self._rescue(file, [line])
        elif not number % _LOOK_LINES or self._clock() >= self._look_at:
            self._look(file)
        return True

    def flush(self) -> bool:
        """Look after the latest lines and write those that wait; tell whether none is left."""
        if not self._closed:
            self._look(self._file)
            self._hold([])
            self.sync()
        return not self._backlog

    def reopen(self) -> None:
        """Open the path anew, as after a rotation. May be called in a signal handler."""
        try:
            self._replace(self._file)
        except OSError as error:
            self._tell(error)

    def close(self) -> bool:
        """Flush, count as lost what cannot be written, and give the file back. Tell if all went."""
        written = self.flush()
        self._closed = True
        self._file = _NO_FILE
        while self._backlog:
            _, is_new = self._backlog.popleft()
            self._ledger.lose("backend_error", int(is_new))
        return written

    def sync(self) -> bool:
        """With `fsync="interval"`, force what was written to the disk; tell whether to go on."""
        if self._unsynced:
            self._unsynced = False
            try:
                _force(self._file.descriptor)
            except OSError as error:
                # The kernel has dropped the pages: asking again would say all is well.
                self._tell(error)
        return not self._closed

    def start_clean(self) -> None:
        """Begin with nothing remembered: at first, and in a forked child."""
        # What waits in the parent is the parent's to write.
        self._backlog: deque[tuple[bytes, bool]] = deque()
        self._backlog_size = 0
        self._draining = False
        self._lock = threading.RLock()
        self._file.recent.clear()
        self._look_at = 0.0
        self._unsynced = False
        self._syncer: threading.Thread | None = None

    def _open(self) -> _OpenFile:
        Path(self.path).parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY
        file = _OpenFile(os.open(self.path, flags, self._mode))
        if not file.ends_whole(self.path):
            # Readers skip blank lines, so one too many does no harm.
            try:
                os.write(file.descriptor, b"\n")
            except OSError:
                file.torn = True
        return file

    def _write(self, file: _OpenFile, line: bytes) -> _OpenFile:
        """Write *line* whole to *file*, or to the one after it, and return that."""
        if self._rotation and self._rotation.is_due(file, len(line)):
            file = self._rotate(file)
        data = b"\n" + line if file.torn else line
        written = os.write(file.descriptor, data)
        if written != len(data):
            file.torn = True
            raise OSError(errno.EIO, f"{written} of {len(data)} bytes were written")
        if data is not line:
            file.torn = False
        if self._fsync != "never":
            self._sync(file)
        return file

    def _hold(self, lines: Sequence[bytes], *, is_new: bool = True) -> bool:
        """Queue *lines* and write what is queued; tell whether there was room for all."""
        if self._closed or not self._lock.acquire(timeout=_LOCK_SECONDS):
            self._ledger.lose("closed" if self._closed else "backend_error", len(lines))
            return False
        try:
            room = [self._queue(line, is_new=is_new) for line in lines]
            if self._backlog and not self._draining:
                self._drain()
        finally:
            self._lock.release()
        return all(room)

    def _queue(self, line: bytes, *, is_new: bool) -> bool:
        if is_new and self._backlog_size + len(line) > self._backlog_bytes:
            self._ledger.lose("backend_error")
            return False
        self._backlog_size += len(line)
        self._backlog.append((line, is_new))
        return True

    def _drain(self) -> None:
        """Write the queued lines in order, as far as it goes."""
        # A signal handler that emits meanwhile only queues.
        self._draining = True
        try:
            file = self._file if self._file.is_at(self.path) else self._replace(self._file)
            while self._backlog:
                line, is_new = self._backlog[0]
                file = self._write(file, line)
                self._backlog.popleft()
                self._backlog_size -= len(line)
                file.recent.append(line)
                if is_new:
                    next(self._ledger.sent)
        except OSError as error:
            self._tell(error)
        finally:
            self._draining = False

    def _look(self, file: _OpenFile) -> None:
        """Find out whether the latest lines are at the path, and bring them there if not."""
        self._look_at = self._clock() + _LOOK_SECONDS
        recent, file.recent = file.recent, []
        if not file.is_at(self.path):
            self.reopen()
            self._rescue(file, recent)

    def _replace(self, file: _OpenFile) -> _OpenFile:
        """Open the path anew, unless another thread did, and bring the lines of *file* there."""
        if self._unsynced:
            _force(file.descriptor)
        if self._file is file:
            self._file = self._open()
        self._rescue(file, file.recent)
        return self._file

    def _rescue(self, file: _OpenFile, lines: list[bytes]) -> None:
        """Write *lines* again, unless *file* stands where readers will look for them."""
        if lines and not (file.is_at(self.path) or (self._rotation and self._rotation.keeps(file))):
            self._hold(lines, is_new=False)

    def _rotate(self, file: _OpenFile) -> _OpenFile:
        try:
            if self._rotation:
                self._rotation.shift(file, self._mode)
            return file if file.is_at(self.path) else self._replace(file)
        except OSError as error:
            # Too long a file beats a lost event.
            self._tell(error)
            return file

    def _sync(self, file: _OpenFile) -> None:
        if self._fsync == "always":
            _force(file.descriptor)
            return
        self._unsynced = True
        if self._syncer is None or not self._syncer.is_alive():
            self._syncer = threading.Thread(
                target=_keep_synced, args=(ref(self),), name="eventtracking-fsync", daemon=True
            )
            # At the end of the interpreter no thread starts; the exit hook syncs.
            with suppress(RuntimeError):
                self._syncer.start()

    def _tell(self, error: OSError) -> None:
        if self._notices.due(error.errno) is not None:
            logger.warning(
                "Writing to %s failed (%s); %d event(s) wait", self.path, error, self.waiting
            )


class _OpenFile:
    """A descriptor, the file it was opened for, and the lines written since the last look."""

    __slots__ = ("descriptor", "identity", "recent", "torn")

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.identity = _identity(os.fstat(descriptor)) if descriptor >= 0 else None
        self.recent: list[bytes] = []
        self.torn = descriptor < 0

    def is_at(self, path: str) -> bool:
        """Tell whether the descriptor is still open, and *path* still leads to its file."""
        try:
            here = _identity(os.fstat(self.descriptor))
            return here == self.identity == _identity(os.stat(path))
        except OSError:
            return False

    def ends_whole(self, path: str) -> bool:
        """Tell whether the file is empty or ends with a newline, as far as can be seen."""
        status = os.fstat(self.descriptor)
        if not stat.S_ISREG(status.st_mode) or not status.st_size:
            return True
        try:
            with open(path, "rb", buffering=0) as reader:
                reader.seek(-1, os.SEEK_END)
                return reader.read(1) == b"\n"
        except OSError:
            return False

    def __del__(self) -> None:
        # Closed by the last writer that holds it, so no thread writes to a number that
        # is given away. If something else closed it, the number is not ours to close.
        with suppress(OSError):
            if self.identity and _identity(os.fstat(self.descriptor)) == self.identity:
                os.close(self.descriptor)


class _Rotation:
    """Rename a file that has grown too long: `path` to `path.1`, `path.1` to `path.2`, ..."""

    def __init__(self, path: str, max_bytes: int, backup_count: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._backups = [f"{path}.{number}" for number in range(1, backup_count + 1)]

    def is_due(self, file: _OpenFile, length: int) -> bool:
        """Tell whether *length* more bytes are too many for *file*."""
        size = os.fstat(file.descriptor).st_size
        return size > 0 and size + length > self._max_bytes

    def shift(self, file: _OpenFile, mode: int) -> None:
        """Rename *file* and those before it, unless another process is at it, or was."""
        lock = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, mode)
        try:
            # Never waited for: while another process rotates, the old file takes the line.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if file.is_at(self._path):
                self._rename()
        except BlockingIOError:
            pass
        finally:
            # Said aloud: a child forked meanwhile holds the descriptor too.
            fcntl.flock(lock, fcntl.LOCK_UN)
            os.close(lock)

    def keeps(self, file: _OpenFile) -> bool:
        """Tell whether *file* is one of the backups."""
        # Upwards, the way that files move, so that none slips past.
        return any(file.is_at(backup) for backup in self._backups)

    def _rename(self) -> None:
        for older, newer in zip(self._backups[:0:-1], self._backups[-2::-1], strict=True):
            with suppress(FileNotFoundError):
                os.replace(newer, older)
        os.replace(self._path, self._backups[0])


def read(path: str | os.PathLike[str]) -> Iterator[dict[str, Any]]:
    """
    Yield the events in the file at *path*, in order, each as a dict.

    A line that a kill tore, with the whole line of another process behind it, gives up
    that one. What cannot be read is left out, and a warning at the end says how much.

    Raises:
        OSError: If the file cannot be read.
    """
    damaged = 0
    with open(path, "rb") as lines:
        for line in lines:
            events = _salvage(line) if line.strip() else []
            damaged += events is None
            yield from events or ()
    if damaged:
        logger.warning("%s: %d damaged line(s) held no whole event", path, damaged)


def _salvage(line: bytes) -> list[dict[str, Any]] | None:
    """Return the whole events in *line*, `None` if there is none."""
    event = _event(line)
    if event is not None:
        return [event]
    # The writer of the torn head knew nothing of the whole line that follows it, which
    # ends where the line ends: a nested object never does.
    start = 0
    for _ in range(_SALVAGE_TRIES):
        start = line.find(b'{"', start + 1)
        if start < 0:
            break
        event = _event(line[start:])
        if event is not None:
            before = _event(line[:start])
            return [event] if before is None else [before, event]
    return None


def _event(line: bytes) -> dict[str, Any] | None:
    try:
        event = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return event if isinstance(event, dict) else None


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _force(descriptor: int) -> None:
    """Force what was written to the disk."""
    try:
        getattr(os, "fdatasync", os.fsync)(descriptor)
    except OSError as error:
        # A pipe or a device has no disk behind it.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise


def _keep_synced(owner: ref[LineFile]) -> None:
    while (file := owner()) is not None and file.sync():
        del file
        time.sleep(_SYNC_SECONDS)


_NO_FILE = _OpenFile(-1)

_line_files: WeakSet[LineFile] = WeakSet()


def _in_child() -> None:
    for file in _line_files:
        file.start_clean()


def _at_exit() -> None:
    for file in [*_line_files]:
        if not file.flush():
            logger.warning("%s: %d event(s) could not be written", file.path, file.waiting)


os.register_at_fork(after_in_child=_in_child)
atexit.register(_at_exit)
