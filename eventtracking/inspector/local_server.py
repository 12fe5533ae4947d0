"""A threaded HTTP server for this machine only, which the inspector and the demo share."""

from __future__ import annotations

import errno
import logging
import os
import socket
import struct
import sys
import threading
import time
from socketserver import BaseRequestHandler, TCPServer, ThreadingMixIn
from typing import Any, Self

from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.inspector.access import is_loopback

HOST = "127.0.0.1"
"""The default host: only this machine reaches it."""

POLL_SECONDS = 0.05
"""How soon a waiting thread notices that its server is closing."""

MAX_CONNECTIONS = 500
"""Half of the 1,024 file descriptors that a process usually may open."""

logger = logging.getLogger(__name__)

_CLOSE_SECONDS = 5.0

# With this SO_LINGER, closing a socket sends a reset at once.
_RESET = struct.pack("ii", 1, 0)


class LocalServer(ThreadingMixIn, TCPServer):
    """
    Serve each connection in a thread of its own, from `start` until `close`.

    Args:
        host: A loopback address.
        port: The port to listen on; 0 for any free one.
        handler: The request handler class.
        port_option: The command-line option to suggest when the port is in use.
        idle_seconds: How long a connection may stay silent before it is closed.
        max_connections: How many connections are served at once. More of them wait in the
            queue of the kernel.

    Raises:
        ImproperlyConfigured: If *host* is not a loopback address, or the port is not available.
    """

    # A connection that is open but idle must not delay the end of the process.
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    # The default queue of five refuses a burst of clients.
    request_queue_size = 128

    def __init__(
        self,
        host: str,
        port: int,
        handler: type[BaseRequestHandler],
        *,
        port_option: str,
        idle_seconds: float,
        max_connections: int = MAX_CONNECTIONS,
    ) -> None:
        if not is_loopback(host):
            raise ImproperlyConfigured(
                f"{type(self).__name__}: host must be a loopback address, such as {HOST} or ::1, "
                f"got {host!r}"
            )
        self.closing = threading.Event()
        self._idle_seconds = idle_seconds
        self._max_connections = max_connections
        self._connections: set[socket.socket] = set()
        self._thread: threading.Thread | None = None
        self._process_id = os.getpid()
        self.address_family = address_family(host)
        try:
            super().__init__((host, port), handler)
        except OSError as error:
            raise port_unavailable(port_option, host, port, error) from error

    @property
    def origin(self) -> str:
        """The address of the server, such as `http://127.0.0.1:8766`."""
        host, port = str(self.server_address[0]), self.server_address[1]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def start(self) -> None:
        """Serve in a background thread."""
        self._thread = threading.Thread(
            target=self.serve_forever,
            args=(POLL_SECONDS,),
            name=f"eventtracking-{type(self).__name__}",
            daemon=True,
        )
        self._thread.start()

    def close(self) -> None:
        """
        Stop listening and close every connection. Safe to call twice.

        In a forked child, close only the inherited descriptors: the parent goes on serving.
        """
        if os.getpid() == self._process_id:
            self._stop()
        self.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start the thread of a connection as soon as the server has room for it."""
        while len(self._connections) >= self._max_connections:
            if self.closing.wait(POLL_SECONDS):
                self.shutdown_request(request)
                return
        # Noted before its thread starts, so that close() misses no connection.
        self._connections.add(request)
        request.settimeout(self._idle_seconds)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection in an orderly way, unless `reset_on_close` was called for it."""
        if _is_to_be_reset(request):
            self.close_request(request)
        else:
            super().shutdown_request(request)
        self._connections.discard(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """Log a defect. A client that disconnects or stays silent is not one."""
        error = sys.exception()
        if not isinstance(error, OSError):
            logger.error("A request failed", exc_info=error)

    def _stop(self) -> None:
        self.closing.set()
        if self._thread is not None:
            self.shutdown()
            self._thread.join(_CLOSE_SECONDS)
        # Before the open connections: clients in the queue must not keep waiting.
        self.server_close()
        self._close_connections()

    def _close_connections(self) -> None:
        """Shut the connections down, and wait until their threads have noticed."""
        end = time.monotonic() + _CLOSE_SECONDS
        while self._connections and time.monotonic() < end:
            for connection in [*self._connections]:
                _shut_down(connection)
            time.sleep(POLL_SECONDS / 10)


def reset_on_close(connection: socket.socket) -> None:
    """Make the end of *connection* a reset, as after a crash of the server."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)


def address_family(host: str) -> socket.AddressFamily:
    """Return the address family of *host*, which is a name or an IP address."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def port_unavailable(option: str, host: str, port: int, error: OSError) -> ImproperlyConfigured:
    """Return an exception that says why *port* cannot be used, and suggests another one."""
    if error.errno == errno.EADDRINUSE:
        return ImproperlyConfigured(
            f"port {port} of {host} is in use. Choose another one: {option} {port % 65535 + 1}"
        )
    return ImproperlyConfigured(
        f"cannot listen on port {port} of {host}: {error.strerror or error}"
    )


def _is_to_be_reset(connection: socket.socket) -> bool:
    try:
        return connection.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, len(_RESET)) == _RESET
    except OSError:
        # Its thread has closed it. This happens if Ctrl-C interrupts the start of the thread.
        return False


def _shut_down(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        # The client, or the thread of the connection, closed it first.
        return
