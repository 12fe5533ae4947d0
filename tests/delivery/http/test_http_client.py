"""One HTTP request: bounded in time, silent about keys, sure of what went out."""

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

from eventtracking.delivery import HttpClient, NoAnswer, NotSent
from eventtracking.exceptions import ImproperlyConfigured

# Nothing here takes that long, also on a busy machine.
PATIENCE = 30

# What the other side must not be able to stretch; long enough to send a request in.
SHORT = 1.0

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    """What the machine of the developer says of proxies is left out."""
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(scope="module")
def authority():
    """A certificate authority that no machine trusts."""
    return trustme.CA()


@pytest.fixture
def tls(authority):
    """The server's side of TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    return context


@pytest.fixture
def trusted(authority, tmp_path, monkeypatch):
    """Have the system trust that authority."""
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))


@contextmanager
def client(url, **options):
    own = HttpClient(url, owner="Test", option="url", **options)
    try:
        yield own
    finally:
        own.close()


def post(own, body=b"{}", timeout=PATIENCE, **options):
    return own.post("/events", body, timeout=timeout, **options)


@contextmanager
def listener(answer=None):
    """Listen, and do to the first connection what *answer* says; yield the URL."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = None
        if answer:

            def serve():
                connection, _ = server.accept()
                with connection:
                    answer(connection)

            thread = threading.Thread(target=serve, daemon=True)
            thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        if thread:
            thread.join(PATIENCE)


