"""The file of the events that a destination rejected, each with the reason."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from orjson import Fragment, JSONDecodeError, dumps, loads

from eventtracking.delivery.destination import Record
from eventtracking.journal.open_file import OpenFile
from eventtracking.locks import LOCK_SECONDS, lock_file

FILE_NAME = "dead.jsonl"


class DeadLetter(NamedTuple):
    """A rejected event, and the reason."""

    record: Record
    reason: str
    status: int | None


class DeadLetters:
    """
    Store rejected events in `dead.jsonl`, one JSON object a line, for an operator to inspect.

    Each object has `id`, `time` (when the event was accepted, in seconds since the epoch),
    `reason`, `status` (an HTTP status or `null`), `name` and `payload`.

    Args:
        folder: The folder of the file.
        max_bytes: The size that the file may have. `None`: any.
    """

    def __init__(self, folder: str, *, max_bytes: int | None = None) -> None:
        self.path = os.path.join(folder, FILE_NAME)
        self._max_bytes = max_bytes

    def add(self, record: Record, reason: str, status: int | None) -> None:
        """
        Append *record*.

        Raises:
            OSError: If it cannot be written, or the file would become too large.
        """
        line = _line(DeadLetter(record, reason, status))
        with self._locked(os.O_RDWR | os.O_APPEND | os.O_CREAT) as file:
            size = os.fstat(file.descriptor).st_size
            if self._max_bytes is not None and size + len(line) > self._max_bytes:
                raise OSError(f"the file has reached its maximum size, {size} bytes")
            if size and os.pread(file.descriptor, 1, size - 1) != b"\n":
                line = b"\n" + line
            if os.write(file.descriptor, line) != len(line):
                # Nothing else writes while the lock is held.
                os.ftruncate(file.descriptor, size)
                raise OSError("the disk is full")

    def read(self) -> Iterator[DeadLetter]:
        """
        Yield the events, in the order in which they were added. Damaged lines are left out.

        Raises:
            OSError: If the file exists and cannot be read.
        """
        with suppress(FileNotFoundError):
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            with open(descriptor, "rb") as lines:
                for line in lines:
                    if letter := _parse(line):
                        yield letter

    def take(
        self,
        is_wanted: Callable[[DeadLetter], bool],
        handle: Callable[[list[DeadLetter]], object] = len,
    ) -> list[DeadLetter]:
        """
        Remove the wanted events after *handle* was called with them, and return them.

        Raises:
            OSError: If the file cannot be read or replaced. It remains as it was.
        """
        if not os.path.lexists(self.path):
            return []
        with self._locked(os.O_RDWR) as file, open(file.descriptor, "rb", closefd=False) as lines:
            kept, taken = [], []
            for line in lines:
                letter = _parse(line)
                if letter and is_wanted(letter):
                    taken.append(letter)
                else:
                    kept.append(line)
            if taken:
                handle(taken)
                self._replace(file, b"".join(kept))
        return taken

    def _replace(self, file: OpenFile, content: bytes) -> None:
        if not content:
            os.unlink(self.path)
            return
        owner = os.fstat(file.descriptor)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        with open(os.open(f"{self.path}.tmp", flags, 0o600), "wb") as new:
            new.write(content)
            # A command that root runs must not take the file away from its owner.
            with suppress(PermissionError):
                os.fchown(new.fileno(), owner.st_uid, owner.st_gid)
        os.replace(f"{self.path}.tmp", self.path)

    @contextmanager
    def _locked(self, flags: int) -> Iterator[OpenFile]:
        """Open and lock the file, and make sure that it is still the one at the path."""
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            file = OpenFile(os.open(self.path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
            lock_file(file.descriptor, deadline - time.monotonic())
            if file.is_at(self.path):
                break
        try:
            yield file
        finally:
            # Explicitly: a child that was forked meanwhile has the descriptor, too.
            fcntl.flock(file.descriptor, fcntl.LOCK_UN)


def _line(letter: DeadLetter) -> bytes:
    record = letter.record
    fields = {
        "id": record.id,
        "time": record.time,
        "reason": _encodable(letter.reason),
        "status": letter.status,
        "name": _encodable(record.name),
        # The last one, as `_parse` expects.
        "payload": Fragment(record.payload),
    }
    return dumps(fields) + b"\n"


def _encodable(text: str) -> str:
    """Return *text* without lone surrogates, which UTF-8 cannot represent."""
    return text.encode("utf-8", "replace").decode()


def _parse(line: bytes) -> DeadLetter | None:
    try:
        fields = loads(line)
        # Cut out, because encoding it again could change its bytes. The texts before it
        # cannot contain the separator: their quotes are escaped.
        _, _, payload = line.partition(b',"payload":')
        record = Record(fields["id"], fields["time"], fields["name"], payload.strip()[:-1])
        return DeadLetter(record, fields["reason"], fields["status"])
    except (JSONDecodeError, KeyError, TypeError):
        return None
