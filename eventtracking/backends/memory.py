"""Keep events in memory: for tests and demonstrations."""

from __future__ import annotations

from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.stats import Counters
from eventtracking.types import BackendStats, Event


class MemoryBackend:
    """
    Keep the latest events, oldest first, as `events`.

    Args:
        max_events: How many to keep. The oldest make room for new ones, and count as
            lost, `queue_full`.

    Raises:
        ImproperlyConfigured: If *max_events* is less than 1.
    """

    def __init__(self, *, max_events: int = 1000) -> None:
        if not isinstance(max_events, int) or max_events < 1:
            raise ImproperlyConfigured(
                f"MemoryBackend: max_events must be 1 or more, got {max_events!r}"
            )
        self.events: list[Event] = []
        self._max_events = max_events
        self._counters = Counters()

    def send(self, event: Event, /) -> None:
        """Keep *event*."""
        next(self._counters.accepted)
        self.events.append(event)
        if len(self.events) > self._max_events:
            # A slice: another thread may have cleared them meanwhile.
            del self.events[:1]
            self._counters.lose("queue_full")

    def clear(self) -> None:
        """Forget the events. The books go on."""
        self.events.clear()

    def stats(self) -> BackendStats:
        """Return the books. An event counts as sent as long as it was not pushed out."""
        books = self._counters.stats()
        return {**books, "sent": books["accepted"] - sum(books["lost"].values())}

    def __repr__(self) -> str:
        return f"<MemoryBackend {len(self.events)} of at most {self._max_events} events>"
