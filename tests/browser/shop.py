"""A shop with the real collector, whose events go to a log."""

import socket
import time
from contextlib import ExitStack
from threading import Lock

from eventtracking.backends.log_file import LogFileBackend
from eventtracking.demo.server import Server
from eventtracking.inspector.local_server import HOST
from eventtracking.journal import read
from eventtracking.processors.request_context import RequestContext
from eventtracking.tracker import Tracker
from eventtracking.web.wsgi import CollectorMiddleware, TrackMiddleware

# Long enough for a machine that is busy with other tests.
TIMEOUT = 180.0

PAGE = b"""<!doctype html>
<title>A shop</title>
<link rel="icon" href="data:,">
<script src="/event/eventtracking.js" data-endpoint="/event" data-batch-events="100"
  data-batch-seconds="0.1" data-page-views="on" data-page-close="on"></script>
<button>Buy</button>
"""

PAGE_WITHOUT_CLIENT = b"<!doctype html><title>Nothing</title>"


def wait_until(condition):
    """Wait until *condition* returns a true value, and return that."""
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError(f"still false after {TIMEOUT} s")


class Shop:
    """
    A server on a free local port. Use it as a context manager.

    The page `/empty` has no client, and the policy of `/blocked` keeps the client from sending.
    """

    def __init__(self, folder, **backends):
        self.log = folder / "tracking.log"
        self.loses_responses = False
        """Whether to break connections after taking the events and before responding."""
        self.lost_responses = 0
        """The number of connections broken so far."""
        log = LogFileBackend(path=str(self.log))
        self._tracker = Tracker({"log": log, **backends}, processors=[RequestContext()])
        self._ids = folder / "ids"
        self._request_lock = Lock()
        self._app = None
        self._port = 0
        self._held_port = ExitStack()
        self._running = ExitStack()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._running.close()
        self._held_port.close()
        self._tracker.close()

    @property
    def url(self):
        return f"http://{HOST}:{self._port}/"

    def start(self):
        """Listen, on the same port as before, with no memory of the past other than files."""
        server = self._running.enter_context(Server(self._port))
        self._port = server.server_port
        collector = CollectorMiddleware(
            serve_page, tracker=self._tracker, duplicates_path=str(self._ids)
        )
        self._app = collector
        server.set_app(TrackMiddleware(self._unreliable(collector), user=lambda _: (7, "ana")))
        server.start()
        self._held_port.close()

    def stop(self):
        """Stop listening: connections are refused, and pending requests are ignored."""
        self._running.close()
        with self._request_lock:
            self._app = None
        # Bind the port, so that no other program gets it in the meantime.
        held = self._held_port.enter_context(socket.socket())
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind((HOST, self._port))

    def logged(self, name):
        """Return the events with this name in the log."""
        return [event for event in read(self.log) if event["name"] == name]

    def _unreliable(self, app):
        def respond(environ, start_response):
            # One request at a time, so that none is in progress once the server has stopped.
            with self._request_lock:
                if self._app is not app:
                    raise ConnectionAbortedError
                body = app(environ, start_response)
            if self.loses_responses and environ["REQUEST_METHOD"] == "POST":
                self.lost_responses += 1
                raise ConnectionAbortedError
            return body

        return respond


def serve_page(environ, start_response):
    """Serve a page with the strictest policy that it works under."""
    path = environ["PATH_INFO"]
    connect = "'none'" if path == "/blocked" else "'self'"
    policy = f"default-src 'none'; script-src 'self'; img-src data:; connect-src {connect}"
    headers = [("Content-Type", "text/html"), ("Content-Security-Policy", policy)]
    start_response("200 OK", headers)
    return [PAGE_WITHOUT_CLIENT if path == "/empty" else PAGE]
