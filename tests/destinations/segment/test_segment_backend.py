"""Events that go to Segment's batch API: what is sent, to whom, and what is refused."""

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
    FACTS,
    LIBRARY,
    MAPPING,
    NOBODY,
    REFERRERS,
    SEGMENTS_WORDS,
    STAMP,
    TOLD,
    books,
    event,
)
from sink_server import reset, sink
from unusual_values import UNUSUAL, Hostile, unusual_values

from eventtracking.backends.segment import SegmentBackend
from eventtracking.destinations.segment.destination import SegmentDestination
from eventtracking.exceptions import EventLost
from eventtracking.openedx import segment as openedx_segment
from eventtracking.processors.request_context import RequestContext
from eventtracking.testing import FakeDestinations
from eventtracking.tracker import Tracker, register_tracker
from eventtracking.web.collector import Collector

SECONDS = 30


@pytest.fixture
def key():
    return uuid.uuid4().hex


@pytest.fixture
def segment():
    """A server in the place of Segment's."""
    with sink() as there:
        yield there


@pytest.fixture
def keyed(key, segment):
    """Return a function that builds a backend with a key; it is closed afterwards."""
    built = []

    def build(**options):
        backend = SegmentBackend(key, **{"host": segment.url, **options})
        built.append(backend)
        return backend

    yield build
    for backend in built:
        backend.close(0)


def delivered(backend, there):
    """Return all messages that *there* received."""
    assert backend.flush(SECONDS)
    return [message for request in there.requests for message in request.json()["batch"]]


def sent(backend, there, one):
    """Send *one* event, and return its message."""
    backend.send(one)
    [message] = delivered(backend, there)
    return message


def test_a_request_is_what_segment_takes(keyed, segment, key):
    """To the byte, but for the id and the time, which are new."""
    before = datetime.now(UTC)
    backend = keyed(integrations={"All": True, "Mixpanel": False})
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


@pytest.mark.parametrize(("facts", "words"), MAPPING)
def test_the_facts_of_a_request_become_segments_context(keyed, segment, facts, words):
    """As event-tracking maps them, and with our name."""
    message = sent(keyed(), segment, event(context={"user_id": 7, **facts}))

    assert message["context"] == {**words, "library": LIBRARY}
    assert message["properties"]["context"] == {"user_id": 7, **facts}


def test_the_referrer_of_an_event_of_a_page_is_what_the_page_said(keyed, segment):
    """That of the request is the page itself. One request brings many events."""
    backend = keyed()
    facts = {"user_id": 7, **TOLD}
    for name, data, _ in REFERRERS:
        backend.send({**event(name, facts), "data": data})
    del facts["event_source"]
    backend.send(event("by the server", facts))
    *found, last = [message["context"]["page"] for message in delivered(backend, segment)]

    shown = {"path": "/courses/x", "url": TOLD["page"]}
    assert found == [{**shown, **referrer} for _, _, referrer in REFERRERS]
    assert last == {"path": "/event", "url": TOLD["page"], "referrer": TOLD["referer"]}


def test_a_view_that_the_collector_takes_tells_segment_of_the_page(keyed, segment):
    """From what the browser client posts: the page, not the collector that it was posted to."""
    tracker = Tracker({"segment": keyed()}, processors=[RequestContext()])
    headers = {"host": "lms.example", "origin": "https://lms.example"}
    views = [
        {
            "id": f"view-{number}",
            "name": "page_view",
            "data": {"title": "Welcome", "referrer": referrer},
            "page": TOLD["page"],
        }
        for number, referrer in enumerate(["", "https://search.example/"])
    ]
    answer = Collector(tracker=tracker, rate=None)(
        "POST",
        {**headers, "content-type": "application/json"},
        json.dumps({"sent_at": STAMP.isoformat(), "events": views}).encode(),
        {**FACTS, "path": "/event", "referer": TOLD["referer"]},
    )
    pages = [message["context"]["page"] for message in delivered(tracker, segment)]

    assert answer.status == 200
    shown = {"path": "/courses/x", "url": TOLD["page"]}
    assert pages == [{**shown, "referrer": ""}, {**shown, "referrer": "https://search.example/"}]


