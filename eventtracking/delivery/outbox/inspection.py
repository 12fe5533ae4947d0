"""What `eventtracking outbox` does: look into the folder of an outbox, retry, delete."""

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
from eventtracking.delivery.outbox.dead_letters import NAME, DeadLetters, Letter
from eventtracking.delivery.outbox.record_lines import line_of
from eventtracking.delivery.outbox.segment_header import SETTLED, Foreign


class UnusableFolder(Exception):
    """The folder is no outbox."""


class OutboxFolder:
    """
    The folder of an outbox, looked at from outside of the programs that use it.

    Args:
        path: Where it is.

    Raises:
        UnusableFolder: If there is none.
    """

    def __init__(self, path: str) -> None:
        try:
            found = os.listdir(path)
        except OSError as error:
            raise UnusableFolder(f"{path!r} is no outbox: {error.strerror}") from None
        self._path = path
        self._dead = DeadLetters(path)
        if found and NAME not in found and not [*segment_file.names(path)]:
            raise UnusableFolder(f"{path!r} is no outbox: no events of this library are in it")

    def waiting(self) -> int:
        """Return how many events wait."""
        number: int = self._summary()["waiting"]
        return number

    def json(self) -> str:
        """Return what waits, and what was refused, as a JSON object."""
        return json.dumps(self._summary(), indent=2)

    def text(self) -> str:
        """Return the same for people."""
        summary = self._summary()
        files, reasons = summary["journals"], summary["dead"]["reasons"]
        lines = [f"waiting: {summary['waiting']} event(s) in {len(files)} file(s)"]
        for file in files:
            oldest = file["oldest_seconds"]
            age = "" if oldest is None else f", the oldest for {oldest:.0f} s"
            damaged = f", {file['damaged']} damaged" if file["damaged"] else ""
            state = f"{file['state']}: {file['waiting']} event(s)"
            lines.append(f"  {file['name']}  {state}{damaged}{age}")
        lines.append(f"dead: {summary['dead']['total']} event(s)")
        lines += [f"  {number} x {_line(reason)}" for reason, number in reasons.items()]
        return "\n".join(lines)

    def events(self, *, dead: bool, waiting: bool, limit: int | None) -> Iterator[str]:
        """Yield events as JSON, up to *limit* in all."""
        return islice(self._events(dead=dead, waiting=waiting), limit)

    def retry(self, ids: Collection[str] | None) -> int:
        """
        Let refused events wait again, those with the *ids* or all; return how many.

        They are in a new journal before they leave `dead.jsonl`: if that is interrupted
        they are in both, and may be sent twice, under one id.

        Raises:
            OSError: If that cannot be written; nothing is lost then.
        """
        return len(self._dead.take(lambda it: not ids or it.record.id in ids, self._let_wait))

    def purge(self, *, dead: bool, waiting: bool, older_than: float | None, really: bool) -> int:
        """
        Delete events, or only count them if not *really*; return how many.

        What a living process has is left alone.

        Raises:
            OSError: If they cannot be deleted.
        """
        # Not after all time, or before all.
        before = float("inf") if older_than is None else time.time() - older_than
        number = 0
        if dead and really:
            number += len(self._dead.take(lambda letter: letter.record.time < before))
        elif dead:
            number += sum(letter.record.time < before for letter in self._dead.read())
        if waiting:
            number += sum(self._purge(path, before, really) for path in self._paths())
        return number

    def _paths(self) -> list[str]:
        return [os.path.join(self._path, name) for name in sorted(segment_file.names(self._path))]

    def _summary(self) -> dict[str, Any]:
        files = [found for path in self._paths() if (found := _file(path))]
        reasons = Counter(letter.reason for letter in self._dead.read())
        return {
            "waiting": sum(file["waiting"] for file in files),
            "journals": files,
            "dead": {"total": reasons.total(), "reasons": dict(reasons.most_common())},
        }

    def _events(self, *, dead: bool, waiting: bool) -> Iterator[str]:
        if waiting:
            for path in self._paths():
                with suppress(Foreign, FileNotFoundError):
                    for record in segment_file.waiting(path):
                        if record:
                            yield _shown(record, None, None)
        if dead:
            for letter in self._dead.read():
                yield _shown(*letter)

    def _let_wait(self, letters: list[Letter]) -> None:
        lines = b"".join(line_of(letter.record) for letter in letters)
        journal, pen = segment_file.create(self._path, len(lines))
        try:
            # Run by root, its owner must be able to take it over.
            owner = os.stat(self._path)
            with suppress(PermissionError):
                os.fchown(pen.descriptor, owner.st_uid, owner.st_gid)
            while lines:
                lines = lines[os.write(pen.descriptor, lines) :]
        except OSError:
            journal.remove()
            raise
        finally:
            pen.give_up()
        journal.release()

    def _purge(self, path: str, before: float, really: bool) -> int:
        """Delete what is older than *before* from the journal at *path*, if nobody has it."""
        try:
            journal = segment_file.adopt(path)
        except Foreign:
            return 0
        if journal is None:
            return 0
        number = 0
        while entry := journal.next():
            journal.take()
            if entry.state != SETTLED and (not entry.record or entry.record.time < before):
                number += entry.record is not None
                entry.state = SETTLED
        if really:
            # All were read, so what is noted of those that stay is written again.
            journal.advance(with_marks=True)
        if really and not journal.entries:
            journal.remove()
        else:
            journal.release()
        return number


def _file(path: str) -> dict[str, Any] | None:
    """Return what there is to say about the journal at *path*; `None` if it is gone."""
    try:
        is_live = segment_file.is_locked(path)
        found = [*segment_file.waiting(path)]
    except FileNotFoundError:
        return None
    except (Foreign, OSError):
        is_live, found = None, []
    times = [record.time for record in found if record]
    return {
        "name": os.path.basename(path),
        "state": "unknown" if is_live is None else "live" if is_live else "orphan",
        "waiting": len(times),
        "damaged": len(found) - len(times),
        "oldest_seconds": max(0.0, time.time() - min(times)) if times else None,
    }


def _shown(record: Record, reason: str | None, status: int | None) -> str:
    fields = {
        "id": record.id,
        "time": record.time,
        "name": record.name,
        "reason": reason,
        "status": status,
        "payload": Fragment(record.payload),
    }
    return dumps(fields).decode()


def _line(text: str) -> str:
    # What a receiver answered may hold what a terminal obeys.
    return text if text.isprintable() else text.encode("unicode_escape").decode()
