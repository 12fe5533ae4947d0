"""Who may look at what came in, and who may not; and what a broken client does."""

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
from eventtracking.inspector import server
from eventtracking.inspector.access import Access, is_loopback
from eventtracking.inspector.server import INTAKES, Inspector

LOOK = ["/", "/all", "/good", "/bad", "/feed", "/event?number=1"]

FILES = ["/page.css", "/page.js", "/page.svg"]


def spoken(inspector, text):
    """Send *text* as it is; return what is answered until the connection is closed."""
    with socket.create_connection(inspector.http_address, timeout=120) as connection:
        connection.sendall(text)
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as answer:
            return answer.read()


def test_what_came_in_is_told_as_documented(client):
    """The shape that end-to-end tests rely on."""
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
    assert (bad["good"], bad["reasons"]) == (False, ["track needs event, a string"])
    assert client.get("/good") == (200, {**everything, "events": [good]})
    assert client.get("/bad") == (200, {**everything, "events": [bad]})
    assert client.get("/all?destination=datadog")[1]["events"] == []


def test_a_reset_forgets_it(client):
    """Between two tests."""
    client.track("a")

    assert client.post("/reset", {}) == (200, {"counts": {"good": 0, "bad": 0}})
    assert client.get("/all")[1]["events"] == []


def test_the_page_is_fed_what_is_new(client):
    """Without payloads, which it asks for one by one."""
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


@pytest.mark.parametrize("path", LOOK)
def test_who_does_not_know_the_token_sees_nothing(inspector, token, path):
    """401, whether it is missing or wrong."""
    stranger = Client(inspector.url)
    joint = "&" if "?" in path else "?"

    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {token}"}):
        status, said, _ = stranger.ask("GET", path, **headers)
        assert (status, said["WWW-Authenticate"]) == (401, "Bearer")
    assert stranger.ask("GET", f"{path}{joint}token=wrong")[0] == 401
    assert stranger.ask("GET", f"{path}{joint}token={token}")[0] in (200, 404)


@pytest.mark.parametrize("path", ["/reset", "/faults"])
def test_who_does_not_know_the_token_changes_nothing(inspector, path):
    """And learns nothing of what there is."""
    stranger = Client(inspector.url)

    assert stranger.ask("POST", path, b"{}")[0] == 401
    assert stranger.ask("GET", "/nothing")[0] == 401


@pytest.mark.parametrize("token", ["ä", "\udcff", ""])
def test_a_strange_token_is_only_wrong(token):
    """Comparing it raises nothing."""
    access = Access(token="right", host="127.0.0.1")
    headers = {"host": "127.0.0.1", "authorization": f"Bearer {token}"}

    assert access.refusal(headers, {})[0] == 401
    assert access.refusal({"host": "127.0.0.1"}, {"token": token})[0] == 401


@pytest.mark.parametrize("path", [*LOOK, *FILES, "/reset"])
@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.1", "", "localhost, evil", "[::2]:1"]
)
def test_another_name_for_this_machine_is_refused(client, path, host):
    """A page elsewhere can make its name mean this machine (DNS rebinding)."""
    assert client.ask("GET", path, Host=host)[0] == 403


@pytest.mark.parametrize("host", ["127.0.0.1", "LOCALHOST:1", "[::1]:8766", "127.0.0.1:8766"])
def test_this_machine_has_three_names(client, host):
    """With any port: a tunnel changes it."""
    assert client.ask("GET", "/all", Host=host)[0] == 200


@pytest.mark.parametrize("path", [*LOOK, *FILES])
@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1", ""])
def test_a_page_from_elsewhere_is_refused(client, path, origin):
    """Though it may know the token."""
    assert client.ask("GET", path, Origin=origin)[0] == 403


@pytest.mark.parametrize("path", ["/reset", "/faults"])
def test_a_page_from_elsewhere_changes_nothing(client, path):
    """A form needs nobody's leave to be sent."""
    assert client.ask("POST", path, b"{}", Origin="http://evil.example")[0] == 403


def test_the_own_page_is_let_in(client):
    """Its origin is the address it was fetched from."""
    assert client.ask("POST", "/reset", b"{}", Origin=f"http://{client.netloc}")[0] == 200


