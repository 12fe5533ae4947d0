"""The HTTP client: requests, timeouts, connections, TLS, proxies, secrets and forks."""

import http.client
import logging
import os
import secrets
import socket
import ssl
import sys
import threading
import time
from base64 import b64encode
from contextlib import contextmanager, suppress

import pytest
import trustme
from sink_server import drip, reset, sink

from eventtracking.delivery import HttpClient, NoResponse, NotSent
from eventtracking.exceptions import ImproperlyConfigured

# Nothing here takes that long, even on a busy machine.
TIMEOUT_SECONDS = 30

# A timeout that a server tries to exceed. A request can be sent within it.
SHORT = 1.0

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    """Ignore the proxies of the developer's machine."""
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(scope="module")
def authority():
    """A certificate authority that no machine trusts."""
    return trustme.CA()


@pytest.fixture
def tls(authority):
    """The TLS context of a server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    return context


@pytest.fixture
def trusted(authority, tmp_path, monkeypatch):
    """Make the system trust that authority."""
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))


@contextmanager
def client(url, **options):
    http_client = HttpClient(url, owner="Test", option="url", **options)
    try:
        yield http_client
    finally:
        http_client.close()


def post(http_client, body=b"{}", timeout=TIMEOUT_SECONDS, **options):
    return http_client.post("/events", body, timeout=timeout, **options)


@contextmanager
def listener(respond=None):
    """Listen, call *respond* with the first connection, and yield the URL."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = None
        if respond:

            def serve():
                connection, _ = server.accept()
                with connection:
                    respond(connection)

            thread = threading.Thread(target=serve, daemon=True)
            thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        if thread:
            thread.join(TIMEOUT_SECONDS)


