"""Write each event to a file, as one line of JSON."""

from __future__ import annotations

import logging
import os
from typing import get_args

from eventtracking._options import PATH, Options, Rule, one_of, optional, whole_number
from eventtracking.journal import Fsync, LineFile
from eventtracking.serialization import encode
from eventtracking.stats import Counters, LogThrottle, log_safely
from eventtracking.types import BackendStats, Event

logger = logging.getLogger(__name__)

# The decimal 640, a slip for 0o640, is more than this.
_ALL_PERMISSIONS = 0o777

_PERMISSIONS = Rule("permissions such as 0o640", whole_number(0, _ALL_PERMISSIONS).accepts)


class LogFileBackend:
    """
    Append events to a log file that several processes and threads may share.

    The event is in the file when `send` returns: a process that is killed afterwards
    loses nothing. While the disk is full, events wait in memory, in order, and are written
    within a second once the disk has room again.

    Rotation by renaming is followed and loses no event. No writer can prevent the loss of
    the lines that are written while `copytruncate` copies and truncates: rename instead.
    NFS has no atomic append: there, give each process a file of its own.

    Args:
        path: The file. Missing folders are created.
        max_bytes: Rotate the file before it grows beyond this size. Default: never. One of
            several processes rotates, holding a lock on `path.lock`, while the others may
            write a few more lines.
        backup_count: The number of rotated files to keep: `path.1` is the newest.
        mode: Permissions of a new file, before the umask.
        fsync: Force events to the disk `"never"`, every second (`"interval"`) or
            `"always"`. The choice matters for a power cut; a kill loses nothing anyway.
        backlog_bytes: The number of bytes of events that may wait while the file cannot be
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
        options = Options("LogFileBackend")
        options.check("path", path, PATH)
        is_bound = options.check("max_bytes", max_bytes, optional(whole_number(1, unit="bytes")))
        options.check("backup_count", backup_count, whole_number(unit="files"))
        if is_bound and max_bytes is not None and backup_count == 0:
            cause = "with max_bytes, the rotated events need a file"
            options.refuse("backup_count", "1 or more", backup_count, cause=cause)
        options.check("mode", mode, _PERMISSIONS)
        options.check("fsync", fsync, one_of(*get_args(Fsync)))
        options.check("backlog_bytes", backlog_bytes, whole_number(unit="bytes"))
        options.raise_problems()
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
        # Encoded first: if the stack is too full for it, the router counts the event.
        line = encode(event)
        next(self._counters.accepted)
        if not self._file.append(line):
            self._warn(event)

    def flush(self, timeout: float | None = None) -> bool:  # noqa: ARG002  # writing is not bounded
        """Write the waiting events; return whether none is left."""
        return self._file.flush()

    def close(self, timeout: float | None = None) -> bool:  # noqa: ARG002
        """Flush and close the file; events that cannot be written now are counted as lost."""
        return self._file.close()

    def reopen(self) -> None:
        """Open the path again. Safe to call in a signal handler, such as that of SIGHUP."""
        self._file.reopen()

    def stats(self) -> BackendStats:
        """Return the statistics; `pending` events wait for the file to be writable again."""
        stats = self._counters.stats(pending=self._file.waiting)
        return {**stats, "sent": stats["sent"] - self._file.recalled}

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
