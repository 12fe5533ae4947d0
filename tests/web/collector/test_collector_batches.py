"""Batches of events as JSON: their results, their contexts and their times."""

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


def test_an_event_has_the_facts_of_the_server_and_of_the_page():
    """The context that the page sent is in `page_context`."""
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
    """Browsers send it without a preflight then."""
    site = Site()

    assert site.results(an_event(), headers={**HEADERS, "content-type": kind}) == ["accepted"]


def test_each_event_of_a_batch_has_its_own_result():
    """The results are in the order of the events, and all are counted."""
    site = Site()
    events = [
        an_event(id="a"),
        "not an event",
        an_event(id="b", name="a\nb"),
        an_event(id="bad id"),
        an_event(id="c", time="yesterday"),
        an_event(id="d", page=5),
        an_event(id="e", context="x"),
        an_event(id="f", name=None),
        an_event(id="a"),
        an_event(id="g"),
    ]

    response = site.send(*events)
    results = json.loads(response.body)["results"]

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
    """Empty values become `{}`, as with `emit`."""
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
def test_a_body_that_is_not_a_batch_is_malformed(body):
    """The status is 400."""
    site = Site()

    assert site.post(body).status == 400
    assert site.refused() == {"malformed": 1}
    assert site.events == []


def test_an_empty_batch_is_valid():
    """It has no results."""
    assert Site().results() == []


@pytest.mark.parametrize("behind", [timedelta(0), timedelta(hours=3), timedelta(hours=-3)])
def test_the_time_of_a_wrong_clock_is_corrected(behind):
    """By its time when it sent the batch. The original time is in `client_timestamp`."""
    site = at()
    sent = RECEIVED - behind
    happened = sent - timedelta(minutes=5)

    site.post(encoded(an_event(time=happened.isoformat()), sent_at=sent.isoformat()))
    [event] = site.events

    assert event["timestamp"] == RECEIVED - timedelta(minutes=5)
    assert event["context"]["client_timestamp"] == happened.isoformat()
    assert "clock_skew_seconds" not in event["context"]


def test_a_clock_that_is_wrong_by_more_than_a_day_is_reported():
    """The times of its events are less reliable."""
    site = at()
    site.post(encoded(an_event(time="1970-01-01T00:00:00"), sent_at="1970-01-01T00:00:10"))
    [event] = site.events

    assert event["timestamp"] == RECEIVED - timedelta(seconds=10)
    assert event["context"]["clock_skew_seconds"] == RECEIVED.timestamp() - 10


def test_no_event_is_in_the_future():
    """A clock may be set between an event and its transmission."""
    site = at()
    site.send(an_event(time="2026-01-03T00:00:00Z"), an_event())

    assert [event["timestamp"] for event in site.events] == [RECEIVED, RECEIVED]
    assert "client_timestamp" not in site.events[1]["context"]


@pytest.mark.parametrize(
    "time", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "x" * 41, "", 5, ["a"]]
)
def test_an_event_with_an_invalid_time_is_refused(time):
    """The other events are accepted."""
    assert Site().results(an_event(time=time), an_event()) == ["invalid_time", "accepted"]


def test_an_event_is_refused_if_its_corrected_time_is_invalid():
    """The correction may lead beyond the last year of the calendar."""
    site = at(datetime(9999, 12, 31, tzinfo=UTC))
    body = encoded(an_event(time="9000-01-01T00:00:00Z"), sent_at="0001-01-02T00:00:00Z")

    assert json.loads(site.post(body).body)["results"][0]["reason"] == "invalid_time"


def test_a_lone_surrogate_is_replaced():
    """A script that cuts a text in the middle of an emoji sends one."""
    site = Site()
    body = encoded(an_event(data={"text": "ok"}), an_event(data={"n": 1.5})).replace(
        b'"ok"', b'"cut \\ud83d"'
    )

    assert site.post(body).status == 200
    assert [event["data"] for event in site.events] == [{"text": "cut \ufffd"}, {"n": 1.5}]


