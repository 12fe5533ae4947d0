"""Segment's batch API: messages, identities, limits and refusals."""

import base64
import json
import logging
import subprocess
import sys
import time
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from segment_cases import (
    BROWSER_FACTS,
    CONTEXTS,
    FACTS,
    LIBRARY,
    REFERRERS,
    SEGMENT_CONTEXT,
    STAMP,
    WITHOUT_IDENTITY,
    event,
    statistics,
)
from sink_server import reset, sink
from unusual_values import UNUSUAL, Hostile, unusual_values

from eventtracking.backends.segment import SegmentBackend
from eventtracking.delivery import HttpClient
from eventtracking.destinations.segment.destination import SegmentDestination
from eventtracking.exceptions import EventLost
from eventtracking.openedx import segment as openedx_segment
from eventtracking.processors.request_context import RequestContext
from eventtracking.testing import FakeDestinations
from eventtracking.tracker import Tracker, register_tracker
from eventtracking.web.collector import Collector

TIMEOUT_SECONDS = 30


@pytest.fixture
def key():
    return uuid.uuid4().hex


@pytest.fixture
def segment():
    """A server in place of Segment's."""
    with sink() as server:
        yield server


@pytest.fixture
def build(key, segment):
    """Return a function that builds a backend with a key, which is closed after the test."""
    built = []

    def build_backend(**options):
        backend = SegmentBackend(key, **{"host": segment.url, **options})
        built.append(backend)
        return backend

    yield build_backend
    for backend in built:
        backend.close(0)


def delivered(backend, server):
    """Return all messages that *server* received."""
    assert backend.flush(TIMEOUT_SECONDS)
    return [message for request in server.requests for message in request.json()["batch"]]


def sent(backend, server, one):
    """Send *one* event, and return its message."""
    backend.send(one)
    [message] = delivered(backend, server)
    return message


def test_a_request_has_the_form_that_segment_documents(build, segment, key):
    """Every byte is compared, except for the new id and time."""
    before = datetime.now(UTC)
    backend = build(integrations={"All": True, "Mixpanel": False})
    backend.send(event("edx.course.enrollment.activated", {**FACTS}, course_id="a+b+c", n=1))
    [message] = delivered(backend, segment)
    [request] = segment.requests
    sent_at = request.json()["sentAt"]

    assert before <= datetime.fromisoformat(sent_at) <= datetime.now(UTC)
    assert request.path == "/v1/batch"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["authorization"] == (
        "Basic " + base64.b64encode(f"{key}:".encode()).decode()
    )
    assert request.body.decode() == (
        '{"batch":[{"messageId":"' + message["messageId"] + '","type":"track",'
        '"event":"edx.course.enrollment.activated","userId":"7",'
        '"timestamp":"2026-01-02T03:04:05.678000+00:00",'
        '"properties":{"name":"edx.course.enrollment.activated",'
        '"timestamp":"2026-01-02T03:04:05.678000+00:00","data":{"course_id":"a+b+c","n":1},'
        '"context":' + orjson.dumps(FACTS).decode() + "},"
        '"context":{"Google Analytics":{"clientId":"11.22"},"ip":"203.0.113.9",'
        '"userAgent":"UA/1","page":{"path":"/courses/x","referrer":"https://r/",'
        '"url":"https://lms.example/courses/x"},'
        '"library":' + orjson.dumps(LIBRARY).decode() + "},"
        '"integrations":{"All":true,"Mixpanel":false}}],'
        f'"sentAt":"{sent_at}","writeKey":"{key}"}}'
    )


@pytest.mark.parametrize(("facts", "context"), CONTEXTS)
def test_the_facts_of_a_request_become_segments_context(build, segment, facts, context):
    """The mapping is that of event-tracking, and the name of this library is added."""
    message = sent(build(), segment, event(context={"user_id": 7, **facts}))

    assert message["context"] == {**context, "library": LIBRARY}
    assert message["properties"]["context"] == {"user_id": 7, **facts}


