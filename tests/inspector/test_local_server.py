"""The HTTP server that the inspector and the demo share."""

import socket
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler

import pytest

from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.inspector import local_server
from eventtracking.inspector.local_server import LocalServer


class Hello(BaseHTTPRequestHandler):
    """Sends a greeting and keeps the connection."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_):
        """Log nothing."""


@pytest.fixture
def start():
    """Start servers, and close them in the end."""
    started = []

    def start(host="127.0.0.1", port=0, **options):
        options = {"port_option": "--port", "idle_seconds": 60, **options}
        server = LocalServer(host, port, Hello, **options)
        started.append(server)
        server.start()
        return server

    yield start
    for server in started:
        server.close()


def connect(server):
    """Return a connection after one request on it."""
    connection = HTTPConnection(*server.server_address[:2], timeout=120)
    connection.request("GET", "/")
    assert connection.getresponse().read() == b"hello"
    return connection


def test_a_connection_beyond_the_limit_waits_for_another_to_end(start):
    """It is served then, and not refused before."""
    server = start(max_connections=1)
    first = connect(server)
    second = HTTPConnection(*server.server_address[:2], timeout=0.5)
    second.request("GET", "/")
    with pytest.raises(TimeoutError):
        second.getresponse()
    second.close()
    first.close()

    connect(server).close()


def test_a_full_server_can_be_closed(start):
    """The connections that wait are closed without a response."""
    server = start(max_connections=1)
    first, second = connect(server), HTTPConnection(*server.server_address[:2], timeout=120)
    second.request("GET", "/")
    server.close()

    with pytest.raises(ConnectionError):
        second.getresponse()
    first.close()
    second.close()


def test_a_silent_connection_is_closed_and_nothing_is_logged(start, caplog):
    """Browsers open connections in advance. That is not an error."""
    server = start(idle_seconds=0.1)
    with socket.create_connection(server.server_address, timeout=120) as connection:
        assert connection.recv(1) == b""

    assert caplog.text == ""


def test_a_server_that_was_never_started_can_be_closed():
    """As when the program fails before it serves."""
    options = {"port_option": "--port", "idle_seconds": 60}
    with LocalServer("127.0.0.1", 0, Hello, **options) as server:
        address = server.server_address

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=120)


def test_a_connection_can_be_shut_down_twice(start):
    """By its thread, and by the main thread if Ctrl-C interrupts the start of that thread."""
    connection, other = socket.socketpair()
    other.close()
    server = start()
    server.shutdown_request(connection)

    server.shutdown_request(connection)


def test_it_can_be_restarted_on_its_port_at_once(start):
    """Although connections of the first server have just ended."""
    first = start()
    connection = connect(first)
    first.close()
    connection.close()
    second = start(port=first.server_address[1])

    connect(second).close()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.1", "a-machine.example"])
def test_only_this_machine_can_reach_it(start, host):
    """Other hosts are refused."""
    with pytest.raises(ImproperlyConfigured, match="LocalServer: host must be a loopback address"):
        start(host)


def test_an_address_that_cannot_be_used_is_one_line(start, monkeypatch):
    """With the reason that the system gives, as on a machine without IPv6."""
    monkeypatch.setattr(local_server, "is_loopback", bool)

    with pytest.raises(ImproperlyConfigured, match=r"cannot listen on port 0 of 192\.0\.2\.1: "):
        start("192.0.2.1")
