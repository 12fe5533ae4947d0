"""A shop with the real collector in it, whose events go to a log."""

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

# For a machine that is busy with other tests.
TIMEOUT = 180.0

PAGE = b"""<!doctype html>
<title>A shop</title>
<link rel="icon" href="data:,">
<script src="/event/eventtracking.js" data-endpoint="/event" data-batch-events="100"
  data-batch-seconds="0.1" data-page-views="on" data-page-close="on"></script>
<button>Buy</button>
"""

EMPTY = b"<!doctype html><title>Nothing</title>"


def until(claim):
    """Return what *claim* gives as soon as it is true."""
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end:
        if found := claim():
            return found
        time.sleep(0.05)
    raise AssertionError("never true")


class Shop:
    """
    Listens on a free port of this machine. Use it as a context.

    On `/empty` there is no client, and the policy of `/cut` lets it send nothing.
    """

    def __init__(self, folder, **backends):
        self.log = folder / "tracking.log"
        self.loses_answers = False
        """Whether connections break after events were taken, and before that is said."""
        self.lost_answers = 0
        """How often one did."""
        log = LogFileBackend(path=str(self.log))
        self._tracker = Tracker({"log": log, **backends}, processors=[RequestContext()])
        self._ids = folder / "ids"
        self._answering = Lock()
        self._app = None
        self._port = 0
        self._held_port = ExitStack()
        self._running = ExitStack()

    def __enter__(self):
        self.up()
        return self

    def __exit__(self, *_):
        self._running.close()
        self._held_port.close()
        self._tracker.close()

    @property
    def url(self):
        return f"http://{HOST}:{self._port}/"

    def up(self):
        """Listen, on the same port again, and remember of before only what is in files."""
        server = self._running.enter_context(Server(self._port))
        self._port = server.server_port
        collecting = CollectorMiddleware(
            page, tracker=self._tracker, duplicates_path=str(self._ids)
        )
        self._app = collecting
        server.set_app(TrackMiddleware(self._breaking(collecting), user=lambda _: (7, "ana")))
        server.start()
        self._held_port.close()

    def down(self):
        """Listen no more: connections are refused, and what came late is not looked at."""
        self._running.close()
        with self._answering:
            self._app = None
        # Bound, so that nobody else gets the port meanwhile.
        held = self._held_port.enter_context(socket.socket())
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind((HOST, self._port))

    def logged(self, name):
        """Return the events of this name in the log."""
        return [event for event in read(self.log) if event["name"] == name]

    def _breaking(self, app):
        def answer(environ, start_response):
            # One after the other, so that none is under way when the server is down.
            with self._answering:
                if self._app is not app:
                    raise ConnectionAbortedError
                body = app(environ, start_response)
            if self.loses_answers and environ["REQUEST_METHOD"] == "POST":
                self.lost_answers += 1
                raise ConnectionAbortedError
            return body

        return answer


def page(environ, start_response):
    """Show a page under a policy as strict as it gets."""
    path = environ["PATH_INFO"]
    connects = "'none'" if path == "/cut" else "'self'"
    policy = f"default-src 'none'; script-src 'self'; img-src data:; connect-src {connects}"
    headers = [("Content-Type", "text/html"), ("Content-Security-Policy", policy)]
    start_response("200 OK", headers)
    return [EMPTY if path == "/empty" else PAGE]
