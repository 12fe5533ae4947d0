"""Metrics and events for Datadog: by its agent, and by its HTTP intake."""

import json
import logging
import os
import re
import secrets
import socket
import subprocess
import sys
import threading
import time

import pytest
from datadog_agent import HANG_SECONDS, books, event, udp_agent, unix_agent, until
from sink_server import reset, sink

from eventtracking.backends.datadog import DatadogBackend
from eventtracking.destinations.datadog.intake import MAX_BODY_BYTES, Item, bodies
from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.tracker import Tracker

pytest.importorskip("datadog")
pytest.importorskip("urllib3")

ORDERS = {
    "event": "shop.order.*",
    "metric": "orders.amount",
    "type": "distribution",
    "value": "data.amount",
    "tags": {"mode": "data.mode"},
}


@pytest.fixture
def key():
    return secrets.token_hex(16)


@pytest.fixture
def building():
    """Return a function that builds a backend; it is closed afterwards."""
    built = []

    def build(**options):
        backend = DatadogBackend(**options)
        built.append(backend)
        return backend

    yield build
    for backend in built:
        backend.close(0)


@pytest.fixture(params=["udp", "unix"])
def agent(request, tmp_path):
    with udp_agent() if request.param == "udp" else unix_agent(tmp_path / "dsd.socket") as found:
        yield found


def posted(server, path):
    """Return the bodies that arrived at *path*."""
    return [request.json() for request in server.requests if request.path == path]


def points(server):
    """Return the points of the metrics that arrived, as `(metric, tags, value)`."""
    return [
        (series["metric"], tuple(series["tags"]), point["value"])
        for body in posted(server, "/api/v2/series")
        for series in body["series"]
        for point in series["points"]
    ]


def kept(server):
    """Return what Datadog has of the metrics that arrived, by the metric, tags and second."""
    return {
        (series["metric"], *series["tags"], point["timestamp"]): point["value"]
        for body in posted(server, "/api/v2/series")
        for series in body["series"]
        for point in series["points"]
    }


def test_every_event_is_counted_by_its_name_and_its_source(agent, building):
    """Events of one moment are added up: one line for each name and source."""
    backend = building(flush_interval=60.0, **agent.options)
    for each in (event(), event(), event(source="browser"), event("page.viewed", source=None)):
        backend.send(each)

    assert sorted(agent.metrics(backend)) == [
        ("eventtracking.events", "1", "c", ("event:page.viewed",)),
        ("eventtracking.events", "1", "c", ("event:shop.order.placed", "source:browser")),
        ("eventtracking.events", "2", "c", ("event:shop.order.placed", "source:server")),
    ]
    assert books(backend) == {"accepted": 4, "sent": 4, "pending": 0, "lost": {}}


def test_an_event_that_is_emitted_arrives_without_a_flush(agent, building):
    """The agent is near: it takes a moment, not a batch."""
    tracker = Tracker(backends={"datadog": building(**agent.options)})
    agent.listener.settimeout(HANG_SECONDS)
    tracker.emit("page.viewed", {"path": "/"})

    assert agent.listener.recv(9000) == b"eventtracking.events:1|c|#event:page.viewed\n"


def test_the_prefix_can_be_another_one_or_none(building):
    """Names are whole then, as in the settings."""
    for prefix, name in (("edx.prod", "edx.prod.events"), ("", "events")):
        with udp_agent() as agent:
            backend = building(prefix=prefix, **agent.options)
            backend.send(event())

            assert [each.name for each in agent.metrics(backend)] == [name]


def test_an_announced_event_is_a_datadog_event_as_well(agent, building):
    """Its title is the name, its text the data, and lengths are those of UTF-8."""
    backend = building(event_names=["shop.*.failed"], flush_interval=60.0, **agent.options)
    backend.send(event("shop.payment.failed", {"why": "é\n|x"}))
    backend.send(event("shop.payment.done"))
    text = '{"why":"é\\n|x"}'
    head = f"_e{{19,{len(text.encode())}}}:shop.payment.failed|{text}|d:"
    announced, counted = agent.datagrams(backend)

    assert announced.startswith(head)
    assert re.fullmatch(r"\d+\|#event:shop.payment.failed,source:server\n", announced[len(head) :])
    assert counted.count("\n") == 2


