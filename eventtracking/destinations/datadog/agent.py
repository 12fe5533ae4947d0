"""The way to Datadog's agent: datagrams, by the official client."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, TypeAlias

from eventtracking._imports import require
from eventtracking.delivery import Destination, Limits, Ok, Outcome, Record, Reject, Retry
from eventtracking.destinations.datadog.points import Announcement, Key, gather
from eventtracking.destinations.datadog.table import Table
from eventtracking.types import Event

# How long a packet waits for an agent whose socket is full. Meanwhile no thread of this
# process can fork, for the client holds a lock, so it is short.
_SOCKET_SECONDS = 0.1

_Value: TypeAlias = tuple[Key, float]


class AgentDestination(Destination):
    """
    Hand points to the agent on this machine.

    A datagram that the kernel takes counts as delivered: nobody answers. One that it
    does not take stays, and is handed over again.

    Args:
        table: What is measured of an event.
        host, port: Where the agent listens.
        socket_path: Its Unix socket instead.

    Raises:
        ImproperlyConfigured: If the client is not installed.
    """

    label = "Datadog's agent"
    limits = Limits(batch_events=5_000, batch_bytes=5_000_000, event_bytes=1_000_000)

    def __init__(self, table: Table, *, host: str, port: int, socket_path: str | None) -> None:
        self._place = socket_path or f"{host}:{port}"
        self.identity = self._place
        self._table = table
        # Opens no socket. Its telemetry counts what it drops, and is never sent: the
        # counts are all that tells a packet that went out from one that did not.
        self._client: Any = require("datadog.dogstatsd", extra="datadog").DogStatsd(
            host=host,
            port=port,
            socket_path=socket_path,
            socket_timeout=_SOCKET_SECONDS,
            telemetry_min_flush_interval=float("inf"),
        )
        self._ids: list[str] = []
        # What of the batch with these ids did not go out yet.
        self._events: list[Announcement] = []
        self._points: list[_Value] = []

    def encode(self, event: Event, /) -> bytes:
        """Return the points of *event*."""
        return self._table.encode(event)

    def deliver(self, batch: Sequence[Record], timeout: float, /) -> Outcome:  # noqa: ARG002
        """Hand over what *batch* holds, or what is left of it since the last time."""
        ids = [record.id for record in batch]
        if ids != self._ids:
            self._read(batch)
            self._ids = ids
        packets = self._packets()
        self._events = self._announce(self._events)
        if not self._events:
            self._points = self._hand_over(self._points)
        if packets == self._packets():
            return Reject(ids, "the client sends nothing: see DD_DOGSTATSD_DISABLE")
        if self._events or self._points:
            return Retry(reason=f"no packet gets to {self._place}")
        self._ids = []
        return Ok()

    def forget(self) -> None:
        """Drop what the parent was about to send: the client looks after its socket itself."""
        self._ids = []

    def close(self) -> None:
        """Give the socket back."""
        self._client.close_socket()

    def _read(self, batch: Sequence[Record]) -> None:
        gathered = gather(batch, by_second=False)
        self._events = gathered.announcements
        self._points = [(key, one) for key, values in gathered.values.items() for one in values]

    def _packets(self) -> tuple[int, int]:
        """Return how many packets went out, and how many did not."""
        return self._client.packets_sent, self._client.packets_dropped_writer

    def _announce(self, events: list[Announcement]) -> list[Announcement]:
        """Send each of *events* in a packet of its own; return those that did not go out."""
        for number, event in enumerate(events):
            _, dropped = self._packets()
            self._client.event(event.title, event.text, date_happened=event.second, tags=event.tags)
            if self._packets()[1] > dropped:
                return events[number:]
        return []

    def _hand_over(self, points: list[_Value]) -> list[_Value]:
        """Send *points*, as many in a packet as it holds; return those that did not go out."""
        waiting, failed = deque(points), list[_Value]()
        packet: list[_Value] = []
        self._client.open_buffer()
        try:
            while waiting and not failed:
                before = self._packets()
                self._put(*waiting[0])
                if self._packets() != before:
                    # There was no room for this point: those before it have left.
                    failed = packet if self._packets()[1] > before[1] else []
                    packet = []
                packet.append(waiting.popleft())
        finally:
            _, dropped = self._packets()
            self._client.close_buffer()
        if self._packets()[1] > dropped:
            failed = failed + packet
        return [*failed, *waiting]

    def _put(self, key: Key, value: float) -> None:
        getattr(self._client, key.kind)(key.metric, value, tags=[*key.tags])
