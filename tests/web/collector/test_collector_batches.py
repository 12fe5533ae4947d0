"""Events in JSON, several at once: what becomes of them, and of their times."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from collector_requests import HEADERS, NOW, Site, an_event, encoded

from eventtracking import tracker
from eventtracking.tracker import Tracker, register_tracker
from eventtracking.web.collector import Collector

RECEIVED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def at(received=RECEIVED, **options):
    return Site(wall_clock=lambda: received, **options)


def test_an_event_arrives_with_what_the_page_and_the_server_know():
    """The server's facts at the top, what the page says of itself below `page_context`."""
    site = at()
    event = an_event(
        id="e-1",
        data={"position": 3},
        time="2026-01-02T03:04:00Z",
        page="https://shop.example/courses/course-v1:O+C+R/x",
        context={"theme": "dark"},
    )

    assert site.results(event) == ["accepted"]
    [arrived] = site.events
    assert arrived == {
        "name": "video.played",
        "timestamp": datetime(2026, 1, 2, 3, 4, 0, tzinfo=UTC),
        "data": {"position": 3},
        "context": {
            "session": "server-session",
            "user_id": 7,
            "username": "ana",
            "ip": "203.0.113.9",
            "host": "lms-1",
            "agent": "UA",
            "path": "",
            "referer": "",
            "accept_language": "",
            "client_id": "11.22",
            "course_id": "course-v1:O+C+R",
            "org_id": "O",
            "enterprise_uuid": "",
            "page": "https://shop.example/courses/course-v1:O+C+R/x",
            "client_timestamp": "2026-01-02T03:04:00Z",
            "page_context": {"theme": "dark"},
            "event_id": "e-1",
            "event_source": "browser",
            "received_at": "2026-01-02T03:04:05+00:00",
        },
    }


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "text/plain;charset=UTF-8"])
def test_a_beacon_may_be_text(kind):
    """A browser sends it so, to be spared a preflight."""
    site = Site()

    assert site.results(an_event(), headers={**HEADERS, "content-type": kind}) == ["accepted"]


def test_good_events_are_kept_beside_bad_ones():
    """Each has a result of its own, in their order, and is counted."""
    site = Site()
    events = [
        an_event(id="a"),
        "no event",
        an_event(id="b", name="a\nb"),
        an_event(id="bad id"),
        an_event(id="c", time="yesterday"),
        an_event(id="d", page=5),
        an_event(id="e", context="x"),
        an_event(id="f", name=None),
        an_event(id="a"),
        an_event(id="g"),
    ]

    answer = site.send(*events)
    results = json.loads(answer.body)["results"]

    assert [(result["id"], result["status"], result.get("reason")) for result in results] == [
        ("a", "accepted", None),
        (None, "refused", "invalid_event"),
        ("b", "refused", "invalid_name"),
        (None, "refused", "invalid_id"),
        ("c", "refused", "invalid_time"),
        ("d", "refused", "invalid_page"),
        ("e", "refused", "invalid_context"),
        ("f", "refused", "invalid_name"),
        ("a", "duplicate", None),
        ("g", "accepted", None),
    ]
    assert len(site.events) == 2
    assert site.collector.stats() == {
        "accepted": 2,
        "duplicates": 1,
        "refused": {
            "invalid_event": 1,
            "invalid_id": 1,
            "invalid_name": 2,
            "invalid_time": 1,
            "invalid_page": 1,
            "invalid_context": 1,
        },
        "requests": {"answered": 1, "refused": {}},
    }


