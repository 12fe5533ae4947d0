"""A file that is open for appending, and whether it is still the file at its path."""

from __future__ import annotations

import os
import stat
from contextlib import suppress


class OpenFile:
    """A descriptor, the file it was opened for, and the lines that are not verified yet."""

    __slots__ = ("descriptor", "identity", "is_torn", "is_unsynced", "recent")

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.identity = _identity(os.fstat(descriptor)) if descriptor >= 0 else None
        self.recent: list[bytes] = []
        self.is_torn = descriptor < 0
        """Whether the last line is incomplete, so that the next one needs a newline before it."""

        self.is_unsynced = False
        """Whether lines are to be forced to the disk."""

    def forget(self) -> None:
        """Forget the lines, in a forked child: they are the parent's."""
        self.recent.clear()
        self.is_unsynced = False

    def tear(self, line: bytes, written: int) -> bool:
        """
        Note that only *written* bytes of *line* were written.

        Returns:
            Whether only its newline is missing. Readers find such a line, so writing it
            again would duplicate it.
        """
        self.is_torn = True
        return written == len(line) - 1

    def is_open(self) -> bool:
        """Return whether the descriptor still belongs to this object; once false, always false."""
        try:
            is_ours = _identity(os.fstat(self.descriptor)) == self.identity
        except OSError:
            is_ours = False
        if not is_ours:
            # The descriptor's number, and the inode once it is free, may become another file's.
            self.identity = None
        return is_ours

    def is_at(self, path: str) -> bool:
        """Return whether the file is still open, and is the file at *path*."""
        try:
            return self.is_open() and _identity(os.stat(path)) == self.identity
        except OSError:
            return False

    def ends_with_newline(self, path: str) -> bool:
        """Return whether the file is empty, ends with a newline, or is not a regular file."""
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
        # The last thread that writes to the file closes it, so no thread writes to a
        # descriptor that is given away. If other code closed it, it is not ours to close.
        if self.identity and self.is_open():
            os.close(self.descriptor)


def sync_folder(path: str) -> None:
    """Force the name of a new file at *path* to the disk, without which its lines are lost."""
    with suppress(OSError):
        folder = os.open(os.path.dirname(path), os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _identity(status: os.stat_result) -> tuple[float, ...]:
    # The inode and the device: a slice costs less than two attributes.
    return status[1:3]


NO_FILE = OpenFile(-1)
"""Stands for no open file. Writing to it fails."""
