"""Rotate a file that has grown too large."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress

from eventtracking.journal.open_file import OpenFile


class Rotation:
    """
    Rename a file that has grown too large: `path` to `path.1`, `path.1` to `path.2`, and so on.

    Args:
        path: The file.
        max_bytes: The size that the file may have.
        backup_count: The number of renamed files to keep.
    """

    def __init__(self, path: str, max_bytes: int, backup_count: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._backups = [f"{path}.{number}" for number in range(1, backup_count + 1)]

    def is_due(self, file: OpenFile, length: int) -> bool:
        """Return whether *file* would become too large with *length* more bytes."""
        size = os.fstat(file.descriptor).st_size
        return size > 0 and size + length > self._max_bytes

    def rotate(self, file: OpenFile, mode: int) -> None:
        """
        Rename *file* and its backups, unless another process is doing it or has done it.

        Args:
            file: The file that is full.
            mode: Permissions of the lock file at `path.lock`.

        Raises:
            OSError: If a file cannot be renamed.
        """
        lock = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, mode)
        try:
            # Never waits: while another process rotates, the old file takes the line.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if file.is_at(self._path):
                self._rename()
        except BlockingIOError:
            pass
        finally:
            # Closing is not enough: a child forked meanwhile has the descriptor too.
            fcntl.flock(lock, fcntl.LOCK_UN)
            os.close(lock)

    def is_backup(self, file: OpenFile) -> bool:
        """Return whether *file* is one of the backups."""
        # In ascending order, as files are renamed, so that no file is missed meanwhile.
        return any(file.is_at(backup) for backup in self._backups)

    def _rename(self) -> None:
        for older, newer in zip(self._backups[:0:-1], self._backups[-2::-1], strict=True):
            with suppress(FileNotFoundError):
                os.replace(newer, older)
        os.replace(self._path, self._backups[0])
