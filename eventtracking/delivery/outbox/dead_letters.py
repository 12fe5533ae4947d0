"""The file of the events that a destination refused for good, each with the reason."""

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

NAME = "dead.jsonl"

# Whoever writes the file holds its lock for milliseconds, but for a command that works
# through all of it.
_LOCK_SECONDS = 5.0
_LOOK_SECONDS = 0.005


class Letter(NamedTuple):
    """An event that was refused, and why."""

    record: Record
    reason: str
    status: int | None


class DeadLetters:
    """
    Keep refused events in `dead.jsonl`, one JSON object a line, for an operator to look at.

    Each has `id`, `time` (when it was accepted, in seconds since the epoch), `reason`,
    `status` (an HTTP status or `null`), `name` and `payload`.

    Args:
        folder: Where the file is.
        max_bytes: How large it may grow.
    """

    def __init__(self, folder: str, *, max_bytes: int | None = None) -> None:
        self.path = os.path.join(folder, NAME)
        self._max_bytes = max_bytes

    def bury(self, record: Record, reason: str, status: int | None) -> None:
        """
        Append *record*.

        Raises:
            OSError: If it cannot be written, or the file is as large as it may be.
        """
        line = _line(Letter(record, reason, status))
        with self._locked(os.O_RDWR | os.O_APPEND | os.O_CREAT) as file:
            size = os.fstat(file.descriptor).st_size
            if self._max_bytes is not None and size + len(line) > self._max_bytes:
                raise OSError(f"it is as large as it may be, {size} bytes")
            if size and os.pread(file.descriptor, 1, size - 1) != b"\n":
                line = b"\n" + line
            if os.write(file.descriptor, line) != len(line):
                # Half a line is worse than none, and nobody else writes now.
                os.ftruncate(file.descriptor, size)
                raise OSError("the disk is full")

    def read(self) -> Iterator[Letter]:
        """
        Yield the refused events, the oldest burial first. What is damaged is left out.

        Raises:
            OSError: If the file is there and cannot be read.
        """
        with suppress(FileNotFoundError):
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            with open(descriptor, "rb") as lines:
                for line in lines:
                    if letter := _letter(line):
                        yield letter

    def take(
        self,
        is_wanted: Callable[[Letter], bool],
        handle: Callable[[list[Letter]], object] = len,
    ) -> list[Letter]:
        """
        Remove the events that are wanted, once *handle* is done with them, and return them.

        Raises:
            OSError: If the file cannot be read or written anew; it stays as it is then.
        """
        if not os.path.lexists(self.path):
            return []
        with self._locked(os.O_RDWR) as file, open(file.descriptor, "rb", closefd=False) as lines:
            kept, taken = [], []
            for line in lines:
                letter = _letter(line)
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
            # Run by root, a command must not take the file from its owner.
            with suppress(PermissionError):
                os.fchown(new.fileno(), owner.st_uid, owner.st_gid)
        os.replace(f"{self.path}.tmp", self.path)

    @contextmanager
    def _locked(self, flags: int) -> Iterator[OpenFile]:
        """Open the file and lock it, and see that it is still the one at the path."""
        deadline = time.monotonic() + _LOCK_SECONDS
        while True:
            file = OpenFile(os.open(self.path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
            _lock(file, deadline)
            if file.is_at(self.path):
                break
        try:
            yield file
        finally:
            # Said aloud: a child forked meanwhile holds the descriptor too.
            fcntl.flock(file.descriptor, fcntl.LOCK_UN)


def _lock(file: OpenFile, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(file.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_LOOK_SECONDS)
        else:
            return


def _line(letter: Letter) -> bytes:
    record = letter.record
    fields = {
        "id": record.id,
        "time": record.time,
        "reason": _text(letter.reason),
        "status": letter.status,
        "name": _text(record.name),
        # The last one: see below.
        "payload": Fragment(record.payload),
    }
    return dumps(fields) + b"\n"


def _text(text: str) -> str:
    # Lone surrogates are no UTF-8.
    return text.encode("utf-8", "replace").decode()


def _letter(line: bytes) -> Letter | None:
    try:
        fields = loads(line)
        # As it was, to the byte: within a text its quotes would have backslashes.
        _, _, payload = line.partition(b',"payload":')
        record = Record(fields["id"], fields["time"], fields["name"], payload.strip()[:-1])
        return Letter(record, fields["reason"], fields["status"])
    except (JSONDecodeError, KeyError, TypeError):
        return None
