"""The inspector: an HTTP server for the vendors' APIs and the page, and one for DogStatsD."""

from __future__ import annotations

import time
from collections.abc import Callable

from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.inspector.access import Access
from eventtracking.inspector.admin import Admin
from eventtracking.inspector.datagram_server import DatagramServer
from eventtracking.inspector.event_store import EventStore
from eventtracking.inspector.faults import Faults
from eventtracking.inspector.http_server import HttpServer
from eventtracking.inspector.local_server import HOST
from eventtracking.inspector.recorder import Recorder


class Inspector:
    """
    Stand in for the vendors, from construction until `close`.

    Args:
        host: A loopback address.
        http_port: The port for HTTP; 0 for any free one.
        statsd_port: The port for DogStatsD; 0 for any free one.
        token: The token that the page and its JSON API require; `None` for no token.
        max_events: How many good events are kept, and how many bad ones.
        max_bytes: How many bytes of payload are kept of each kind.
        clock: Returns the time in seconds. The vendors' age limits are relative to it.

    Raises:
        ImproperlyConfigured: If *host* is not a loopback address, or a port is not available.
    """

    def __init__(
        self,
        *,
        host: str = HOST,
        http_port: int = 0,
        statsd_port: int = 0,
        token: str | None = None,
        max_events: int = 1_000,
        max_bytes: int = 32_000_000,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.events = EventStore(max_events=max_events, max_bytes=max_bytes)
        self.faults = Faults()
        recorder = Recorder(self.events, clock)
        admin = Admin(self.events, self.faults, Access(token=token, host=host))
        self.http_server = HttpServer(
            host, http_port, recorder=recorder, faults=self.faults, admin=admin
        )
        try:
            self._datagram_server = DatagramServer(host, statsd_port, recorder.receive_datagram)
        except ImproperlyConfigured:
            self.http_server.close()
            raise
        self.http_server.start()
        self._datagram_server.start()

    @property
    def url(self) -> str:
        """The address for HTTP, such as `http://127.0.0.1:8766`."""
        return self.http_server.origin

    @property
    def statsd_address(self) -> tuple[str, int]:
        """The host and the port for DogStatsD."""
        return self._datagram_server.address

    def close(self) -> None:
        """
        Stop listening and close every connection. Safe to call twice.

        In a forked child, close only the inherited descriptors: the parent goes on serving.
        """
        self.http_server.close()
        self._datagram_server.close()
