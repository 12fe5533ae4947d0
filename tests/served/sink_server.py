"""A destination for tests: a server that keeps every request, and responds as a script says."""

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
    """A received request, with its header names in lower case and its body decompressed."""

    method: str
    path: str
    headers: dict
    body: bytes

    def json(self):
        return json.loads(self.body)


class Sink:
    """The state of the server that a test uses."""

    def __init__(self, script, default):
        self.url = ""
        self.requests = []
        self.connections = 0
        self.script = deque(script)
        self.default = default

    def next_step(self):
        # Several threads may call this at the same time; popleft() is atomic.
        try:
            return self.script.popleft()
        except IndexError:
            return self.default


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # A response is one write, and is sent at once.
    wbufsize = -1
    disable_nagle_algorithm = True
    # A connection that a test does not close ends by itself.
    timeout = 30

    def setup(self):
        super().setup()
        self.server.sink.connections += 1

    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        if len(body) < length:
            # The client disconnected in the middle: no server accepts half a request.
            self.close_connection = True
            return
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.sink.requests.append(Request(self.command, self.path, headers, body))
        self.respond(self.server.sink.next_step())

    do_CONNECT = do_POST  # noqa: N815  # the name is the standard library's

    def respond(self, step):
        """
        Respond as a step of the script says.

        It is a status; `(status, headers)`; `(status, headers, body)`; bytes, which are sent
        unchanged before the connection ends; or a function that is called with this handler.
        """
        if callable(step):
            step(self)
        elif isinstance(step, bytes):
            self.wfile.write(step)
            self.close_connection = True
        else:
            response = (step,) if isinstance(step, int) else step
            status, headers, body = (*response, *({}, b"")[len(response) - 1 :])
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
        """Log nothing: the test reads `Sink.requests`."""


class Server(ThreadingHTTPServer):
    request_queue_size = 64

    def handle_error(self, request, client_address):
        """Log nothing: the clients of these tests disconnect at any time."""


def reset(handler):
    """Reset the connection instead of responding."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.rfile.close()
    handler.wfile.close()
    handler.connection.close()
    handler.close_connection = True


def drip(data, *, stop=None, every=0.02):
    """Return a step that sends *data*, then a byte at a time until *stop* or a disconnect."""
    over = stop or threading.Event()

    def respond(handler):
        handler.wfile.write(data)
        handler.wfile.flush()
        try:
            while not over.wait(every):
                handler.wfile.write(b"x")
                handler.wfile.flush()
        except OSError:
            # The client gave up.
            pass
        handler.close_connection = True

    return respond


@contextmanager
def sink(script=(), *, default=200, tls=None):
    """
    Run a server, and yield its `Sink`.

    Args:
        script: A step for each request, in order; see `Handler.respond`.
        default: The step for all later requests.
        tls: An `ssl.SSLContext` with a certificate, for https.
    """
    with Server(("127.0.0.1", 0), Handler) as server:
        server.sink = kept = Sink(script, default)
        kept.port = server.server_address[1]
        kept.url = f"{'https' if tls else 'http'}://127.0.0.1:{kept.port}"
        if tls:
            # The handshake happens in the handler: a client without one must not stop the others.
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
