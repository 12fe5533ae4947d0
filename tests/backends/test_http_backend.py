"""Events posted as JSON or as CloudEvents to any server."""

import json
import logging
import secrets
import time
from datetime import UTC, datetime

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_structured
from cloudevents.core.formats.json import JSONFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sink_server import sink

from eventtracking.backends.http import HttpBackend
from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.tracker import Tracker

HANG_SECONDS = 30

MOMENT = datetime(2026, 3, 1, 12, 30, 45, 678901, tzinfo=UTC)


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    """Proxies in the environment of the developer have no effect."""
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def posting():
    """Return a function that sends events and returns the requests that arrived."""

    def post(*events, script=(), **options):
        with sink(script) as server:
            backend = HttpBackend(f"{server.url}/hook", flush_interval=300.0, **options)
            try:
                for each in events:
                    backend.send(each)
                assert backend.flush(HANG_SECONDS)
            finally:
                backend.close(0)
            return server.requests

    return post


def event(name="page.viewed", **more):
    return {"name": name, "timestamp": MOMENT, "data": {"page": "/"}, "context": {}, **more}


def test_events_arrive_as_a_json_array_each_with_its_id(posting):
    """All waiting events are in one request, in order."""
    [request] = posting(event("a"), event("b"))

    assert (request.method, request.path) == ("POST", "/hook")
    assert request.headers["content-type"] == "application/json"
    first, second = request.json()
    assert first["id"] != second["id"]
    assert first == {
        "id": first["id"],
        "name": "a",
        "timestamp": "2026-03-01T12:30:45.678901+00:00",
        "data": {"page": "/"},
        "context": {},
    }
    assert second["name"] == "b"


def test_a_request_may_hold_a_single_event(posting):
    """Many webhooks expect that."""
    requests = posting(event("a"), event("b"), event("c"), body="single")

    assert [request.json()["name"] for request in requests] == ["a", "b", "c"]
    assert len({request.json()["id"] for request in requests}) == 3


def test_an_id_of_the_event_itself_is_kept_under_another_name(posting):
    """The server recognises repeats by the `id` that the record has."""
    [request] = posting(event(id="theirs"))

    assert request.body.count(b'"id":') == 1
    [received] = request.json()
    assert received["original_id"] == "theirs"
    assert received["id"] != "theirs"


def test_an_event_is_not_changed(posting):
    """Other backends get it as well."""
    given = event(id="theirs")
    before = dict(given)
    posting(given)

    assert given == before


def test_a_repeated_event_has_the_same_id(posting):
    """The server can drop the repeat."""
    first, second = posting(event(), script=[503])

    assert first.json() == second.json()


def test_nothing_is_sent_twice_to_a_server_that_is_not_idempotent(posting):
    """It could not drop the repeat."""
    requests = posting(event(), script=[503], idempotent=False)

    assert len(requests) == 1


def test_headers_and_compression_are_options(posting):
    """A content type in the option `headers` replaces the default."""
    headers = {"Authorization": "Bearer abc", "CONTENT-type": "application/vnd.shop+json"}
    [request] = posting(*[event() for _ in range(100)], headers=headers, compress=True)

    assert request.headers["authorization"] == "Bearer abc"
    assert request.headers["content-type"] == "application/vnd.shop+json"
    assert request.headers["content-encoding"] == "gzip"
    assert len(request.json()) == 100


def parsed(message):
    """Return *message* as a CloudEvent of the official SDK, which validates it."""
    text = json.dumps(message).encode()
    headers = {"content-type": "application/cloudevents+json"}
    return from_structured(HTTPMessage(headers, text), JSONFormat())


