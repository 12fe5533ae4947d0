"""The command `eventtracking outbox`: inspect the folder of an outbox, retry and delete events."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import suppress
from itertools import islice
from typing import Any

from orjson import Fragment, dumps

from eventtracking.delivery.destination import Record
from eventtracking.delivery.outbox import segment_file
from eventtracking.delivery.outbox.dead_letters import FILE_NAME, DeadLetter, DeadLetters
from eventtracking.delivery.outbox.record_lines import line_of
from eventtracking.delivery.outbox.segment_header import SETTLED, UnknownFileError


class UnusableFolder(Exception):
    """The folder is not an outbox."""


class OutboxFolder:
    """
    The folder of an outbox, as seen by a program that does not deliver from it.

    Args:
        path: The path of the folder.

    Raises:
        UnusableFolder: If the folder is missing, or is not an outbox.
    """

    def __init__(self, path: str) -> None:
        try:
            names = os.listdir(path)
        except OSError as error:
            raise UnusableFolder(f"{path!r} is not an outbox: {error.strerror}") from None
        self._path = path
        self._dead_letters = DeadLetters(path)
        is_outbox = FILE_NAME in names or any(segment_file.segment_names(path))
        if names and not is_outbox:
            cause = "it contains no events of eventtracking"
            raise UnusableFolder(f"{path!r} is not an outbox: {cause}")

    def waiting(self) -> int:
        """Return the number of waiting events."""
        number: int = self._summary()["waiting"]
        return number

    def json(self) -> str:
        """Return a summary of the waiting and the rejected events, as a JSON object."""
        return json.dumps(self._summary(), indent=2)

    def text(self) -> str:
        """Return the same summary for people."""
        summary = self._summary()
        files, reasons = summary["segments"], summary["dead"]["reasons"]
        lines = [f"waiting: {summary['waiting']} event(s) in {len(files)} file(s)"]
        for file in files:
            oldest = file["oldest_seconds"]
            age = "" if oldest is None else f", the oldest for {oldest:.0f} s"
            damaged = f", {file['damaged']} damaged" if file["damaged"] else ""
            state = f"{file['state']}: {file['waiting']} event(s)"
            lines.append(f"  {file['name']}  {state}{damaged}{age}")
        lines.append(f"dead: {summary['dead']['total']} event(s)")
        lines += [f"  {number} x {_one_line(reason)}" for reason, number in reasons.items()]
        return "\n".join(lines)

    def events(self, *, dead: bool, waiting: bool, limit: int | None) -> Iterator[str]:
        """Yield up to *limit* events, as JSON."""
        return islice(self._events(dead=dead, waiting=waiting), limit)

    def retry(self, ids: Collection[str] | None) -> int:
        """
        Make rejected events wait again, those with the *ids* or all; return their number.

        They are written to a new segment before they are removed from `dead.jsonl`. If that
        is interrupted they are in both, and may be sent twice, with the same id.

        Raises:
            OSError: If writing fails. No event is lost then.
        """
        taken = self._dead_letters.take(
            lambda letter: not ids or letter.record.id in ids, self._write_segment
        )
        return len(taken)

    def purge(self, *, dead: bool, waiting: bool, older_than: float | None, dry_run: bool) -> int:
        """
        Delete events, or only count them if *dry_run*; return their number.

        Files that a process delivers from are left alone.

        Raises:
            OSError: If they cannot be deleted.
        """
        before = float("inf") if older_than is None else time.time() - older_than
        number = 0
        if dead and dry_run:
            number += sum(letter.record.time < before for letter in self._dead_letters.read())
        elif dead:
            number += len(self._dead_letters.take(lambda letter: letter.record.time < before))
        if waiting:
            number += sum(_purge(path, before, dry_run=dry_run) for path in self._paths())
        return number

    def _paths(self) -> list[str]:
        names = sorted(segment_file.segment_names(self._path))
        return [os.path.join(self._path, name) for name in names]

    def _summary(self) -> dict[str, Any]:
        files = [summary for path in self._paths() if (summary := _summary_of(path))]
        reasons = Counter(letter.reason for letter in self._dead_letters.read())
        return {
            "waiting": sum(file["waiting"] for file in files),
            "segments": files,
            "dead": {"total": reasons.total(), "reasons": dict(reasons.most_common())},
        }

    def _events(self, *, dead: bool, waiting: bool) -> Iterator[str]:
        if waiting:
            for path in self._paths():
                with suppress(UnknownFileError, FileNotFoundError):
                    for record in segment_file.read_waiting(path):
                        if record:
                            yield _as_json(record, None, None)
        if dead:
            for letter in self._dead_letters.read():
                yield _as_json(*letter)

    def _write_segment(self, letters: list[DeadLetter]) -> None:
        lines = b"".join(line_of(letter.record) for letter in letters)
        segment, appender = segment_file.create(self._path, len(lines))
        try:
            # If root runs the command, the user of the application must be able to adopt it.
            owner = os.stat(self._path)
            with suppress(PermissionError):
                os.fchown(appender.descriptor, owner.st_uid, owner.st_gid)
            while lines:
                lines = lines[os.write(appender.descriptor, lines) :]
        except OSError:
            segment.delete()
            raise
        finally:
            appender.close()
        segment.release()


def _purge(path: str, before: float, *, dry_run: bool) -> int:
    """Delete the records older than *before* from the segment file at *path*, if it is free."""
    try:
        segment = segment_file.adopt(path)
    except UnknownFileError:
        return 0
    if segment is None:
        return 0
    number = 0
    while stored := segment.peek():
        segment.take()
        if stored.state != SETTLED and (not stored.record or stored.record.time < before):
            number += stored.record is not None
            stored.state = SETTLED
    if not dry_run:
        # All records were read, so the marks of all are written again.
        segment.advance_cursor(with_marks=True)
    if not dry_run and not segment.unsettled:
        segment.delete()
    else:
        segment.release()
    return number


def _summary_of(path: str) -> dict[str, Any] | None:
    """Return a summary of the segment file at *path*; `None` if it is gone."""
    try:
        is_live = segment_file.is_locked(path)
        waiting = [*segment_file.read_waiting(path)]
    except FileNotFoundError:
        return None
    except (UnknownFileError, OSError):
        is_live, waiting = None, []
    times = [record.time for record in waiting if record]
    return {
        "name": os.path.basename(path),
        "state": "unknown" if is_live is None else "live" if is_live else "orphan",
        "waiting": len(times),
        "damaged": len(waiting) - len(times),
        "oldest_seconds": max(0.0, time.time() - min(times)) if times else None,
    }


def _as_json(record: Record, reason: str | None, status: int | None) -> str:
    fields = {
        "id": record.id,
        "time": record.time,
        "name": record.name,
        "reason": reason,
        "status": status,
        "payload": Fragment(record.payload),
    }
    return dumps(fields).decode()


def _one_line(text: str) -> str:
    # The response of a server may contain control sequences for a terminal.
    return text if text.isprintable() else text.encode("unicode_escape").decode()
