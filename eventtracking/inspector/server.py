"""The inspector as a server: HTTP intakes and a page on one port, DogStatsD on another."""

from __future__ import annotations

import errno
import logging
import os
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from select import select
from socketserver import TCPServer, ThreadingMixIn
from typing import Any
from urllib.parse import parse_qsl

from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.inspector import datadog, google_analytics, segment, statsd
from eventtracking.inspector.access import Access, is_loopback
from eventtracking.inspector.admin import MAX_BODY_BYTES, Admin
from eventtracking.inspector.faults import Fault, Faults
from eventtracking.inspector.intake import Answer, Intake, Request, unpack
from eventtracking.inspector.record import Records

INTAKES: dict[str, Intake] = {**segment.INTAKES, **datadog.INTAKES, **google_analytics.INTAKES}

HOST = "127.0.0.1"
"""Only this machine."""

logger = logging.getLogger(__name__)

_END_SECONDS = 5.0

# How soon a thread that waits for something else sees that the end has come.
_LOOK_SECONDS = 0.05

# Longer than clients keep a connection that they do not use.
_IDLE_SECONDS = 120.0

# What is read, and thrown away, of a body that is too large. A client that is cut off while
# it still sends may never see the answer.
_MOST_READ_BYTES = 100_000_000
_PIECE_BYTES = 1_000_000

# A burst of datagrams waits in the kernel, which throws away what finds no room.
_DATAGRAM_ROOM_BYTES = 8_000_000

_LARGEST_DATAGRAM_BYTES = 65_535

# Close with a reset at once, instead of an end in good order.
_RESET = struct.pack("ii", 1, 0)


class Inspector:
    """
    Listen, from when it is made until `close`.

    Args:
        host: Where to listen: on this machine alone.
        http_port: For HTTP; 0 for any free port.
        statsd_port: For DogStatsD; 0 for any free port.
        token: What must be known to see what came in; `None` for nothing.
        max_events: How many events are kept, of the good and of the bad each.
        max_bytes: How many bytes of their payloads.
        clock: Tells the time in seconds, which says what is too old.

    Raises:
        ImproperlyConfigured: If a port cannot be had, or others could reach *host*.
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
        # The intakes ask for nothing, and the page tells whatever an application tracks.
        if not is_loopback(host):
            raise ImproperlyConfigured(
                f"the inspector is for this machine alone: host must be {HOST} or ::1, got {host!r}"
            )
        self.records = Records(max_events=max_events, max_bytes=max_bytes)
        self.faults = Faults()
        self.clock = clock
        self.closing = threading.Event()
        self._process = os.getpid()
        self.admin = Admin(self.records, self.faults, Access(token=token, host=host))
        self._http = _Server(host, http_port, self)
        try:
            self._statsd = _datagram_socket(host, statsd_port)
        except ImproperlyConfigured:
            self._http.server_close()
            raise
        self.http_address: tuple[str, int] = self._http.server_address[:2]  # type: ignore[assignment]
        self.statsd_address: tuple[str, int] = self._statsd.getsockname()[:2]
        self._threads = [
            threading.Thread(target=run, name=f"eventtracking-inspector-{what}", daemon=True)
            for what, run in (("http", self._serve), ("statsd", self._listen))
        ]
        for thread in self._threads:
            thread.start()

    @property
    def url(self) -> str:
        """Where HTTP is spoken, as `http://127.0.0.1:8766`."""
        host, port = self.http_address
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def receive(self, intake: Intake, request: Request) -> Answer:
        """Check and remember what came to *intake*; return the vendor's answer."""
        now = self.clock()
        answer, events = intake.receive(request, now)
        self.records.add(intake.destination, events, now)
        return answer

    def close(self) -> None:
        """
        Stop listening, and break what connections there are. Safe to call twice.

        In a forked child it only gives up what the child has inherited: it goes on elsewhere.
        """
        if os.getpid() == self._process:
            self._end()
        self._http.server_close()
        self._statsd.close()

    def _end(self) -> None:
        self.closing.set()
        self._http.shutdown()
        for thread in self._threads:
            thread.join(_END_SECONDS)
        # Before the connections: what still waits to be accepted must not keep waiting.
        self._http.server_close()
        self._http.break_connections()

    def _serve(self) -> None:
        self._http.serve_forever(_LOOK_SECONDS)

    def _listen(self) -> None:
        self._statsd.settimeout(_LOOK_SECONDS)
        while not self.closing.is_set():
            try:
                datagram = self._statsd.recv(_LARGEST_DATAGRAM_BYTES)
            except TimeoutError:
                continue
            now = self.clock()
            self.records.add(datadog.DESTINATION, statsd.receive(datagram, now), now)


