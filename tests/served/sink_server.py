"""A server that keeps every request and answers what a script says: a destination for tests."""

import gzip
import json
import socket
import struct
import threading
from collections import deque
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Request(NamedTuple):
    """What arrived: header names in lower case, and a body that was gzip decoded already."""

    method: str
    path: str
    headers: dict
    body: bytes

    def json(self):
        return json.loads(self.body)


class Sink:
    """What a test sees of the server."""

    def __init__(self, script, default):
        self.url = ""
        self.requests = []
        self.connections = 0
        self.script = deque(script)
        self.default = default

    def next_answer(self):
        # Threads answer at once when several connections are open; popleft() is atomic.
        try:
            return self.script.popleft()
        except IndexError:
            return self.default


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # An answer goes out in one piece, and at once.
    wbufsize = -1
    disable_nagle_algorithm = True
    # A connection that a test forgot ends by itself.
    timeout = 30

    def setup(self):
        super().setup()
        self.server.sink.connections += 1

    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        if len(body) < length:
            # The client died in the middle of it: no server takes half a request.
            self.close_connection = True
            return
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.sink.requests.append(Request(self.command, self.path, headers, body))
        self.answer(self.server.sink.next_answer())

    do_CONNECT = do_POST  # noqa: N815  # the name is the standard library's

    def answer(self, said):
        """
        Answer what the script says.

        A status; `(status, headers)`; `(status, headers, body)`; bytes, which are sent
        as they are before the connection ends; or a function that is given this handler.
        """
        if callable(said):
            said(self)
        elif isinstance(said, bytes):
            self.wfile.write(said)
            self.close_connection = True
        else:
            given = (said,) if isinstance(said, int) else said
            status, headers, body = (*given, *({}, b"")[len(given) - 1 :])
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if not {"content-length", "transfer-encoding"} & {name.lower() for name in headers}:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        if not self.wfile.closed:
            self.wfile.flush()

    def log_message(self, *_):
        """Say nothing: the test looks at `Sink.requests`."""


class Server(ThreadingHTTPServer):
    request_queue_size = 64

    def handle_error(self, request, client_address):
        """Say nothing: clients of these tests hang up as they like."""


def reset(handler):
    """Answer with a reset of the connection."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.rfile.close()
    handler.wfile.close()
    handler.connection.close()
    handler.close_connection = True


def drip(data, *, stop=None, every=0.02):
    """Return an answer that sends *data*, and then a byte at a time until *stop*, or the end."""
    over = stop or threading.Event()

    def answer(handler):
        handler.wfile.write(data)
        handler.wfile.flush()
        try:
            while not over.wait(every):
                handler.wfile.write(b"x")
                handler.wfile.flush()
        except OSError:
            # The client had enough.
            pass
        handler.close_connection = True

    return answer


@contextmanager
def sink(script=(), *, default=200, tls=None):
    """
    Run a server, and yield its `Sink`.

    Args:
        script: One answer for each request, in order; see `Handler.answer`.
        default: The answer to all later ones.
        tls: An `ssl.SSLContext` with a certificate, for https.
    """
    with Server(("127.0.0.1", 0), Handler) as server:
        server.sink = kept = Sink(script, default)
        kept.port = server.server_address[1]
        kept.url = f"{'https' if tls else 'http'}://127.0.0.1:{kept.port}"
        if tls:
            # The handshake is the handler's: a client without one must not stop the others.
            server.socket = tls.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield kept
        finally:
            server.shutdown()
            thread.join(30)
