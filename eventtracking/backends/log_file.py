"""Write each event to a file, as one line of JSON."""

from __future__ import annotations

import logging
import os
from typing import Any, get_args

from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.journal import Fsync, LineFile
from eventtracking.serialization import encode
from eventtracking.stats import Counters, LogThrottle, log_safely
from eventtracking.types import BackendStats, Event

logger = logging.getLogger(__name__)

# 640, where 0o640 was meant, is more than this.
_ALL_PERMISSIONS = 0o777


class LogFileBackend:
    """
    Append events to a log file that several processes and threads may share.

    The event is in the file when `send` returns: a process that is killed afterwards
    loses nothing. While the disk is full, events wait in memory, in order, and go out
    within a second of its having room again.

    Rotation by renaming is followed and loses nothing. What `copytruncate` loses
    between its copying and its truncating no writer can prevent: rename instead. NFS
    has no atomic append: give each process a file of its own there.

    Args:
        path: The file. Missing folders are made.
        max_bytes: Rotate the file before it grows beyond this size. Default: never. Of
            several processes one rotates, behind a lock on `path.lock`, while the others
            write a few lines more.
        backup_count: How many rotated files to keep: `path.1` is the newest.
        mode: Permissions of a new file, before the umask.
        fsync: Force events to the disk `"never"`, every second (`"interval"`) or
            `"always"`. It decides what a power cut loses; a kill loses nothing anyway.
        backlog_bytes: How many bytes of events may wait while the file cannot be
            written. Beyond that, new events are counted as lost, `backend_error`.

    Raises:
        ImproperlyConfigured: If an option is wrong, or the path cannot be appended to.
    """

    read_only = True

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        max_bytes: int | None = None,
        backup_count: int = 0,
        mode: int = 0o640,
        fsync: Fsync = "never",
        backlog_bytes: int = 10_000_000,
    ) -> None:
        _check(
            path=path,
            max_bytes=max_bytes,
            backup_count=backup_count,
            mode=mode,
            fsync=fsync,
            backlog_bytes=backlog_bytes,
        )
        self._counters = Counters()
        self._throttle = LogThrottle()
        self._file = LineFile(
            path,
            counters=self._counters,
            mode=mode,
            max_bytes=max_bytes,
            backup_count=backup_count,
            fsync=fsync,
            backlog_bytes=backlog_bytes,
        )

    def send(self, event: Event, /) -> None:
        """Write *event* now, or keep it until writing works again. Never raises."""
        # Encoded first: what that raises, at the end of the stack, the router counts.
        line = encode(event)
        next(self._counters.accepted)
        if not self._file.append(line):
            self._warn(event)

    def flush(self, timeout: float | None = None) -> bool:  # noqa: ARG002  # nothing here waits
        """Write the events that wait; tell whether none is left."""
        return self._file.flush()

    def close(self, timeout: float | None = None) -> bool:  # noqa: ARG002
        """Flush and close the file; events that cannot be written now are counted as lost."""
        return self._file.close()

    def reopen(self) -> None:
        """Open the path anew. May be called in a signal handler, such as that of SIGHUP."""
        self._file.reopen()

    def stats(self) -> BackendStats:
        """Return the books; `pending` events wait for the file to be writable again."""
        books = self._counters.stats(pending=self._file.waiting)
        return {**books, "sent": books["sent"] - self._file.recalled}

    def __repr__(self) -> str:
        return f"<LogFileBackend {self._file.path!r}>"

    def _warn(self, event: Event) -> None:
        number = self._throttle.due("lost")
        if number is not None:
            log_safely(
                logger.warning,
                "Lost %s event(s), %s cannot be written; the last was %s",
                number,
                self._file.path,
                event.get("name"),
            )


def _check(**options: Any) -> None:
    """Raise `ImproperlyConfigured` for the first option that is wrong."""
    max_bytes, backup_count, mode = (
        options[name] for name in ("max_bytes", "backup_count", "mode")
    )
    rules = {
        "path": (isinstance(options["path"], str | os.PathLike), "a path"),
        "max_bytes": (max_bytes is None or _is_count(max_bytes, 1), "a number of bytes or None"),
        "backup_count": (_is_count(backup_count, 0), "a number of files"),
        "mode": (_is_count(mode, 0) and mode <= _ALL_PERMISSIONS, "permissions such as 0o640"),
        "fsync": (options["fsync"] in get_args(Fsync), f"one of {get_args(Fsync)}"),
        "backlog_bytes": (_is_count(options["backlog_bytes"], 0), "a number of bytes"),
    }
    for option, (is_right, expectation) in rules.items():
        if not is_right:
            raise ImproperlyConfigured(
                f"LogFileBackend: {option} must be {expectation}, got {options[option]!r}"
            )
    if max_bytes is not None and not backup_count:
        raise ImproperlyConfigured(
            "LogFileBackend: with max_bytes, backup_count must be at least 1, got 0: "
            "the rotated events have to go somewhere"
        )


def _is_count(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least
