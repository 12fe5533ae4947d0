"""Access control of the page and its JSON API, and the HTTP server with misbehaving clients."""

import faulthandler
import gc
import gzip
import json
import os
import socket
import time
from uuid import uuid4

import pytest
from inspector_client import Client

from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.inspector.access import Access, is_loopback
from eventtracking.inspector.admin import Admin
from eventtracking.inspector.http_server import ENDPOINTS
from eventtracking.inspector.server import Inspector

PROTECTED = ["/", "/all", "/good", "/bad", "/feed", "/event?number=1"]

FILES = ["/page.css", "/page.js", "/page.svg"]


def send_raw(inspector, data):
    """Send *data* unchanged; return all bytes of the response."""
    with socket.create_connection(inspector.http_server.server_address, timeout=120) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as response:
            return response.read()


def test_the_json_of_events_is_as_documented(client):
    """End-to-end tests rely on its form."""
    client.track("edx.video.played", "")
    everything = client.get("/all")[1]
    good, bad = everything["events"]

    assert everything["counts"] == {"good": 1, "bad": 1}
    assert {*good} == {"destination", "name", "good", "reasons", "payload", "received_at"}
    assert (good["destination"], good["name"], good["good"]) == (
        "segment",
        "edx.video.played",
        True,
    )
    assert (good["reasons"], good["payload"]["userId"]) == ([], "7")
    assert (bad["good"], bad["reasons"]) == (False, ["track: event must be a non-empty string"])
    assert client.get("/good") == (200, {**everything, "events": [good]})
    assert client.get("/bad") == (200, {**everything, "events": [bad]})
    assert client.get("/all?destination=datadog")[1]["events"] == []


def test_a_reset_removes_all_events(client):
    """For a clean start of the next test."""
    client.track("a")

    assert client.post("/reset", {}) == (200, {"counts": {"good": 0, "bad": 0}})
    assert client.get("/all")[1]["events"] == []


def test_the_feed_holds_the_new_events(client):
    """Without their payloads, which the page fetches one by one."""
    client.track("a", "b")
    first = client.get("/feed")[1]
    number = first["events"][1]["number"]
    client.track("c")
    second = client.get(f"/feed?after={first['last']}")[1]

    assert [event["name"] for event in first["events"]] == ["a", "b"]
    assert [event["name"] for event in second["events"]] == ["c"]
    assert "payload" not in first["events"][0]
    assert client.get(f"/event?number={number}")[1]["payload"]["event"] == "b"
    assert client.get("/event?number=99")[0] == 404
    assert client.get("/event?number=x")[0] == 404


@pytest.mark.parametrize("path", PROTECTED)
def test_reading_requires_the_token(inspector, token, path):
    """The status is 401 whether it is missing or wrong."""
    stranger = Client(inspector.url)
    separator = "&" if "?" in path else "?"

    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {token}"}):
        status, received, _ = stranger.request("GET", path, **headers)
        assert (status, received["WWW-Authenticate"]) == (401, "Bearer")
    assert stranger.request("GET", f"{path}{separator}token=wrong")[0] == 401
    assert stranger.request("GET", f"{path}{separator}token={token}")[0] in (200, 404)


@pytest.mark.parametrize("path", ["/reset", "/faults"])
def test_changing_anything_requires_the_token(inspector, path):
    """Without it, unknown paths cannot be told from known ones."""
    stranger = Client(inspector.url)

    assert stranger.request("POST", path, b"{}")[0] == 401
    assert stranger.request("GET", "/nothing")[0] == 401


@pytest.mark.parametrize("token", ["ä", "\udcff", ""])
def test_any_other_token_is_wrong(token):
    """Comparing it raises no exception."""
    access = Access(token="right", host="127.0.0.1")
    headers = {"host": "127.0.0.1", "authorization": f"Bearer {token}"}

    assert access.refusal(headers, {})[0] == 401
    assert access.refusal({"host": "127.0.0.1"}, {"token": token})[0] == 401


@pytest.mark.parametrize("path", [*PROTECTED, *FILES, "/reset"])
@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.1", "", "localhost, evil", "[::2]:1"]
)
def test_other_host_names_are_refused(client, path, host):
    """A site can make its own name resolve to this machine (DNS rebinding)."""
    assert client.request("GET", path, Host=host)[0] == 403


@pytest.mark.parametrize("host", ["127.0.0.1", "LOCALHOST:1", "[::1]:8766", "127.0.0.1:8766"])
def test_three_host_names_are_accepted(client, host):
    """With any port, since a tunnel changes it."""
    assert client.request("GET", "/all", Host=host)[0] == 200


@pytest.mark.parametrize("path", [*PROTECTED, *FILES])
@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1", ""])
def test_pages_of_other_origins_are_refused(client, path, origin):
    """Even with the token."""
    assert client.request("GET", path, Origin=origin)[0] == 403


