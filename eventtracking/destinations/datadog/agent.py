"""Send metrics to Datadog's agent as datagrams, through the official client."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, TypeAlias

from eventtracking._imports import require
from eventtracking.delivery import Destination, Limits, Ok, Outcome, Record, Reject, Retry
from eventtracking.destinations.datadog.aggregation import DatadogEvent, PointKey, aggregate
from eventtracking.destinations.datadog.metric_encoder import MetricEncoder
from eventtracking.types import Event

# The time that a packet waits for an agent with a full socket. It is short, because the
# client holds a lock meanwhile, and no other thread of this process can fork.
_SOCKET_SECONDS = 0.1

_Point: TypeAlias = tuple[PointKey, float]


class AgentDestination(Destination):
    """
    The Datadog agent of this machine.

    A datagram counts as delivered when the kernel takes it, because the agent does not
    respond. A datagram that the kernel refuses is sent again.

    Args:
        encoder: Writes the points of an event.
        host, port: The address of the agent.
        socket_path: The agent's Unix socket, instead of an address.

    Raises:
        ImproperlyConfigured: If the client is not installed.
    """

    label = "Datadog's agent"
    limits = Limits(batch_events=5_000, batch_bytes=5_000_000, event_bytes=1_000_000)

    def __init__(
        self, encoder: MetricEncoder, *, host: str, port: int, socket_path: str | None
    ) -> None:
        self.identity = socket_path or f"{host}:{port}"
        self._encoder = encoder
        # This opens no socket. The client's telemetry is never sent: its counters are the
        # only way to learn whether a packet was sent or dropped.
        self._client: Any = require("datadog.dogstatsd", extra="datadog").DogStatsd(
            host=host,
            port=port,
            socket_path=socket_path,
            socket_timeout=_SOCKET_SECONDS,
            telemetry_min_flush_interval=float("inf"),
        )
        # The records of the batch that is being sent, and the rest of it that is still unsent.
        self._ids: list[str] = []
        self._events: list[DatadogEvent] = []
        self._points: list[_Point] = []

    def encode(self, event: Event, /) -> bytes:
        """Return the points of *event*."""
        return self._encoder.encode(event)

    def deliver(self, batch: Sequence[Record], timeout: float, /) -> Outcome:  # noqa: ARG002
        """Send *batch*, or the rest of it if a part was sent before."""
        ids = [record.id for record in batch]
        if ids != self._ids:
            self._begin(batch)
            self._ids = ids
        packets = self._packets()
        self._events = self._send_events(self._events)
        if not self._events:
            self._points = self._send_points(self._points)
        if packets == self._packets():
            return Reject(ids, "the client sends nothing: see DD_DOGSTATSD_DISABLE")
        if self._events or self._points:
            return Retry(reason=f"no packet gets to {self.identity}")
        self._ids = []
        return Ok()

    def forget(self) -> None:
        """Drop the rest of the parent's batch. The client takes care of its socket."""
        self._ids = []

    def close(self) -> None:
        """Close the socket."""
        self._client.close_socket()

    def _begin(self, batch: Sequence[Record]) -> None:
        aggregates = aggregate(batch, by_second=False)
        self._events = aggregates.events
        self._points = [
            (key, value) for key, values in aggregates.values.items() for value in values
        ]

    def _packets(self) -> tuple[int, int]:
        """Return how many packets were sent, and how many were dropped."""
        return self._client.packets_sent, self._client.packets_dropped_writer

    def _send_events(self, events: list[DatadogEvent]) -> list[DatadogEvent]:
        """Send each of *events* in its own packet; return those from the first failure on."""
        for index, event in enumerate(events):
            _, dropped = self._packets()
            self._client.event(event.title, event.text, date_happened=event.second, tags=event.tags)
            if self._packets()[1] > dropped:
                return events[index:]
        return []

    def _send_points(self, points: list[_Point]) -> list[_Point]:
        """Send *points* in packets that are as full as possible; return those not sent."""
        waiting, failed = deque(points), list[_Point]()
        packet: list[_Point] = []
        self._client.open_buffer()
        try:
            while waiting and not failed:
                before = self._packets()
                self._buffer(*waiting[0])
                if self._packets() != before:
                    # The buffer had no room for this point, so the points before it were sent.
                    failed = packet if self._packets()[1] > before[1] else []
                    packet = []
                packet.append(waiting.popleft())
        finally:
            _, dropped = self._packets()
            self._client.close_buffer()
        if self._packets()[1] > dropped:
            failed = failed + packet
        return [*failed, *waiting]

    def _buffer(self, key: PointKey, value: float) -> None:
        getattr(self._client, key.kind)(key.metric, value, tags=[*key.tags])
