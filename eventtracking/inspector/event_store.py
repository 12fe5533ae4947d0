"""The events that the inspector keeps: the newest good ones and the newest bad ones."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from heapq import merge
from typing import Any, NamedTuple

import orjson

from eventtracking.inspector.endpoint import ReceivedEvent
from eventtracking.locks import held


class StoredEvent(NamedTuple):
    """
    An event in the store.

    Args:
        number: Counts up over all events, and never restarts.
        destination: The vendor that it was sent to, such as `segment`.
        received_at: When it was received, in seconds since the epoch.
        event: The event itself.
    """

    number: int
    destination: str
    received_at: float
    event: ReceivedEvent

    @property
    def is_good(self) -> bool:
        """Whether the vendor would accept the event."""
        return not self.event.reasons

    def summary(self) -> dict[str, Any]:
        """Return the event as the JSON API shows it, without its payload."""
        return {
            "destination": self.destination,
            "name": self.event.name,
            "good": self.is_good,
            "reasons": [*self.event.reasons],
            "received_at": datetime.fromtimestamp(self.received_at, UTC).isoformat(),
        }

    def as_dict(self) -> dict[str, Any]:
        """Return the event as the JSON API shows it."""
        return {**self.summary(), "payload": orjson.loads(self.event.payload)}


class EventStore:
    """
    Keep the newest events, and count all.

    Good and bad events are kept apart, so that a flood of good events does not push out the few
    bad ones.

    Args:
        max_events: How many events are kept of each kind.
        max_bytes: How many bytes of payload are kept of each kind.
    """

    def __init__(self, *, max_events: int, max_bytes: int) -> None:
        self._lock = threading.Lock()
        self._buffers = {is_good: _RingBuffer(max_events, max_bytes) for is_good in (True, False)}
        self._received = 0
        self._resets = 0

    def add(self, destination: str, events: Sequence[ReceivedEvent], received_at: float) -> None:
        """Store the *events* of a request that came in at *received_at*, in seconds."""
        with self._locked():
            good, bad = self._buffers[True], self._buffers[False]
            for number, event in enumerate(events, self._received + 1):
                buffer = bad if event.reasons else good
                buffer.append(StoredEvent(number, destination, received_at, event))
            self._received += len(events)

    def counts(self) -> dict[str, int]:
        """Return how many events were `good` and `bad`, whether they are still kept or not."""
        return {"good": self._buffers[True].total, "bad": self._buffers[False].total}

    def kept(self, *, good: bool | None = None, after: int = 0) -> list[StoredEvent]:
        """
        Return the events that are kept, oldest first.

        Args:
            good: `True` for the good events only, `False` for the bad ones only.
            after: The number of the last event to leave out.
        """
        with self._locked():
            found = [
                buffer.after(after)
                for is_good, buffer in self._buffers.items()
                if good in (None, is_good)
            ]
        return [*merge(*found)]

    def find(self, number: int) -> StoredEvent | None:
        """Return the event with this number, if it is still kept."""
        found = self.kept(after=number - 1)
        return found[0] if found and found[0].number == number else None

    def state(self) -> dict[str, int]:
        """Return the number of the newest event, and how often the store was reset."""
        return {"last": self._received, "resets": self._resets}

    def reset(self) -> None:
        """
        Remove all events and reset the counts.

        Event numbers continue, so that a page that asks for newer events misses none.
        """
        with self._locked():
            for buffer in self._buffers.values():
                buffer.clear()
            self._resets += 1

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with held(self._lock) as is_held:
            if not is_held:
                raise TimeoutError("another thread holds the lock of the inspector's events")
            yield


def event_list(counts: dict[str, int], events: Sequence[StoredEvent]) -> bytes:
    """Return the JSON of `/all`, `/good` and `/bad`."""
    shown = [{**each.summary(), "payload": orjson.Fragment(each.event.payload)} for each in events]
    return orjson.dumps({"counts": counts, "events": shown})


class _RingBuffer:
    """The newest events, limited in number and in bytes, and a count of all."""

    def __init__(self, max_events: int, max_bytes: int) -> None:
        self._max_events = max_events
        self._max_bytes = max_bytes
        self.clear()

    def clear(self) -> None:
        self.total = 0
        self._bytes = 0
        self._events: deque[StoredEvent] = deque()

    def append(self, stored: StoredEvent) -> None:
        events = self._events
        events.append(stored)
        self.total += 1
        self._bytes += len(stored.event.payload)
        while len(events) > self._max_events or self._bytes > self._max_bytes:
            self._bytes -= len(events.popleft().event.payload)

    def after(self, number: int) -> list[StoredEvent]:
        if not self._events or self._events[-1].number <= number:
            return []
        return [stored for stored in self._events if stored.number > number]