def test_the_referrer_of_a_browser_event_is_the_one_in_its_data(build, segment):
    """The referrer of the request is the page itself. One request carries many events."""
    backend = build()
    facts = {"user_id": 7, **BROWSER_FACTS}
    for name, data, _ in REFERRERS:
        backend.send({**event(name, facts), "data": data})
    del facts["event_source"]
    backend.send(event("by the server", facts))
    *found, last = [message["context"]["page"] for message in delivered(backend, segment)]

    shown = {"path": "/courses/x", "url": BROWSER_FACTS["page"]}
    assert found == [{**shown, **referrer} for _, _, referrer in REFERRERS]
    assert last == {
        "path": "/event",
        "url": BROWSER_FACTS["page"],
        "referrer": BROWSER_FACTS["referer"],
    }


def test_a_page_view_from_the_collector_has_the_page_of_the_browser(build, segment):
    """Not the path of the collector, which received the request."""
    tracker = Tracker({"segment": build()}, processors=[RequestContext()])
    headers = {"host": "lms.example", "origin": "https://lms.example"}
    page_views = [
        {
            "id": f"view-{number}",
            "name": "page_view",
            "data": {"title": "Welcome", "referrer": referrer},
            "page": BROWSER_FACTS["page"],
        }
        for number, referrer in enumerate(["", "https://search.example/"])
    ]
    response = Collector(tracker=tracker, rate=None)(
        "POST",
        {**headers, "content-type": "application/json"},
        json.dumps({"sent_at": STAMP.isoformat(), "events": page_views}).encode(),
        {**FACTS, "path": "/event", "referer": BROWSER_FACTS["referer"]},
    )
    pages = [message["context"]["page"] for message in delivered(tracker, segment)]

    assert response.status == 200
    page = {"path": "/courses/x", "url": BROWSER_FACTS["page"]}
    assert pages == [{**page, "referrer": ""}, {**page, "referrer": "https://search.example/"}]


def test_a_cached_identity_is_not_used_for_another_request(build, segment):
    """Nor for the same request after a fact has changed."""
    changing = {"user_id": 1, "ip": ["a"], "path": "/1", "host": "h"}
    plain = {"user_id": 1, "ip": "a", "path": "/1", "host": "h"}
    backend = build()
    for facts in (changing, plain):
        backend.send(event("first", facts))
        backend.send(event("same", facts))
    changing["ip"].append("b")
    plain["ip"] = "b"
    for facts in (changing, plain):
        backend.send(event("changed", facts))
    backend.send(event("another user", {**plain, "user_id": True}))
    messages = delivered(backend, segment)

    assert [each["context"]["ip"] for each in messages] == [
        *[["a"]] * 2,
        *["a"] * 2,
        ["a", "b"],
        *["b"] * 2,
    ]
    assert [each["userId"] for each in messages] == [*["1"] * 6, "True"]


VALUES = st.sampled_from([None, "", "a", "b", 0, 1, True, 1.0, ["a"], {"a": 1}, b"a", STAMP])
SOME_FACTS = st.dictionaries(st.sampled_from([*FACTS, "anonymous_id", "page"]), VALUES)
SOURCES = st.sampled_from([{}, {"event_source": "browser"}, {"event_source": ["browser"]}])


@given(st.lists(st.builds(dict.__or__, SOME_FACTS, SOURCES), min_size=2, max_size=5))
def test_a_message_does_not_depend_on_the_events_before_it(many_facts):
    """The cached identity of an earlier event changes nothing."""

    def message(destination, facts):
        try:
            return destination.encode(event("page_view", facts, referrer="r"))
        except EventLost as refusal:
            return str(refusal)

    def new_destination():
        client = HttpClient("http://127.0.0.1:9", owner="Test", option="url")
        return SegmentDestination(client, "a-key", compress=False, integrations={})

    used = new_destination()
    for facts in many_facts:
        expected = message(new_destination(), facts)

        assert message(used, facts) == message(used, {**facts}) == expected


