"""A site with pages that use the client, and a collector whose responses a test can set."""

import json
import socket
import time
from collections import Counter, deque
from contextlib import contextmanager
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from urllib.parse import parse_qsl, urlsplit

import eventtracking

STATIC = Path(eventtracking.__file__).parent / "web/static"

# Long enough for a machine that is busy with other tests.
TIMEOUT = 180.0

PAGE = """<!doctype html>
<html lang="en">
<head><title>{title}</title><link rel="icon" href="data:,">{scripts}</head>
<body>{body}</body>
</html>
"""


class Request:
    """A request that the collector received."""

    def __init__(self, method, path, headers, body):
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body
        self.type = headers.get("Content-Type", "")

    @property
    def is_beacon(self):
        return self.type.startswith("text/plain")

    @property
    def batch(self):
        return json.loads(self.body)

    @property
    def form(self):
        return dict(parse_qsl(self.body.decode() or urlsplit(self.path).query))


class FakeCollector:
    """A server on a free local port."""

    def __init__(self):
        self.pages = {}
        self.preload = ""
        """A script to add to each page, for browsers whose driver has no preload scripts."""
        self.requests = []
        """All requests to the collector, including refused ones."""
        self.events = {}
        """The accepted events by id, in the order in which they arrived."""
        self.times_received = Counter()
        """The number of times that each accepted event was received, by id."""
        self.responses = deque()
        """The next responses, as status, headers and body; None stands for the usual results."""
        self.refuse = lambda event: None
        """Return the reason to refuse an event, or None."""
        self._lock = Lock()
        self._port = 0
        self._held_port = None
        self.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._port}"

    def start(self):
        """Listen, on the same port as before."""
        handler = type("Handler", (_Handler,), {"site": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), handler)
        self._server.daemon_threads = True
        self._port = self._server.server_address[1]
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        if self._held_port:
            self._held_port.close()

    def stop(self):
        """Stop listening: connections are refused."""
        self.close()
        # Bind the port, so that no other program gets it in the meantime.
        self._held_port = socket.socket()
        self._held_port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._held_port.bind(("127.0.0.1", self._port))

    def close(self):
        """Stop listening, and release the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(TIMEOUT)

    def add_page(self, path="/", *, title="A page", body="", headers=(), scripts=None, **options):
        """Add a page that uses the client with these options, and return its URL."""
        data = {"endpoint": "/event", "batch_seconds": "0.05"} | options
        attributes = "".join(
            f' data-{name.replace("_", "-")}="{escape(value)}"' for name, value in data.items()
        )
        if scripts is None:
            scripts = f'<script src="/eventtracking.js"{attributes}></script>'
        html = PAGE.format(title=title, scripts=scripts, body=body)
        self.pages[path] = (html, "text/html; charset=utf-8", headers)
        return self.url + path

    def names(self):
        """Return the names of the accepted events, in the order in which they arrived."""
        with self._lock:
            return [event["name"] for event in self.events.values()]

    def wait_until(self, condition):
        """Wait until *condition* returns a true value, and return that."""
        end = time.monotonic() + TIMEOUT
        while time.monotonic() < end:
            if value := condition():
                return value
            time.sleep(0.02)
        raise AssertionError(f"still false after {TIMEOUT} s; accepted: {self.names()[:50]}")

    def wait_for(self, *names):
        """Wait until an event of each name has been accepted, and return the first of each."""
        self.wait_until(lambda: set(names) <= {*self.names()})
        first = {event["name"]: event for event in reversed([*self.events.values()])}
        return [first[name] for name in names]

    def record(self, request):
        with self._lock:
            self.requests.append(request)

    def respond(self, request):
        """Record a request, and return the status, headers and body of the response."""
        self.record(request)
        with self._lock:
            response = self.responses.popleft() if self.responses else None
            if response is not None:
                return response
            if request.type.startswith("application/x-www-form-urlencoded") or not request.body:
                return 200, {"Content-Type": "text/plain"}, b"success"
            results = [self._result(event) for event in request.batch["events"]]
        return 200, {"Content-Type": "application/json"}, json.dumps({"results": results}).encode()

    def _result(self, event):
        if reason := self.refuse(event):
            return {"id": event["id"], "status": "refused", "reason": reason}
        self.times_received[event["id"]] += 1
        is_new = self.events.setdefault(event["id"], event) is event
        return {"id": event["id"], "status": "accepted" if is_new else "duplicate"}


class _Handler(BaseHTTPRequestHandler):
    site = None

    def do_GET(self):
        path = urlsplit(self.path).path
        page = self.site.pages.get(path)
        if path == "/event":
            self._write(*self.site.respond(Request("GET", self.path, self.headers, b"")))
        elif path in ("/eventtracking.js", "/eventtracking.mjs"):
            self._write(200, {"Content-Type": "text/javascript"}, (STATIC / path[1:]).read_bytes())
        elif page:
            text, content_type, headers = page
            if self.site.preload:
                text = text.replace("<head>", f"<head><script>{self.site.preload}</script>")
            self._write(200, {"Content-Type": content_type, **dict(headers)}, text.encode())
        else:
            self._write(404, {}, b"")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        if self.path == "/preload":
            self.site.preload = body.decode()
            return self._write(200, {}, b"")
        return self._write(*self.site.respond(Request("POST", self.path, self.headers, body)))

    def _write(self, status, headers, body):
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def handle(self):
        try:
            super().handle()
        except ConnectionError:
            # The tab was closed or killed before it received the response.
            self.close_connection = True

    def log_message(self, *args):
        """Keep requests out of the test output."""


@contextmanager
def fake_collector():
    site = FakeCollector()
    try:
        yield site
    finally:
        site.close()
