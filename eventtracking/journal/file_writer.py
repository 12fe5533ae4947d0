"""Write complete lines to the file at a path, and notice when that file is replaced."""

from __future__ import annotations

import errno
import logging
import os
import threading
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Literal

from eventtracking.journal.open_file import NO_FILE, OpenFile, sync_folder
from eventtracking.journal.rotation import Rotation
from eventtracking.locks import held
from eventtracking.stats import LogThrottle, log_safely

logger = logging.getLogger(__name__)

Fsync = Literal["never", "interval", "always"]


class FileWriter:
    """
    The open file at a path, and the files that were open before it.

    Several threads may call `write` at once. For the other methods a thread holds `lock`.

    Args:
        path: The absolute path of the file. Missing folders are created.
        mode: Permissions of a new file, before the umask.
        rotation: Renames the file when it is full; `None`: never.
        fsync: When written lines are forced to the disk.
    """

    def __init__(
        self,
        path: str,
        *,
        mode: int,
        rotation: Rotation | None,
        fsync: Fsync,
    ) -> None:
        self.path = path
        self._mode = mode
        self._rotation = rotation
        self._fsync = fsync
        self.is_plain = rotation is None and fsync == "never"
        """Whether a line needs nothing but one `os.write`."""

        self.file = NO_FILE
        self.lock = threading.RLock()
        self.is_changed = False
        """Whether the file was replaced, or something failed, since the last `verify`."""

        self.replaced: deque[OpenFile] = deque()
        """Files that were open before, whose latest lines are not verified yet."""

        self._throttle = LogThrottle()
        # The latest failure that has not been logged yet.
        self._error: OSError | None = None

    def forget(self) -> None:
        """Forget lines and failures, in a forked child: they are the parent's."""
        self.file.forget()
        self.replaced.clear()
        self._error = None
        # Another thread of the parent may have held the lock during the fork.
        self.lock = threading.RLock()

    def open(self) -> OpenFile:
        """
        Open the file at the path, and return it.

        Raises:
            OSError: If it cannot be opened for appending.
        """
        # A file in the place of a folder is reported when the path is opened.
        with suppress(FileExistsError):
            Path(self.path).parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY
        file = OpenFile(os.open(self.path, flags, self._mode))
        if self._fsync != "never":
            sync_folder(self.path)
        if not file.ends_with_newline(self.path):
            # Readers skip blank lines, so a surplus newline does no harm.
            try:
                os.write(file.descriptor, b"\n")
            except OSError:
                file.is_torn = True
        return file

    def write(self, file: OpenFile, line: bytes) -> OpenFile:
        """
        Write *line* to *file*, or to its successor if a rotation is due; return that file.

        Raises:
            OSError: If the line was not written, or only a part of it.
        """
        if self._rotation and self._rotation.is_due(file, len(line)):
            file = self._rotate(file, self._rotation)
        data = b"\n" + line if file.is_torn else line
        written = os.write(file.descriptor, data)
        if written != len(data):
            if not file.tear(data, written):
                raise OSError(errno.EIO, f"{written} of {len(data)} bytes were written")
        elif data is not line:
            file.is_torn = False
        if self._fsync == "always":
            self.sync(file)
        elif self._fsync == "interval":
            file.is_unsynced = True
        return file

    def sync(self, file: OpenFile) -> None:
        """Force the lines in *file* to the disk."""
        file.is_unsynced = False
        try:
            getattr(os, "fdatasync", os.fsync)(file.descriptor)
        except OSError as error:
            # Logged, and never tried again: the kernel has dropped the pages and would
            # report success. A pipe or a device has no disk behind it.
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):
                self.fail(error)

    def end_torn_line(self) -> None:
        """
        Write the newline that is missing at the end of the file, if it is.

        Raises:
            OSError: If it cannot be written.
        """
        file = self.file
        if file.is_torn and file is not NO_FILE:
            os.write(file.descriptor, b"\n")
            file.is_torn = False

    def replace(self) -> None:
        """Open the path again. If that fails, the open file is kept if it is still at the path."""
        try:
            self.switch_to(self.open())
        except OSError as error:
            self.fail(error)
            if not self.file.is_at(self.path):
                self.switch_to(NO_FILE)

    def switch_to(self, file: OpenFile) -> None:
        """Write to *file* from here on; the lines of the previous file are verified later."""
        replaced, self.file = self.file, file
        self.replaced.append(replaced)
        self.is_changed = True

    def verify(self) -> list[bytes]:
        """
        Open the path again if another file is there, or none.

        Returns:
            The lines that were written to a file which readers no longer find, in order.
        """
        self.is_changed = False
        file = self.file
        # Lines that are remembered before the check were written before it.
        number = len(file.recent)
        if file.is_at(self.path):
            del file.recent[:number]
        else:
            self.replace()
        return self.recall() if self.replaced else []

    def recall(self) -> list[bytes]:
        """Return the lines in replaced files that are neither at the path nor a backup."""
        recalled: list[bytes] = []
        while self.replaced:
            file = self.replaced.popleft()
            if file.is_unsynced:
                self.sync(file)
            lines = file.recent[:]
            del file.recent[: len(lines)]
            if lines and not file.is_at(self.path) and not self._is_backup(file):
                recalled += lines
        return recalled

    def fail(self, error: OSError) -> None:
        """Keep *error* until `log_failure`."""
        self._error = error
        self.is_changed = True

    def log_failure(self, waiting: int) -> None:
        """
        Log the latest failure, while *waiting* events wait.

        Called without `lock`: a log handler has locks of its own.
        """
        error, self._error = self._error, None
        if error and self._throttle.due(error.errno) is not None:
            message = "Writing to %s failed (%s); %s event(s) wait"
            log_safely(logger.warning, message, self.path, error, waiting)

    def _is_backup(self, file: OpenFile) -> bool:
        return self._rotation is not None and self._rotation.is_backup(file)

    def _rotate(self, file: OpenFile, rotation: Rotation) -> OpenFile:
        """Rotate *file* unless another thread has done it, and return the file to write to."""
        with held(self.lock) as is_held:
            if not is_held:
                return file
            try:
                if file is self.file:
                    rotation.rotate(file, self._mode)
                    if not file.is_at(self.path):
                        self.replace()
            except OSError as error:
                # An oversized file is better than a lost event.
                self.fail(error)
        return self.file
