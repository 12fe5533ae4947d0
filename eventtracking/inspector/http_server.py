"""The HTTP side of the inspector: the vendors' endpoints, the page and its JSON API."""

from __future__ import annotations

import socket
from http.server import BaseHTTPRequestHandler
from select import select
from typing import Any
from urllib.parse import parse_qsl

from eventtracking.inspector import segment
from eventtracking.inspector.admin import MAX_BODY_BYTES, Admin
from eventtracking.inspector.datadog import endpoints as datadog
from eventtracking.inspector.decoding import decompress
from eventtracking.inspector.endpoint import Endpoint, Request, Response
from eventtracking.inspector.faults import Fault, Faults
from eventtracking.inspector.google_analytics import endpoints as google_analytics
from eventtracking.inspector.local_server import POLL_SECONDS, LocalServer, reset_on_close
from eventtracking.inspector.recorder import Recorder

ENDPOINTS: dict[str, Endpoint] = {
    **segment.ENDPOINTS,
    **datadog.ENDPOINTS,
    **google_analytics.ENDPOINTS,
}
"""The endpoint at each path."""

# Longer than clients keep an unused connection.
_IDLE_SECONDS = 120.0

# A body that is too large is read up to here and discarded: a client that is cut off while it
# is still sending may never see the response.
_MOST_DISCARDED_BYTES = 100_000_000
_CHUNK_BYTES = 1_000_000


class HttpServer(LocalServer):
    """
    Answer as the vendors do, and serve the page.

    Args:
        host: A loopback address.
        port: The port to listen on; 0 for any free one.
        recorder: Checks and records the vendors' requests.
        faults: The scripts of responses to give instead.
        admin: Answers all other requests.

    Raises:
        ImproperlyConfigured: If *host* is not a loopback address, or the port is not available.
    """

    def __init__(
        self, host: str, port: int, *, recorder: Recorder, faults: Faults, admin: Admin
    ) -> None:
        self.recorder = recorder
        self.faults = faults
        self.admin = admin
        super().__init__(
            host, port, _Handler, port_option="--http-port", idle_seconds=_IDLE_SECONDS
        )


class _Handler(BaseHTTPRequestHandler):
    """Answer the requests of one connection."""

    server: HttpServer
    protocol_version = "HTTP/1.1"
    # A response is one write, sent at once: without these two, each response on a kept
    # connection takes 40 ms longer.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Answer a request of any method."""
        path, _, query_text = self.path.partition("?")
        query = dict(parse_qsl(query_text, keep_blank_values=True))
        headers = self._merged_headers()
        endpoint = ENDPOINTS.get(path)
        if endpoint and self.command == "POST":
            self._call_vendor(endpoint, path, query, headers)
            return
        body, is_too_large = self._read_body(MAX_BODY_BYTES)
        if endpoint:
            self._send(Response(405, b"", (("Allow", "POST"),)))
        elif is_too_large or body is None:
            self._send(Response(413 if is_too_large else 411))
        else:
            admin = self.server.admin
            self._send(admin.respond(self.command, path, query, headers, body))

    do_POST = do_HEAD = do_PUT = do_DELETE = do_OPTIONS = do_PATCH = do_GET  # noqa: N815

    def handle_expect_100(self) -> bool:
        """Send `100 Continue` at once: the client waits for it."""
        is_allowed = super().handle_expect_100()
        self.wfile.flush()
        return is_allowed

    def version_string(self) -> str:
        """Return the value of the `Server` header."""
        return "eventtracking-inspector"

    def log_message(self, *_: Any) -> None:
        """Log nothing: the page shows the requests."""

    def _merged_headers(self) -> dict[str, str]:
        """Return the headers by lower-case name, with the values of repeated ones joined."""
        merged: dict[str, str] = {}
        for name, value in self.headers.items():
            earlier = merged.get(name.lower())
            merged[name.lower()] = value if earlier is None else f"{earlier}, {value}"
        return merged

    def _call_vendor(
        self, endpoint: Endpoint, path: str, query: dict[str, str], headers: dict[str, str]
    ) -> None:
        limit = endpoint.max_compressed_bytes or endpoint.max_bytes
        sent, is_too_large = self._read_body(limit)
        if sent is None and not is_too_large:
            self._send(Response(411))
            return
        if is_too_large:
            body, error = b"", f"the body is over {limit} bytes"
        else:
            encoding = headers.get("content-encoding", "")
            body, error, is_too_large = decompress(sent or b"", encoding, endpoint.max_bytes)
        request = Request(path, query, headers, body, error, is_too_large)
        fault = self.server.faults.next_fault(endpoint.destination)
        if fault is None:
            self._send(self.server.recorder.receive(endpoint, request))
        else:
            self._inject(fault, endpoint, request)

    def _inject(self, fault: Fault, endpoint: Endpoint, request: Request) -> None:
        """Fail as *fault* says. Events that the vendor would not have are not recorded."""
        recorder = self.server.recorder
        if fault.kind == "response":
            is_accepted = fault.status < 300  # noqa: PLR2004
            normal = recorder.receive(endpoint, request) if is_accepted else Response(0)
            after = fault.retry_after
            headers = () if after is None else (("Retry-After", str(after)),)
            self._send(Response(fault.status, normal.body, headers))
        elif fault.kind == "hang":
            if self._hang(fault.seconds):
                self._send(recorder.receive(endpoint, request))
        else:
            if fault.kind == "reset":
                recorder.receive(endpoint, request)
            reset_on_close(self.connection)
            self.close_connection = True

    def _hang(self, seconds: float | None) -> bool:
        """Wait *seconds*, or without a limit; return whether to send a response then."""
        closing = self.server.closing
        if seconds is not None:
            if closing.wait(seconds):
                self.close_connection = True
            return not self.close_connection
        while not closing.wait(POLL_SECONDS):
            is_readable, _, _ = select([self.connection], [], [], 0)
            if is_readable and not self.connection.recv(1, socket.MSG_PEEK):
                break
        self.close_connection = True
        return False

    def _read_body(self, limit: int) -> tuple[bytes | None, bool]:
        """
        Return the body, and whether it is over *limit* bytes.

        The body is `None` if it is too large, or if its length is not known.
        """
        length = self.headers.get("Content-Length") or "0"
        is_number = length.isascii() and length.isdigit() and len(length) < 19  # noqa: PLR2004
        if not is_number or self.headers.get("Transfer-Encoding"):
            self.close_connection = True
            return None, False
        size = int(length)
        if size > limit:
            self._discard_body(size)
            return None, True
        body = self.rfile.read(size)
        if len(body) < size:
            raise ConnectionError("the client disconnected in the middle of a body")
        return body, False

    def _discard_body(self, size: int) -> None:
        left = min(size, _MOST_DISCARDED_BYTES)
        while left and (chunk := self.rfile.read(min(left, _CHUNK_BYTES))):
            left -= len(chunk)
        if size > _MOST_DISCARDED_BYTES:
            self.close_connection = True

    def _send(self, response: Response) -> None:
        self.send_response(response.status)
        for name, value in response.headers:
            self.send_header(name, value)
        if response.status != 204:  # noqa: PLR2004
            self.send_header("Content-Length", str(len(response.body)))
            if response.body and not any(name == "Content-Type" for name, _ in response.headers):
                self.send_header("Content-Type", "application/json")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD" and response.status != 204:  # noqa: PLR2004
            self.wfile.write(response.body)
