"""A UDP server for DogStatsD, which sends no response."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable

from eventtracking.inspector.local_server import POLL_SECONDS, address_family, port_unavailable

# A burst of datagrams waits in the kernel, which drops those that do not fit.
_RECEIVE_BUFFER_BYTES = 8_000_000

_LARGEST_DATAGRAM_BYTES = 65_535

_CLOSE_SECONDS = 5.0


class DatagramServer:
    """
    Hand each datagram to *receive*, in a background thread, from `start` until `close`.

    Args:
        host: A loopback address.
        port: The port to listen on; 0 for any free one.
        receive: The function to call with the bytes of a datagram.

    Raises:
        ImproperlyConfigured: If the port is not available.
    """

    def __init__(self, host: str, port: int, receive: Callable[[bytes], None]) -> None:
        self._socket = _bound_socket(host, port)
        self._receive = receive
        self._closing = threading.Event()
        self._thread = threading.Thread(
            target=self._serve, name="eventtracking-DatagramServer", daemon=True
        )
        self._process_id = os.getpid()
        self.address: tuple[str, int] = self._socket.getsockname()[:2]

    def start(self) -> None:
        """Receive in a background thread."""
        self._thread.start()

    def close(self) -> None:
        """
        Stop receiving. Safe to call twice.

        In a forked child, close only the inherited descriptor.
        """
        if os.getpid() == self._process_id:
            self._closing.set()
            self._thread.join(_CLOSE_SECONDS)
        self._socket.close()

    def _serve(self) -> None:
        self._socket.settimeout(POLL_SECONDS)
        while not self._closing.is_set():
            try:
                datagram = self._socket.recv(_LARGEST_DATAGRAM_BYTES)
            except TimeoutError:
                continue
            self._receive(datagram)


def _bound_socket(host: str, port: int) -> socket.socket:
    bound = socket.socket(address_family(host), socket.SOCK_DGRAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise port_unavailable("--statsd-port", host, port, error) from error
    return bound