@pytest.mark.parametrize("path", ["/", *FILES])
def test_the_files_of_the_page_have_the_strictest_headers(client, path):
    """Nothing inline, nothing from elsewhere, no guessing of types."""
    status, headers, body = client.ask("GET", path)
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))

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
def test_a_path_has_its_method(client, method, path, allowed):
    """A link must not reset anything."""
    status, headers, _ = client.ask(method, path)

    assert (status, headers["Allow"]) == (405, allowed)


def test_a_head_is_a_get_without_a_body(client):
    """As for whoever checks whether it is up."""
    status, headers, body = client.ask("HEAD", "/all")

    assert (status, body) == (200, b"")
    assert int(headers["Content-Length"]) > 0


def test_there_is_nothing_elsewhere(client):
    """404, as everywhere."""
    assert client.get("/nothing")[0] == 404


@pytest.mark.parametrize("path", INTAKES)
def test_vendors_ask_for_no_token(inspector, path):
    """The official clients could not give one."""
    status, _, _ = Client(inspector.url).ask("POST", path, b"{", Host="api.segment.io")

    assert status in (200, 204, 400, 403)
    assert status != 403 or path.startswith("/api/")


def test_without_a_token_everyone_here_may_look():
    """But no page from elsewhere."""
    running = Inspector(token=None)
    try:
        client = Client(running.url)
        assert client.get("/all")[0] == 200
        assert client.ask("GET", "/all", Host="evil.example")[0] == 403
    finally:
        running.close()


def test_a_further_number_of_this_machine_is_a_name_once_it_listens_there():
    """All of 127.0.0.0/8 is this machine."""
    access = Access(token=None, host="127.0.0.2")

    assert access.refusal({"host": "127.0.0.2:8766"}, {}) is None
    assert access.refusal({"host": "127.0.0.3:8766"}, {})[0] == 403


