"""Metrics and Datadog events, sent to the agent or to the HTTP intake."""

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
from datadog_agent import (
    HANG_SECONDS,
    event,
    send_in_the_past,
    statistics,
    udp_agent,
    unix_agent,
    until,
)
from sink_server import reset, sink

from eventtracking.backends.datadog import DatadogBackend
from eventtracking.destinations.datadog.intake import (
    MAX_BODY_BYTES,
    EncodedSeries,
    pack_series,
)
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
def build():
    """Return a function that builds a backend, which is closed after the test."""
    built = []

    def build_backend(**options):
        backend = DatadogBackend(**options)
        built.append(backend)
        return backend

    yield build_backend
    for backend in built:
        backend.close(0)


@pytest.fixture(params=["udp", "unix"])
def agent(request, tmp_path):
    with udp_agent() if request.param == "udp" else unix_agent(tmp_path / "dsd.socket") as found:
        yield found


def posted(server, path):
    """Return the bodies that *server* received at *path*."""
    return [request.json() for request in server.requests if request.path == path]


def points(server):
    """Return the points that *server* received, as `(metric, tags, value)`."""
    return [
        (series["metric"], tuple(series["tags"]), point["value"])
        for body in posted(server, "/api/v2/series")
        for series in body["series"]
        for point in series["points"]
    ]


def kept(server):
    """Return the values that Datadog would keep, by metric, tags and second."""
    return {
        (series["metric"], *series["tags"], point["timestamp"]): point["value"]
        for body in posted(server, "/api/v2/series")
        for series in body["series"]
        for point in series["points"]
    }


def test_every_event_is_counted_by_name_and_source(agent, build):
    """The counts of a batch are added up: one line for each name and source."""
    backend = build(flush_interval=60.0, **agent.options)
    for each in (event(), event(), event(source="browser"), event("page.viewed", source=None)):
        backend.send(each)

    assert sorted(agent.metrics(backend)) == [
        ("eventtracking.events", "1", "c", ("event:page.viewed",)),
        ("eventtracking.events", "1", "c", ("event:shop.order.placed", "source:browser")),
        ("eventtracking.events", "2", "c", ("event:shop.order.placed", "source:server")),
    ]
    assert statistics(backend) == {"accepted": 4, "sent": 4, "pending": 0, "lost": {}}


def test_an_event_reaches_the_agent_without_a_flush(agent, build):
    """Within a tenth of a second, even if the batch is not full."""
    tracker = Tracker(backends={"datadog": build(**agent.options)})
    agent.listener.settimeout(HANG_SECONDS)
    tracker.emit("page.viewed", {"path": "/"})

    assert agent.listener.recv(9000) == b"eventtracking.events:1|c|#event:page.viewed\n"


def test_the_prefix_can_be_changed_or_empty(build):
    """With an empty prefix, names are those in the settings."""
    for prefix, name in (("edx.prod", "edx.prod.events"), ("", "events")):
        with udp_agent() as agent:
            backend = build(prefix=prefix, **agent.options)
            backend.send(event())

            assert [each.name for each in agent.metrics(backend)] == [name]


def test_an_event_among_event_names_is_sent_as_a_datadog_event_as_well(agent, build):
    """Its title is the name and its text the data. Lengths are in bytes of UTF-8."""
    backend = build(event_names=["shop.*.failed"], flush_interval=60.0, **agent.options)
    backend.send(event("shop.payment.failed", {"why": "é\n|x"}))
    backend.send(event("shop.payment.done"))
    text = '{"why":"é\\n|x"}'
    head = f"_e{{19,{len(text.encode())}}}:shop.payment.failed|{text}|d:"
    datadog_event, counted = agent.datagrams(backend)

    assert datadog_event.startswith(head)
    tail = datadog_event[len(head) :]
    assert re.fullmatch(r"\d+\|#event:shop.payment.failed,source:server\n", tail)
    assert counted.count("\n") == 2


@pytest.mark.parametrize("character", ["x", "é", "\U0001f4a5", "\n", '"'])
@pytest.mark.parametrize("length", [10, 3_990, 4_100, 100_000])
def test_a_datadog_event_is_cut_to_the_size_that_the_agent_accepts(character, length, build):
    """The client would reject a larger one, and the agent would cut it."""
    with udp_agent() as agent:
        backend = build(event_names=["*"], flush_interval=60.0, **agent.options)
        text = character * length
        backend.send(event(text, {"text": text}, source=text))
        datadog_event, _ = agent.datagrams(backend)
        sizes = re.match(r"_e\{(\d+),(\d+)\}:", datadog_event)
        body = datadog_event.encode()[len(sizes[0]) :]

        assert len(datadog_event.encode()) <= 8192
        assert body[int(sizes[1]) : int(sizes[1]) + 1] == b"|"
        assert statistics(backend)["lost"] == {}