class _Server(ThreadingMixIn, TCPServer):
    """A thread a connection, all of which can be broken."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, host: str, port: int, inspector: Inspector) -> None:
        self.inspector = inspector
        self._connections: set[socket.socket] = set()
        self.address_family = _family(host)
        try:
            super().__init__((host, port), _Handler)
        except OSError as error:
            raise ImproperlyConfigured(_no_port("--http-port", host, port, error)) from error

    def process_request(self, request: Any, client_address: Any) -> None:
        """Note the connection before its thread begins."""
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """End a connection in good order, unless it is to be broken."""
        if request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, len(_RESET)) == _RESET:
            self.close_request(request)
        else:
            super().shutdown_request(request)
        self._connections.discard(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """Log a defect. A client that went away or went to sleep is none."""
        error = sys.exception()
        if not isinstance(error, OSError):
            logger.error("A request to the inspector failed", exc_info=error)

    def break_connections(self) -> None:
        """End what is still open, and wait until the threads have seen it."""
        end = time.monotonic() + _END_SECONDS
        while self._connections and time.monotonic() < end:
            for connection in [*self._connections]:
                _stop(connection)
            time.sleep(_LOOK_SECONDS / 10)


class _Handler(BaseHTTPRequestHandler):
    """Answer the requests of one connection."""

    server: _Server
    protocol_version = "HTTP/1.1"
    # One write an answer, at once: without these two each answer on a connection that is
    # kept costs 40 ms.
    wbufsize = -1
    disable_nagle_algorithm = True
    timeout = _IDLE_SECONDS

    def do_GET(self) -> None:
        """Answer any request."""
        target, _, query_text = self.path.partition("?")
        query = dict(parse_qsl(query_text, keep_blank_values=True))
        headers: dict[str, str] = {}
        for name, value in self.headers.items():
            known = headers.get(name.lower())
            headers[name.lower()] = value if known is None else f"{known}, {value}"
        intake = INTAKES.get(target)
        if intake and self.command == "POST":
            self._take(intake, target, query, headers)
            return
        body, too_large = self._body(MAX_BODY_BYTES)
        if intake:
            self._send(Answer(405, b"", (("Allow", "POST"),)))
        elif too_large or body is None:
            self._send(Answer(413 if too_large else 411))
        else:
            admin = self.server.inspector.admin
            self._send(admin.answer(self.command, target, query, headers, body))

    do_POST = do_HEAD = do_PUT = do_DELETE = do_OPTIONS = do_PATCH = do_GET  # noqa: N815

    def handle_expect_100(self) -> bool:
        """Say "go on" at once: the client waits for it."""
        go_on = super().handle_expect_100()
        self.wfile.flush()
        return go_on

    def version_string(self) -> str:
        """Return what the `Server` header says."""
        return "eventtracking-inspector"

    def log_message(self, *_: Any) -> None:
        """Keep quiet: the page says what happens."""

    def _take(
        self, intake: Intake, path: str, query: dict[str, str], headers: dict[str, str]
    ) -> None:
        inspector = self.server.inspector
        packed, too_large = self._body(intake.max_packed_bytes or intake.max_bytes)
        if packed is None and not too_large:
            self._send(Answer(411))
            return
        if too_large:
            body, trouble = (
                b"",
                f"the body is over {intake.max_packed_bytes or intake.max_bytes} bytes",
            )
        else:
            encoding = headers.get("content-encoding", "")
            body, trouble, too_large = unpack(packed or b"", encoding, intake.max_bytes)
        request = Request(path, query, headers, body, trouble, too_large)
        fault = inspector.faults.next(intake.destination)
        if fault is None:
            self._send(inspector.receive(intake, request))
        else:
            self._fail(fault, intake, request)

    def _fail(self, fault: Fault, intake: Intake, request: Request) -> None:
        """Do as a script says. What is refused is not remembered: the vendor would not have it."""
        inspector = self.server.inspector
        if fault.kind == "answer":
            accepted = fault.status < 300  # noqa: PLR2004
            normal = inspector.receive(intake, request) if accepted else Answer(0)
            after = fault.retry_after
            headers = () if after is None else (("Retry-After", str(after)),)
            self._send(Answer(fault.status, normal.body, headers))
        elif fault.kind == "hang":
            if self._wait(fault.seconds):
                self._send(inspector.receive(intake, request))
        else:
            if fault.kind == "reset":
                inspector.receive(intake, request)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.close_connection = True

    def _wait(self, seconds: float | None) -> bool:
        """Wait *seconds*; tell whether there is anything to say then, and anyone to say it to."""
        closing = self.server.inspector.closing
        if seconds is not None:
            if closing.wait(seconds):
                self.close_connection = True
            return not self.close_connection
        while not closing.wait(_LOOK_SECONDS):
            is_readable, _, _ = select([self.connection], [], [], 0)
            if is_readable and not self.connection.recv(1, socket.MSG_PEEK):
                break
        self.close_connection = True
        return False

    def _body(self, limit: int) -> tuple[bytes | None, bool]:
        """Return the body, and whether it is over *limit* bytes; `None` if it cannot be read."""
        length = self.headers.get("Content-Length") or "0"
        is_plain = length.isascii() and length.isdigit() and len(length) < 19  # noqa: PLR2004
        if not is_plain or self.headers.get("Transfer-Encoding"):
            self.close_connection = True
            return None, False
        size = int(length)
        if size > limit:
            self._throw_away(size)
            return None, True
        body = self.rfile.read(size)
        if len(body) < size:
            raise ConnectionError("the client went away in the middle of a body")
        return body, False

    def _throw_away(self, size: int) -> None:
        left = min(size, _MOST_READ_BYTES)
        while left and (piece := self.rfile.read(min(left, _PIECE_BYTES))):
            left -= len(piece)
        if size > _MOST_READ_BYTES:
            self.close_connection = True

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        if answer.status != 204:  # noqa: PLR2004
            self.send_header("Content-Length", str(len(answer.body)))
            if answer.body and not any(name == "Content-Type" for name, _ in answer.headers):
                self.send_header("Content-Type", "application/json")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD" and answer.status != 204:  # noqa: PLR2004
            self.wfile.write(answer.body)


def _datagram_socket(host: str, port: int) -> socket.socket:
    listener = socket.socket(_family(host), socket.SOCK_DGRAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _DATAGRAM_ROOM_BYTES)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ImproperlyConfigured(_no_port("--statsd-port", host, port, error)) from error
    return listener


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _stop(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        # Its client, or its thread, was faster.
        return


def _no_port(option: str, host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is in use. Choose another one: {option} {port % 65535 + 1}"
    return f"cannot listen on port {port} of {host}: {error.strerror or error}"