@pytest.mark.parametrize("sign", ["x", "é", "\U0001f4a5", "\n", '"'])
@pytest.mark.parametrize("length", [10, 3_990, 4_100, 100_000])
def test_a_datadog_event_is_cut_to_what_the_agent_reads(sign, length, building):
    """An oversized one would be refused by the client, or cut off by the agent."""
    with udp_agent() as agent:
        backend = building(event_names=["*"], flush_interval=60.0, **agent.options)
        backend.send(event(sign * length, {"text": sign * length}, source=sign * length))
        announced, _ = agent.datagrams(backend)
        sizes = re.match(r"_e\{(\d+),(\d+)\}:", announced)
        body = announced.encode()[len(sizes[0]) :]

        assert len(announced.encode()) <= 8192
        assert body[int(sizes[1]) : int(sizes[1]) + 1] == b"|"
        assert books(backend)["lost"] == {}


def test_many_metrics_share_a_datagram_and_none_is_lost(building):
    """A burst is a few datagrams, which the socket of the agent has room for."""
    with udp_agent() as agent:
        backend = building(metrics=[ORDERS], flush_interval=60.0, **agent.options)
        for number in range(300):
            backend.send(event(data={"amount": number}))
        found = agent.datagrams(backend)
        values = re.findall(r"orders.amount:(\d+)\|d", "".join(found))

    assert values == [str(number) for number in range(300)]
    assert len(found) < 30
    assert max(len(each.encode()) for each in found) <= 1433


def test_a_closed_port_is_no_error_and_the_books_balance(building, caplog):
    """What UDP cannot know counts as sent, what it does know waits, and is lost at the end."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    backend = building(statsd_port=port)
    tracker = Tracker(backends={"datadog": backend})
    for number in range(200):
        tracker.emit(f"page.{number}.{'x' * 100}")
    until(lambda: "cannot be reached" in caplog.text)
    tracker.close(0.2)
    stats = books(backend)

    assert stats["accepted"] == 200
    assert stats["pending"] == 0
    assert stats["lost"].get("closed") == stats["accepted"] - stats["sent"] > 0
    assert f"no packet gets to 127.0.0.1:{port}" in caplog.text


def test_what_a_missing_agent_did_not_take_reaches_it_when_it_is_back(building, tmp_path):
    """A Unix socket tells: an agent that restarts loses nothing of it, and nothing twice."""
    path = tmp_path / "dsd.socket"
    backend = building(socket_path=str(path), event_names=["shop.payment.failed"])
    backend.send(event())
    backend.send(event("shop.payment.failed"))

    assert not backend.flush(0.2)
    assert books(backend)["pending"] == 2
    with unix_agent(path) as agent:
        found = "".join(agent.datagrams(backend))

    assert sorted(re.findall("#event:([a-z.]+)", found)) == [
        "shop.order.placed",
        "shop.payment.failed",
        "shop.payment.failed",
    ]
    assert books(backend) == {"accepted": 2, "sent": 2, "pending": 0, "lost": {}}


def test_a_full_agent_gets_the_rest_later_and_nothing_twice(building, tmp_path):
    """A socket that takes no more is waited for: emitting is not."""
    with unix_agent(tmp_path / "dsd.socket") as agent:
        backend = building(metrics=[ORDERS], batch_events=5_000, **agent.options)
        for number in range(30_000):
            backend.send(event(data={"amount": number}))
        found = []
        agent.listener.settimeout(HANG_SECONDS)
        while "orders.amount:29999|d" not in (found[-1] if found else ""):
            found.append(agent.listener.recv(65_535).decode())
        found += agent.datagrams(backend)

    values = re.findall(r"orders.amount:(\d+)\|d", "".join(found))
    assert sorted(map(int, values)) == [*range(30_000)]
    assert books(backend)["sent"] == 30_000


def test_a_stream_socket_of_the_agent_works(building, tmp_path):
    """Each message is preceded by its length there."""
    path = tmp_path / "stream.socket"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()
        listener.settimeout(HANG_SECONDS)
        backend = building(socket_path=f"unixstream://{path}")
        backend.send(event("page.viewed"))

        assert backend.flush(HANG_SECONDS)
        connection, _ = listener.accept()
        message = b"eventtracking.events:1|c|#event:page.viewed,source:server\n"
        with connection, connection.makefile("rb") as stream:
            connection.settimeout(HANG_SECONDS)

            assert stream.read(4) == len(message).to_bytes(4, "little")
            assert stream.read(len(message)) == message


def test_a_client_that_is_switched_off_is_said_and_counted(building, monkeypatch, caplog):
    """What goes nowhere is not `sent`."""
    monkeypatch.setenv("DD_DOGSTATSD_DISABLE", "true")
    with udp_agent() as agent:
        backend = building(**agent.options)
        backend.send(event())

        assert agent.datagrams(backend) == []
    assert books(backend)["lost"] == {"rejected": 1}
    assert "see DD_DOGSTATSD_DISABLE" in caplog.text


def test_the_clients_own_telemetry_is_not_sent(building):
    """Only what was asked for arrives."""
    with udp_agent() as agent:
        backend = building(**agent.options)
        for _ in range(3):
            backend.send(event())
            backend.flush(HANG_SECONDS)

        assert "datadog.dogstatsd.client" not in "".join(agent.datagrams(backend))


def test_building_opens_no_socket_and_starts_no_thread(building, key):
    """A settings file can be checked anywhere."""
    before = {*os.listdir("/proc/self/fd")}, threading.active_count()
    building(statsd_host="agent.invalid")
    building(socket_path="/nowhere/dsd.socket")
    building(api_key=key, endpoint="http://intake.invalid")

    assert ({*os.listdir("/proc/self/fd")}, threading.active_count()) == before


def test_a_backend_does_not_change_the_event_and_says_that_it_reads_only(building):
    """It is spared the copy, and events leave the machine."""
    with udp_agent() as agent:
        backend = building(metrics=[ORDERS], event_names=["*"], **agent.options)
        given = event(data={"amount": 1, "nested": {"x": [1]}})
        kept = json.dumps(given, default=str)
        backend.send(given)

        assert json.dumps(given, default=str) == kept
    assert (backend.read_only, backend.sends_over_network) == (True, True)


def test_a_forked_child_reports_its_own_events_and_not_its_parents():
    """Before and after the first use; each event arrives once."""
    with udp_agent() as agent:
        program = f"""