def closed_port():
    """Return a port that nobody listens to."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def test_a_request_arrives_whole_and_its_answer_comes_back():
    """Path, headers and body as they were given."""
    with sink([(202, {"X-Left": "7"}, b"taken")]) as there, client(f"{there.url}/v1/") as own:
        answer = post(own, b'{"a":1}', headers={"Content-Type": "application/json"})

        assert (answer.status, answer.headers["x-left"], answer.body) == (202, "7", b"taken")
        [request] = there.requests
        assert (request.method, request.path) == ("POST", "/v1/events")
        assert request.body == b'{"a":1}'
        assert request.headers["content-type"] == "application/json"
        assert request.headers["user-agent"].startswith("eventtracking/")
        assert request.headers["host"] == f"127.0.0.1:{there.port}"


def test_a_header_of_the_request_counts_for_more_than_one_of_the_client():
    """However they are written, none is sent twice."""
    with sink() as there, client(there.url, headers={"x-one": "client", "X-Two": "2"}) as own:
        post(own, headers={"X-ONE": "request"})

        headers = there.requests[0].headers
        assert (headers["x-one"], headers["x-two"]) == ("request", "2")


def test_a_compressed_request_says_so():
    """The server unpacks what was given."""
    body = b'{"name":"page.viewed"}' * 1000
    with sink() as there, client(there.url) as own:
        post(own, body, compress=True)

        [request] = there.requests
        assert request.body == body
        assert int(request.headers["content-length"]) < len(body) / 10


def test_requests_share_a_connection_until_somebody_closes_it():
    """Whoever does: the next one opens another."""
    with sink([200, (200, {"Connection": "close"}), 200]) as there, client(there.url) as own:
        for _ in range(3):
            post(own)
        assert there.connections == 2

        own.close()
        own.close()
        post(own)
        assert there.connections == 3


def test_a_connection_that_the_server_closed_meanwhile_is_not_used_again():
    """A stale one would look as if nothing had come back."""
    hung_up = threading.Event()

    def answer_and_hang_up(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        handler.wfile.flush()
        handler.connection.shutdown(socket.SHUT_RDWR)
        hung_up.set()
        handler.close_connection = True

    with sink([answer_and_hang_up, 200]) as there, client(there.url) as own:
        post(own)
        hung_up.wait(PATIENCE)
        answer = post(own)

        assert answer.status == 200
        assert there.connections == 2


def test_a_connection_is_not_kept_for_ever(monkeypatch):
    """A host that moves gets its events at the new address."""
    with sink() as there, client(there.url) as own:
        post(own)
        now = time.monotonic()
        monkeypatch.setattr(time, "monotonic", lambda: now + 59)
        post(own)
        assert there.connections == 1

        monkeypatch.setattr(time, "monotonic", lambda: now + 59 + 61)
        post(own)
        assert there.connections == 2


@pytest.mark.parametrize("status", [307, 308])
def test_a_redirect_on_the_same_server_is_followed(status):
    """With the same method and body."""
    script = [(status, {"Location": "/new?page=1"}), (status, {"Location": "newer"}), 200]
    with sink(script) as there, client(there.url) as own:
        assert post(own, b"[1]").status == 200
        assert [request.path for request in there.requests] == ["/events", "/new?page=1", "/newer"]
        assert {request.body for request in there.requests} == {b"[1]"}


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
    """Events and keys go nowhere but where the settings say."""
    with sink(default=(307, {"Location": location} if location else {})) as there:
        with client(there.url) as own:
            assert post(own).status == 307
        assert len(there.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 303])
def test_a_redirect_that_changes_the_method_is_not_followed(status):
    """A GET delivers nothing."""
    with sink(default=(status, {"Location": "/"})) as there, client(there.url) as own:
        assert post(own).status == status
        assert len(there.requests) == 1


def test_redirects_in_a_circle_end():
    """After the third."""
    with sink(default=(307, {"Location": "/"})) as there, client(there.url) as own:
        assert post(own).status == 307
        assert len(there.requests) == 4


def test_of_a_huge_answer_only_the_beginning_is_read():
    """The rest stays with the server, and the connection is given up."""
    with sink([(200, {}, b"x" * 10_000_000), 200]) as there, client(there.url) as own:
        assert post(own).body == b"x" * 65_536
        assert post(own).status == 200
        assert there.connections == 2


def test_an_answer_in_chunks_is_read():
    """And the connection serves on."""
    chunked = (200, {"Transfer-Encoding": "chunked"}, b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    with sink([chunked, 200]) as there, client(there.url) as own:
        assert post(own).body == b"abcde"
        post(own)
        assert there.connections == 1


@pytest.mark.parametrize(
    "said",
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
    ids=lambda said: f"{said[:40]!r} {len(said)}",
)
def test_what_is_no_answer_is_known_as_none(said):
    """Half an answer, garbage, and headers without an end."""
    with sink(default=said) as there, client(there.url) as own, pytest.raises(NoAnswer) as caught:
        post(own)

    assert len(str(caught.value)) < 300
    assert str(caught.value).isprintable()


def test_a_reset_connection_is_known_as_no_answer():
    """The server may have taken the events before."""
    with sink(default=reset) as there, client(there.url) as own, pytest.raises(NoAnswer):
        post(own)


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
def test_a_server_that_answers_a_byte_at_a_time_does_not_stretch_the_time_out(beginning):
    """It would need hours to the end; the whole request has the time that it was given."""
    over = threading.Event()
    with sink(default=drip(beginning, stop=over)) as there, client(there.url) as own:
        with pytest.raises(NoAnswer, match="timed out"):
            post(own, timeout=SHORT)
        over.set()


def test_a_server_that_says_continue_for_ever_does_not_stretch_the_time_out():
    """The standard library waits for what comes after it."""

    def go_on(handler):
        try:
            while True:
                handler.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                handler.wfile.flush()
        except OSError:
            handler.close_connection = True

    with sink(default=go_on) as there, client(there.url) as own, pytest.raises(NoAnswer):
        post(own, timeout=SHORT)


def test_a_server_that_reads_nothing_does_not_stretch_the_time_out():
    """The request is larger than what the system buffers."""
    with listener() as url, client(url) as own, pytest.raises(NoAnswer, match="timed out"):
        post(own, b"x" * 50_000_000, timeout=SHORT)


def test_a_redirect_does_not_stretch_the_time_out():
    """All of it together has the time that it was given."""
    over = threading.Event()
    script = [(307, {"Location": "/a"}), (307, {"Location": "/b"}), drip(b"", stop=over)]
    with sink(script) as there, client(there.url) as own:
        with pytest.raises(NoAnswer, match="timed out"):
            post(own, timeout=SHORT)
        over.set()


def hanging_up(status):
    """Answer with *status* after the first bytes, and hang up."""

    def answer(connection):
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 %d Early\r\nContent-Length: 0\r\n\r\n" % status)

    return answer


def test_a_refusal_that_comes_with_a_reset_is_read():
    """Whoever refuses a large body may hang up before all of it is there."""
    with listener(hanging_up(413)) as url, client(url) as own:
        assert post(own, b"x" * 20_000_000).status == 413


def test_who_hangs_up_before_all_was_sent_has_not_taken_it():
    """Even if it says so."""
    body = b"x" * 20_000_000
    with listener(hanging_up(200)) as url, client(url) as own, pytest.raises(NoAnswer) as caught:
        post(own, body)

    assert "accepted a request that it had not read" in str(caught.value)


def test_an_answer_to_a_request_that_is_too_large_is_read():
    """Before all of it was sent."""

    def refuse(connection):
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        # Read on, for a reset would take the answer away.
        while connection.recv(1_000_000):
            pass

    with listener(refuse) as url, client(url) as own:
        assert post(own, b"x" * 20_000_000).status == 413


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
def test_paths_are_joined_and_one_that_is_whole_stays_as_it_is(given, path, expected):
    """A slash at the end makes a difference to many servers."""
    with sink() as there, client(f"{there.url}{given}") as own:
        own.post(path, b"", timeout=PATIENCE)

        assert there.requests[0].path == expected


def test_a_refused_connection_sent_nothing():
    """So nothing can have arrived."""
    url = f"http://127.0.0.1:{closed_port()}"
    with client(url) as own, pytest.raises(NotSent, match="refused"):
        post(own)


def test_a_host_without_an_address_was_sent_nothing():
    """The name is one that never exists."""
    with client("http://nowhere.invalid") as own, pytest.raises(NotSent, match=r"nowhere\.invalid"):
        post(own)


def test_a_host_that_does_not_accept_was_sent_nothing():
    """Its queue is full, and the time-out is kept."""
    with socket.socket() as server, socket.socket() as other, socket.socket() as third:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for filler in (other, third):
            filler.setblocking(False)
            filler.connect_ex(server.getsockname())
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        with client(url) as own, pytest.raises(NotSent, match="timed out"):
            post(own, timeout=SHORT)


def test_a_server_is_reached_over_tls(tls, trusted):
    """With a certificate that the system trusts; the connection is kept."""
    with sink(tls=tls) as there, client(there.url) as own:
        assert post(own).status == 200
        assert post(own, b"x" * 1_000_000).status == 200
        assert there.connections == 1
        assert len(there.requests[1].body) == 1_000_000
        there.script += [
            (200, {"Connection": "close"}, b"x" * 50_000),
            b"HTTP/1.1 200 OK\r\n\r\nabc",
        ]
        assert post(own).body == b"x" * 50_000
        assert post(own).body == b"abc"


def test_a_server_whose_certificate_nobody_trusts_is_sent_nothing(tls):
    """Neither events nor keys."""
    with sink(tls=tls) as there, client(there.url) as own:
        with pytest.raises(NotSent, match="certificate"):
            post(own)
        assert there.requests == []


def test_a_server_with_the_certificate_of_another_is_sent_nothing(authority, trusted):
    """It may be anyone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("another.example").configure_cert(context)
    with sink(tls=context) as there, client(there.url) as own:
        with pytest.raises(NotSent, match="certificate"):
            post(own)
        assert there.requests == []