def test_events_of_several_requests_do_not_mix(keyed, segment):
    """What is worked out for one request is not told of another, nor after a change."""
    changing = {"user_id": 1, "ip": ["a"], "path": "/1", "host": "h"}
    plain = {"user_id": 1, "ip": "a", "path": "/1", "host": "h"}
    backend = keyed()
    for facts in (changing, plain):
        backend.send(event("first", facts))
        backend.send(event("same", facts))
    changing["ip"].append("b")
    plain["ip"] = "b"
    for facts in (changing, plain):
        backend.send(event("changed", facts))
    backend.send(event("somebody else", {**plain, "user_id": True}))
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
def test_what_is_written_depends_on_the_event_alone(many_facts):
    """Never on what came before it."""

    def written(destination, facts):
        try:
            return destination.encode(event("page_view", facts, referrer="r"))
        except EventLost as refusal:
            return str(refusal)

    def new():
        host = "http://127.0.0.1:9"
        return SegmentDestination("a-key", host, compress=False, integrations={})

    one = new()
    for facts in many_facts:
        assert written(one, facts) == written(one, {**facts}) == written(new(), facts)


@pytest.mark.parametrize(
    ("facts", "who"),
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
def test_an_event_is_about_the_user_or_else_an_anonymous_visitor(keyed, segment, facts, who):
    """Ids are texts, for Segment refuses numbers."""
    message = sent(keyed(), segment, event(context=facts))

    assert {field: message[field] for field in ("userId", "anonymousId") if field in message} == who


@pytest.mark.parametrize("facts", NOBODY)
def test_an_event_about_nobody_is_refused_and_said_once(keyed, segment, caplog, facts):
    """Segment would answer 200, and drop it."""
    backend = keyed()
    backend.send(event(context=facts))
    backend.send(event(context=facts))
    backend.flush(SECONDS)
    [record] = caplog.records

    assert backend.stats()["lost"] == {"rejected": 2}
    assert record.getMessage().endswith("rejected (no identity)")
    assert segment.requests == []


@pytest.mark.parametrize("name", [None, ""])
def test_an_event_without_a_name_is_refused(keyed, caplog, name):
    """Segment would drop it as well."""
    backend = keyed()
    backend.send(event(name))

    assert backend.stats() == books(rejected=1)
    assert "rejected (no name)" in caplog.text


@pytest.mark.parametrize("context", [None, "text", ["user_id"], 7])
def test_a_context_that_is_none_names_nobody(keyed, context):
    """Nothing is raised."""
    backend = keyed()
    backend.send({**event(), "context": context})

    assert backend.stats() == books(rejected=1)


def test_a_context_may_be_any_mapping(keyed, segment):
    """It is read as JSON would show it."""
    message = sent(keyed(), segment, event(context=MappingProxyType({"user_id": 7, "ip": "i"})))

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
def test_an_event_keeps_its_time(keyed, segment, stamp, written):
    """It may wait for long before it arrives."""
    message = sent(keyed(), segment, {**event(), "timestamp": stamp})

    assert message["timestamp"] == message["properties"]["timestamp"] == written


def test_the_time_of_a_legacy_event_is_found(keyed, segment):
    """It stands where legacy readers look for it."""
    legacy = {"name": "a", "time": STAMP, "context": {"user_id": 7}}

    assert sent(keyed(), segment, legacy)["timestamp"] == "2026-01-02T03:04:05.678000+00:00"


@pytest.mark.parametrize("stamp", [None, "yesterday", 1767323045, Hostile()])
def test_an_event_without_a_time_gets_that_of_its_arrival_here(keyed, segment, stamp):
    """Segment takes no other form than ISO 8601."""
    before = datetime.now(UTC)
    message = sent(keyed(), segment, {**event(), "timestamp": stamp})

    assert before <= datetime.fromisoformat(message["timestamp"]) <= datetime.now(UTC)


@pytest.mark.parametrize("kind", UNUSUAL)
def test_strange_data_arrives(keyed, segment, kind):
    """Each as the form that JSON has for it; nothing is raised, and nothing changed."""
    tracker = Tracker({"segment": keyed()})
    with tracker.context("request", FACTS):
        tracker.emit("a.b", unusual_values()[kind])
        tracker.emit("a.b", {"after": 1})
    strange, after = delivered(tracker, segment)

    assert strange["context"] == after["context"] == {**SEGMENTS_WORDS, "library": LIBRARY}
    assert after["properties"]["data"] == {"after": 1}


@pytest.mark.parametrize("name", ["a" * 300, "\u2028", 'a"b\\', "\ud800", " a ", "\n"])
def test_any_text_may_be_a_name(keyed, segment, name):
    """The same in both places."""
    message = sent(keyed(), segment, event(name))

    assert message["event"] == message["properties"]["name"] == name.replace("\ud800", "\ufffd")


def test_an_event_whose_name_is_no_text_arrives(keyed, segment):
    """Under the form that JSON has for it, and the books are right."""
    tracker = Tracker({"segment": keyed()})
    with tracker.context("request", FACTS):
        tracker.emit(Hostile())
        tracker.emit(7)
    names = [message["event"] for message in delivered(tracker, segment)]

    assert names == ["[unserializable Hostile]", "7"]
    assert tracker.stats()["backends"]["segment"]["accepted"] == 2


@pytest.mark.parametrize("field", [*FACTS, "anonymous_id", "page", "event_source"])
@pytest.mark.parametrize("kind", ["no text", "no truth", "surrogates", "huge number", "cycle"])
def test_strange_facts_arrive(keyed, segment, field, kind):
    """In whichever field, beside an event of the same request."""
    value = next(iter(unusual_values()[kind].values()))
    facts = {**FACTS, field: value}
    backend = keyed()
    backend.send(event("a", facts))
    backend.send(event("b", facts))

    assert [message["event"] for message in delivered(backend, segment)] == ["a", "b"]


def test_an_event_stays_as_it_was(keyed, segment):
    """It goes on to other backends."""
    one = event(context={**FACTS}, n=[1])
    sent(keyed(), segment, one)

    assert one == event(context={**FACTS}, n=[1])


def test_an_event_that_is_sent_again_keeps_its_id(keyed, segment):
    """Segment drops the repeat by it. `sentAt` is new: Segment corrects the times by it."""
    segment.script.extend([500, (429, {"Retry-After": "1"})])
    backend = keyed(flush_interval=0)
    backend.send(event())

    assert backend.flush(SECONDS)
    bodies = [request.json() for request in segment.requests]

    assert len(bodies) == 3
    assert len({body["batch"][0]["messageId"] for body in bodies}) == 1
    assert len({body["sentAt"] for body in bodies}) == 3
    assert backend.stats() == books()


def test_integrations_are_those_of_the_beginning(keyed, segment):
    """What becomes of the mapping afterwards changes nothing."""
    integrations = {"All": True, "Amplitude": {"session_id": 5}}
    backend = keyed(integrations=integrations)
    integrations["Amplitude"]["session_id"] = 6
    integrations.clear()

    assert sent(backend, segment, event())["integrations"] == {
        "All": True,
        "Amplitude": {"session_id": 5},
    }


def test_ids_are_short_and_no_two_are_the_same(keyed, segment):
    """Segment takes up to a hundred characters."""
    backend = keyed()
    for _ in range(300):
        backend.send(event())
    ids = [message["messageId"] for message in delivered(backend, segment)]

    assert len({*ids}) == len(ids) == 300
    assert max(map(len, ids)) <= 100


FORK = """
import os, sys, warnings
from eventtracking.destinations.segment.destination import SegmentDestination
from eventtracking.backends.segment import SegmentBackend
warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside a thread
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


def test_a_forked_child_sends_as_well(segment, key):
    """On a connection of its own, and with ids of its own. Segment's client hangs there."""
    command = [sys.executable, "-c", FORK, segment.url, key]
    subprocess.run(command, check=True, timeout=120)
    messages = [each for request in segment.requests for each in request.json()["batch"]]
    names = Counter(message["event"] for message in messages)

    assert names == {"before": 1, "parent": 3, "child": 3, "after": 1}
    assert len({message["messageId"] for message in messages}) == 8


def test_a_server_that_fails_is_looked_up_again(keyed, segment):
    """Segment asks for it, so a connection is not kept then."""
    segment.script.extend([200, 200, 503])
    backend = keyed(flush_interval=0)
    for _ in range(3):
        backend.send(event())
        assert backend.flush(SECONDS)

    assert len(segment.requests) == 4
    assert segment.connections == 2


def test_one_event_that_segment_refuses_does_not_take_its_neighbours_along(keyed, segment):
    """A 400 is for the whole batch, and the batch is divided until the one stands alone."""

    def picky(handler):
        body = segment.requests[-1].body
        handler.answer(400 if b"poison" in body else 200)

    segment.default = picky
    backend = keyed()
    for number in range(7):
        backend.send(event(f"poison.{number}" if number == 3 else f"good.{number}"))
    assert backend.flush(SECONDS)

    assert backend.stats() == {"accepted": 7, "sent": 6, "pending": 0, "lost": {"rejected": 1}}


def test_an_event_over_32_kb_is_refused_before_it_is_sent(keyed):
    """The largest that is not arrives, and Segment finds nothing wrong with it."""
    with FakeDestinations() as fakes:
        backend = keyed(host=fakes.segment_host)
        backend.send(event(text=""))
        [small] = _wait(backend, fakes)
        room = 32 * 1024 - len(orjson.dumps(small["payload"]))
        fakes.reset()
        # An id may be longer in another process.
        longest = room - (40 - len(small["payload"]["messageId"]))
        backend.send(event(text="x" * longest))
        backend.send(event(text="x" * (longest + 1)))
        [large] = _wait(backend, fakes)

    assert large["good"]
    assert backend.stats() == {"accepted": 3, "sent": 2, "pending": 0, "lost": {"too_large": 1}}


def _wait(backend, fakes):
    assert backend.flush(SECONDS)
    return fakes.events("segment")


@pytest.mark.parametrize(("number", "size"), [(40, 32_000), (2600, 10)])
def test_a_request_stays_below_segments_limits(keyed, number, size):
    """In bytes, with all that is around the events, and in events."""
    with FakeDestinations() as fakes:
        backend = keyed(host=fakes.segment_host, batch_events=2500)
        for _ in range(number):
            backend.send(event(text="x" * size))
        events = _wait(backend, fakes)

    assert [each["reasons"] for each in events if not each["good"]] == []
    assert len(events) == number


def test_requests_are_full(keyed, segment):
    """A batch that would be too large with its ids is divided, and no other one is."""
    backend = keyed(batch_events=2500, flush_interval=SECONDS)
    for _ in range(2500):
        backend.send(event())
    assert backend.flush(SECONDS)
    sizes = [len(request.body) for request in segment.requests]

    assert max(sizes) <= 500 * 1024
    assert min(sizes) > 200 * 1024


def test_requests_are_compressed_if_asked_for(keyed, segment):
    """The server sees the same."""
    backend = keyed(compress=True)
    message = sent(backend, segment, event())
    [request] = segment.requests

    assert request.headers["content-encoding"] == "gzip"
    assert message["event"] == "a.b"


@pytest.mark.parametrize("tail", ["/", "/proxy", "/proxy/"])
def test_the_host_may_end_with_a_slash_and_have_a_path(keyed, segment, tail):
    """As a proxy of one's own may need it."""
    sent(keyed(host=segment.url + tail), segment, event())

    assert segment.requests[0].path == tail.rstrip("/") + "/v1/batch"


def test_what_waits_in_files_reaches_segment_from_the_next_process(keyed, segment, tmp_path):
    """It is the way that every network backend has."""
    first = keyed(outbox=tmp_path / "outbox", host="http://127.0.0.1:9")
    first.send(event("left"))
    first.close(0)
    second = keyed(outbox=tmp_path / "outbox")
    second.send(event("new"))
    messages = delivered(second, segment)

    assert {message["event"] for message in messages} == {"left", "new"}


def test_identify_page_and_track_go_the_same_way(keyed, segment):
    """With what they are given, and nothing else but our name and the time."""
    backend = keyed(integrations={"All": False})
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
def test_a_call_about_nobody_or_nothing_is_counted_not_raised(keyed, segment, call):
    """As such an event is."""
    backend = keyed()
    call(backend)
    backend.flush(SECONDS)

    assert backend.stats() == books(rejected=1)
    assert segment.requests == []


@pytest.mark.parametrize("kind", UNUSUAL)
def test_calls_take_strange_values(keyed, segment, kind):
    """Wherever they are."""
    strange = unusual_values()[kind]
    backend = keyed()
    backend.identify(7, strange, strange)
    backend.page(7, strange, strange, strange, strange)
    backend.track(7, Hostile(), strange, strange)

    assert [each["type"] for each in delivered(backend, segment)] == ["identify", "page", "track"]


def test_calls_of_the_open_edx_platform_take_this_way(keyed, segment):
    """Its module finds the backend at any depth of the tracker."""
    tracker = Tracker({"segment": keyed()})
    register_tracker(tracker)
    with tracker.context("edx.request", FACTS):
        openedx_segment.track(7, "a.b", {"n": 1}, traits={"plan": "gold"})
        openedx_segment.identify(7, {"plan": "gold"})
    track, identify = delivered(tracker, segment)

    assert track["context"] == {
        **SEGMENTS_WORDS,
        "traits": {"plan": "gold"},
        "library": LIBRARY,
    }
    assert (identify["type"], identify["traits"]) == ("identify", {"plan": "gold"})


def test_segment_finds_nothing_wrong_with_what_it_gets(keyed):
    """Every kind of message, checked against its documented rules."""
    with FakeDestinations() as fakes:
        backend = keyed(host=fakes.segment_host, compress=True)
        backend.send(event(context=FACTS))
        backend.send(event(context={"client_id": "1.2"}))
        backend.identify(7, {"plan": "gold"})
        backend.page(7)
        backend.track(7, "a.b")
        events = _wait(backend, fakes)

    assert [(each["good"], each["reasons"]) for each in events] == [(True, [])] * 5


@pytest.mark.parametrize("answer", [401, 400, 500, reset])
def test_the_key_is_in_no_log_and_no_repr(keyed, segment, caplog, key, answer):
    """At any level, whatever goes wrong, and if the server repeats it."""
    caplog.set_level(logging.DEBUG)
    segment.default = answer if callable(answer) else (answer, {}, f"no {key} here".encode())
    backend = keyed(flush_interval=0)
    backend.send(event())
    deadline = time.monotonic() + SECONDS
    while "Segment" not in caplog.text and time.monotonic() < deadline:
        backend.flush(0.05)
    shown = f"{caplog.text} {backend!r} {backend._calls!r} {vars(backend)!r}"

    assert "Segment" in caplog.text
    assert segment.requests
    assert key not in shown
    assert base64.b64encode(f"{key}:".encode()).decode() not in shown
