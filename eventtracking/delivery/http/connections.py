"""Connections of urllib3 that keep a deadline, know what went out, and say nothing of it."""

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
"""What a connection raises when the other side, or the way to it, is not as it should be."""

# No host that can be reached takes longer to accept a connection.
_CONNECT_SECONDS = 3.0

# A host may move to another address, which only a new connection asks for.
_MOST_SECONDS = 300.0
_MOST_IDLE_SECONDS = 60.0


class Connection(HTTPConnection):
    """A connection that takes no longer than it is told, whatever the other side does."""

    # Of the class, so that a value set on the standard library's class prints no headers.
    debuglevel = 0

    deadline = float("inf")
    """When the request must be over, on the monotonic clock."""

    has_sent = False
    """Whether a byte of the request may have gone out."""

    secret_query = ""

    born = 0.0
    idle_since = 0.0

    def putrequest(self, method: str, url: str, *args: Any, **options: Any) -> None:
        """Begin the request; what is secret is added to *url* only here."""
        # A server that redirects may repeat what it was asked.
        if self.secret_query and self.secret_query not in url:
            url = f"{url}{'&' if '?' in url else '?'}{self.secret_query}"
        super().putrequest(method, url, *args, **options)

    def send(self, data: Any) -> None:
        """Write *data*, bit by bit, for a slow reader must not stretch the time-out."""
        left = memoryview(data)
        while left:
            self.sock.settimeout(_seconds_until(self.deadline))
            count = self.sock.send(left)
            self.has_sent = True
            left = left[count:]

    def answer(self) -> http.client.HTTPResponse:
        """Return the answer to what was sent, once its headers are here."""
        self.expect_answers()
        # Not urllib3's own way, which logs headers that it cannot understand.
        return http.client.HTTPConnection.getresponse(self)

    def expect_answers(self) -> None:
        """Have what is read from now on end at the deadline."""
        self.response_class = partial(_Answer, self.deadline)  # type: ignore[assignment]

    def is_fresh(self) -> bool:
        """Tell whether it may serve for another request."""
        now = time.monotonic()
        is_young = now < self.born + _MOST_SECONDS and now < self.idle_since + _MOST_IDLE_SECONDS
        return is_young and self.is_connected

    def abandon(self) -> None:
        """Give the descriptor back, in a forked child: nothing else here is ours to touch."""
        # Objects above the socket have locks, and a thread that is no more may hold them.
        number = self.sock.detach() if self.sock else -1
        if number >= 0:
            os.close(number)

    def _new_conn(self) -> socket.socket:
        """Connect to the first address that accepts."""
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
                # For the handshake that may follow.
                sock.settimeout(_seconds_until(self.deadline))
            except OSError as error:
                failure = error
                sock.close()
            else:
                return sock
        raise failure


class SecureConnection(Connection, HTTPSConnection):
    """The same over TLS, verified against the certificates of the system."""


class _Answer(http.client.HTTPResponse):
    """An answer that has to be here, to the last byte, before the deadline."""

    def __init__(self, deadline: float, sock: Any, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self._timed = _Timed(self.fp.detach(), sock, deadline)
        self.fp: io.BufferedReader = io.BufferedReader(self._timed)

    def begin(self) -> None:
        """Read the headers. The standard library takes a part of them for all."""
        super().begin()
        if self._timed.is_over:
            raise ConnectionResetError("the answer ended within its headers")


class _Timed(io.RawIOBase):
    """What a socket receives until the deadline: each wait is for no longer than what is left."""

    is_over = False

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, deadline: float) -> None:
        self._raw = raw
        self._sock = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(_seconds_until(self._deadline))
        count = self._raw.readinto(buffer)
        self.is_over = count == 0
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class Connector:
    """
    Makes connections to one server.

    Args:
        route: How to get there.
    """

    def __init__(self, route: Route) -> None:
        self._route = route
        # Reading the certificates of the system takes longer than a request.
        self._tls: Any = None

    def connect(self, deadline: float) -> Connection:
        """
        Return a new connection that is ready for a request.

        Raises:
            OSError: If there is none before the *deadline*, on the monotonic clock.
            HTTPException: If a proxy answers nonsense.
        """
        connection = self._unconnected()
        connection.deadline = deadline
        connection.born = connection.idle_since = time.monotonic()
        connection.secret_query = self._route.secret_query
        connection.expect_answers()
        # Read anew after a failure: what was not trusted may be now.
        tls, self._tls = self._tls, None
        with ExitStack() as failing:
            failing.callback(connection.close)
            connection.connect()
            failing.pop_all()
        self._tls = tls
        # A proxy was asked to make a tunnel: that is no part of the request.
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
