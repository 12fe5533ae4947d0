"""A site with pages that use the client, and a collector that answers as a test wants."""

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

# For a machine that is busy with other tests.
TIMEOUT = 180.0

PAGE = """<!doctype html>
<html lang="en">
<head><title>{title}</title><link rel="icon" href="data:,">{scripts}</head>
<body>{body}</body>
</html>
"""


class Request:
    """A request that came to the collector: how, and with which events."""

    def __init__(self, method, path, headers, body):
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body
        self.time = time.monotonic()
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


class StandIn:
    """Listens on a free port of this machine. Use it as a context."""

    def __init__(self):
        self.pages = {}
        self.first = ""
        """A script for each page, from the driver of a browser that runs none before it."""
        self.requests = []
        """Each request to the collector, refused ones too."""
        self.events = {}
        """The events that were accepted, by id, in their order."""
        self.accepted = Counter()
        """How often an event came that was accepted: 1, or it was sent again."""
        self.answers = deque()
        """What is answered next, instead of results: status, headers, body; or None: results."""
        self.refuse = lambda event: None
        """Gives the reason to refuse an event."""
        self._lock = Lock()
        self._port = 0
        self._held_port = None
        self.up()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._port}"

    def up(self):
        """Listen, on the same port again."""
        handler = type("Handler", (_Handler,), {"site": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), handler)
        self._server.daemon_threads = True
        self._port = self._server.server_address[1]
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        if self._held_port:
            self._held_port.close()

    def down(self):
        """Listen no more: connections are refused."""
        self.end()
        # Bound, so that nobody else gets the port meanwhile.
        self._held_port = socket.socket()
        self._held_port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._held_port.bind(("127.0.0.1", self._port))

    def end(self):
        """Listen no more, and leave the port to others."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(TIMEOUT)

    def page(self, path="/", *, title="A page", body="", headers=(), scripts=None, **options):
        """Put up a page that uses the client with these options; return its address."""
        data = {"endpoint": "/event", "batch_seconds": "0.05"} | options
        written = "".join(
            f' data-{name.replace("_", "-")}="{escape(value)}"' for name, value in data.items()
        )
        if scripts is None:
            scripts = f'<script src="/eventtracking.js"{written}></script>'
        html = PAGE.format(title=title, scripts=scripts, body=body)
        self.pages[path] = (html, "text/html; charset=utf-8", headers)
        return self.url + path

    def names(self):
        """Return the names of the accepted events, in the order they came in."""
        with self._lock:
            return [event["name"] for event in self.events.values()]

    def wait(self, claim):
        """Return what *claim* gives for this as soon as that is true."""
        end = time.monotonic() + TIMEOUT
        while time.monotonic() < end:
            if found := claim(self):
                return found
            time.sleep(0.02)
        raise AssertionError(f"never true; here are {self.names()[:50]}")

    def wait_for(self, *names):
        """Wait until an event of each name has been accepted; return the first of each."""
        self.wait(lambda here: set(names) <= {*here.names()})
        first = {event["name"]: event for event in reversed([*self.events.values()])}
        return [first[name] for name in names]

    def answer(self, request):
        """Return status, headers and body."""
        with self._lock:
            self.requests.append(request)
            answer = self.answers.popleft() if self.answers else None
            if answer is not None:
                return answer
            if request.type.startswith("application/x-www-form-urlencoded") or not request.body:
                return 200, {"Content-Type": "text/plain"}, b"success"
            results = [self._result(event) for event in request.batch["events"]]
        return 200, {"Content-Type": "application/json"}, json.dumps({"results": results}).encode()

    def _result(self, event):
        if reason := self.refuse(event):
            return {"id": event["id"], "status": "refused", "reason": reason}
        self.accepted[event["id"]] += 1
        is_new = self.events.setdefault(event["id"], event) is event
        return {"id": event["id"], "status": "accepted" if is_new else "duplicate"}


class _Handler(BaseHTTPRequestHandler):
    site = None

    def do_GET(self):
        path = urlsplit(self.path).path
        found = self.site.pages.get(path)
        if path == "/event":
            self._say(*self.site.answer(Request("GET", self.path, self.headers, b"")))
        elif path in ("/eventtracking.js", "/eventtracking.mjs"):
            self._say(200, {"Content-Type": "text/javascript"}, (STATIC / path[1:]).read_bytes())
        elif found:
            text, kind, headers = found
            if self.site.first:
                text = text.replace("<head>", f"<head><script>{self.site.first}</script>")
            self._say(200, {"Content-Type": kind, **dict(headers)}, text.encode())
        else:
            self._say(404, {}, b"")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        if self.path == "/first":
            self.site.first = body.decode()
            return self._say(200, {}, b"")
        return self._say(*self.site.answer(Request("POST", self.path, self.headers, body)))

    def _say(self, status, headers, body):
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def handle(self):
        try:
            super().handle()
        except ConnectionError:
            # A tab that is closed or killed waits for no answer.
            self.close_connection = True

    def log_message(self, *args):
        """Keep the output of the tests clean."""


@contextmanager
def stand_in():
    site = StandIn()
    try:
        yield site
    finally:
        site.end()