import os, sys
from eventtracking.backends.datadog import DatadogBackend

backend = DatadogBackend(statsd_port={agent.options["statsd_port"]}, flush_interval=60.0)

def child(name):
    pid = os.fork()
    if not pid:
        send(name)
        done = backend.flush(20) and backend.stats()["accepted"] == 1
        os._exit(0 if done else 1)
    assert os.waitpid(pid, 0)[1] == 0

def send(name):
    backend.send({{"name": name, "data": {{}}, "context": {{}}}})

child("before.use")
send("of.parent")
child("while.waiting")
assert backend.flush(20)
send("of.parent")
child("after.use")
assert backend.close(20)
assert backend.stats()["sent"] == 2
"""
        done = subprocess.run(
            [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", program],
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        agent.listener.settimeout(0)
        found = []
        while len(found) < 5:
            found.append(agent.listener.recv(9000).decode())

    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(re.search("event:([a-z.]+)", each)[1] for each in found) == [
        "after.use", "before.use", "of.parent", "of.parent", "while.waiting"
    ]  # fmt: skip


def test_the_end_of_the_program_delivers_what_waits():
    """Nobody calls close()."""
    with udp_agent() as agent:
        program = f"""
from eventtracking.backends.datadog import DatadogBackend
backend = DatadogBackend(statsd_port={agent.options["statsd_port"]}, flush_interval=60.0)
backend.send({{"name": "last.word", "data": {{}}, "context": {{}}}})
"""
        subprocess.run([sys.executable, "-c", program], timeout=120, check=True)
        agent.listener.settimeout(HANG_SECONDS)

        assert b"last.word" in agent.listener.recv(9000)


def test_what_a_killed_process_left_in_its_outbox_is_counted_by_the_next(building, tmp_path):
    """With an outbox even the last tenth of a second is there."""
    with udp_agent() as agent:
        options = {**agent.options, "outbox": str(tmp_path / "outbox"), "flush_interval": 60.0}
        program = f"""
