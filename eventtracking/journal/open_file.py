"""A file that is open for appending, and whether it is still where it should be."""

from __future__ import annotations

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
