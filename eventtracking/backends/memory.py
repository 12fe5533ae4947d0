"""Keep events in memory, for tests and demonstrations."""

from __future__ import annotations

from eventtracking._options import Options, whole_number
from eventtracking.stats import Counters
from eventtracking.types import BackendStats, Event


class MemoryBackend:
    """
    Keep the latest events, oldest first, as `events`.

    Args:
        max_events: The number of events to keep. When it is exceeded, the oldest event is
            dropped and counted as lost, `queue_full`.

    Raises:
        ImproperlyConfigured: If *max_events* is not a whole number, 1 or more.
    """

    def __init__(self, *, max_events: int = 1000) -> None:
        options = Options("MemoryBackend")
        options.check("max_events", max_events, whole_number(1, unit="events"))
        options.raise_problems()
        self.events: list[Event] = []
        self._max_events = max_events
        self._counters = Counters()

    def send(self, event: Event, /) -> None:
        """Keep *event*."""
        next(self._counters.accepted)
        self.events.append(event)
        if len(self.events) > self._max_events:
            # A slice, which never fails: another thread may have cleared the list.
            del self.events[:1]
            self._counters.lose("queue_full")

    def clear(self) -> None:
        """Forget the events. The statistics go on."""
        self.events.clear()

    def stats(self) -> BackendStats:
        """Return the statistics. An event counts as sent until it is dropped for a newer one."""
        stats = self._counters.stats()
        return {**stats, "sent": stats["accepted"] - sum(stats["lost"].values())}

    def __repr__(self) -> str:
        return f"<MemoryBackend {len(self.events)} of at most {self._max_events} events>"