def closed_port():
    """Return a port to which no server listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def test_a_request_is_sent_and_its_response_returned():
    """Path, headers and body arrive as they were given."""
    with (
        sink([(202, {"X-Left": "7"}, b"taken")]) as server,
        client(f"{server.url}/v1/") as http_client,
    ):
        response = post(http_client, b'{"a":1}', headers={"Content-Type": "application/json"})

        assert (response.status, response.headers["x-left"], response.body) == (202, "7", b"taken")
        [request] = server.requests
        assert (request.method, request.path) == ("POST", "/v1/events")
        assert request.body == b'{"a":1}'
        assert request.headers["content-type"] == "application/json"
        assert request.headers["user-agent"].startswith("eventtracking/")
        assert request.headers["host"] == f"127.0.0.1:{server.port}"


def test_a_header_of_the_request_overrides_one_of_the_client():
    """In upper or lower case. No header is sent twice."""
    with (
        sink() as server,
        client(server.url, headers={"x-one": "client", "X-Two": "2"}) as http_client,
    ):
        post(http_client, headers={"X-ONE": "request"})

        headers = server.requests[0].headers
        assert (headers["x-one"], headers["x-two"]) == ("request", "2")


def test_a_compressed_request_has_the_header_for_it():
    """The server decompresses the body."""
    body = b'{"name":"page.viewed"}' * 1000
    with sink() as server, client(server.url) as http_client:
        post(http_client, body, compress=True)

        [request] = server.requests
        assert request.body == body
        assert int(request.headers["content-length"]) < len(body) / 10


def test_requests_share_a_connection_until_it_is_closed():
    """By the server or by the client. The next request opens another one."""
    with (
        sink([200, (200, {"Connection": "close"}), 200]) as server,
        client(server.url) as http_client,
    ):
        for _ in range(3):
            post(http_client)
        assert server.connections == 2

        http_client.close()
        http_client.close()
        post(http_client)
        assert server.connections == 3


def test_a_connection_that_the_server_closed_meanwhile_is_not_used_again():
    """A request over it would fail without a response."""
    closed = threading.Event()

    def respond_and_close(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        handler.wfile.flush()
        handler.connection.shutdown(socket.SHUT_RDWR)
        closed.set()
        handler.close_connection = True

    with sink([respond_and_close, 200]) as server, client(server.url) as http_client:
        post(http_client)
        closed.wait(TIMEOUT_SECONDS)
        response = post(http_client)

        assert response.status == 200
        assert server.connections == 2


def test_a_connection_is_not_kept_for_ever(monkeypatch):
    """The address of the host may have changed."""
    with sink() as server, client(server.url) as http_client:
        post(http_client)
        now = time.monotonic()
        monkeypatch.setattr(time, "monotonic", lambda: now + 59)
        post(http_client)
        assert server.connections == 1

        monkeypatch.setattr(time, "monotonic", lambda: now + 59 + 61)
        post(http_client)
        assert server.connections == 2


@pytest.mark.parametrize("status", [307, 308])
def test_a_redirect_on_the_same_server_is_followed(status):
    """With the same method and body."""
    script = [(status, {"Location": "/new?page=1"}), (status, {"Location": "newer"}), 200]
    with sink(script) as server, client(server.url) as http_client:
        assert post(http_client, b"[1]").status == 200
        assert [request.path for request in server.requests] == ["/events", "/new?page=1", "/newer"]
        assert {request.body for request in server.requests} == {b"[1]"}


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.2/",
        "//example.invalid/",
        "https://127.0.0.1/",
        "http://127.0.0.1:99999/",
        "http://[/",
        "/a b",
        "",
    ],
)
def test_a_redirect_to_elsewhere_is_not_followed(location):
    """Events and keys are sent only to the server in the settings."""
    with sink(default=(307, {"Location": location} if location else {})) as server:
        with client(server.url) as http_client:
            assert post(http_client).status == 307
        assert len(server.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 303])
def test_a_redirect_that_changes_the_method_is_not_followed(status):
    """A GET request delivers nothing."""
    with sink(default=(status, {"Location": "/"})) as server, client(server.url) as http_client:
        assert post(http_client).status == status
        assert len(server.requests) == 1


def test_endless_redirects_are_followed_three_times():
    """The fourth one is the response."""
    with sink(default=(307, {"Location": "/"})) as server, client(server.url) as http_client:
        assert post(http_client).status == 307
        assert len(server.requests) == 4


def test_only_the_beginning_of_a_large_response_is_read():
    """The connection is closed, because the rest is not read."""
    with sink([(200, {}, b"x" * 10_000_000), 200]) as server, client(server.url) as http_client:
        assert post(http_client).body == b"x" * 65_536
        assert post(http_client).status == 200
        assert server.connections == 2


def test_a_chunked_response_is_read():
    """The connection is used again."""
    chunked = (200, {"Transfer-Encoding": "chunked"}, b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    with sink([chunked, 200]) as server, client(server.url) as http_client:
        assert post(http_client).body == b"abcde"
        post(http_client)
        assert server.connections == 1


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\x15\x03\x01\x00\x02\x02\x16",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Len",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000 + b"\r\n\r\n",
        b"x" * 300_000,
    ],
    ids=lambda raw: f"{raw[:40]!r} {len(raw)}",
)
def test_an_invalid_response_counts_as_no_response(raw):
    """Incomplete responses, other protocols, and headers without an end."""
    with (
        sink(default=raw) as server,
        client(server.url) as http_client,
        pytest.raises(NoResponse) as caught,
    ):
        post(http_client)

    assert len(str(caught.value)) < 300
    assert str(caught.value).isprintable()


def test_a_reset_connection_counts_as_no_response():
    """The server may have accepted the events before."""
    with (
        sink(default=reset) as server,
        client(server.url) as http_client,
        pytest.raises(NoResponse),
    ):
        post(http_client)


@pytest.mark.parametrize(
    "beginning",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nX-Slow: ",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
    ],
)
def test_a_server_that_sends_single_bytes_cannot_exceed_the_timeout(beginning):
    """The timeout is for the whole request, which would take hours."""
    over = threading.Event()
    with sink(default=drip(beginning, stop=over)) as server, client(server.url) as http_client:
        with pytest.raises(NoResponse, match="timed out"):
            post(http_client, timeout=SHORT)
        over.set()


def test_a_server_that_sends_continue_for_ever_cannot_exceed_the_timeout():
    """The standard library reads on after each of these responses."""

    def send_continue(handler):
        try:
            while True:
                handler.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                handler.wfile.flush()
        except OSError:
            handler.close_connection = True

    with (
        sink(default=send_continue) as server,
        client(server.url) as http_client,
        pytest.raises(NoResponse),
    ):
        post(http_client, timeout=SHORT)


def test_a_server_that_reads_nothing_cannot_exceed_the_timeout():
    """The request is larger than the buffers of the system."""
    with (
        listener() as url,
        client(url) as http_client,
        pytest.raises(NoResponse, match="timed out"),
    ):
        post(http_client, b"x" * 50_000_000, timeout=SHORT)


def test_a_redirect_cannot_exceed_the_timeout():
    """The timeout is for all requests together."""
    over = threading.Event()
    script = [(307, {"Location": "/a"}), (307, {"Location": "/b"}), drip(b"", stop=over)]
    with sink(script) as server, client(server.url) as http_client:
        with pytest.raises(NoResponse, match="timed out"):
            post(http_client, timeout=SHORT)
        over.set()


def respond_and_reset(status):
    """Respond with *status* after the first bytes, and close the connection."""

    def respond(connection):
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 %d Early\r\nContent-Length: 0\r\n\r\n" % status)

    return respond


def test_a_refusal_before_a_reset_is_read():
    """A server that refuses a large body may close the connection before it has read all."""
    with listener(respond_and_reset(413)) as url, client(url) as http_client:
        assert post(http_client, b"x" * 20_000_000).status == 413


def test_a_server_that_closes_before_it_has_read_the_request_has_not_accepted_it():
    """Whatever it responds."""
    body = b"x" * 20_000_000
    with (
        listener(respond_and_reset(200)) as url,
        client(url) as http_client,
        pytest.raises(NoResponse) as caught,
    ):
        post(http_client, body)

    assert "accepted a request that it had not read" in str(caught.value)


def test_a_response_before_the_end_of_the_request_is_read():
    """The request is too large for the server."""

    def refuse(connection):
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        # A reset, which an unread request causes, would discard the response.
        while connection.recv(1_000_000):
            pass

    with listener(refuse) as url, client(url) as http_client:
        assert post(http_client, b"x" * 20_000_000).status == 413


@pytest.mark.parametrize(
    ("given", "path", "expected"),
    [
        ("", "", "/"),
        ("/", "", "/"),
        ("/", "/a", "/a"),
        ("/hook", "", "/hook"),
        ("/hook/", "", "/hook/"),
        ("/hook/", "/a", "/hook/a"),
        ("/hook?b=1", "/a", "/hook/a?b=1"),
        ("/hook", "/a?c=2", "/hook/a?c=2"),
    ],
)
def test_the_path_of_the_request_is_joined_to_that_of_the_client(given, path, expected):
    """A slash at the end is kept: many servers need it."""
    with sink() as server, client(f"{server.url}{given}") as http_client:
        http_client.post(path, b"", timeout=TIMEOUT_SECONDS)

        assert server.requests[0].path == expected


def test_a_refused_connection_has_sent_nothing():
    """No event can have arrived."""
    url = f"http://127.0.0.1:{closed_port()}"
    with client(url) as http_client, pytest.raises(NotSent, match="refused"):
        post(http_client)


def test_nothing_is_sent_to_a_host_without_an_address():
    """The domain `.invalid` never exists."""
    with (
        client("http://nowhere.invalid") as http_client,
        pytest.raises(NotSent, match=r"nowhere\.invalid"),
    ):
        post(http_client)


def test_nothing_is_sent_to_a_host_that_does_not_accept():
    """Its queue is full. The timeout is kept."""
    with socket.socket() as server, socket.socket() as other, socket.socket() as third:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for filler in (other, third):
            filler.setblocking(False)
            filler.connect_ex(server.getsockname())
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        with client(url) as http_client, pytest.raises(NotSent, match="timed out"):
            post(http_client, timeout=SHORT)


def test_a_server_is_reached_over_tls(tls, trusted):
    """With a certificate that the system trusts. The connection is kept."""
    with sink(tls=tls) as server, client(server.url) as http_client:
        assert post(http_client).status == 200
        assert post(http_client, b"x" * 1_000_000).status == 200
        assert server.connections == 1
        assert len(server.requests[1].body) == 1_000_000
        server.script += [
            (200, {"Connection": "close"}, b"x" * 50_000),
            b"HTTP/1.1 200 OK\r\n\r\nabc",
        ]
        assert post(http_client).body == b"x" * 50_000
        assert post(http_client).body == b"abc"


def test_nothing_is_sent_to_a_server_with_an_untrusted_certificate(tls):
    """Neither events nor keys."""
    with sink(tls=tls) as server, client(server.url) as http_client:
        with pytest.raises(NotSent, match="certificate"):
            post(http_client)
        assert server.requests == []


def test_nothing_is_sent_to_a_server_with_the_certificate_of_another_host(authority, trusted):
    """It may be any server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("another.example").configure_cert(context)
    with sink(tls=context) as server, client(server.url) as http_client:
        with pytest.raises(NotSent, match="certificate"):
            post(http_client)
        assert server.requests == []