@pytest.mark.parametrize("body", ["cloudevents", "cloudevents-batch"])
def test_a_cloud_event_is_valid_for_the_official_sdk(posting, body):
    """With every attribute that version 1.0 requires."""
    requests = posting(event("a"), event("b"), body=body, source="/shop")

    media_types = {request.headers["content-type"] for request in requests}
    assert media_types == {f"application/{body}+json"}
    messages = [request.json() for request in requests]
    if body == "cloudevents-batch":
        [messages] = messages
    found = [parsed(message) for message in messages]
    assert [each.get_type() for each in found] == ["a", "b"]
    assert {each.get_source() for each in found} == {"/shop"}
    assert {each.get_specversion() for each in found} == {"1.0"}
    assert {each.get_time() for each in found} == {MOMENT}
    assert {each.get_datacontenttype() for each in found} == {"application/json"}
    assert len({each.get_id() for each in found}) == 2
    assert found[0].get_data()["data"] == {"page": "/"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(name=st.text(min_size=1), data=st.dictionaries(st.text(), JSON), stamp=JSON)
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_event_becomes_a_cloud_event(posting, name, data, stamp):
    """With any name, data and timestamp."""
    anything = {"name": name, "timestamp": stamp, "data": data, "context": {}}
    [request] = posting(anything, body="cloudevents", source="urn:shop")

    found = parsed(request.json())
    assert found.get_id()
    assert found.get_type()
    assert found.get_data()["context"] == {}


def test_a_cloud_event_without_a_valid_timestamp_has_no_time(posting):
    """The timestamp is in the data only."""
    message = posting(event(timestamp="yesterday"), body="cloudevents", source="/s")[0].json()

    assert "time" not in message
    assert message["data"]["timestamp"] == "yesterday"


def test_a_cloud_event_needs_a_type():
    """An event without a name is counted as lost."""
    backend = HttpBackend("http://127.0.0.1:9", body="cloudevents", source="/shop")
    backend.send(event(""))
    backend.close(0)

    assert backend.stats()["lost"] == {"rejected": 1}


def test_an_event_over_1_mb_is_lost():
    """It is counted, and does not delay other events."""
    backend = HttpBackend("http://127.0.0.1:9")
    backend.send(event(data={"text": "x" * 1_000_001}))
    backend.close(0)

    assert backend.stats()["lost"] == {"too_large": 1}


def test_no_key_is_shown(caplog):
    """Neither one in the URL nor one in a header, at any log level."""
    caplog.set_level(logging.DEBUG)
    key, other = secrets.token_hex(16), secrets.token_hex(16)
    with sink([(401, {}, f"unknown: {key}, {other}".encode())], default=503) as server:
        url = f"{server.url}/hook?token={key}"
        backend = HttpBackend(url, headers={"X-Api-Key": other}, flush_interval=0.0)
        backend.send(event())
        backend.start_flush(HANG_SECONDS)
        deadline = time.monotonic() + HANG_SECONDS
        while "refuses events" not in caplog.text and time.monotonic() < deadline:
            time.sleep(0.01)
        backend.close(0)

        assert server.requests[0].path == f"/hook?token={key}"
        assert server.requests[0].headers["x-api-key"] == other

    shown = f"{backend!r} {backend.destination!r} {backend.destination.label} {caplog.text}"
    assert "refuses events (HTTP 401: unknown: ********, ********)" in shown
    assert key not in shown
    assert other not in shown


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"body": "xml"}, "body must be one of 'batch', 'single', "),
        ({"body": ["batch"]}, "body must be one of"),
        ({"body": "cloudevents"}, "source must be a URI reference such as '/shop', got None"),
        ({"body": "cloudevents", "source": ""}, "source must be"),
        ({"body": "cloudevents-batch", "source": "a b"}, "source must be"),
        (
            {"headers": "Authorization: x"},
            "headers must be a mapping, or None, got a value of type",
        ),
        ({"headers": {5: "x"}}, "headers[5] must have a name of ASCII letters, digits and dashes"),
        ({"headers": {"X": 5}}, "headers['X'] must be text, got a value of type int"),
        ({"headers": {"X": "a\n"}}, "must be one line"),
        ({"url": "example.com"}, "url must be a URL"),
        ({"compress": "yes"}, "compress must be true or false, got 'yes'"),
        ({"idempotent": None}, "idempotent must be true or false, got None"),
        ({"batch_events": 0}, "batch_events must be a whole number from 1 to 10000"),
        ({"compression": True}, "has no option 'compression'"),
    ],
)
def test_a_wrong_option_is_an_error_that_says_what_is_right(options, text):
    """When the backend is built, not for the first event."""
    with pytest.raises(ImproperlyConfigured, match="HttpBackend") as caught:
        HttpBackend(**{"url": "http://127.0.0.1", **options})

    assert text in str(caught.value)


def test_every_wrong_option_is_reported_in_the_same_error():
    """Its own and those of delivery, in the order of the signature."""
    options = {"timeout": 0, "idempotent": 1, "compress": 1, "body": "xml", "headers": 1}
    with pytest.raises(ImproperlyConfigured) as caught:
        HttpBackend("example.com", **options)

    assert [line.split(" must ")[0] for line in str(caught.value).splitlines()] == [
        f"HttpBackend: {option}" for option in ("url", *reversed(options))
    ]


@pytest.mark.parametrize(("given", "meant"), [("heders", "headers"), ("timout", "timeout")])
def test_an_unknown_option_is_reported_with_the_one_that_was_meant(given, meant):
    """One of its own, or of delivery."""
    with pytest.raises(ImproperlyConfigured, match=f"'{given}'. Did you mean '{meant}'?"):
        HttpBackend("http://127.0.0.1:9", **{given: 5})


def test_a_source_is_checked_for_every_form_of_body():
    """Although only CloudEvents has one."""
    with pytest.raises(ImproperlyConfigured, match="source must be"):
        HttpBackend("http://127.0.0.1:9", source=3)


def test_headers_may_be_the_second_positional_argument():
    """Most servers need a URL and a key."""
    with sink() as server:
        backend = HttpBackend(server.url, {"X-Team": "shop"})
        backend.send(event())

        assert backend.close(HANG_SECONDS)
        assert server.requests[0].headers["x-team"] == "shop"


def test_a_tracker_posts_what_is_emitted(caplog):
    """From `emit` to the server."""
    with sink() as server:
        tracker = Tracker({"hook": HttpBackend(server.url)})
        with tracker.context("request", {"user_id": 7}):
            tracker.emit("shop.order.placed", {"order_id": 1042})
        assert tracker.close(HANG_SECONDS)

        [received] = server.requests[0].json()
        assert received["data"] == {"order_id": 1042}
        assert received["context"] == {"user_id": 7}
    assert caplog.text == ""