@pytest.mark.parametrize(
    ("host", "is_one"),
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
def test_this_machine_alone_is_known(host, is_one):
    """Nobody else reaches what listens there."""
    assert is_loopback(host) == is_one


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.1", "a-machine.example"])
def test_a_host_that_others_reach_is_refused(host):
    """Whatever the token: the intakes ask for none."""
    with pytest.raises(ImproperlyConfigured, match="is for this machine alone"):
        Inspector(host=host, token=uuid4().hex)


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_it_listens_on_ipv6_as_well():
    """For those who have nothing else."""
    try:
        running = Inspector(host="::1")
    except ImproperlyConfigured:
        pytest.skip("no IPv6 here")
    try:
        assert running.url.startswith("http://[::1]:")
        assert Client(running.url).get("/all")[0] == 200
    finally:
        running.close()


def test_a_bomb_is_refused_by_the_server(inspector, client):
    """As the vendor does, and without taking its room."""
    bomb = gzip.compress(b"\0" * 50_000_000)

    assert client.ask("POST", "/v1/batch", bomb, Content_Encoding="gzip")[0] == 400
    answer = client.ask("POST", "/api/v2/logs", bomb, Content_Encoding="gzip", DD_API_KEY="k")
    assert answer[0] == 413
    assert client.ask("POST", "/mp/collect", bomb, Content_Encoding="gzip")[0] == 204
    assert inspector.records.counts()["bad"] == 3


@pytest.mark.parametrize(
    ("path", "size", "status"),
    [("/v1/batch", 512_001, 400), ("/v1/track", 32_769, 400), ("/mp/collect", 130_000, 204)],
)
def test_a_body_over_the_limit_is_read_and_answered(client, path, size, status):
    """On the same connection: a client that is cut off never sees why."""
    assert client.ask("POST", path, b" " * size)[0] == status
    assert "over" in client.get("/bad")[1]["events"][0]["reasons"][0]


def test_packed_series_have_a_limit_of_their_own(client):
    """500 kB as they come, 5 MB unpacked."""
    assert client.ask("POST", "/api/v2/series", b" " * 512_001, DD_API_KEY="k")[0] == 413
    packed = gzip.compress(b'{"series":[]' + b" " * 5_242_000 + b"}")
    headers = {"DD_API_KEY": "k", "Content_Encoding": "gzip"}
    assert client.ask("POST", "/api/v2/series", packed, **headers)[0] == 202


def test_a_script_that_is_too_long_is_refused(client):
    """413, after reading it."""
    assert client.ask("POST", "/faults", b" " * 100_001)[0] == 413


@pytest.mark.parametrize(
    "head", [b"Content-Length: x", b"Content-Length: -1", b"Transfer-Encoding: chunked"]
)
@pytest.mark.parametrize("path", [b"/v1/batch", b"/all"])
def test_a_body_without_a_length_is_refused(inspector, head, path):
    """No client of the three sends one."""
    request = b"POST " + path + b" HTTP/1.1\r\nHost: localhost\r\n" + head + b"\r\n\r\n"

    assert spoken(inspector, request).startswith(b"HTTP/1.1 411 ")


def test_a_client_that_goes_away_in_the_middle_stops_nothing(inspector, client):
    """Half an event is none."""
    head = b"POST /v1/batch HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n"

    assert spoken(inspector, head + b'{"batch":') == b""
    assert client.get("/all")[1]["events"] == []


def test_a_client_that_waits_for_leave_gets_it(inspector):
    """curl does, with a larger body."""
    head = b"POST /v1/batch HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n"
    with socket.create_connection(inspector.http_address, timeout=120) as connection:
        connection.sendall(head + b"Expect: 100-continue\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        connection.sendall(b"{}")
        assert connection.recv(1000).startswith(b"HTTP/1.1 400 ")


def test_a_connection_serves_many_requests(inspector):
    """As a client keeps one."""
    body = json.dumps({"batch": [{"type": "track", "event": "e", "userId": "7"}]}).encode()
    head = f"POST /v1/batch HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    answers = spoken(inspector, (head.encode() + body) * 50)

    assert answers.count(b"HTTP/1.1 200 OK") == 50


def test_it_ends_with_connections_open_and_may_end_twice(inspector):
    """Clients keep theirs."""
    with socket.create_connection(inspector.http_address, timeout=120) as connection:
        connection.sendall(b"GET /page.svg HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = b""
        while not answer.endswith(b"</svg>\n"):
            answer += connection.recv(10_000)
        inspector.close()
        inspector.close()
        assert connection.recv(1) == b""


def test_a_defect_is_logged_and_ends_one_connection(inspector, client, monkeypatch, caplog):
    """The next request is answered."""
    monkeypatch.setattr(inspector, "admin", None)
    with pytest.raises(ConnectionError):
        client.get("/all")

    assert client.track("a") == 200
    assert [record.message for record in caplog.records] == ["A request to the inspector failed"]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_closes_its_own_and_not_the_parents(inspector, client):
    """As when a child leaves the `with` block of its parent."""
    with socket.create_connection(inspector.http_address, timeout=120) as connection:
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
        answer = b""
        while answer.count(b"</svg>") < 2:
            answer += connection.recv(10_000)


def test_a_port_in_use_leaves_nothing_open(inspector):
    """Half an inspector would be in the way of the next try, and a warning here."""
    for ports in (
        {"statsd_port": inspector.statsd_address[1]},
        {"http_port": inspector.http_address[1]},
    ):
        option = f"--{next(iter(ports)).replace('_', '-')}"
        with pytest.raises(ImproperlyConfigured, match=rf"is in use.*{option} \d+$"):
            Inspector(**ports)
    gc.collect()


def test_a_host_that_is_none_is_one_line(monkeypatch):
    """With what the system says of it, as where there is no IPv6."""
    monkeypatch.setattr(server, "is_loopback", bool)
    with pytest.raises(ImproperlyConfigured, match=r"cannot listen on port 0 of 192\.0\.2\.1: "):
        Inspector(host="192.0.2.1")


def test_datagrams_are_received_while_it_runs(inspector, client):
    """With no answer, as the Agent gives none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"a:1|c\n1:1|c", inspector.statsd_address)
        deadline = time.monotonic() + 120
        while len(events := client.get("/all")[1]["events"]) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)

    assert [(event["destination"], event["name"]) for event in events] == [
        ("datadog", "a"),
        ("datadog", "1"),
    ]