@pytest.mark.parametrize(
    "data", [None, 5, "text", [1, 2], True, {"a": None}, ["username"], 0, "", [], False]
)
def test_any_json_may_be_data(data):
    """Nothing at all becomes `{}`, as with `emit`."""
    site = Site()
    site.send(an_event(data=data))

    assert site.events[0]["data"] == (data or {})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"5",
        b"{}",
        b'{"events": []}',
        b'{"sent_at": "2026-01-02T03:04:05Z"}',
        b'{"sent_at": "2026-01-02T03:04:05Z", "events": {}}',
        b'{"sent_at": "yesterday", "events": []}',
        b'{"sent_at": 5, "events": []}',
        b'{"sent_at": "0001-01-01T00:00:00+23:59", "events": []}',
        b'{"sent_at": "2026-01-02T03:04:05Z", "events": [NaN]}',
        b'{"sent_at": "2026-01-02T03:04:05Z", "events": [1e999]}',
        b'{"sent_at": "2026-01-02T03:04:05Z", "events": [], "\\ud800": 1e999}',
        b'{"sent_at": "2026-01-02T03:04:05Z", "events": ["\\ud800", Infinity]}',
        b"\xef\xbb\xbf" + encoded(),
        b"\xff\xfe{}",
        b"[" * 2000,
        b"event_type=video.played",
    ],
)
def test_a_body_that_is_no_batch_is_400(body):
    """And counted."""
    site = Site()

    assert site.post(body).status == 400
    assert site.refused() == {"malformed": 1}
    assert site.events == []


def test_an_empty_batch_has_no_results():
    """It is one nevertheless."""
    assert Site().results() == []


@pytest.mark.parametrize("behind", [timedelta(0), timedelta(hours=3), timedelta(hours=-3)])
def test_a_skewed_clock_is_corrected(behind):
    """By what it said when it sent; what it said of the event is kept beside."""
    site = at()
    sent = RECEIVED - behind
    happened = sent - timedelta(minutes=5)

    site.post(encoded(an_event(time=happened.isoformat()), sent_at=sent.isoformat()))
    [event] = site.events

    assert event["timestamp"] == RECEIVED - timedelta(minutes=5)
    assert event["context"]["client_timestamp"] == happened.isoformat()
    assert "clock_skew_seconds" not in event["context"]


def test_a_clock_that_is_wrong_by_more_than_a_day_is_marked():
    """Whoever reads the log may doubt such a time."""
    site = at()
    site.post(encoded(an_event(time="1970-01-01T00:00:00"), sent_at="1970-01-01T00:00:10"))
    [event] = site.events

    assert event["timestamp"] == RECEIVED - timedelta(seconds=10)
    assert event["context"]["clock_skew_seconds"] == RECEIVED.timestamp() - 10


def test_nothing_comes_from_the_future():
    """A clock may be set between an event and the sending of it."""
    site = at()
    site.send(an_event(time="2026-01-03T00:00:00Z"), an_event())

    assert [event["timestamp"] for event in site.events] == [RECEIVED, RECEIVED]
    assert "client_timestamp" not in site.events[1]["context"]


@pytest.mark.parametrize(
    "time", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "x" * 41, "", 5, ["a"]]
)
def test_a_time_that_no_calendar_has_refuses_its_event(time):
    """Not the others."""
    assert Site().results(an_event(time=time), an_event()) == ["invalid_time", "accepted"]


def test_a_time_is_corrected_within_the_calendar():
    """The correction itself may lead out of it."""
    site = at(datetime(9999, 12, 31, tzinfo=UTC))
    body = encoded(an_event(time="9000-01-01T00:00:00Z"), sent_at="0001-01-02T00:00:00Z")

    assert json.loads(site.post(body).body)["results"][0]["reason"] == "invalid_time"


def test_half_a_character_spoils_nothing():
    """A script that cuts a text in the middle of an emoji sends one; the rest is there."""
    site = Site()
    body = encoded(an_event(data={"text": "ok"}), an_event(data={"n": 1.5})).replace(
        b'"ok"', b'"cut \\ud83d"'
    )

    assert site.post(body).status == 200
    assert [event["data"] for event in site.events] == [{"text": "cut \ufffd"}, {"n": 1.5}]


def test_the_course_of_the_request_stays_unless_the_page_has_one():
    """An empty one would hide it."""
    site = Site()
    with site.tracker.context("course", {"course_id": "of the request"}):
        site.send(an_event(page="https://shop.example/cart"), an_event())
        site.send(an_event(page="https://shop.example/courses/a/b/c/x"))

    found = [event["context"]["course_id"] for event in site.events]
    assert found == ["of the request", "of the request", "a/b/c"]