@pytest.mark.parametrize(
    ("facts", "identity"),
    [
        ({"user_id": 7}, {"userId": "7"}),
        ({"user_id": 0}, {"userId": "0"}),
        ({"user_id": "ana"}, {"userId": "ana"}),
        ({"user_id": 10**30}, {"userId": "1" + "0" * 30}),
        ({"user_id": uuid.UUID(int=1)}, {"userId": str(uuid.UUID(int=1))}),
        ({"user_id": 7, "anonymous_id": "a", "client_id": "c"}, {"userId": "7"}),
        ({"user_id": "", "anonymous_id": "a", "client_id": "c"}, {"anonymousId": "a"}),
        ({"user_id": None, "anonymous_id": 5}, {"anonymousId": "5"}),
        ({"user_id": None, "anonymous_id": "", "client_id": "1.2"}, {"anonymousId": "1.2"}),
    ],
)
def test_an_event_has_the_id_of_the_user_or_else_of_the_visitor(build, segment, facts, identity):
    """Ids are text, because Segment rejects numbers."""
    message = sent(build(), segment, event(context=facts))
    fields = {"userId", "anonymousId"} & {*message}

    assert {field: message[field] for field in fields} == identity


@pytest.mark.parametrize("facts", WITHOUT_IDENTITY)
def test_an_event_without_an_identity_is_rejected_and_logged_once(build, segment, caplog, facts):
    """Segment would respond with 200 and drop it."""
    backend = build()
    backend.send(event(context=facts))
    backend.send(event(context=facts))
    backend.flush(TIMEOUT_SECONDS)
    [record] = caplog.records

    assert backend.stats()["lost"] == {"rejected": 2}
    assert record.getMessage().endswith("rejected (no identity)")
    assert segment.requests == []


@pytest.mark.parametrize("name", [None, ""])
def test_an_event_without_a_name_is_rejected(build, caplog, name):
    """Segment would drop it as well."""
    backend = build()
    backend.send(event(name))

    assert backend.stats() == statistics(rejected=1)
    assert "rejected (no name)" in caplog.text


@pytest.mark.parametrize("context", [None, "text", ["user_id"], 7])
def test_an_event_without_a_valid_context_is_rejected(build, context):
    """Nothing is raised."""
    backend = build()
    backend.send({**event(), "context": context})

    assert backend.stats() == statistics(rejected=1)


def test_a_context_may_be_any_mapping(build, segment):
    """It is read in its JSON form."""
    message = sent(build(), segment, event(context=MappingProxyType({"user_id": 7, "ip": "i"})))

    assert (message["userId"], message["context"]["ip"]) == ("7", "i")


@pytest.mark.parametrize(
    ("stamp", "written"),
    [
        (STAMP, "2026-01-02T03:04:05.678000+00:00"),
        (STAMP.replace(tzinfo=None), "2026-01-02T03:04:05.678000+00:00"),
        (STAMP.astimezone(tz=None), "2026-01-02T03:04:05.678000+00:00"),
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
    ],
)
def test_an_event_keeps_its_time(build, segment, stamp, written):
    """It may wait for hours before it is delivered."""
    message = sent(build(), segment, {**event(), "timestamp": stamp})

    assert message["timestamp"] == message["properties"]["timestamp"] == written


def test_an_event_in_the_legacy_format_keeps_its_time(build, segment):
    """The legacy processor moves the time to another field."""
    legacy = {"name": "a", "time": STAMP, "context": {"user_id": 7}}

    assert sent(build(), segment, legacy)["timestamp"] == "2026-01-02T03:04:05.678000+00:00"


@pytest.mark.parametrize("stamp", [None, "yesterday", 1767323045, Hostile()])
def test_an_event_without_a_time_gets_the_current_time(build, segment, stamp):
    """Segment accepts ISO 8601 only."""
    before = datetime.now(UTC)
    message = sent(build(), segment, {**event(), "timestamp": stamp})

    assert before <= datetime.fromisoformat(message["timestamp"]) <= datetime.now(UTC)


@pytest.mark.parametrize("kind", UNUSUAL)
def test_data_of_any_kind_is_delivered(build, segment, kind):
    """In its JSON form. Nothing is raised, and the next event is not affected."""
    tracker = Tracker({"segment": build()})
    with tracker.context("request", FACTS):
        tracker.emit("a.b", unusual_values()[kind])
        tracker.emit("a.b", {"after": 1})
    unusual, after = delivered(tracker, segment)

    assert unusual["context"] == after["context"] == {**SEGMENT_CONTEXT, "library": LIBRARY}
    assert after["properties"]["data"] == {"after": 1}


