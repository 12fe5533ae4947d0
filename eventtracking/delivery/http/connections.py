"""Connections of urllib3 that keep a deadline, know whether a byte went out, and log nothing."""

from __future__ import annotations

import http.client
import io
import os
import socket
import time
from contextlib import ExitStack
from functools import partial
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.util.ssl_ import create_urllib3_context

from eventtracking.delivery.http.routes import Route

FAILURES = (OSError, http.client.HTTPException, HTTPError, ValueError)
"""The exceptions of a connection whose server, proxy or network fails."""

# No host that can be reached takes longer to accept a connection.
_CONNECT_SECONDS = 3.0

# A host may move to another address, which is looked up only for a new connection.
_MAX_AGE_SECONDS = 300.0
_MAX_IDLE_SECONDS = 60.0


class Connection(HTTPConnection):
    """A connection that keeps its deadline, whatever the server does."""

    # Set on this class, so that a value on the standard library's class prints no headers.
    debuglevel = 0

    deadline = float("inf")
    """The end of the request, on the monotonic clock."""

    has_sent = False
    """Whether a byte of the request may have gone out."""

    secret_query = ""

    opened_at = 0.0
    idle_since = 0.0

    def putrequest(self, method: str, url: str, *args: Any, **options: Any) -> None:
        """Begin the request. The secret query is added to *url* only here."""
        # The location of a redirect may already contain it.
        if self.secret_query and self.secret_query not in url:
            url = f"{url}{'&' if '?' in url else '?'}{self.secret_query}"
        super().putrequest(method, url, *args, **options)

    def send(self, data: Any) -> None:
        """Write *data* in pieces, so that a slow reader cannot exceed the deadline."""
        left = memoryview(data)
        while left:
            self.sock.settimeout(_seconds_until(self.deadline))
            count = self.sock.send(left)
            self.has_sent = True
            left = left[count:]

    def read_response(self) -> http.client.HTTPResponse:
        """Return the response once its headers have arrived."""
        self.limit_responses()
        # urllib3's own method logs headers that it cannot parse.
        return http.client.HTTPConnection.getresponse(self)

    def limit_responses(self) -> None:
        """Make all reads end at the deadline."""
        self.response_class = partial(_Response, self.deadline)  # type: ignore[assignment]

    def is_fresh(self) -> bool:
        """Return whether the connection may be used for another request."""
        now = time.monotonic()
        is_young = now < self.opened_at + _MAX_AGE_SECONDS
        return is_young and now < self.idle_since + _MAX_IDLE_SECONDS and self.is_connected

    def abandon(self) -> None:
        """Close the descriptor and touch nothing else, in a forked child."""
        # The objects above the socket have locks. A thread that the child does not have may
        # hold them.
        descriptor = self.sock.detach() if self.sock else -1
        if descriptor >= 0:
            os.close(descriptor)

    def _new_conn(self) -> socket.socket:
        """Connect to the first address of the host that accepts."""
        limit = min(self.deadline, time.monotonic() + _CONNECT_SECONDS)
        failure = OSError("the host has no address")
        for family, kind, protocol, _, address in socket.getaddrinfo(
            self._dns_host, self.port, 0, socket.SOCK_STREAM
        ):
            sock = socket.socket(family, kind, protocol)
            try:
                sock.settimeout(_seconds_until(limit))
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.connect(address)
                # A TLS handshake may follow.
                sock.settimeout(_seconds_until(self.deadline))
            except OSError as error:
                failure = error
                sock.close()
            else:
                return sock
        raise failure


class SecureConnection(Connection, HTTPSConnection):
    """A connection over TLS, verified against the certificates of the system."""


class _Response(http.client.HTTPResponse):
    """A response that must be complete before the deadline."""

    def __init__(self, deadline: float, sock: Any, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self._reader = _DeadlineReader(self.fp.detach(), sock, deadline)
        self.fp: io.BufferedReader = io.BufferedReader(self._reader)

    def begin(self) -> None:
        """Read the headers. The standard library accepts headers that are cut off."""
        super().begin()
        if self._reader.is_at_end:
            raise ConnectionResetError("the response ended within its headers")


class _DeadlineReader(io.RawIOBase):
    """The bytes that a socket receives until the deadline."""

    is_at_end = False

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, deadline: float) -> None:
        self._raw = raw
        self._sock = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(_seconds_until(self._deadline))
        count = self._raw.readinto(buffer)
        self.is_at_end = count == 0
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class Connector:
    """
    Opens connections to one server.

    Args:
        route: The route to the server.
    """

    def __init__(self, route: Route) -> None:
        self._route = route
        # Loading the certificates of the system takes longer than a request.
        self._tls: Any = None

    def connect(self, deadline: float) -> Connection:
        """
        Return a new connection that is ready for a request.

        Raises:
            OSError: If none can be opened before the *deadline*, on the monotonic clock.
            HTTPException: If the response of a proxy is invalid.
        """
        connection = self._unconnected()
        connection.deadline = deadline
        connection.opened_at = connection.idle_since = time.monotonic()
        connection.secret_query = self._route.secret_query
        connection.limit_responses()
        # The certificates are loaded again after a failure: they may have been corrected.
        tls, self._tls = self._tls, None
        with ExitStack() as on_failure:
            on_failure.callback(connection.close)
            connection.connect()
            on_failure.pop_all()
        self._tls = tls
        # The request to a proxy for a tunnel does not count.
        connection.has_sent = False
        return connection

    def _unconnected(self) -> Connection:
        route = self._route
        host, port = route.proxy or (route.host, route.port)
        if route.scheme == "http":
            return Connection(host, port)
        self._tls = self._tls or _tls_context()
        connection = SecureConnection(host, port, ssl_context=self._tls)
        if route.proxy:
            connection.set_tunnel(route.host, route.port, headers=route.proxy_headers)
        return connection


def _tls_context() -> Any:
    context = create_urllib3_context()
    context.load_default_certs()
    return context


def _seconds_until(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left
