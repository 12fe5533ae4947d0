"""Files that are open for appending: whether they are where they should be, and rotating them."""

from __future__ import annotations

import fcntl
import os
import stat
from contextlib import suppress


class OpenFile:
    """A descriptor, the file it was opened for, and the lines written since the last look."""

    __slots__ = ("descriptor", "identity", "recent", "torn", "unsynced")

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.identity = _identity(os.fstat(descriptor)) if descriptor >= 0 else None
        self.recent: list[bytes] = []
        self.torn = descriptor < 0
        self.unsynced = False

    def forget(self) -> None:
        """Remember nothing, as in a child: it is its parent that has these lines."""
        self.recent.clear()
        self.unsynced = False

    def is_open(self) -> bool:
        """Tell whether the descriptor is still ours. Once it is not, it never is again."""
        try:
            is_ours = _identity(os.fstat(self.descriptor)) == self.identity
        except OSError:
            is_ours = False
        if not is_ours:
            # Its number, and the inode that nothing keeps any more, may be another file's.
            self.identity = None
        return is_ours

    def is_at(self, path: str) -> bool:
        """Tell whether the descriptor is still ours, and *path* still leads to its file."""
        try:
            return self.is_open() and _identity(os.stat(path)) == self.identity
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
        if self.identity and self.is_open():
            os.close(self.descriptor)


class Rotation:
    """Rename a file that has grown too long: `path` to `path.1`, `path.1` to `path.2`, ..."""

    def __init__(self, path: str, max_bytes: int, backup_count: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._backups = [f"{path}.{number}" for number in range(1, backup_count + 1)]

    def is_due(self, file: OpenFile, length: int) -> bool:
        """Tell whether *length* more bytes are too many for *file*."""
        size = os.fstat(file.descriptor).st_size
        return size > 0 and size + length > self._max_bytes

    def shift(self, file: OpenFile, mode: int) -> None:
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

    def keeps(self, file: OpenFile) -> bool:
        """Tell whether *file* is one of the backups."""
        # Upwards, the way that files move, so that none slips past.
        return any(file.is_at(backup) for backup in self._backups)

    def _rename(self) -> None:
        for older, newer in zip(self._backups[:0:-1], self._backups[-2::-1], strict=True):
            with suppress(FileNotFoundError):
                os.replace(newer, older)
        os.replace(self._path, self._backups[0])


def force_name(path: str) -> None:
    """Force the name of a new file to the disk: without it, its lines are nowhere."""
    with suppress(OSError):
        folder = os.open(os.path.dirname(path), os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _identity(status: os.stat_result) -> tuple[float, ...]:
    # Its inode and its device: a slice costs less than two names.
    return status[1:3]


NO_FILE = OpenFile(-1)
"""Stands where no file is open. Writing to it fails."""