@pytest.mark.parametrize("name", ["a" * 300, "\u2028", 'a"b\\', "\ud800", " a ", "\n"])
def test_any_text_may_be_a_name(build, segment, name):
    """It is the same in the message and in its properties."""
    message = sent(build(), segment, event(name))

    assert message["event"] == message["properties"]["name"] == name.replace("\ud800", "\ufffd")


def test_an_event_whose_name_is_not_text_is_delivered(build, segment):
    """Its name is the JSON form, and the event is counted."""
    tracker = Tracker({"segment": build()})
    with tracker.context("request", FACTS):
        tracker.emit(Hostile())
        tracker.emit(7)
    names = [message["event"] for message in delivered(tracker, segment)]

    assert names == ["[unserializable Hostile]", "7"]
    assert tracker.stats()["backends"]["segment"]["accepted"] == 2


@pytest.mark.parametrize("field", [*FACTS, "anonymous_id", "page", "event_source"])
@pytest.mark.parametrize("kind", ["no text", "no truth", "surrogates", "huge number", "cycle"])
def test_facts_of_any_kind_are_delivered(build, segment, field, kind):
    """In any field, and for another event of the same request as well."""
    value = next(iter(unusual_values()[kind].values()))
    facts = {**FACTS, field: value}
    backend = build()
    backend.send(event("a", facts))
    backend.send(event("b", facts))

    assert [message["event"] for message in delivered(backend, segment)] == ["a", "b"]


def test_an_event_is_not_changed(build, segment):
    """Other backends get it as well."""
    one = event(context={**FACTS}, n=[1])
    sent(build(), segment, one)

    assert one == event(context={**FACTS}, n=[1])


def test_an_event_that_is_sent_again_keeps_its_id(build, segment):
    """Segment recognises the repeat by it. `sentAt` is new: Segment corrects times by it."""
    segment.script.extend([500, (429, {"Retry-After": "1"})])
    backend = build(flush_interval=0)
    backend.send(event())

    assert backend.flush(TIMEOUT_SECONDS)
    bodies = [request.json() for request in segment.requests]

    assert len(bodies) == 3
    assert len({body["batch"][0]["messageId"] for body in bodies}) == 1
    assert len({body["sentAt"] for body in bodies}) == 3
    assert backend.stats() == statistics()


def test_a_later_change_of_integrations_has_no_effect(build, segment):
    """The backend keeps a copy."""
    integrations = {"All": True, "Amplitude": {"session_id": 5}}
    backend = build(integrations=integrations)
    integrations["Amplitude"]["session_id"] = 6
    integrations.clear()

    assert sent(backend, segment, event())["integrations"] == {
        "All": True,
        "Amplitude": {"session_id": 5},
    }


def test_ids_are_short_and_unique(build, segment):
    """Segment accepts up to 100 characters."""
    backend = build()
    for _ in range(300):
        backend.send(event())
    ids = [message["messageId"] for message in delivered(backend, segment)]

    assert len({*ids}) == len(ids) == 300
    assert max(map(len, ids)) <= 100


FORK = """
import os, sys, warnings
from eventtracking.destinations.segment.destination import SegmentDestination
from eventtracking.backends.segment import SegmentBackend
warnings.simplefilter("ignore", DeprecationWarning)  # about a fork with threads
host, key = sys.argv[1:]
backend = SegmentBackend(key, host=host)
def send(name):
    backend.send({"name": name, "data": {}, "context": {"user_id": 7}})
    assert backend.flush(30)
send("before")
child = os.fork()
for _ in range(3):
    send("parent" if child else "child")
if not child:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
send("after")
"""


def test_a_forked_child_delivers_its_own_events(segment, key):
    """On its own connection, and with its own ids. Segment's client hangs there."""
    command = [sys.executable, "-c", FORK, segment.url, key]
    subprocess.run(command, check=True, timeout=120)
    messages = [each for request in segment.requests for each in request.json()["batch"]]
    names = Counter(message["event"] for message in messages)

    assert names == {"before": 1, "parent": 3, "child": 3, "after": 1}
    assert len({message["messageId"] for message in messages}) == 8