def test_a_server_that_does_not_speak_tls_is_sent_nothing():
    """It answers in plain text, or never."""
    with sink() as there:
        url = there.url.replace("http", "https")
        with client(url) as own, pytest.raises(NotSent):
            post(own)
    with listener() as url:
        silent = client(url.replace("http", "https"))
        with silent as own, pytest.raises(NotSent, match="timed out"):
            post(own, timeout=SHORT)


def test_a_slow_answer_over_tls_does_not_stretch_the_time_out(tls, trusted):
    """As without it."""
    over = threading.Event()
    beginning = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
    script = [200, drip(beginning, stop=over)]
    with sink(script, tls=tls) as there, client(there.url) as own:
        post(own)
        with pytest.raises(NoAnswer):
            post(own, timeout=SHORT)
        over.set()


@pytest.fixture
def spoken(caplog, capfd, monkeypatch):
    """Return a function that returns all that was logged and printed."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="urllib3")
    monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 1)

    def said():
        printed = capfd.readouterr()
        logged = "".join(f"{record.getMessage()} {record.exc_text}" for record in caplog.records)
        return printed.out + printed.err + logged

    return said


def keys(number):
    """Return *number* keys that nobody has seen before."""
    return [f"{secrets.token_hex(8)}/{secrets.token_hex(8)}" for _ in range(number)]


def test_no_key_is_in_any_log_line_text_or_exception(spoken):
    """Not even if everything is set to say all it can, and the server repeats what it got."""
    key, other, third, in_path = keys(4)

    def repeat(handler):
        text = f"{handler.path} {handler.headers} {key} {other} {third}".encode()
        handler.send_response(400, f"no such key: {key}")
        handler.send_header("X-Echo", f"{key} {other}")
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)

    said = []
    no_header = f"HTTP/1.1 200 OK\r\nX Echo: {key}\r\n{key}\r\n\r\n".encode()
    script = [repeat, f"HTTP/1.0 {key}\r\n\r\n".encode(), no_header, reset]
    with sink(script) as there:
        own = HttpClient(
            f"{there.url}/{in_path}?token={third}",
            owner="Test",
            option="url",
            headers={"Authorization": f"Bearer {key}"},
            secret_query={"api_secret": other},
        )
        for _ in script:
            try:
                said.append(repr(post(own)))
            except OSError as error:
                said += [repr(error), str(error), repr(error.__cause__), str(error.__context__)]
        said += [repr(own), spoken()]
        own.close()

        query = there.requests[0].path.partition("?")[2]
        assert query.startswith(f"token={third}&api_secret=")
        assert there.requests[0].headers["authorization"] == f"Bearer {key}"

    halves = [half for each in (key, other, third, in_path) for half in each.split("/")]
    assert len(said) > len(script)
    assert [half for half in halves if half in "".join(said)] == []


def test_a_failed_connection_shows_no_key(spoken):
    """The address in the error ends at the port."""
    key, other = keys(2)
    url = f"http://127.0.0.1:{closed_port()}/{key}"
    known = client(url, secret_query={"api_secret": other})
    with known as own, pytest.raises(NotSent) as caught:
        post(own)

    text = f"{caught.value!r} {caught.value.__cause__} {spoken()}"
    assert [half for each in (key, other) for half in each.split("/") if half in text] == []


def test_the_keys_of_basic_authentication_are_hidden_in_plain_text_too():
    """A server may say whose password was wrong."""
    [password] = keys(1)
    credentials = f"user:{password}".encode()
    header = f"Basic {b64encode(credentials).decode()}"
    script = [(401, {}, f"wrong password {password}".encode())]
    headers = {"Authorization": header}
    with sink(script) as there, client(there.url, headers=headers) as own:
        assert post(own).body == b"wrong password ********"


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
def test_what_is_no_url_is_refused_when_the_client_is_built(url):
    """With whose option it is, and what one looks like."""
    with pytest.raises(ImproperlyConfigured, match="Test: url must be a URL such as 'https://"):
        HttpClient(url, owner="Test", option="url")


def test_a_password_in_a_url_is_refused_and_not_shown():
    """It belongs into a header."""
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
    """Importing our modules still works."""
    monkeypatch.setitem(sys.modules, "urllib3", None)
    with pytest.raises(ImproperlyConfigured, match=r"pip install 'eventtracking\[http\]'"):
        HttpClient("http://127.0.0.1", owner="Test", option="url")


def test_a_proxy_of_the_environment_is_used(monkeypatch):
    """It is given the whole address, and what it wants to know of us."""
    with sink() as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://user:word@127.0.0.1:{proxy.port}")
        with client("http://events.invalid/v1", secret_query={"api_secret": "abcdef"}) as own:
            post(own)

        [request] = proxy.requests
        assert request.path == "http://events.invalid/v1/events?api_secret=abcdef"
        assert request.headers["host"] == "events.invalid"
        assert request.headers["proxy-authorization"] == "Basic dXNlcjp3b3Jk"


def test_over_tls_a_proxy_only_passes_bytes_on(monkeypatch, tls, trusted):
    """It is asked for a tunnel, and sees neither path nor key."""
    with sink(tls=tls) as there:

        def connect(handler):
            handler.send_response(200)
            handler.end_headers()
            handler.wfile.flush()
            with socket.create_connection(("127.0.0.1", there.port)) as far:
                copies = [
                    threading.Thread(target=copy, args=ends, daemon=True)
                    for ends in ((handler.connection, far), (far, handler.connection))
                ]
                for each in copies:
                    each.start()
                for each in copies:
                    each.join(PATIENCE)
            handler.close_connection = True

        with sink([connect]) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://user:word@127.0.0.1:{proxy.port}")
            with client(there.url, headers={"Authorization": "Bearer abc"}) as own:
                assert post(own).status == 200
            assert [request.path for request in proxy.requests] == [f"127.0.0.1:{there.port}"]
            assert proxy.requests[0].headers["proxy-authorization"] == "Basic dXNlcjp3b3Jk"
            assert "authorization" not in proxy.requests[0].headers
        assert [request.path for request in there.requests] == ["/events"]
        assert "proxy-authorization" not in there.requests[0].headers


def copy(source, target):
    try:
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def test_a_proxy_that_makes_no_tunnel_was_sent_nothing(monkeypatch):
    """Nothing of the request, that is."""
    with sink([407]) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        with client("https://events.invalid") as own, pytest.raises(NotSent, match="407"):
            post(own)


@pytest.mark.parametrize("exceptions", ["127.0.0.1", "127.0.0.0/8", "*", "example.com, 127.0.0.1"])
def test_no_proxy_is_used_where_the_environment_says_so(monkeypatch, exceptions):
    """By host, and by network."""
    with sink() as there:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port()}")
        monkeypatch.setenv("NO_PROXY", exceptions)
        with client(there.url) as own:
            assert post(own).status == 200


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1080", "http://", "http://a:99999"])
def test_a_proxy_that_cannot_be_used_is_refused_when_the_client_is_built(monkeypatch, proxy):
    """Going around it would be worse."""
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(ImproperlyConfigured, match=r"ALL_PROXY must be a URL .* NO_PROXY"):
        HttpClient("http://events.invalid", owner="Test", option="url")


@pytest.mark.parametrize("secure", [False, True])
def test_a_forked_child_leaves_the_connection_to_its_parent(tls, trusted, secure):
    """It opens one of its own, and the parent's serves on."""
    with sink(tls=tls if secure else None) as there, client(there.url) as own:
        post(own)
        child = os.fork()
        if not child:
            code = 1
            try:
                own.forget()
                code = 0 if post(own, b"child").status == 200 else 2
                own.close()
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        post(own, b"parent")

        assert os.waitstatus_to_exitcode(status) == 0
        assert [request.body for request in there.requests] == [b"{}", b"child", b"parent"]
        assert there.connections == 2