@pytest.mark.parametrize("path", ["/reset", "/faults"])
def test_pages_of_other_origins_change_nothing(client, path):
    """A browser sends a form to another origin without asking first."""
    assert client.request("POST", path, b"{}", Origin="http://evil.example")[0] == 403


def test_the_page_itself_is_admitted(client):
    """Its origin is the address of the inspector."""
    assert client.request("POST", "/reset", b"{}", Origin=f"http://{client.netloc}")[0] == 200


@pytest.mark.parametrize("path", ["/", *FILES])
def test_the_files_of_the_page_have_strict_headers(client, path):
    """Nothing inline, nothing from other origins, and no guessing of types."""
    status, headers, body = client.request("GET", path)
    policy = dict(rule.split(" ", 1) for rule in headers["Content-Security-Policy"].split("; "))

    assert (status, bool(body)) == (200, True)
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert b"<script>" not in body
    assert b" style=" not in body


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/reset", "POST"),
        ("GET", "/faults", "POST"),
        ("POST", "/all", "GET"),
        ("POST", "/", "GET"),
        ("GET", "/v1/batch", "POST"),
        ("PUT", "/mp/collect", "POST"),
    ],
)
def test_each_path_accepts_one_method(client, method, path, allowed):
    """A link must not be able to reset anything."""
    status, headers, _ = client.request(method, path)

    assert (status, headers["Allow"]) == (405, allowed)


def test_head_is_get_without_a_body(client):
    """Health checks use it."""
    status, headers, body = client.request("HEAD", "/all")

    assert (status, body) == (200, b"")
    assert int(headers["Content-Length"]) > 0


def test_unknown_paths_are_not_found(client):
    """The status is 404."""
    assert client.get("/nothing")[0] == 404


@pytest.mark.parametrize("path", ENDPOINTS)
def test_vendor_endpoints_require_no_token(inspector, path):
    """The official clients could not send one."""
    status, _, _ = Client(inspector.url).request("POST", path, b"{", Host="api.segment.io")

    assert status in (200, 204, 400, 403)
    assert status != 403 or path.startswith("/api/")


def test_without_a_token_every_local_program_may_read():
    """Pages of other origins still may not."""
    running = Inspector(token=None)
    try:
        client = Client(running.url)
        assert client.get("/all")[0] == 200
        assert client.request("GET", "/all", Host="evil.example")[0] == 403
    finally:
        running.close()


def test_another_loopback_address_is_accepted_if_the_server_listens_on_it():
    """All of 127.0.0.0/8 is this machine."""
    access = Access(token=None, host="127.0.0.2")

    assert access.refusal({"host": "127.0.0.2:8766"}, {}) is None
    assert access.refusal({"host": "127.0.0.3:8766"}, {})[0] == 403


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.0.0.2", True),
        ("LocalHost", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("", False),
        ("box", False),
    ],
)
def test_loopback_hosts_are_recognized(host, expected):
    """Other machines do not reach them."""
    assert is_loopback(host) == expected


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.1", "a-machine.example"])
def test_a_host_that_other_machines_reach_is_refused(host):
    """Even with a token: the endpoints require none."""
    with pytest.raises(ImproperlyConfigured, match="host must be a loopback address"):
        Inspector(host=host, token=uuid4().hex)


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_it_can_listen_on_ipv6():
    """Some machines have nothing else."""
    try:
        running = Inspector(host="::1")
    except ImproperlyConfigured:
        pytest.skip("no IPv6 here")
    try:
        assert running.url.startswith("http://[::1]:")
        assert Client(running.url).get("/all")[0] == 200
    finally:
        running.close()


def test_a_decompression_bomb_is_refused(inspector, client):
    """With the vendor's status, and without the memory that it would need."""
    bomb = gzip.compress(b"\0" * 50_000_000)

    assert client.request("POST", "/v1/batch", bomb, Content_Encoding="gzip")[0] == 400
    headers = {"Content_Encoding": "gzip", "DD_API_KEY": "k"}
    assert client.request("POST", "/api/v2/logs", bomb, **headers)[0] == 413
    assert client.request("POST", "/mp/collect", bomb, Content_Encoding="gzip")[0] == 204
    assert inspector.events.counts()["bad"] == 3


@pytest.mark.parametrize(
    ("path", "size", "status"),
    [("/v1/batch", 512_001, 400), ("/v1/track", 32_769, 400), ("/mp/collect", 130_000, 204)],
)
def test_a_body_over_the_limit_gets_a_response(client, path, size, status):
    """A client that is cut off while it sends would never see the reason."""
    assert client.request("POST", path, b" " * size)[0] == status
    assert "over" in client.get("/bad")[1]["events"][0]["reasons"][0]