def test_the_address_is_looked_up_again_after_a_server_error(build, segment):
    """Segment asks clients to do so. The connection is closed."""
    segment.script.extend([200, 200, 503])
    backend = build(flush_interval=0)
    for _ in range(3):
        backend.send(event())
        assert backend.flush(TIMEOUT_SECONDS)

    assert len(segment.requests) == 4
    assert segment.connections == 2


def test_an_invalid_event_does_not_affect_the_rest_of_its_batch(build, segment):
    """A 400 is for the whole batch, which is split until the invalid event is alone."""

    def picky(handler):
        body = segment.requests[-1].body
        handler.respond(400 if b"poison" in body else 200)

    segment.default = picky
    backend = build()
    for number in range(7):
        backend.send(event(f"poison.{number}" if number == 3 else f"good.{number}"))
    assert backend.flush(TIMEOUT_SECONDS)

    assert backend.stats() == {"accepted": 7, "sent": 6, "pending": 0, "lost": {"rejected": 1}}


def test_an_event_over_32_kb_is_not_sent(build):
    """The largest event within the limit is valid for Segment."""
    with FakeDestinations() as fakes:
        backend = build(host=fakes.segment_host)
        backend.send(event(text=""))
        [small] = received(backend, fakes)
        free = 32 * 1024 - len(orjson.dumps(small["payload"]))
        fakes.reset()
        # An id may be longer in another process.
        longest = free - (40 - len(small["payload"]["messageId"]))
        backend.send(event(text="x" * longest))
        backend.send(event(text="x" * (longest + 1)))
        [large] = received(backend, fakes)

    assert large["good"]
    assert backend.stats() == {"accepted": 3, "sent": 2, "pending": 0, "lost": {"too_large": 1}}


def received(backend, fakes):
    """Return what the fake of Segment received from *backend*."""
    assert backend.flush(TIMEOUT_SECONDS)
    return fakes.events("segment")


@pytest.mark.parametrize(("number", "size"), [(40, 32_000), (2600, 10)])
def test_a_request_stays_within_segments_limits(build, number, size):
    """The number of events, and the bytes of the whole request."""
    with FakeDestinations() as fakes:
        backend = build(host=fakes.segment_host, batch_events=2500)
        for _ in range(number):
            backend.send(event(text="x" * size))
        events = received(backend, fakes)

    assert [each["reasons"] for each in events if not each["good"]] == []
    assert len(events) == number


def test_a_batch_is_split_only_if_it_is_too_large_with_its_ids(build, segment):
    """Large requests are efficient."""
    backend = build(batch_events=2500, flush_interval=TIMEOUT_SECONDS)
    for _ in range(2500):
        backend.send(event())
    assert backend.flush(TIMEOUT_SECONDS)
    sizes = [len(request.body) for request in segment.requests]

    assert max(sizes) <= 500 * 1024
    assert min(sizes) > 200 * 1024


def test_requests_are_compressed_if_the_option_is_set(build, segment):
    """The server receives the same message."""
    backend = build(compress=True)
    message = sent(backend, segment, event())
    [request] = segment.requests

    assert request.headers["content-encoding"] == "gzip"
    assert message["event"] == "a.b"


@pytest.mark.parametrize("tail", ["/", "/proxy", "/proxy/"])
def test_the_host_may_end_with_a_slash_and_have_a_path(build, segment, tail):
    """The URL of a proxy may look like this."""
    sent(build(host=segment.url + tail), segment, event())

    assert segment.requests[0].path == tail.rstrip("/") + "/v1/batch"


def test_the_next_process_delivers_the_outbox(build, segment, tmp_path):
    """As with every network backend."""
    first = build(outbox=tmp_path / "outbox", host="http://127.0.0.1:9")
    first.send(event("left"))
    first.close(0)
    second = build(outbox=tmp_path / "outbox")
    second.send(event("new"))
    messages = delivered(second, segment)

    assert {message["event"] for message in messages} == {"left", "new"}