def test_the_course_of_the_request_is_kept_unless_the_page_has_one():
    """Empty fields would hide it."""
    site = Site()
    with site.tracker.context("course", {"course_id": "of the request"}):
        site.send(an_event(page="https://shop.example/cart"), an_event())
        site.send(an_event(page="https://shop.example/courses/a/b/c/x"))

    found = [event["context"]["course_id"] for event in site.events]
    assert found == ["of the request", "of the request", "a/b/c"]


def test_an_event_without_an_id_is_never_a_duplicate():
    """It cannot be recognized."""
    site = Site()
    event = {"name": "video.played"}

    assert site.results(event, event) == ["accepted", "accepted"]
    assert "event_id" not in site.events[0]["context"]


def test_events_go_to_the_current_default_tracker():
    """As with `emit`. Without one, the browser has to send them again."""
    collector = Collector()
    first = Site()
    body = encoded(an_event(id="one"))

    refused = collector("POST", HEADERS, body)
    register_tracker(first.tracker)
    accepted = collector("POST", HEADERS, body)

    assert (refused.status, json.loads(refused.body)) == (503, {"error": "not_configured"})
    assert json.loads(accepted.body)["results"] == [{"id": "one", "status": "accepted"}]
    assert len(first.events) == 1
    assert tracker.get_tracker() is first.tracker


def test_a_closed_tracker_accepts_no_events(tmp_path):
    """The browser sends them again, and another process accepts them."""
    path = str(tmp_path / "ids")
    closed, other = Site(duplicates_path=path), Site(duplicates_path=path)
    closed.tracker.close()
    event = an_event()
    response = closed.send(event)

    assert (response.status, json.loads(response.body)) == (503, {"error": "closed"})
    assert closed.collector.stats() == {
        "accepted": 0,
        "duplicates": 0,
        "refused": {},
        "requests": {"answered": 0, "refused": {"closed": 1}},
    }
    assert closed.tracker.stats()["lost"] == {}
    assert other.results(event) == ["accepted"]


def test_an_event_during_which_the_tracker_closed_may_be_sent_again():
    """It may have been lost. The events before it are duplicates then."""

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


def test_events_of_visitors_who_opted_out_need_no_tracker():
    """The browser must not send them again."""
    site = Site(gpc="drop")
    site.tracker.close()

    assert site.results(an_event(), headers={**HEADERS, "sec-gpc": "1"}) == ["opted_out"]


def test_a_backend_that_sends_an_event_for_each_event_is_stopped():
    """As one that calls `emit`."""

    class Echo:
        def send(self, event):
            echoing.send(event)

    echoing = Tracker({"echo": Echo()})
    echoing.send({"name": "a", "timestamp": RECEIVED, "data": {}, "context": {}})

    assert echoing.stats()["emitted"] == 3
    assert echoing.stats()["lost"] == {"recursion": 1}


def test_a_response_is_json_and_not_cached():
    """Browsers do not guess its media type."""
    headers = dict(Site().send(an_event()).headers)

    assert headers["Content-Type"] == "application/json"
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_the_repr_shows_the_statistics():
    """It helps an operator at a prompt."""
    site = Site()
    site.send(an_event())

    assert repr(site.collector).startswith("<Collector {'accepted': 1, ")


def test_refusals_are_logged_once_a_minute(caplog):
    """With the reason, on one line for any name, and without the full address."""
    site = Site()
    site.send(an_event("a\nb"), an_event("c\nd"))
    site.post(b"", {**HEADERS, "origin": "https://evil.example"})

    assert caplog.messages == [
        'Refused 1 event(s) of browsers, invalid_name; the last was "a\\nb"',
        "Refused 1 request(s) with events, foreign_origin; the last came from 203.0.113.0",
    ]


def test_the_default_clock_is_the_system_time_in_utc():
    """The timestamp is an aware datetime."""
    site = Site()
    before = datetime.now(UTC)
    site.post(encoded(an_event(), sent_at=NOW))

    assert before <= site.events[0]["timestamp"] <= datetime.now(UTC)