def test_compressed_series_have_a_limit_of_their_own(client):
    """500 kB as they are sent, 5 MB after decompression."""
    assert client.request("POST", "/api/v2/series", b" " * 512_001, DD_API_KEY="k")[0] == 413
    compressed = gzip.compress(b'{"series":[]' + b" " * 5_242_000 + b"}")
    headers = {"DD_API_KEY": "k", "Content_Encoding": "gzip"}
    assert client.request("POST", "/api/v2/series", compressed, **headers)[0] == 202


def test_a_script_that_is_too_long_is_refused(client):
    """With 413, after the body was read."""
    assert client.request("POST", "/faults", b" " * 100_001)[0] == 413


@pytest.mark.parametrize(
    "head", [b"Content-Length: x", b"Content-Length: -1", b"Transfer-Encoding: chunked"]
)
@pytest.mark.parametrize("path", [b"/v1/batch", b"/all"])
def test_a_body_without_a_valid_length_is_refused(inspector, head, path):
    """None of the vendors' clients sends one."""
    request = b"POST " + path + b" HTTP/1.1\r\nHost: localhost\r\n" + head + b"\r\n\r\n"

    assert send_raw(inspector, request).startswith(b"HTTP/1.1 411 ")


def test_a_client_that_disconnects_in_the_middle_stops_nothing(inspector, client):
    """An incomplete body is discarded."""
    head = b"POST /v1/batch HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n"

    assert send_raw(inspector, head + b'{"batch":') == b""
    assert client.get("/all")[1]["events"] == []


def test_a_client_that_expects_100_continue_gets_it(inspector):
    """curl does with larger bodies."""
    head = b"POST /v1/batch HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n"
    with socket.create_connection(inspector.http_server.server_address, timeout=120) as connection:
        connection.sendall(head + b"Expect: 100-continue\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        connection.sendall(b"{}")
        assert connection.recv(1000).startswith(b"HTTP/1.1 400 ")


def test_a_connection_serves_many_requests(inspector):
    """Clients keep their connections."""
    body = json.dumps({"batch": [{"type": "track", "event": "e", "userId": "7"}]}).encode()
    head = f"POST /v1/batch HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    responses = send_raw(inspector, (head.encode() + body) * 50)

    assert responses.count(b"HTTP/1.1 200 OK") == 50


def test_it_can_be_closed_twice_and_with_open_connections(inspector):
    """Clients keep their connections."""
    with socket.create_connection(inspector.http_server.server_address, timeout=120) as connection:
        connection.sendall(b"GET /page.svg HTTP/1.1\r\nHost: localhost\r\n\r\n")
        response = b""
        while not response.endswith(b"</svg>\n"):
            response += connection.recv(10_000)
        inspector.close()
        inspector.close()
        assert connection.recv(1) == b""


def test_a_defect_is_logged_and_breaks_one_connection(inspector, client, monkeypatch, caplog):
    """The next request gets a response."""

    def fail(*_):
        raise RuntimeError("a defect")

    monkeypatch.setattr(Admin, "respond", fail)
    with pytest.raises(ConnectionError):
        client.get("/all")

    assert client.track("a") == 200
    assert [record.message for record in caplog.records] == ["A request failed"]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_closes_only_its_own_descriptors(inspector, client):
    """As when a child leaves the `with` block of its parent."""
    with socket.create_connection(inspector.http_server.server_address, timeout=120) as connection:
        connection.sendall(b"GET /page.svg HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.recv(10)
        child = os.fork()
        if not child:
            faulthandler.dump_traceback_later(30, exit=True)
            inspector.close()
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert client.track("a") == 200
        connection.sendall(b"GET /page.svg HTTP/1.1\r\nHost: localhost\r\n\r\n")
        response = b""
        while response.count(b"</svg>") < 2:
            response += connection.recv(10_000)


def test_a_port_in_use_leaves_nothing_open(inspector):
    """A socket that stays open would be a warning here."""
    for ports in (
        {"statsd_port": inspector.statsd_address[1]},
        {"http_port": inspector.http_server.server_address[1]},
    ):
        option = f"--{next(iter(ports)).replace('_', '-')}"
        with pytest.raises(ImproperlyConfigured, match=rf"is in use.*{option} \d+$"):
            Inspector(**ports)
    gc.collect()


def test_datagrams_are_received(inspector, client):
    """Without a response, since the Agent sends none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"a:1|c\n1:1|c", inspector.statsd_address)
        deadline = time.monotonic() + 120
        while len(events := client.get("/all")[1]["events"]) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)

    assert [(event["destination"], event["name"]) for event in events] == [
        ("datadog", "a"),
        ("datadog", "1"),
    ]