def test_many_metrics_share_a_datagram_and_none_is_lost(build):
    """A burst becomes a few datagrams, which fit into the socket of the agent."""
    with udp_agent() as agent:
        backend = build(metrics=[ORDERS], flush_interval=60.0, **agent.options)
        for number in range(300):
            backend.send(event(data={"amount": number}))
        found = agent.datagrams(backend)
        values = re.findall(r"orders.amount:(\d+)\|d", "".join(found))

    assert values == [str(number) for number in range(300)]
    assert len(found) < 30
    assert max(len(each.encode()) for each in found) <= 1433


def test_events_for_a_closed_port_are_counted_and_nothing_is_raised(build, caplog):
    """A datagram that the kernel takes counts as sent. Others wait, and are lost at the end."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    backend = build(statsd_port=port)
    tracker = Tracker(backends={"datadog": backend})
    for number in range(200):
        tracker.emit(f"page.{number}.{'x' * 100}")
    until(lambda: "cannot be reached" in caplog.text)
    tracker.close(0.2)
    stats = statistics(backend)

    assert stats["accepted"] == 200
    assert stats["pending"] == 0
    assert stats["lost"].get("closed") == stats["accepted"] - stats["sent"] > 0
    assert f"no packet gets to 127.0.0.1:{port}" in caplog.text


def test_events_wait_for_a_missing_agent_with_a_unix_socket(build, tmp_path):
    """They arrive once when the agent is back."""
    path = tmp_path / "dsd.socket"
    backend = build(socket_path=str(path), event_names=["shop.payment.failed"])
    backend.send(event())
    backend.send(event("shop.payment.failed"))

    assert not backend.flush(0.2)
    assert statistics(backend)["pending"] == 2
    with unix_agent(path) as agent:
        found = "".join(agent.datagrams(backend))

    assert sorted(re.findall("#event:([a-z.]+)", found)) == [
        "shop.order.placed",
        "shop.payment.failed",
        "shop.payment.failed",
    ]
    assert statistics(backend) == {"accepted": 2, "sent": 2, "pending": 0, "lost": {}}


def test_points_wait_while_the_socket_of_the_agent_is_full(build, tmp_path):
    """They arrive once, and `emit` does not wait."""
    with unix_agent(tmp_path / "dsd.socket") as agent:
        backend = build(metrics=[ORDERS], batch_events=5_000, **agent.options)
        for number in range(30_000):
            backend.send(event(data={"amount": number}))
        found = []
        agent.listener.settimeout(HANG_SECONDS)
        while "orders.amount:29999|d" not in (found[-1] if found else ""):
            found.append(agent.listener.recv(65_535).decode())
        found += agent.datagrams(backend)

    values = re.findall(r"orders.amount:(\d+)\|d", "".join(found))
    assert sorted(map(int, values)) == [*range(30_000)]
    assert statistics(backend)["sent"] == 30_000


def test_a_stream_socket_of_the_agent_works(build, tmp_path):
    """Each message is preceded by its length."""
    path = tmp_path / "stream.socket"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()
        listener.settimeout(HANG_SECONDS)
        backend = build(socket_path=f"unixstream://{path}")
        backend.send(event("page.viewed"))

        assert backend.flush(HANG_SECONDS)
        connection, _ = listener.accept()
        message = b"eventtracking.events:1|c|#event:page.viewed,source:server\n"
        with connection, connection.makefile("rb") as stream:
            connection.settimeout(HANG_SECONDS)

            assert stream.read(4) == len(message).to_bytes(4, "little")
            assert stream.read(len(message)) == message


def test_events_are_rejected_while_the_client_is_disabled(build, monkeypatch, caplog):
    """They do not count as `sent`, and the log names the variable."""
    monkeypatch.setenv("DD_DOGSTATSD_DISABLE", "true")
    with udp_agent() as agent:
        backend = build(**agent.options)
        backend.send(event())

        assert agent.datagrams(backend) == []
    assert statistics(backend)["lost"] == {"rejected": 1}
    assert "see DD_DOGSTATSD_DISABLE" in caplog.text


def test_the_telemetry_of_the_client_is_not_sent(build):
    """Only metrics of events arrive."""
    with udp_agent() as agent:
        backend = build(**agent.options)
        for _ in range(3):
            backend.send(event())
            backend.flush(HANG_SECONDS)

        assert "datadog.dogstatsd.client" not in "".join(agent.datagrams(backend))


def test_building_opens_no_socket_and_starts_no_thread(build, key):
    """Settings can be checked on any machine."""
    before = {*os.listdir("/proc/self/fd")}, threading.active_count()
    build(statsd_host="agent.invalid")
    build(socket_path="/nowhere/dsd.socket")
    build(api_key=key, endpoint="http://intake.invalid")

    assert ({*os.listdir("/proc/self/fd")}, threading.active_count()) == before


def test_a_backend_does_not_change_the_event_and_declares_so(build):
    """So the router makes no copy for it."""
    with udp_agent() as agent:
        backend = build(metrics=[ORDERS], event_names=["*"], **agent.options)
        given = event(data={"amount": 1, "nested": {"x": [1]}})
        before = json.dumps(given, default=str)
        backend.send(given)

        assert json.dumps(given, default=str) == before
    assert (backend.read_only, backend.sends_over_network) == (True, True)


def test_a_forked_child_delivers_its_own_events_only():
    """Whether it is forked before or after the first event. Each event arrives once."""
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


def test_waiting_events_are_delivered_when_the_program_exits():
    """Without a call of `close`."""
    with udp_agent() as agent:
        program = f"""
