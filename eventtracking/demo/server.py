"""The WSGI server of the demo."""

from __future__ import annotations

from socketserver import TCPServer
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from eventtracking.inspector.local_server import HOST, LocalServer


class Server(LocalServer, WSGIServer):
    """
    Serve a WSGI application, which is set with `set_app`, to this machine.

    Args:
        port: The port to listen on; 0 for any free one.
        idle_seconds: How long a connection may stay silent before it is closed.

    Raises:
        ImproperlyConfigured: If the port is not available.
    """

    def __init__(self, port: int, *, idle_seconds: float = 30.0) -> None:
        super().__init__(HOST, port, _Handler, port_option="--port", idle_seconds=idle_seconds)

    @property
    def url(self) -> str:
        """The address of the page."""
        return f"{self.origin}/"

    def server_bind(self) -> None:
        """Bind the port, without the look-up of this machine's name that HTTPServer makes."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.server_address[1]
        self.setup_environ()


class _Handler(WSGIRequestHandler):
    """Answer one request."""

    def log_message(self, *_: Any) -> None:
        """Log nothing: the console shows the events."""