def test_calls_of_identify_page_and_track_are_delivered(build, segment):
    """With their arguments, and only the name of this library and the time added."""
    backend = build(integrations={"All": False})
    backend.identify(7, {"plan": "gold"}, {"ip": "i"})
    backend.page(7, "Docs", "Start", {"url": "u"})
    backend.page(None, anonymous_id="visitor")
    backend.track(7, "a.b", {"n": 1}, {"ip": "i"})
    backend.identify("ana", None)
    messages = delivered(backend, segment)
    for message in messages:
        assert datetime.now(UTC) - datetime.fromisoformat(message.pop("timestamp")) < timedelta(1)
        assert message.pop("messageId")
        assert message.pop("integrations") == {"All": False}

    assert messages == [
        {
            "type": "identify",
            "userId": "7",
            "traits": {"plan": "gold"},
            "context": {"ip": "i", "library": LIBRARY},
        },
        {
            "type": "page",
            "userId": "7",
            "category": "Docs",
            "name": "Start",
            "properties": {"url": "u"},
            "context": {"library": LIBRARY},
        },
        {
            "type": "page",
            "anonymousId": "visitor",
            "properties": {},
            "context": {"library": LIBRARY},
        },
        {
            "type": "track",
            "userId": "7",
            "event": "a.b",
            "properties": {"n": 1},
            "context": {"ip": "i", "library": LIBRARY},
        },
        {
            "type": "identify",
            "userId": "ana",
            "traits": {},
            "context": {"library": LIBRARY},
        },
    ]
    assert backend.stats()["sent"] == 5


@pytest.mark.parametrize(
    "call",
    [
        lambda backend: backend.identify(None, {"plan": "gold"}),
        lambda backend: backend.page("", "Docs"),
        lambda backend: backend.track(None, "a.b"),
        lambda backend: backend.track(7, None),
    ],
)
def test_a_call_without_an_identity_or_a_name_is_rejected(build, segment, call):
    """It is counted like an event, and nothing is raised."""
    backend = build()
    call(backend)
    backend.flush(TIMEOUT_SECONDS)

    assert backend.stats() == statistics(rejected=1)
    assert segment.requests == []


@pytest.mark.parametrize("kind", UNUSUAL)
def test_calls_accept_values_of_any_kind(build, segment, kind):
    """In every argument."""
    value = unusual_values()[kind]
    backend = build()
    backend.identify(7, value, value)
    backend.page(7, value, value, value, value)
    backend.track(7, Hostile(), value, value)

    assert [each["type"] for each in delivered(backend, segment)] == ["identify", "page", "track"]


def test_calls_of_the_open_edx_platform_use_the_backend(build, segment):
    """Its module finds the backend at any depth of the tracker."""
    tracker = Tracker({"segment": build()})
    register_tracker(tracker)
    with tracker.context("edx.request", FACTS):
        openedx_segment.track(7, "a.b", {"n": 1}, traits={"plan": "gold"})
        openedx_segment.identify(7, {"plan": "gold"})
    track, identify = delivered(tracker, segment)

    assert track["context"] == {
        **SEGMENT_CONTEXT,
        "traits": {"plan": "gold"},
        "library": LIBRARY,
    }
    assert (identify["type"], identify["traits"]) == ("identify", {"plan": "gold"})


def test_every_kind_of_message_is_valid(build):
    """The fake of Segment checks the documented rules."""
    with FakeDestinations() as fakes:
        backend = build(host=fakes.segment_host, compress=True)
        backend.send(event(context=FACTS))
        backend.send(event(context={"client_id": "1.2"}))
        backend.identify(7, {"plan": "gold"})
        backend.page(7)
        backend.track(7, "a.b")
        events = received(backend, fakes)

    assert [(each["good"], each["reasons"]) for each in events] == [(True, [])] * 5


@pytest.mark.parametrize("response", [401, 400, 500, reset])
def test_the_key_is_in_no_log_and_no_repr(build, segment, caplog, key, response):
    """At any level, after any failure, even if the server repeats the key."""
    caplog.set_level(logging.DEBUG)
    segment.default = response if callable(response) else (response, {}, f"no {key} here".encode())
    backend = build(flush_interval=0)
    backend.send(event())
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while "Segment" not in caplog.text and time.monotonic() < deadline:
        backend.flush(0.05)
    shown = f"{caplog.text} {backend!r} {vars(backend)!r}"

    assert "Segment" in caplog.text
    assert segment.requests
    assert key not in shown
    assert base64.b64encode(f"{key}:".encode()).decode() not in shown