def test_nothing_is_sent_to_a_server_without_tls():
    """It responds in plain text, or never."""
    with sink() as server:
        url = server.url.replace("http", "https")
        with client(url) as http_client, pytest.raises(NotSent):
            post(http_client)
    with listener() as url:
        silent = client(url.replace("http", "https"))
        with silent as http_client, pytest.raises(NotSent, match="timed out"):
            post(http_client, timeout=SHORT)


def test_a_slow_response_over_tls_cannot_exceed_the_timeout(tls, trusted):
    """As without TLS."""
    over = threading.Event()
    beginning = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
    script = [200, drip(beginning, stop=over)]
    with sink(script, tls=tls) as server, client(server.url) as http_client:
        post(http_client)
        with pytest.raises(NoResponse):
            post(http_client, timeout=SHORT)
        over.set()


@pytest.fixture
def output(caplog, capfd, monkeypatch):
    """Return a function that returns everything that was logged and printed."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="urllib3")
    monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 1)

    def collect():
        printed = capfd.readouterr()
        logged = "".join(f"{record.getMessage()} {record.exc_text}" for record in caplog.records)
        return printed.out + printed.err + logged

    return collect


def keys(number):
    """Return *number* new keys."""
    return [f"{secrets.token_hex(8)}/{secrets.token_hex(8)}" for _ in range(number)]


def test_no_key_appears_in_logs_representations_and_exceptions(output):
    """Even with debug output, and a server that repeats the request."""
    key, other, third, in_path = keys(4)

    def repeat(handler):
        text = f"{handler.path} {handler.headers} {key} {other} {third}".encode()
        handler.send_response(400, f"no such key: {key}")
        handler.send_header("X-Echo", f"{key} {other}")
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)

    texts = []
    no_header = f"HTTP/1.1 200 OK\r\nX Echo: {key}\r\n{key}\r\n\r\n".encode()
    script = [repeat, f"HTTP/1.0 {key}\r\n\r\n".encode(), no_header, reset]
    with sink(script) as server:
        http_client = HttpClient(
            f"{server.url}/{in_path}?token={third}",
            owner="Test",
            option="url",
            headers={"Authorization": f"Bearer {key}"},
            secret_query={"api_secret": other},
        )
        for _ in script:
            try:
                texts.append(repr(post(http_client)))
            except OSError as error:
                texts += [repr(error), str(error), repr(error.__cause__), str(error.__context__)]
        texts += [repr(http_client), output()]
        http_client.close()

        query = server.requests[0].path.partition("?")[2]
        assert query.startswith(f"token={third}&api_secret=")
        assert server.requests[0].headers["authorization"] == f"Bearer {key}"

    halves = [half for each in (key, other, third, in_path) for half in each.split("/")]
    assert len(texts) > len(script)
    assert [half for half in halves if half in "".join(texts)] == []


def test_a_failed_connection_shows_no_key(output):
    """The URL in the error ends with the port."""
    key, other = keys(2)
    url = f"http://127.0.0.1:{closed_port()}/{key}"
    known = client(url, secret_query={"api_secret": other})
    with known as http_client, pytest.raises(NotSent) as caught:
        post(http_client)

    text = f"{caught.value!r} {caught.value.__cause__} {output()}"
    assert [half for each in (key, other) for half in each.split("/") if half in text] == []


def test_the_password_of_basic_authentication_is_masked_in_plain_text_too():
    """A server may repeat the decoded password."""
    [password] = keys(1)
    credentials = f"user:{password}".encode()
    header = f"Basic {b64encode(credentials).decode()}"
    script = [(401, {}, f"wrong password {password}".encode())]
    headers = {"Authorization": header}
    with sink(script) as server, client(server.url, headers=headers) as http_client:
        assert post(http_client).body == b"wrong password ********"


@pytest.mark.parametrize(
    "url",
    [
        "events.example.com",
        "ftp://events.example.com",
        "https://",
        "https://events.example.com:99999",
        "https://events.example.com:0",
        "https://events.example.com/a b",
        "https://events.example.com/\n",
        "https://évents.example.com",
        "https://events.example.com/#part",
        "http://[::1",
        f"https://{'a' * 64}.example.com",
        "",
        b"https://events.example.com",
        None,
        5,
    ],
)
def test_an_invalid_url_is_refused_when_the_client_is_built(url):
    """The error names the option, and gives an example."""
    with pytest.raises(ImproperlyConfigured, match="Test: url must be a URL such as 'https://"):
        HttpClient(url, owner="Test", option="url")


def test_a_password_in_a_url_is_refused_and_not_shown():
    """It belongs in a header."""
    [key] = keys(1)
    for url in (f"https://user:{key}@example.com/", f"ftp://example.com?key={key}"):
        with pytest.raises(ImproperlyConfigured, match="without a user name") as caught:
            HttpClient(url, owner="Test", option="url")

        assert key.split("/")[0] not in str(caught.value)
        assert "example.com" in str(caught.value)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Key": "a\nb"},
        {"X-Key": "a\r"},
        {"X-Key": "\u0141"},
        {"X-Key": 5},
        {"X Key": "a"},
        {"": "a"},
        {5: "a"},
        {"Content-Length": "5"},
        {"transfer-encoding": "chunked"},
    ],
)
def test_headers_that_would_break_a_request_are_refused_when_the_client_is_built(headers):
    """A key read from a file often ends with a newline."""
    with pytest.raises(ImproperlyConfigured, match=r"Test: .*header"):
        HttpClient("http://127.0.0.1", owner="Test", option="url", headers=headers)


def test_without_urllib3_the_error_says_how_to_install_it(monkeypatch):
    """The modules of the library can be imported without it."""
    monkeypatch.setitem(sys.modules, "urllib3", None)
    with pytest.raises(ImproperlyConfigured, match=r"pip install 'eventtracking\[http\]'"):
        HttpClient("http://127.0.0.1", owner="Test", option="url")


def test_the_proxy_in_the_environment_is_used(monkeypatch):
    """It gets the whole URL, and its user name and password."""
    with sink() as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://user:word@127.0.0.1:{proxy.port}")
        with client(
            "http://events.invalid/v1", secret_query={"api_secret": "abcdef"}
        ) as http_client:
            post(http_client)

        [request] = proxy.requests
        assert request.path == "http://events.invalid/v1/events?api_secret=abcdef"
        assert request.headers["host"] == "events.invalid"
        assert request.headers["proxy-authorization"] == "Basic dXNlcjp3b3Jk"


def test_a_proxy_for_tls_is_a_tunnel(monkeypatch, tls, trusted):
    """It sees neither the path nor the key."""
    with sink(tls=tls) as server:

        def connect(handler):
            handler.send_response(200)
            handler.end_headers()
            handler.wfile.flush()
            with socket.create_connection(("127.0.0.1", server.port)) as far:
                copies = [
                    threading.Thread(target=copy, args=pair, daemon=True)
                    for pair in ((handler.connection, far), (far, handler.connection))
                ]
                for each in copies:
                    each.start()
                for each in copies:
                    each.join(TIMEOUT_SECONDS)
            handler.close_connection = True

        with sink([connect]) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://user:word@127.0.0.1:{proxy.port}")
            with client(server.url, headers={"Authorization": "Bearer abc"}) as http_client:
                assert post(http_client).status == 200
            assert [request.path for request in proxy.requests] == [f"127.0.0.1:{server.port}"]
            assert proxy.requests[0].headers["proxy-authorization"] == "Basic dXNlcjp3b3Jk"
            assert "authorization" not in proxy.requests[0].headers
        assert [request.path for request in server.requests] == ["/events"]
        assert "proxy-authorization" not in server.requests[0].headers


def copy(source, target):
    try:
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def test_nothing_is_sent_if_the_proxy_refuses_a_tunnel(monkeypatch):
    """Only the request for the tunnel."""
    with sink([407]) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        with client("https://events.invalid") as http_client, pytest.raises(NotSent, match="407"):
            post(http_client)


@pytest.mark.parametrize("exceptions", ["127.0.0.1", "127.0.0.0/8", "*", "example.com, 127.0.0.1"])
def test_no_proxy_is_used_for_the_hosts_in_no_proxy(monkeypatch, exceptions):
    """Listed by name or by network."""
    with sink() as server:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port()}")
        monkeypatch.setenv("NO_PROXY", exceptions)
        with client(server.url) as http_client:
            assert post(http_client).status == 200


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1080", "http://", "http://a:99999"])
def test_an_unusable_proxy_is_refused_when_the_client_is_built(monkeypatch, proxy):
    """A direct connection may not be allowed."""
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(ImproperlyConfigured, match=r"ALL_PROXY must be a URL .* NO_PROXY"):
        HttpClient("http://events.invalid", owner="Test", option="url")


@pytest.mark.parametrize("secure", [False, True])
def test_a_forked_child_leaves_the_connection_to_its_parent(tls, trusted, secure):
    """The child opens its own connection, and the parent continues to use the first one."""
    with sink(tls=tls if secure else None) as server, client(server.url) as http_client:
        post(http_client)
        child = os.fork()
        if not child:
            code = 1
            try:
                http_client.forget()
                code = 0 if post(http_client, b"child").status == 200 else 2
                http_client.close()
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        post(http_client, b"parent")

        assert os.waitstatus_to_exitcode(status) == 0
        assert [request.body for request in server.requests] == [b"{}", b"child", b"parent"]
        assert server.connections == 2


def post_in_vain(http_client):
    with suppress(NoResponse):
        post(http_client)


def test_a_child_forked_during_a_request_is_not_blocked_by_it():
    """The child lacks the thread of the request, which may hold locks."""
    over, asked = threading.Event(), threading.Event()

    def hang(handler):
        asked.set()
        over.wait(TIMEOUT_SECONDS)
        handler.close_connection = True

    with sink([hang]) as server, client(server.url) as http_client:
        thread = threading.Thread(target=post_in_vain, args=(http_client,))
        thread.start()
        asked.wait(TIMEOUT_SECONDS)
        child = os.fork()
        if not child:
            code = 1
            try:
                http_client.forget()
                code = 0 if post(http_client, b"child").status == 200 else 2
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        over.set()
        thread.join(TIMEOUT_SECONDS)

        assert os.waitstatus_to_exitcode(status) == 0
        assert [request.body for request in server.requests] == [b"{}", b"child"]


def test_closing_does_not_wait_for_requests():
    """A request under way is completed, and its connection is closed."""
    over, asked = threading.Event(), threading.Event()
    responses = []

    def hang(handler):
        asked.set()
        over.wait(TIMEOUT_SECONDS)
        handler.send_response(200)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    with sink([hang, 200]) as server, client(server.url) as http_client:
        thread = threading.Thread(target=lambda: responses.append(post(http_client).status))
        thread.start()
        asked.wait(TIMEOUT_SECONDS)
        http_client.close()
        assert responses == []

        over.set()
        thread.join(TIMEOUT_SECONDS)
        assert responses == [200]

        post(http_client)
        assert server.connections == 2