def fail(own):
    with suppress(NoAnswer):
        post(own)


def test_a_child_forked_in_the_middle_of_a_request_is_not_held_up_by_it():
    """The thread that read the answer is not in the child, and its locks are never released."""
    over, asked = threading.Event(), threading.Event()

    def hang(handler):
        asked.set()
        over.wait(PATIENCE)
        handler.close_connection = True

    with sink([hang]) as there, client(there.url) as own:
        thread = threading.Thread(target=fail, args=(own,))
        thread.start()
        asked.wait(PATIENCE)
        child = os.fork()
        if not child:
            code = 1
            try:
                own.forget()
                code = 0 if post(own, b"child").status == 200 else 2
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        over.set()
        thread.join(PATIENCE)

        assert os.waitstatus_to_exitcode(status) == 0
        assert [request.body for request in there.requests] == [b"{}", b"child"]


def test_closing_waits_for_no_request():
    """The one that is under way ends by itself, and leaves no connection behind."""
    over, asked = threading.Event(), threading.Event()
    answers = []

    def hang(handler):
        asked.set()
        over.wait(PATIENCE)
        handler.send_response(200)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    with sink([hang, 200]) as there, client(there.url) as own:
        thread = threading.Thread(target=lambda: answers.append(post(own).status))
        thread.start()
        asked.wait(PATIENCE)
        own.close()
        assert answers == []

        over.set()
        thread.join(PATIENCE)
        assert answers == [200]

        post(own)
        assert there.connections == 2
