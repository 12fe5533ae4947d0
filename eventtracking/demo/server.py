"""Serve a WSGI application to this machine, a thread a request."""

from __future__ import annotations

import errno
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import TCPServer, ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from eventtracking.exceptions import ImproperlyConfigured

HOST = "127.0.0.1"
"""Only this machine: a demonstration has no business on the network."""

logger = logging.getLogger(__name__)

_END_SECONDS = 5.0


class Server(ThreadingMixIn, WSGIServer):
    """
    Listen on a port. Requests are answered once there is an application (`set_app`).

    Args:
        port: Where to listen; 0 for any free port.

    Raises:
        ImproperlyConfigured: If the port cannot be had.
    """

    # Idle connections, which browsers open in advance, must not hold up the end.
    daemon_threads = True

    # All users of a burst find room to wait; the default is five.
    request_queue_size = 128

    def __init__(self, port: int) -> None:
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            raise ImproperlyConfigured(_no_port(port, error)) from error

    @property
    def url(self) -> str:
        """The address of the page."""
        return f"http://{HOST}:{self.server_port}/"

    def server_bind(self) -> None:
        """Take the port, without asking the network what this machine is called."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.server_address[1]
        self.setup_environ()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """Log a defect. A client that went away or went to sleep is none."""
        error = sys.exception()
        if not isinstance(error, OSError):
            logger.error("A request failed", exc_info=error)

    @contextmanager
    def in_background(self) -> Iterator[None]:
        """Serve in another thread for the length of a `with` block."""
        thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            self.shutdown()
            thread.join(_END_SECONDS)


class _Handler(WSGIRequestHandler):
    """Answer one request, of a client that says something within a while."""

    timeout = 30

    def log_message(self, *_: Any) -> None:
        """Keep quiet: the events say what happens."""


def _no_port(port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} of {HOST} is in use. Choose another one: --port {port % 65535 + 1}"
    return f"cannot listen on port {port} of {HOST}: {error.strerror}"