import os
from eventtracking.backends.datadog import DatadogBackend
backend = DatadogBackend(**{options!r})
for _ in range(100):
    backend.send({{"name": "page.viewed", "data": {{}}, "context": {{}}}})
os.kill(os.getpid(), 9)
"""
        subprocess.run([sys.executable, "-c", program], timeout=120, check=False)
        backend = building(**options)
        backend.send(event("of.the.next", source=None))

        assert sorted(agent.metrics(backend)) == [
            ("eventtracking.events", "1", "c", ("event:of.the.next",)),
            ("eventtracking.events", "100", "c", ("event:page.viewed",)),
        ]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"statsd_port": 0}, "statsd_port must be a whole number from 1 to 65535, got 0"),
        ({"statsd_port": 65536}, "statsd_port must be a whole number from 1 to 65535, got 65536"),
        ({"statsd_port": "8125"}, "statsd_port must be a whole number from 1 to 65535"),
        ({"statsd_host": ""}, "statsd_host must be a host such as '127.0.0.1', got ''"),
        ({"socket_path": 5}, "socket_path must be the path of a socket, or None, got 5"),
        ({"prefix": "a b"}, "prefix must be a letter, then A-Z a-z 0-9 _ and ., got 'a b'"),
        ({"prefix": None}, "prefix must be a letter"),
        ({"max_tag_values": 0}, "max_tag_values must be a whole number above 0, got 0"),
        ({"max_tag_values": True}, "max_tag_values must be a whole number above 0, got True"),
        ({"event_names": "edx.*"}, "event_names must be a list of names, got 'edx.*'"),
        ({"event_names": [1]}, "event_names must hold names, got 1"),
        ({"api_key": "k", "site": "https://x"}, "site must be a site such as 'datadoghq.com'"),
        ({"api_key": "k", "endpoint": "nowhere"}, "endpoint must be"),
        ({"api_key": ""}, "api_key must be a key, without spaces or line breaks"),
        ({"flush_intervall": 1}, "has no option 'flush_intervall'. Did you mean 'flush_interval'"),
        ({"max_age": -1}, "max_age must be a number of seconds"),
    ],
)
def test_a_wrong_option_is_refused_with_its_value_and_the_cure(options, complaint):
    """At the start, not at the first event."""
    with pytest.raises(ImproperlyConfigured, match=re.escape(complaint)) as caught:
        DatadogBackend(**options)

    assert str(caught.value).startswith("DatadogBackend")


def test_a_wrong_key_is_not_shown():
    """It may be right but for a line break."""
    key = secrets.token_hex(16)
    with pytest.raises(ImproperlyConfigured) as caught:
        DatadogBackend(api_key=f"{key}\n")

    assert key not in str(caught.value)


def test_a_missing_client_is_an_error_that_says_what_to_install(monkeypatch):
    """When the backend is built, not at the first event."""
    monkeypatch.setitem(sys.modules, "datadog.dogstatsd", None)
    with pytest.raises(ImproperlyConfigured, match=re.escape("eventtracking[datadog]")):
        DatadogBackend()


def test_counts_and_gauges_are_posted_as_series(building, key):
    """Events of one second are one point; the key is in a header only."""
    rows = [
        {"event": "*", "metric": "load", "type": "gauge", "value": "data.load"},
        {"event": "*", "metric": "items", "type": "increment", "value": "data.items"},
    ]
    with sink(default=202) as server:
        backend = building(api_key=key, endpoint=server.url, metrics=rows, flush_interval=60.0)
        for number in range(4):
            backend.send(event("a", {"load": number, "items": 2}))

        assert backend.flush(HANG_SECONDS)
        found = points(server)
        [body] = posted(server, "/api/v2/series")
        headers = server.requests[0].headers
    counted = [value for metric, _, value in found if metric == "eventtracking.events"]
    items = [value for metric, _, value in found if metric == "eventtracking.items"]
    loads = [value for metric, _, value in found if metric == "eventtracking.load"]

    assert (sum(counted), sum(items), loads[-1]) == (4, 8, 3)
    assert {series["type"] for series in body["series"]} == {1, 3}
    assert body["series"][0]["tags"] == ["event:a", "source:server"]
    assert body["series"][0]["resources"] == [{"type": "host", "name": os.uname().nodename}]
    assert headers["dd-api-key"] == key
    assert headers["content-encoding"] == "gzip"
    assert books(backend) == {"accepted": 4, "sent": 4, "pending": 0, "lost": {}}


@pytest.mark.parametrize("kind", ["histogram", "distribution", "timing"])
def test_whatever_has_a_spread_is_posted_as_a_distribution(kind, building, key):
    """The intake knows no other kind; every value of the batch is in it."""
    with sink(default=202) as server:
        backend = building(api_key=key, endpoint=server.url, metrics=[{**ORDERS, "type": kind}])
        for amount in (1, 2.5, 2.5):
            backend.send(event(data={"amount": amount, "mode": "honor"}))

        assert backend.flush(HANG_SECONDS)
        found = [
            series
            for body in posted(server, "/api/v1/distribution_points")
            for series in body["series"]
        ]
    assert {(each["metric"], each["type"], *each["tags"]) for each in found} == {
        ("eventtracking.orders.amount", "distribution", "mode:honor")
    }
    assert [value for each in found for value in each["points"][0][1]] == [1, 2.5, 2.5]


def test_announced_events_are_posted_one_by_one(building, key):
    """The intake takes one a request; their counter goes with the others."""
    with sink(default=202) as server:
        backend = building(api_key=key, endpoint=server.url, event_names=["shop.*"])
        for number in range(3):
            backend.send(event("shop.closed", {"n": number}))
        backend.send(event("page.viewed"))

        assert backend.flush(HANG_SECONDS)
        bodies_of_events = posted(server, "/api/v1/events")
        counted = sum(kept(server).values())
    assert [(body["title"], body["text"]) for body in bodies_of_events] == [
        ("shop.closed", f'{{"n":{number}}}') for number in range(3)
    ]
    assert bodies_of_events[0]["tags"] == ["event:shop.closed", "source:server"]
    assert isinstance(bodies_of_events[0]["date_happened"], int)
    assert counted == 4
    assert books(backend)["sent"] == 4


def test_no_point_takes_the_place_of_another_and_none_lies_ahead(building, key):
    """Datadog keeps the later of two points of a second: what the first one told is in it."""
    with sink(default=202) as server:
        backend = building(api_key=key, endpoint=server.url, event_names=["a"])
        for _ in range(20):
            backend.send(event("a"))

            assert backend.flush(HANG_SECONDS)
        found = kept(server)
        now = time.time()
    assert sum(found.values()) == 20
    assert max(second for *_, second in found) <= now


def test_what_was_refused_is_in_no_later_point(building, key):
    """It is counted as lost here, so it must not count there."""

    def picky(handler):
        refused = b"poison" in handler.server.sink.requests[-1].body
        handler.answer(400 if refused else 202)

    row = {"event": "*", "metric": "m", "type": "increment", "tags": {"t": "data.t"}}
    with sink(default=picky) as server:
        backend = building(api_key=key, endpoint=server.url, metrics=[row])
        for text in ("fine", "poison", "fine"):
            # The counter is in the same body, which is refused whole.
            backend.send(event("a", {"t": text}))

            assert backend.flush(HANG_SECONDS)
        server.requests = [each for each in server.requests if b"poison" not in each.body]
        found = kept(server)
    counted = [value for (metric, *_), value in found.items() if metric == "eventtracking.events"]

    assert books(backend)["lost"] == {"rejected": 1}
    assert sum(counted) == 2


@pytest.mark.parametrize("trouble", [500, 429, 408, reset])
def test_a_repeated_batch_repeats_only_the_calls_that_were_not_answered(trouble, building, key):
    """The same points with the same times; what was answered with yes is not sent again."""
    with sink([202, trouble, 202], default=202) as server:
        backend = building(
            api_key=key, endpoint=server.url, metrics=[ORDERS], event_names=["*"], timeout=5.0
        )
        backend.send(event(data={"amount": 1}))

        assert backend.flush(HANG_SECONDS)
        calls = [(request.path, request.body) for request in server.requests]
    assert [path for path, _ in calls] == [
        "/api/v2/series",
        "/api/v1/distribution_points",
        "/api/v1/distribution_points",
        "/api/v1/events",
    ]
    assert calls[1] == calls[2]
    assert books(backend) == {"accepted": 1, "sent": 1, "pending": 0, "lost": {}}


def test_a_batch_that_is_refused_is_split_until_the_poison_stands_alone(building, key):
    """Its neighbours arrive."""

    def picky(handler):
        refused = b"poison" in handler.server.sink.requests[-1].body
        handler.answer(400 if refused else 202)

    with sink(default=picky) as server:
        backend = building(api_key=key, endpoint=server.url, flush_interval=60.0)
        for name in ("a", "b", "poison", "c"):
            backend.send(event(name))

        assert backend.flush(HANG_SECONDS)
    assert books(backend) == {"accepted": 4, "sent": 3, "pending": 0, "lost": {"rejected": 1}}


def test_a_refusal_after_a_part_arrived_rejects_only_what_was_refused(building, key):
    """To split the batch would count again what arrived."""
    with sink([202, 400], default=202) as server:
        backend = building(api_key=key, endpoint=server.url, metrics=[ORDERS], flush_interval=60.0)
        backend.send(event(data={"amount": 1}))
        backend.send(event("page.viewed"))

        assert backend.flush(HANG_SECONDS)
        assert len(server.requests) == 2
    assert books(backend) == {"accepted": 2, "sent": 1, "pending": 0, "lost": {"rejected": 1}}


def test_a_wrong_key_keeps_everything_and_is_in_no_log(building, key, caplog):
    """Somebody mends the settings, and all arrives."""
    caplog.set_level(logging.DEBUG)
    with sink(default=(403, {}, key.encode())) as server:
        backend = building(api_key=key, endpoint=server.url)
        backend.send(event())
        until(lambda: "refuses events" in caplog.text)

        assert books(backend)["pending"] == 1
    assert key not in caplog.text
    assert key not in repr(backend) + repr(vars(backend))
    assert not backend.close(0)


def item(size, owner):
    return Item(b"9" * size, {owner}, {})


@pytest.mark.parametrize(
    ("sizes", "most", "expected"),
    [
        ([10, 10], 33, 2),
        ([10, 10], 34, 1),
        ([10, 10], 35, 1),
        ([50], 35, 1),
        ([], 35, 0),
        ([100_000] * 5, MAX_BODY_BYTES, 2),
    ],
)
def test_no_body_is_larger_than_the_limit(sizes, most, expected):
    """13 bytes are around the series, and a comma is between two."""
    made = [*bodies("/p", [item(size, str(n)) for n, size in enumerate(sizes)], most=most)]

    assert len(made) == expected
    assert all(len(each.body) <= most or len(json.loads(each.body)["series"]) == 1 for each in made)
    assert {owner for each in made for owner in each.ids} == {*map(str, range(len(sizes)))}


def test_a_batch_of_many_tags_is_posted_in_bodies_within_the_limit(building, key):
    """500 KB a body, before it is packed."""
    row = {**ORDERS, "type": "increment"}
    with sink(default=202) as server:
        backend = building(
            api_key=key, endpoint=server.url, metrics=[row], max_tag_values=5_000,
            flush_interval=60.0,
        )  # fmt: skip
        for number in range(3_000):
            backend.send(event(data={"amount": 1, "mode": f"{number}-{'x' * 150}"}))

        assert backend.flush(HANG_SECONDS)
        sizes = [len(request.body) for request in server.requests]
        total = sum(value for metric, _, value in points(server) if metric.endswith("amount"))
    assert len(sizes) > 1
    assert max(sizes) <= MAX_BODY_BYTES
    assert total == 3_000


def test_metrics_that_are_too_old_are_given_up(building, key):
    """Datadog drops points of more than an hour ago without a word; here they are counted."""
    with sink(default=202) as server:
        backend = building(api_key=key, endpoint=server.url, max_age=0.001)
        backend.send(event())
        sent_at = time.time()
        until(lambda: time.time() > sent_at + 0.001)

        assert backend.flush(HANG_SECONDS)
    assert books(backend)["lost"] == {"expired": 1}
    assert building(api_key=key)._options["max_age"] == 3600.0
