"""What the inspector remembers: exact counts, and the newest events, good and bad apart."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from heapq import merge
from typing import Any, NamedTuple

import orjson

from eventtracking.inspector.intake import Received

# Nothing is done under the lock that could take so long.
_LOCK_SECONDS = 10.0


class Record(NamedTuple):
    """An event that was received: its number, its destination, when it came, and what it is."""

    number: int
    destination: str
    received_at: float
    event: Received

    @property
    def is_good(self) -> bool:
        """Whether nothing is wrong with it."""
        return not self.event.reasons

    def shown(self) -> dict[str, Any]:
        """Return it as the JSON answers show it, but for its payload."""
        return {
            "destination": self.destination,
            "name": self.event.name,
            "good": self.is_good,
            "reasons": [*self.event.reasons],
            "received_at": datetime.fromtimestamp(self.received_at, UTC).isoformat(),
        }

    def whole(self) -> dict[str, Any]:
        """Return it as the JSON answers show it."""
        return {**self.shown(), "payload": orjson.loads(self.event.payload)}


class Records:
    """
    Keep the newest events, of the good and of the bad ones each so many.

    Apart, so that a flood of good events does not wash away the few bad ones.

    Args:
        max_events: How many are kept of each kind.
        max_bytes: How many bytes of payload are kept of each kind.
    """

    def __init__(self, *, max_events: int, max_bytes: int) -> None:
        self._lock = threading.Lock()
        self._rings = {good: _Ring(max_events, max_bytes) for good in (True, False)}
        self._received = 0
        self._resets = 0

    def add(self, destination: str, events: Sequence[Received], received_at: float) -> None:
        """Remember *events* of a request that came at *received_at*, in seconds."""
        with self._held():
            good, bad = self._rings[True], self._rings[False]
            for number, event in enumerate(events, self._received + 1):
                ring = bad if event[2] else good
                ring.append(Record(number, destination, received_at, event))
            self._received += len(events)

    def counts(self) -> dict[str, int]:
        """Return how many were `good` and `bad`, those that are forgotten by now included."""
        return {"good": self._rings[True].total, "bad": self._rings[False].total}

    def kept(self, *, good: bool | None = None, after: int = 0) -> list[Record]:
        """Return what is kept, oldest first: all, the *good* or the bad, numbered above *after*."""
        with self._held():
            rings = [
                ring.above(after) for side, ring in self._rings.items() if good in (None, side)
            ]
        return [*merge(*rings)]

    def find(self, number: int) -> Record | None:
        """Return the event of this number, if it is still kept."""
        found = self.kept(after=number - 1)
        return found[0] if found and found[0].number == number else None

    def state(self) -> dict[str, int]:
        """Return the number of the newest event, and how often everything was forgotten."""
        return {"last": self._received, "resets": self._resets}

    def reset(self) -> None:
        """Forget everything. Numbers go on, so that nobody takes a new event for an old one."""
        with self._held():
            for ring in self._rings.values():
                ring.clear()
            self._resets += 1

    @contextmanager
    def _held(self) -> Iterator[None]:
        if not self._lock.acquire(timeout=_LOCK_SECONDS):
            raise TimeoutError("the records of the inspector are held by a thread that hangs")
        try:
            yield
        finally:
            self._lock.release()


def listing(counts: dict[str, int], records: Sequence[Record]) -> bytes:
    """Return the JSON that `/all`, `/good` and `/bad` answer."""
    events = [{**each.shown(), "payload": orjson.Fragment(each.event.payload)} for each in records]
    return orjson.dumps({"counts": counts, "events": events})


class _Ring:
    """The newest records, bounded in number and in bytes, and a count of all there were."""

    def __init__(self, max_events: int, max_bytes: int) -> None:
        self._max_events = max_events
        self._max_bytes = max_bytes
        self.clear()

    def clear(self) -> None:
        self.total = 0
        self._bytes = 0
        self._records: deque[Record] = deque()

    def append(self, record: Record) -> None:
        records = self._records
        records.append(record)
        self.total += 1
        self._bytes += len(record[3][1])
        while len(records) > self._max_events or self._bytes > self._max_bytes:
            self._bytes -= len(records.popleft()[3][1])

    def above(self, number: int) -> list[Record]:
        if not self._records or self._records[-1].number <= number:
            return []
        return [record for record in self._records if record.number > number]
