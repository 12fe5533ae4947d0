"""Check requests and datagrams as the vendors would, and record the events in them."""

from __future__ import annotations

from collections.abc import Callable

from eventtracking.inspector.datadog import statsd
from eventtracking.inspector.endpoint import DATADOG, Endpoint, Request, Response
from eventtracking.inspector.event_store import EventStore


class Recorder:
    """
    Record the events that applications send.

    Args:
        events: The store of the events.
        clock: Returns the time in seconds. The vendors' age limits are relative to it.
    """

    def __init__(self, events: EventStore, clock: Callable[[], float]) -> None:
        self._events = events
        self._clock = clock

    def receive(self, endpoint: Endpoint, request: Request) -> Response:
        """Record the events of a request to *endpoint*; return the vendor's response."""
        now = self._clock()
        response, events = endpoint.receive(request, now)
        self._events.add(endpoint.destination, events, now)
        return response

    def receive_datagram(self, datagram: bytes) -> None:
        """Record the lines of a DogStatsD datagram."""
        now = self._clock()
        self._events.add(DATADOG, statsd.receive(datagram, now), now)