def test_an_event_without_an_id_is_taken_each_time():
    """Nothing tells it from another one."""
    site = Site()
    event = {"name": "video.played"}

    assert site.results(event, event) == ["accepted", "accepted"]
    assert "event_id" not in site.events[0]["context"]


def test_events_go_to_the_default_tracker_of_the_moment():
    """As with `emit`. As long as there is none, the sender has to keep them."""
    collector = Collector()
    first = Site()
    body = encoded(an_event(id="one"))

    refused = collector("POST", HEADERS, body)
    register_tracker(first.tracker)
    taken = collector("POST", HEADERS, body)

    assert (refused.status, json.loads(refused.body)) == (503, {"error": "not_configured"})
    assert json.loads(taken.body)["results"] == [{"id": "one", "status": "accepted"}]
    assert len(first.events) == 1
    assert tracker.get_tracker() is first.tracker


def test_a_closed_tracker_leaves_events_with_their_sender(tmp_path):
    """A process on its way out takes nothing that it would lose, nor remembers it."""
    path = str(tmp_path / "ids")
    ending, other = Site(duplicates_path=path), Site(duplicates_path=path)
    ending.tracker.close()
    event = an_event()
    answer = ending.send(event)

    assert (answer.status, json.loads(answer.body)) == (503, {"error": "closed"})
    assert ending.collector.stats() == {
        "accepted": 0,
        "duplicates": 0,
        "refused": {},
        "requests": {"answered": 0, "refused": {"closed": 1}},
    }
    assert ending.tracker.stats()["lost"] == {}
    assert other.results(event) == ["accepted"]


def test_a_tracker_that_closes_meanwhile_may_get_the_event_again():
    """It may have lost it. What was taken before is a duplicate then."""

    class Closes:
        def send(self, event):
            if event["context"]["event_id"] == "two":
                closing.close()

    closing, open_one = Tracker({"closes": Closes()}), Site()
    collector = Collector()
    body = encoded(*(an_event(id=each) for each in ("one", "two", "three")))
    register_tracker(closing)
    refused = collector("POST", HEADERS, body)
    register_tracker(open_one.tracker)
    results = json.loads(collector("POST", HEADERS, body).body)["results"]

    assert refused.status == 503
    assert [each["status"] for each in results] == ["duplicate", "accepted", "accepted"]


def test_whoever_wants_to_be_left_alone_needs_no_tracker():
    """There is nothing to come again with."""
    site = Site(gpc="drop")
    site.tracker.close()

    assert site.results(an_event(), headers={**HEADERS, "sec-gpc": "1"}) == ["opted_out"]


def test_an_event_sent_on_the_way_of_others_does_not_loop():
    """A backend that sends on every event is stopped as one that emits is."""

    class Echo:
        def send(self, event):
            echoing.send(event)

    echoing = Tracker({"echo": Echo()})
    echoing.send({"name": "a", "timestamp": RECEIVED, "data": {}, "context": {}})

    assert echoing.stats()["emitted"] == 3
    assert echoing.stats()["lost"] == {"recursion": 1}


def test_an_answer_tells_what_to_do_with_it():
    """It is JSON, and no cache keeps it."""
    headers = dict(Site().send(an_event()).headers)

    assert headers["Content-Type"] == "application/json"
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_its_repr_shows_the_books():
    """For an operator at a prompt."""
    site = Site()
    site.send(an_event())

    assert repr(site.collector).startswith("<Collector {'accepted': 1, ")


def test_what_is_refused_is_said_once_a_minute(caplog):
    """With the reason, in one line whatever the name holds, and without a whole address."""
    site = Site()
    site.send(an_event("a\nb"), an_event("c\nd"))
    site.post(b"", {**HEADERS, "origin": "https://evil.example"})

    assert caplog.messages == [
        'Refused 1 event(s) of browsers, invalid_name; the last was "a\\nb"',
        "Refused 1 request(s) with events, foreign_origin; the last came from 203.0.113.0",
    ]


def test_times_are_in_the_answer_of_no_clock():
    """The default clock is the wall's, aware and in UTC."""
    site = Site()
    before = datetime.now(UTC)
    site.post(encoded(an_event(), sent_at=NOW))

    assert before <= site.events[0]["timestamp"] <= datetime.now(UTC)