from eventtracking.backends.datadog import DatadogBackend
backend = DatadogBackend(statsd_port={agent.options["statsd_port"]}, flush_interval=60.0)
backend.send({{"name": "last.event", "data": {{}}, "context": {{}}}})
"""
        subprocess.run([sys.executable, "-c", program], timeout=120, check=True)
        agent.listener.settimeout(HANG_SECONDS)

        assert b"last.event" in agent.listener.recv(9000)


def test_the_next_process_counts_the_events_in_the_outbox_of_a_killed_one(build, tmp_path):
    """An outbox keeps even the events of the last tenth of a second."""
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
        backend = build(**options)
        backend.send(event("next.process", source=None))

        assert sorted(agent.metrics(backend)) == [
            ("eventtracking.events", "1", "c", ("event:next.process",)),
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
        (
            {"prefix": "a b"},
            "prefix must be a letter, then A-Z a-z 0-9 _ and ., or empty, got",
        ),
        ({"prefix": None}, "prefix must be a letter"),
        (
            {"max_tag_values": 0},
            "max_tag_values must be a whole number of values, 1 or more",
        ),
        ({"max_tag_values": True}, "max_tag_values must be a whole number of values, 1 or more"),
        ({"event_names": "edx.*"}, "event_names must be a list, got 'edx.*'"),
        ({"event_names": [1]}, "event_names[0] must be text that is not empty, got 1"),
        ({"api_key": "k", "site": "https://x"}, "site must be a site such as 'datadoghq.com'"),
        ({"api_key": "k", "endpoint": "nowhere"}, "endpoint must be"),
        (
            {"api_key": ""},
            "api_key must be a key without spaces or line breaks, got a value",
        ),
        ({"flush_intervall": 1}, "has no option 'flush_intervall'. Did you mean 'flush_interval'"),
        ({"max_age": -1}, "max_age must be a number of seconds"),
    ],
)
def test_a_wrong_option_is_an_error_that_says_what_is_right(options, complaint):
    """When the backend is built, not for the first event."""
    with pytest.raises(ImproperlyConfigured, match=re.escape(complaint)) as caught:
        DatadogBackend(**options)

    assert str(caught.value).startswith("DatadogBackend")


def test_every_wrong_option_is_reported_in_the_same_error():
    """Its own and those of delivery, in the order of the signature."""
    options = {
        "timeout": 0, "event_names": 1, "prefix": "1", "metrics": [ORDERS, {**ORDERS, "event": 1}],
        "endpoint": "nowhere", "site": "!", "api_key": "", "statsd_port": 0, "statsd_host": "",
    }  # fmt: skip
    with pytest.raises(ImproperlyConfigured) as caught:
        DatadogBackend(**options)

    assert [line.split(" must ")[0] for line in str(caught.value).splitlines()] == [
        f"DatadogBackend: {option}"
        for option in (
            "statsd_host", "statsd_port", "api_key", "site", "endpoint", "metrics[1]['event']",
            "prefix", "event_names", "timeout",
        )
    ]  # fmt: skip


def test_a_wrong_key_is_not_shown():
    """It may be a real key with a line break at its end."""
    key = secrets.token_hex(16)
    with pytest.raises(ImproperlyConfigured) as caught:
        DatadogBackend(api_key=f"{key}\n")

    assert key not in str(caught.value)


def test_a_missing_client_is_an_error_that_says_what_to_install(monkeypatch):
    """When the backend is built, not for the first event."""
    monkeypatch.setitem(sys.modules, "datadog.dogstatsd", None)
    with pytest.raises(ImproperlyConfigured, match=re.escape("eventtracking[datadog]")):
        DatadogBackend()


def test_counts_and_gauges_are_posted_as_series(build, key):
    """Events of the same second are one point. The key is only in a header."""
    rows = [
        {"event": "*", "metric": "load", "type": "gauge", "value": "data.load"},
        {"event": "*", "metric": "items", "type": "increment", "value": "data.items"},
    ]
    with sink(default=202) as server:
        backend = build(api_key=key, endpoint=server.url, metrics=rows, flush_interval=60.0)
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
    assert statistics(backend) == {"accepted": 4, "sent": 4, "pending": 0, "lost": {}}


@pytest.mark.parametrize("kind", ["histogram", "distribution", "timing"])
def test_metrics_with_many_values_are_posted_as_distributions(kind, build, key):
    """The intake has no other type for them. Every value of the batch is sent."""
    with sink(default=202) as server:
        backend = build(api_key=key, endpoint=server.url, metrics=[{**ORDERS, "type": kind}])
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


def test_datadog_events_are_posted_one_by_one(build, key):
    """The intake accepts one per request. They are counted with the other events."""
    with sink(default=202) as server:
        backend = build(api_key=key, endpoint=server.url, event_names=["shop.*"])
        for number in range(3):
            backend.send(event("shop.closed", {"n": number}))
        backend.send(event("page.viewed"))

        assert backend.flush(HANG_SECONDS)
        events = posted(server, "/api/v1/events")
        counted = sum(kept(server).values())
    assert [(body["title"], body["text"]) for body in events] == [
        ("shop.closed", f'{{"n":{number}}}') for number in range(3)
    ]
    assert events[0]["tags"] == ["event:shop.closed", "source:server"]
    assert isinstance(events[0]["date_happened"], int)
    assert counted == 4
    assert statistics(backend)["sent"] == 4


def test_no_point_replaces_another_and_none_is_in_the_future(build, key):
    """Datadog keeps the later of two points in a second, so it contains the earlier one."""
    with sink(default=202) as server:
        backend = build(api_key=key, endpoint=server.url, event_names=["a"])
        for _ in range(20):
            backend.send(event("a"))

            assert backend.flush(HANG_SECONDS)
        found = kept(server)
        now = time.time()
    assert sum(found.values()) == 20
    assert max(second for *_, second in found) <= now


def test_a_rejected_value_is_not_part_of_a_later_point(build, key):
    """It is counted as lost here, so Datadog must not count it."""

    def picky(handler):
        refused = b"poison" in handler.server.sink.requests[-1].body
        handler.respond(400 if refused else 202)

    row = {"event": "*", "metric": "m", "type": "increment", "tags": {"t": "data.t"}}
    with sink(default=picky) as server:
        backend = build(api_key=key, endpoint=server.url, metrics=[row])
        for text in ("fine", "poison", "fine"):
            # The counter is in the same body, which is rejected as a whole.
            backend.send(event("a", {"t": text}))

            assert backend.flush(HANG_SECONDS)
        server.requests = [each for each in server.requests if b"poison" not in each.body]
        found = kept(server)
    counted = [value for (metric, *_), value in found.items() if metric == "eventtracking.events"]

    assert statistics(backend)["lost"] == {"rejected": 1}
    assert sum(counted) == 2


@pytest.mark.parametrize("failure", [500, 429, 408, reset])
def test_a_repeated_batch_repeats_only_the_requests_that_failed(failure, build, key):
    """With the same points and times."""
    with sink([202, failure, 202], default=202) as server:
        backend = build(
            api_key=key, endpoint=server.url, metrics=[ORDERS], event_names=["*"], timeout=5.0
        )
        backend.send(event(data={"amount": 1}))

        assert backend.flush(HANG_SECONDS)
        requests = [(request.path, request.body) for request in server.requests]
    assert [path for path, _ in requests] == [
        "/api/v2/series",
        "/api/v1/distribution_points",
        "/api/v1/distribution_points",
        "/api/v1/events",
    ]
    assert requests[1] == requests[2]
    assert statistics(backend) == {"accepted": 1, "sent": 1, "pending": 0, "lost": {}}


def test_an_invalid_event_does_not_affect_the_rest_of_its_batch(build, key):
    """A batch that is rejected is split until the invalid event is alone."""

    def picky(handler):
        refused = b"poison" in handler.server.sink.requests[-1].body
        handler.respond(400 if refused else 202)

    with sink(default=picky) as server:
        backend = build(api_key=key, endpoint=server.url, flush_interval=60.0)
        for name in ("a", "b", "poison", "c"):
            backend.send(event(name))

        assert backend.flush(HANG_SECONDS)
    assert statistics(backend) == {"accepted": 4, "sent": 3, "pending": 0, "lost": {"rejected": 1}}


def test_a_batch_is_not_split_after_one_of_its_requests_succeeded(build, key):
    """That would count some values twice. Only the events of the failed request are rejected."""
    with sink([202, 400], default=202) as server:
        backend = build(api_key=key, endpoint=server.url, metrics=[ORDERS], flush_interval=60.0)
        backend.send(event(data={"amount": 1}))
        backend.send(event("page.viewed"))

        assert backend.flush(HANG_SECONDS)
        assert len(server.requests) == 2
    assert statistics(backend) == {"accepted": 2, "sent": 1, "pending": 0, "lost": {"rejected": 1}}


def test_events_wait_while_the_key_is_wrong_and_the_key_is_in_no_log(build, key, caplog):
    """They arrive once the operator has corrected the settings."""
    caplog.set_level(logging.DEBUG)
    with sink(default=(403, {}, key.encode())) as server:
        backend = build(api_key=key, endpoint=server.url)
        backend.send(event())
        until(lambda: "refuses events" in caplog.text)

        assert statistics(backend)["pending"] == 1
    assert key not in caplog.text
    assert key not in repr(backend) + repr(vars(backend))
    assert not backend.close(0)


def series(size, record_id):
    return EncodedSeries(b"9" * size, {record_id}, {})


@pytest.mark.parametrize(
    ("sizes", "max_bytes", "expected"),
    [
        ([10, 10], 33, 2),
        ([10, 10], 34, 1),
        ([10, 10], 35, 1),
        ([50], 35, 1),
        ([], 35, 0),
        ([100_000] * 5, MAX_BODY_BYTES, 2),
    ],
)
def test_no_body_is_larger_than_the_limit(sizes, max_bytes, expected):
    """13 bytes enclose the series, and a comma is between two."""
    encoded = [series(size, str(number)) for number, size in enumerate(sizes)]
    requests = [*pack_series("/p", encoded, max_bytes=max_bytes)]
    too_large = [request for request in requests if len(request.body) > max_bytes]

    assert len(requests) == expected
    assert all(len(json.loads(request.body)["series"]) == 1 for request in too_large)
    assert {each for request in requests for each in request.record_ids} == {
        *map(str, range(len(sizes)))
    }


def test_a_batch_of_many_tags_is_posted_in_bodies_within_the_limit(build, key):
    """500 KB for a body, before compression."""
    row = {**ORDERS, "type": "increment"}
    with sink(default=202) as server:
        backend = build(
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


@pytest.mark.parametrize(("options", "max_age"), [({}, 3600), ({"max_age": 60}, 60)])
def test_metrics_that_are_too_old_are_counted_as_expired(options, max_age, build, key, monkeypatch):
    """Datadog drops points that are older than an hour, without an error."""
    with sink(default=202) as server:
        backend = build(api_key=key, endpoint=server.url, flush_interval=60.0, **options)
        for age in (max_age + 1, max_age - 30):
            send_in_the_past(backend, event(), age, monkeypatch)

        assert backend.flush(HANG_SECONDS)
    assert statistics(backend)["sent"] == 1
    assert statistics(backend)["lost"] == {"expired": 1}
